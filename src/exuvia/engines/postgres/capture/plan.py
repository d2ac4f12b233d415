"""What is logged per table: its primary key, or whole rows where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from exuvia.catalog.names import qualify

_MAX_COLUMNS = 1_500  # PostgreSQL's limit is 1,600, and the log has columns of its own
_TABLES = """
    SELECT c.relname, c.oid::bigint, c.relkind::text, c.relispartition,
        coalesce((SELECT array_agg(a.attname::text ORDER BY k.place)
            FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place), pg_attribute a
            WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum
                AND k.place <= i.indnkeyatts), '{}'),
        (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}') FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
        (SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attcollation <> 0)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p')
    ORDER BY c.relname COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class LoggedColumn:
    """A column of the log. ``collatable`` says that its values are compared under a collation."""

    name: str
    collatable: bool = False


@dataclass(frozen=True, slots=True)
class CapturedTable:
    """A table whose changes are logged.

    Args:
        number: By which the log names it, from 1.
        schema: Its schema.
        name: The table.
        oid: By which PostgreSQL knows it.
        columns: What is logged: the primary key, else every column that is not generated.
        keyed: Whether it has a primary key. Without one, each row is logged as one more or one less of its kind.
    """

    number: int
    schema: str
    name: str
    oid: int
    columns: tuple[LoggedColumn, ...]
    keyed: bool

    @property
    def place(self) -> str:
        """The table as SQL."""
        return qualify(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Uncaptured:
    """A table that triggers cannot cover, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """What is to be logged. ``refused`` are tables without a log."""

    schema: str
    tables: tuple[CapturedTable, ...]
    refused: tuple[Uncaptured, ...] = ()


def plan_capture(connection: psycopg.Connection, schema: str, names: Sequence[str]) -> CapturePlan:
    """Decide what is logged.

    Args:
        connection: A connection to the database.
        schema: The schema of the tables.
        names: The tables.
    """
    rows = connection.execute(_TABLES, (schema, list(names))).fetchall()
    tables: list[CapturedTable] = []
    refused = [Uncaptured(name, "there is no such table") for name in sorted({*names} - {row[0] for row in rows})]
    for name, oid, kind, is_part, key, columns, collatable in rows:
        logged = key or columns
        if kind == "p" or is_part:
            refused.append(Uncaptured(name, "TRUNCATE of one partition fires no trigger of the whole"))
        elif not 0 < len(logged) <= _MAX_COLUMNS:
            refused.append(Uncaptured(name, f"it has {len(logged):,} columns"))
        else:
            described = tuple(LoggedColumn(column, column in collatable) for column in logged)
            tables.append(CapturedTable(len(tables) + 1, schema, name, oid, described, bool(key)))
    return CapturePlan(schema, tuple(tables), tuple(refused))
