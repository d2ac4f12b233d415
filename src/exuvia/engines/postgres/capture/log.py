"""Reading the log of changes, and the rows that are at the changed keys, in one snapshot; and pruning the log.

A position is a snapshot, as PostgreSQL prints it. What a later snapshot sees of the log and the position does not is
what has been committed in between, each transaction whole: one that began early and commits late is not skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg

from exuvia.catalog.names import quote
from exuvia.engines.postgres.capture import shape, state
from exuvia.engines.postgres.capture.own import log_name, own
from exuvia.engines.postgres.capture.plan import CapturedTable
from exuvia.engines.postgres.capture.state import Installed
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.fetch import BulkReader
from exuvia.errors import SourceError
from exuvia.location import PostgresLocation

START = "1:1:"
"""The position before the first change: a snapshot that sees nothing."""

_BY_INDEX = "SELECT set_config(name, 'off', true) FROM unnest('{enable_hashjoin,enable_mergejoin}'::text[]) AS name"
_SEES = (
    "(pg_snapshot_xmax({a}) >= pg_snapshot_xmax({b})"
    " AND NOT EXISTS (SELECT FROM pg_snapshot_xip({a}) AS x WHERE pg_visible_in_snapshot(x, {b})))"
)


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log holds of one table: how many changes, and whether the table was emptied by TRUNCATE."""

    rows: int
    emptied: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What the log holds after a position, in one snapshot.

    Args:
        after: The position.
        up_to: The snapshot itself: the next position.
        tables: What there is by the captured table's number; tables without changes are missing.
    """

    after: str
    up_to: str
    tables: Mapping[int, Logged]

    @property
    def rows(self) -> int:
        """The number of changes; the same key may come more than once."""
        return sum(one.rows for one in self.tables.values())


class ChangeReader(BulkReader):
    """A connection that reads changes and rows in bulk, one snapshot after the other; for one thread.

    Args:
        location: The server.
        schema: The schema of the tables.

    Raises:
        SourceError: The server cannot be read.
    """

    def __init__(self, location: PostgresLocation, schema: str) -> None:
        super().__init__(location)
        self._schema = schema

    @contextmanager
    def snapshot(self, installed: Installed, after: str) -> Iterator[Changes]:
        """Take a snapshot and say what has changed since a position. The snapshot lasts as long as the context.

        Args:
            installed: What the database said of its capture.
            after: The position: ``START``, or ``up_to`` of the changes that were applied last.

        Raises:
            SourceError: ``log_gap``: the log does not reach back to ``after``, or ends before it, as when either side
                was restored from a backup; ``schema_changed``: a table is not defined as it was; or the server cannot
                be read.
        """
        try:
            self.begin()
            self.run(_BY_INDEX)
            yield self._changes(installed, after)
        finally:
            with suppress(SourceError):
                self.run("ROLLBACK")

    def rows(self, query: str, what: str) -> list[dict[str, object]]:
        """Return the rows of a small query, by column."""
        return [row for batch in self.batches(query, what) for row in batch.to_pylist()]

    def _changes(self, installed: Installed, after: str) -> Changes:
        up_to = self._checked_position(after)
        if up_to == after:
            return Changes(after, up_to, {})
        found = {row["oid"]: row["shape"] for row in self.rows(shape.shapes_query(installed.tables), "the tables")}
        now = {int(str(oid)): str(text) for oid, text in found.items()}
        told = shape.differences(installed.tables, dict(installed.shapes), now)
        if told:
            raise SourceError(
                f"The schema {self._schema!r} has changed: {'; '.join(told)}.",
                hint="What it holds can be moved as it is now: exuvia migrate postgresql://… sqlite:///back.db",
                code="schema_changed",
            )
        since = _since(after)
        parts = [
            f"SELECT {table.number}::int8 AS t, count(*) AS c, coalesce(bool_or(n = 0), false) AS e"
            f" FROM {_log(table)} WHERE {since}"
            for table in installed.tables
        ]
        counts = self.rows(" UNION ALL ".join(parts), "the log of changes") if parts else []
        tables = {int(str(row["t"])): Logged(int(str(row["c"])), bool(row["e"])) for row in counts if row["c"]}
        return Changes(after, up_to, tables)

    def _checked_position(self, after: str) -> str:
        """Return the snapshot; what was applied must be part of it, and what was pruned of what was applied."""
        position = f"{literal(after)}::pg_snapshot"
        pruned = (
            f"coalesce((SELECT value FROM {own(self._schema, 'state')} WHERE key = 'pruned'), '{START}')::pg_snapshot"
        )
        query = (
            f"SELECT pg_current_snapshot()::text AS up_to,"
            f" {_SEES.format(a='pg_current_snapshot()', b=position)} AS reached,"
            f" {_SEES.format(a=position, b=pruned)} AS kept"
        )
        row = self.rows(query, "the log of changes")[0]
        if not (row["reached"] and row["kept"]):
            raise SourceError(
                f"The log of changes of schema {self._schema!r} does not follow the position {after}.",
                hint="One of the two sides was restored or replaced. Move the database back as a whole:"
                " exuvia migrate postgresql://… sqlite:///back.db",
                code="log_gap",
            )
        return str(row["up_to"])


def changed_keys(table: CapturedTable, found: Changes, items: Sequence[tuple[str, str]]) -> str:
    """Return the query of the distinct keys that the log names, those that are gone included.

    Args:
        table: The table, which has a primary key.
        found: From where to where.
        items: Columns of the key, and for each an SQL expression over ``{c}``.
    """
    logged = {
        column.name: f'(k{number} COLLATE "C")' if column.collatable else f"k{number}"
        for number, column in enumerate(table.columns, 1)
    }
    selected = _selected(item.replace("{c}", logged[name]) for name, item in items)
    return f"SELECT DISTINCT {selected} FROM {_log(table)} WHERE {_since(found.after)} AND n <> 0"


def rows_at_keys(table: CapturedTable, found: Changes, items: Sequence[tuple[str, str]]) -> str:
    """Return the query of the rows that are at the changed keys now; of all rows of a table that was emptied.

    Args:
        table: The table, which has a primary key.
        found: From where to where.
        items: Columns, and for each an SQL expression over ``{c}``.
    """
    selected = _selected(item.replace("{c}", f"t.{quote(name)}") for name, item in items)
    if found.tables[table.number].emptied:
        return f"SELECT {selected} FROM ONLY {table.place} AS t"
    keys = [f"k{number}" for number in range(1, len(table.columns) + 1)]
    equal = " AND ".join(f"t.{quote(column.name)} = l.{key}" for key, column in zip(keys, table.columns, strict=True))
    distinct = f"SELECT DISTINCT {', '.join(keys)} FROM {_log(table)} WHERE {_since(found.after)} AND n <> 0"
    return f"SELECT {selected} FROM ({distinct}) AS l JOIN ONLY {table.place} AS t ON {equal}"


def logged_rows(table: CapturedTable, found: Changes, items: Sequence[tuple[str, str]]) -> str:
    """Return the query of the rows of a table without key that came, or went, with ``n``: 1 or -1.

    Of a table that was emptied, it gives the rows that are there now.

    Args:
        table: The table.
        found: From where to where.
        items: Columns, and for each an SQL expression over ``{c}``.
    """
    if found.tables[table.number].emptied:
        selected = _selected(item.replace("{c}", f"t.{quote(name)}") for name, item in items)
        return f"SELECT 1::int8 AS n, {selected} FROM ONLY {table.place} AS t"
    logged = {column.name: f"k{number}" for number, column in enumerate(table.columns, 1)}
    selected = _selected(item.replace("{c}", logged[name]) for name, item in items)
    return f"SELECT n::int8 AS n, {selected} FROM {_log(table)} WHERE {_since(found.after)}"


def pending(connection: psycopg.Connection, installed: Installed, after: str) -> int:
    """Return how many changes have been logged since a position.

    Args:
        connection: A connection to the database.
        installed: What the database says of its capture.
        after: The position.

    Raises:
        psycopg.Error: The server refuses.
    """
    parts = [f"SELECT count(*) AS c FROM {_log(table)} WHERE {_since(after)}" for table in installed.tables]
    if not parts:
        return 0
    row = connection.execute(f"SELECT sum(c)::int8 FROM ({' UNION ALL '.join(parts)}) AS counted".encode()).fetchone()
    return int(row[0]) if row else 0


def name_all(connection: psycopg.Connection, table: CapturedTable) -> None:
    """Log a change of every row of a table, so that the next reading gives the table as a whole.

    Raises:
        psycopg.Error: The server refuses.
    """
    connection.execute(f"INSERT INTO {_log(table)} (xid, n) VALUES (pg_current_xact_id(), 0)".encode())


def prune(connection: psycopg.Connection, schema: str, installed: Installed, up_to: str) -> int:
    """Delete what a position has seen, in a transaction of its own; return how many rows.

    Args:
        connection: A connection in autocommit mode.
        schema: The schema of the tables.
        installed: What the database says of its capture.
        up_to: The position up to which every change has been applied for good.

    Raises:
        psycopg.Error: The server refuses.
    """
    deleted = 0
    with connection.transaction():
        state.put(connection, schema, "pruned", up_to)
        for table in installed.tables:
            seen = f"xid < pg_snapshot_xmax({literal(up_to)}) AND pg_visible_in_snapshot(xid, {literal(up_to)})"
            deleted += connection.execute(f"DELETE FROM {_log(table)} WHERE {seen}".encode()).rowcount
    return deleted


def _selected(expressions: Iterator[str]) -> str:
    return ", ".join(f"{expression} AS c{number}" for number, expression in enumerate(expressions))


def _log(table: CapturedTable) -> str:
    return own(table.schema, log_name(table.number))


def _since(after: str) -> str:
    position = f"{literal(after)}::pg_snapshot"
    return f"xid >= pg_snapshot_xmin({position}) AND NOT pg_visible_in_snapshot(xid, {position})"
