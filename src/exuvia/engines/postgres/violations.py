"""Which rows break a constraint: counted and named, for reports."""

from __future__ import annotations

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetCheck, TargetForeignKey, TargetTable
from exuvia.values.facts import Example

_SHOWN = 3


def orphans(
    connection: psycopg.Connection, table: TargetTable, key: TargetForeignKey
) -> tuple[int, tuple[Example, ...]]:
    """Return how many rows reference a row that is not there, and the first of them."""
    pairs = list(zip(key.columns, key.target_columns, strict=True))
    joined = " AND ".join(f"p.{quote(there)} = c.{quote(here)}" for here, there in pairs)
    given = " AND ".join(f"c.{quote(here)} IS NOT NULL" for here, _ in pairs)
    condition = f"{given} AND NOT EXISTS (SELECT FROM {qualify(key.schema, key.table)} p WHERE {joined})"
    return _rows(connection, table, condition, key.columns)


def check_violations(
    connection: psycopg.Connection, table: TargetTable, check: TargetCheck
) -> tuple[int, tuple[Example, ...]]:
    """Return how many rows break a CHECK, and the first of them."""
    return _rows(connection, table, f"NOT ({check.expression})", ())


def _rows(
    connection: psycopg.Connection, table: TargetTable, condition: str, shown: tuple[str, ...]
) -> tuple[int, tuple[Example, ...]]:
    name = qualify(table.schema, table.name)
    key = table.primary_key.columns if table.primary_key else ()
    fields = ", ".join(f"c.{quote(column)}::text" for column in (*key, *shown)) or "c.ctid::text"
    count = connection.execute(f"SELECT count(*) FROM {name} c WHERE {condition}").fetchone()
    rows = connection.execute(f"SELECT {fields} FROM {name} c WHERE {condition} LIMIT {_SHOWN}").fetchall()
    examples = tuple(_example(row, key, shown) for row in rows)
    return (count[0] if count else 0), examples


def _example(row: tuple[str | None, ...], key: tuple[str, ...], shown: tuple[str, ...]) -> Example:
    names = list(zip(key, row, strict=False))
    values = list(zip(shown, row[len(key) :], strict=False))
    return Example(-1, _named(values), _named(names) if names else f"ctid={row[0]}")


def _named(pairs: list[tuple[str, str | None]]) -> str:
    return ", ".join(f"{name}={value}" for name, value in pairs)
