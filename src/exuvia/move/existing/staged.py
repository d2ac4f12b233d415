"""Staged rows as the target would have them: SQL over staging tables in the types of the target."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.engines.postgres.existing import ExistingColumn
from exuvia.engines.postgres.staging import staging_name
from exuvia.move.existing.bridges import Bridge
from exuvia.move.existing.fitting import FittedTable
from exuvia.values.facts import Example

_SHOWN = 3


def place(table: FittedTable) -> str:
    """Return the qualified name of a table's staging table."""
    return qualify(staging_name(table.target.schema), table.target.name)


def written(column: ExistingColumn, way: Bridge, of: str = "s") -> str:
    """Return SQL for a column's value in the target's type, of a row of a staging table called ``of``."""
    return way.written(f"{of}.{quote(column.name)}")


def rows(table: FittedTable) -> str:
    """Return a subquery: the staged rows with the columns that are inserted, in the target's types.

    Expressions of the target's constraints can be evaluated over it, since PostgreSQL prints them with bare column
    names.
    """
    columns = ", ".join(f"{written(column, way)} AS {quote(column.name)}" for column, way in table.inserted)
    return f"(SELECT {columns or 'NULL'} FROM {place(table)} s)"


def columns(table: FittedTable) -> frozenset[str]:
    """Return the target's columns that ``rows`` has."""
    return frozenset(column.name for column, _ in table.inserted)


def naming(table: FittedTable) -> tuple[str, ...]:
    """Return the target's columns by which people know a row: the source's key, or else the target's."""
    names = {name: column.name for name, (column, _) in table.columns.items()}
    source = table.plan.source
    key = source.primary_key.columns if source.primary_key else (source.rowid_column,) if source.rowid_column else ()
    found = tuple(names.get(column or "", "") for column in key)
    known = columns(table)
    if found and set(found) <= known:
        return found
    target = table.target.primary_key
    return target.plain if target is not None and set(target.plain) <= known else ()


def find(
    connection: psycopg.Connection, origin: str, condition: str, names: Sequence[str], shown: Sequence[str]
) -> tuple[int, tuple[Example, ...]]:
    """Count the rows that meet a condition, and return the first of them.

    Args:
        connection: A connection to the target.
        origin: What stands behind FROM; its rows are called ``c``.
        condition: The condition.
        names: Columns that name a row.
        shown: SQL of the values to show.
    """
    fields = [*(f"c.{quote(name)}::text" for name in names), *(f"({value})::text" for value in shown)]
    query = f"SELECT {', '.join(['count(*) OVER ()', *fields])} FROM {origin} WHERE {condition} LIMIT {_SHOWN}"
    found = connection.execute(query.encode()).fetchall()
    return (found[0][0] if found else 0), tuple(_example(row[1:], names) for row in found)


def _example(row: Sequence[str | None], names: Sequence[str]) -> Example:
    named = ", ".join(f"{name}={value}" for name, value in zip(names, row, strict=False))
    return Example(-1, ", ".join("NULL" if value is None else value for value in row[len(names) :])[:120], named)


_REFUSAL = """
CREATE OR REPLACE FUNCTION {name}(value {type}) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM {expression};
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END
$body$
"""


def refused(
    connection: psycopg.Connection, table: FittedTable, column: ExistingColumn, way: Bridge
) -> tuple[int, tuple[Example, ...]]:
    """Count the staged values that the target's type refuses, and return the first with the server's reasons.

    Each value is tried by itself, in a function of the staging schema.
    """
    function = qualify(staging_name(table.target.schema), "exuvia_refusal")
    expression = way.written("$1")
    assert "$body$" not in expression
    connection.execute(f"DROP FUNCTION IF EXISTS {function}")
    connection.execute(
        _REFUSAL.format(name=function, type=way.staged, expression=expression).encode(),
    )
    reason = quote("exuvia refusal")
    origin = f"(SELECT *, {function}({quote(column.name)}) AS {reason} FROM {place(table)}) c"
    shown = (f"c.{quote(column.name)}", f"c.{reason}")
    return find(connection, origin, f"c.{reason} IS NOT NULL", naming(table), shown)
