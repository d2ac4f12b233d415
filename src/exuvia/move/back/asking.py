"""Questions about a schema that only its server can answer."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import sqlglot
from sqlglot import exp

from exuvia.catalog.names import qualify, quote
from exuvia.engines.postgres.catalog import PgColumn, PgTable
from exuvia.move.back.carriage import SIGNIFICANT, Carriage
from exuvia.move.back.plan import Asking

_CONSTANT = (
    exp.Literal,
    exp.Cast,
    exp.Neg,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Array,
    exp.DataType,
    exp.DataTypeParam,
    exp.Identifier,
)

# A double keeps 15 digits, which is also what PostgreSQL makes of a double; whole numbers of 64 bits are integers.
_INEXACT = """
    SELECT EXISTS (SELECT FROM {table} WHERE {c} IS NOT NULL AND NOT CASE
        WHEN {c} IN ('NaN', 'Infinity', '-Infinity') THEN true
        WHEN {c} = trunc({c}) AND abs({c}) < 9223372036854775807 THEN true
        WHEN abs({c}) < 1e300 AND abs({c}) > 1e-290 THEN {c}::float8::numeric = {c}
        ELSE false END)
"""


def asking(connection: psycopg.Connection) -> Asking:
    """Return how to ask a server."""

    def exact_decimals(table: PgTable, column: PgColumn) -> bool:
        precision = column.type.precision
        if precision is not None and precision[0] <= SIGNIFICANT:
            return True
        query = _INEXACT.format(table=qualify(table.schema, table.name), c=quote(column.name))
        row = connection.execute(query.encode()).fetchone()
        return row is not None and not row[0]

    def constant(column: PgColumn, way: Carriage) -> str | None:
        if column.default is None or way.floats or not _is_constant(column.default):
            return None
        value = f"SELECT {way.sent.replace('{c}', 'c')} FROM (SELECT ({column.default})::{column.type.text} AS c) AS d"
        try:
            with connection.transaction():
                row = connection.execute(value.encode()).fetchone()
        except psycopg.DatabaseError:
            return None
        written = _literal(row[0] if row else None)
        return written if way.put == "?" else f"({way.put.replace('?', written)})"

    return Asking(exact_decimals, constant)


def _is_constant(expression: str) -> bool:
    try:
        tree = sqlglot.parse_one(expression, read="postgres")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return False
    return all(isinstance(node, _CONSTANT) for node in tree.walk())


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, bool | int):
        return str(int(value))
    if isinstance(value, float):
        infinite = "9e999" if value > 0 else "-9e999"
        return "NULL" if math.isnan(value) else infinite if math.isinf(value) else repr(value)
    return "'" + str(value).replace("'", "''") + "'"
