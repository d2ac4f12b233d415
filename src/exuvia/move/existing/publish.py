"""Proved rows into the target's own tables, in one transaction: checked, inserted, compared once more, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.order import load_groups
from exuvia.engines.postgres.existing import (
    ExistingColumn,
    ExistingTable,
    disable_triggers,
    enable_triggers,
    read_tables,
)
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.staging import staging_name
from exuvia.errors import TargetError
from exuvia.move.existing import staged
from exuvia.move.existing.checks import check_relations, check_values, refuse
from exuvia.move.existing.fitting import Fitted, FittedTable, OnConflict
from exuvia.move.plan import Problem
from exuvia.move.planning.words import ROW, counted

_DONE = "exuvia: rows that have arrived; safe to drop"
# Values of these types are compared as they are; others by their text, since equality may be laxer (citext, char(n))
# or missing (json, xml, point).
_NUMBERS = ("bool", "int2", "int4", "int8", "float4", "float8")
_TIMES = ("date", "time", "timestamp", "timestamptz")
_COMPARED = frozenset((*_NUMBERS, *_TIMES, "uuid", "bytea", "text", "varchar", "jsonb"))


def occupied(connection: psycopg.Connection, found: Fitted, on_conflict: OnConflict) -> tuple[Problem, ...]:
    """Return why rows cannot go into the tables as they are now: rows that are there, rights that are missing."""
    problems: list[Problem] = []
    for table in found.tables:
        name, target = table.plan.source.name, table.target
        needed = {"SELECT", "INSERT"} | ({"UPDATE"} if on_conflict == "upsert" else set())
        lacking = sorted(needed - target.rights)
        if lacking:
            grant = f"GRANT {', '.join(lacking)} ON {target.place} TO …"
            message = f"The connected user lacks the right to {' and '.join(lacking)} in {target.place}."
            problems.append(Problem("error", name, message, choices=(grant,)))
        elif table.plan.profile.rows and _has_rows(connection, target):
            problems += _with_rows(table, on_conflict)
        if target.triggers and not target.owned:
            message = (
                f"{target.place} has triggers, which must not fire for rows that are moved, and only its owner can"
                " switch them off."
            )
            problems.append(Problem("error", name, message, choices=("connect as its owner",)))
    return tuple(problems)


def _with_rows(table: FittedTable, on_conflict: OnConflict) -> Iterator[Problem]:
    name, target = table.plan.source.name, table.target
    key = target.primary_key
    if on_conflict == "refuse":
        choices = ("--on-conflict append", "--on-conflict upsert", f"TRUNCATE {target.place}")
        yield Problem("error", name, f"{target.place} has rows already.", choices=choices)
    elif on_conflict == "upsert" and not table.has_key:
        message = f"{target.place} has rows, and no primary key by which the source's rows could be found among them."
        yield Problem("error", name, message, choices=("--on-conflict append",))
    elif on_conflict == "upsert" and key is not None and key.deferrable:
        message = f"The primary key of {target.place} is deferrable, with which PostgreSQL cannot upsert."
        yield Problem("error", name, message, choices=("--on-conflict append",))


def _has_rows(connection: psycopg.Connection, table: ExistingTable) -> bool:
    row = connection.execute(f"SELECT EXISTS (SELECT FROM {table.place})").fetchone()
    return bool(row and row[0])


@dataclass(frozen=True, slots=True)
class IntoExisting:
    """Puts staged rows into the tables that the target has.

    Args:
        found: The plan, and the target's tables as they were when it was made.
        on_conflict: What happens where a table has rows: 'refuse' ends the move, 'append' adds to them, 'upsert'
            replaces rows of the same primary key.
    """

    found: Fitted
    on_conflict: OnConflict

    @property
    def tables(self) -> tuple[FittedTable, ...]:
        """The tables that are filled."""
        return self.found.tables

    def fill(self, connection: psycopg.Connection) -> list[Problem]:
        """Put the staged rows where they belong; call it in a transaction that has locked the tables.

        Tables are filled in the order of the target's foreign keys; those that refer to each other in a circle are
        filled by one statement, at whose end PostgreSQL looks at foreign keys, so that none has to be deferrable.
        Triggers of the application do not fire.
        """
        tables = self.tables
        self._unchanged(connection, tables)
        refuse([*occupied(connection, self.found, self.on_conflict)])
        refuse(check_relations(connection, tables, self.on_conflict))
        before = {table.target.place: _count(connection, table.target.place) for table in tables}
        met = {table.target.place: self._met(connection, table) for table in tables}
        for table in tables:
            disable_triggers(connection, table.target)
        for group in _groups(tables):
            self._insert(connection, group)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        told = [one for table in tables for one in self._proved(connection, table, before, met)]
        for table in tables:
            enable_triggers(connection, table.target)
        return told

    def _unchanged(self, connection: psycopg.Connection, tables: Sequence[FittedTable]) -> None:
        schemas = {table.target.schema for table in tables}
        now = {(one.schema, one.name): one for one in read_tables(connection, schemas)}
        for table in tables:
            target = table.target
            if now.get((target.schema, target.name)) != target:
                raise TargetError(
                    f"The table {target.place} was altered while rows were on their way. Its rows are as they were.",
                    hint="Run the same command again.",
                    code="changed",
                )

    def _met(self, connection: psycopg.Connection, table: FittedTable) -> int:
        """Count the staged rows that replace a row of the target."""
        if self.on_conflict != "upsert" or not table.has_key:
            return 0
        query = f"SELECT count(*) FROM {staged.place(table)} s JOIN {table.target.place} t ON {_by_key(table)}"
        return _number(connection, query)

    def _insert(self, connection: psycopg.Connection, group: Sequence[FittedTable]) -> None:
        statements = [self._statement(table) for table in group if table.plan.profile.rows]
        if len(statements) == 1:
            connection.execute(statements[0].encode())
        elif statements:
            parts = ", ".join(f"part{number} AS ({statement})" for number, statement in enumerate(statements))
            connection.execute(f"WITH {parts} SELECT 1".encode())

    def _statement(self, table: FittedTable) -> str:
        names = ", ".join(quote(column.name) for column, _ in table.inserted)
        values = ", ".join(staged.written(column, way) for column, way in table.inserted)
        overriding = " OVERRIDING SYSTEM VALUE" if any(c.identity == "always" for c, _ in table.inserted) else ""
        statement = (
            f"INSERT INTO {table.target.place} ({names}){overriding} SELECT {values} FROM {staged.place(table)} s"
        )
        key = table.target.primary_key
        if self.on_conflict != "upsert" or key is None or not table.has_key:
            return statement
        rest = [c.name for c, _ in table.inserted if c.name not in key.plain and c.identity != "always"]
        action = f"UPDATE SET {', '.join(f'{quote(c)} = excluded.{quote(c)}' for c in rest)}" if rest else "NOTHING"
        arbiter = ", ".join(quote(column) for column in key.plain)
        return f"{statement} ON CONFLICT ({arbiter}) DO {action}"

    def _proved(
        self, connection: psycopg.Connection, table: FittedTable, before: dict[str, int], met: dict[str, int]
    ) -> Iterator[Problem]:
        place = table.target.place
        rows = _number(connection, f"SELECT count(*) FROM {staged.place(table)}")
        added = _count(connection, place) - before[place]
        if added != rows - met[place]:
            raise TargetError(
                f"{place} took {added:,} of {rows - met[place]:,} new rows. The target is as it was.",
                hint="A rule or a trigger of the table may keep rows away.",
                code="not_all",
            )
        wrong = _wrong(connection, table)
        if wrong:
            raise TargetError(
                f"{place} does not hold what was inserted: {wrong}. The target is as it was.",
                hint="Its generated columns, rules or partitions change values; leave such columns out in the plan file"
                " (exclude = true).",
                code="changes_values",
            )
        yield from _told(table, rows, met[place], before[place])


def publish_into(
    connection: psycopg.Connection, moves: Sequence[IntoExisting], quarantines: Iterable[tuple[str, str]]
) -> list[tuple[Problem, ...]]:
    """Check the staged rows of all sources and put them where they belong, in one transaction.

    A source is filled after those whose tables its own refer to. Sequences are set last: what setval does is not
    undone by a rollback.

    Args:
        connection: A connection in autocommit mode.
        moves: What goes where, by source.
        quarantines: Target schema and name of each quarantine table that goes along.

    Returns:
        What a person should know about it, by source.

    Raises:
        PlanError: Rows break a constraint of the target; nothing was changed.
        TargetError: The target changed in the meantime, or does not hold what was inserted; nothing was changed.
    """
    tables = [table for one in moves for table in one.tables]
    told = [list(check_values(connection, one.tables)) for one in moves]
    try:
        with connection.transaction():
            _lock(connection, tables)
            for number in _source_order(moves):
                told[number] += moves[number].fill(connection)
            for schema, name in quarantines:
                connection.execute(f"ALTER TABLE {qualify(staging_name(schema), name)} SET SCHEMA {quote(schema)}")
            for one, notes in zip(moves, told, strict=True):
                notes += [note for table in one.tables for note in _set_sequences(connection, table)]
            for schema in {table.target.schema for table in tables}:
                # From here on nothing is left to be continued: rows must not go in a second time.
                connection.execute(f"COMMENT ON SCHEMA {quote(staging_name(schema))} IS '{_DONE}'")
    except psycopg.Error as error:
        raise explain_error(error, doing="the rows; the target is as it was") from error
    for table in tables:
        connection.execute(f"ANALYZE {table.target.place}")
    return [tuple(notes) for notes in told]


def _lock(connection: psycopg.Connection, tables: Iterable[FittedTable]) -> None:
    """Keep others from writing until the end; without the rights for it, from altering the tables."""
    for table in sorted(tables, key=lambda table: table.target.place):
        may = table.target.owned or "UPDATE" in table.target.rights
        mode = "SHARE ROW EXCLUSIVE" if may else "ROW EXCLUSIVE"
        connection.execute(f"LOCK TABLE {table.target.place} IN {mode} MODE")


def _source_order(moves: Sequence[IntoExisting]) -> Iterator[int]:
    owner = {
        (table.target.schema, table.target.name): number for number, one in enumerate(moves) for table in one.tables
    }
    graph = [
        sorted(
            {
                owner[key.schema, key.table]
                for table in one.tables
                for key in table.target.foreign_keys
                if (key.schema, key.table) in owner
            }
        )
        for one in moves
    ]
    for group in load_groups(graph):
        yield from group


def _told(table: FittedTable, rows: int, met: int, before: int) -> Iterator[Problem]:
    name, place = table.plan.source.name, table.target.place
    if before:
        what = f"{counted(rows - met, ROW)} added to the {before:,} of {place}, {met:,} replaced."
        yield Problem("note", name, what)
    if table.target.triggers:
        names = ", ".join(trigger.name for trigger in table.target.triggers)
        yield Problem("note", name, f"The triggers of {place} did not fire for the rows that were moved: {names}.")


def _groups(tables: Sequence[FittedTable]) -> Iterator[list[FittedTable]]:
    """Tables in the order of the target's foreign keys; those of a circle together."""
    position = {(table.target.schema, table.target.name): number for number, table in enumerate(tables)}
    graph = [
        sorted(
            {
                position[key.schema, key.table]
                for key in table.target.foreign_keys
                if (key.schema, key.table) in position
            }
        )
        for table in tables
    ]
    for group in load_groups(graph):
        yield [tables[number] for number in group]


def _by_key(table: FittedTable) -> str:
    key = table.target.primary_key
    assert key is not None
    return " AND ".join(
        f"t.{quote(column.name)} = {staged.written(column, way)}"
        for column, way in table.inserted
        if column.name in key.plain
    )


def _wrong(connection: psycopg.Connection, table: FittedTable) -> str:
    """What of the staged rows is not in the target as it should be, in words; empty when all is."""
    mine = [_comparable(column, staged.written(column, way)) for column, way in table.compared]
    theirs = [_comparable(column, f"t.{quote(column.name)}") for column, _ in table.compared]
    if not table.has_key:
        query = (
            f"SELECT count(*) FROM (SELECT {', '.join(mine) or '1'} FROM {staged.place(table)} s"
            f" EXCEPT ALL SELECT {', '.join(theirs) or '1'} FROM {table.target.place} t) rest"
        )
        missing = _number(connection, query)
        return f"{counted(missing, ROW)} not as in the source" if missing else ""
    key = table.target.primary_key
    assert key is not None
    absent = f"t.{quote(key.plain[0])} IS NULL"
    fields = [f"count(*) FILTER (WHERE {absent})"]
    fields += [f"count(*) FILTER (WHERE {one} IS DISTINCT FROM {two})" for one, two in zip(mine, theirs, strict=True)]
    query = (
        f"SELECT {', '.join(fields)} FROM {staged.place(table)} s LEFT JOIN {table.target.place} t ON {_by_key(table)}"
    )
    counts = connection.execute(query.encode()).fetchone() or ()
    words = ["rows that are missing", *(f"values of {column.name}" for column, _ in table.compared)]
    return ", ".join(f"{count:,} {word}" for count, word in zip(counts, words, strict=True) if count)


def _comparable(column: ExistingColumn, value: str) -> str:
    return value if column.type.bare in _COMPARED else f"({value})::text"


def _set_sequences(connection: psycopg.Connection, table: FittedTable) -> Iterator[Problem]:
    """Let the sequences of moved columns go on after the largest number that either side has ever given out."""
    source = table.plan.source
    for name, (column, _) in table.columns.items():
        if column.sequence is None or column.generated is not None:
            continue
        largest = _number(connection, f"SELECT max({quote(column.name)}) FROM {table.target.place}")
        given = source.sequence or 0 if name == source.rowid_column else 0
        row = connection.execute(
            "SELECT setval(%s::regclass, wanted) FROM ("
            " SELECT least(greatest(%s::bigint, %s::bigint), seqmax) AS wanted, seqmin, seqincrement FROM pg_sequence"
            f" WHERE seqrelid = %s::regclass) q, {column.sequence.replace('%', '%%')} now"
            " WHERE seqincrement > 0 AND wanted >= seqmin AND wanted >= now.last_value",
            (column.sequence, largest, given, column.sequence),
        ).fetchone()
        if row is not None:
            where = f"{source.name}.{name}"
            yield Problem("note", where, f"The sequence {column.sequence} goes on after {row[0]:,}.")


def _count(connection: psycopg.Connection, place: str) -> int:
    return _number(connection, f"SELECT count(*) FROM {place}")


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
