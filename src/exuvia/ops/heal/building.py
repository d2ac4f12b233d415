"""Indexes that are proposed: how each engine builds one with the least harm, and what that costs others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from exuvia.guard.result import Json
from exuvia.ops.heal.database import Database
from exuvia.ops.heal.model import Diagnosis, Engine, Probe, Proposal, Risk
from exuvia.ops.heal.names import free_name, spell, spell_all, spell_in
from exuvia.ops.heal.placeholders import lacks_values
from exuvia.ops.heal.schema import Table


def build_index(
    diagnosis: Diagnosis,
    database: Database,
    table: Table,
    parts: Sequence[str],
    *,
    sql: str,
    values: Sequence[Json] = (),
    own: bool = False,
    taken: Collection[str] = (),
    title: str = "",
    tested: str = "",
) -> Proposal:
    """Propose an index, which is kept only if a statement's plan uses it and the statement is faster.

    A table that is small, or partitioned, gets it in a transaction; a large one while it goes on being written.

    Args:
        diagnosis: What it mends.
        database: Whose table.
        table: The table.
        parts: Its columns by name, and expressions.
        sql: The statement that it is for.
        values: Its values.
        own: Whether the statement was made here.
        taken: Names that it cannot have.
        title: Why, in a few words.
        tested: What hypothetical indexes have shown.
    """
    engine = database.engine
    name = free_name([table.name, *parts, "idx"], taken)
    at, index = spell_in(engine, table.schema, table.name), spell_in(engine, table.schema, name)
    concurrent = engine == "postgresql" and table.kind == "table" and table.bytes > database.limits.small_bytes
    how = " CONCURRENTLY" if concurrent else ""
    unknown = engine == "postgresql" and not own and lacks_values(sql, values)
    return Proposal(
        diagnosis,
        title or f"Add an index on {table.name} ({', '.join(parts)})",
        (f"CREATE INDEX{how} {spell(engine, name)} ON {at} ({spell_all(engine, parts)})",),
        (f"DROP INDEX{how} {index}",),
        _risk(table, concurrent=concurrent, engine=engine),
        (Probe("faster", sql, tuple(values), index=name, own=own, unknown=unknown),),
        transactional=not concurrent,
        tested=tested,
    )


def _risk(table: Table, *, concurrent: bool, engine: Engine) -> Risk:
    size = f"{table.name} has about {table.rows:,} rows" + (f", {table.bytes / 1e6:,.1f} MB" if table.bytes else "")
    cost = "each write to the table has one more index to keep"
    if concurrent:
        lock = "built concurrently: readers and writers go on; it waits for transactions that are open"
        return Risk("medium", (lock, size, cost))
    if engine == "sqlite":
        return Risk(
            "low" if table.rows < 1_000_000 else "medium",
            ("other writers of the file wait while it is built", size, cost),
        )
    lock = f"writers of {table.name} wait while it is built, readers do not"
    return Risk("low" if table.kind == "table" else "high", (lock, size, cost))
