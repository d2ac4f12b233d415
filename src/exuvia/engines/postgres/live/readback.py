"""Rows that a transaction has written, read again inside it before it commits.

Only the session that wrote them can see them, so they come through psycopg. Its decoders share no code with
:mod:`exuvia.engines.postgres.binary`: a value that was encoded wrongly does not pass for equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pyarrow as pa

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetColumn
from exuvia.catalog.types import Base
from exuvia.engines.postgres.read import is_compared_as_wire
from exuvia.values.canonical import canonical_type

_ROWS = 10_000

_AS_TEXT = (Base.NUMERIC, Base.JSON, Base.JSONB)
_MICROSECONDS = (Base.TIME, Base.TIMESTAMP, Base.TIMESTAMPTZ)
_SENT = {
    Base.TEXT_ARRAY: "array_send",
    Base.REAL_ARRAY: "array_send",
    Base.VECTOR: "vector_send",
    Base.BIT: "bit_send",
    Base.UUID: "uuid_send",
}


def read_back(
    connection: psycopg.Connection, schema: str, table: str, columns: Sequence[TargetColumn], where: str = ""
) -> Iterator[list[pa.Array]]:
    """Yield rows of a table as the running transaction sees them, as ``exuvia.engines.postgres.read`` gives them.

    Args:
        connection: A connection inside a transaction.
        schema: The table's schema.
        table: The table, ``t`` in the condition.
        columns: The columns to read.
        where: A condition; empty for all rows.
    """
    fields = ", ".join(_expression(column) for column in columns)
    condition = f" WHERE {where}" if where else ""
    query = f"SELECT {fields} FROM {qualify(schema, table)} AS t{condition}"
    with connection.cursor(name="exuvia_read_back", binary=True) as cursor:
        cursor.execute(query.encode())
        while rows := cursor.fetchmany(_ROWS):
            yield [_array(column, values) for column, values in zip(columns, zip(*rows, strict=True), strict=True)]


def _expression(column: TargetColumn) -> str:
    name, base = f"t.{quote(column.name)}", column.type.base
    if base in _SENT:
        return f"{_SENT[base]}({name})"
    if base in _AS_TEXT:
        return f"{name}::text"
    if base is Base.DATE:
        return f"{name} - DATE '1970-01-01'"
    if base in _MICROSECONDS:
        return f"(extract(epoch FROM {name}) * 1000000)::bigint"
    return name


def _array(column: TargetColumn, values: Sequence[object]) -> pa.Array:
    if is_compared_as_wire(column.type):
        return pa.array(values, pa.binary())
    kind = canonical_type(column.type)
    if column.type.base is Base.DATE:
        return pa.array(values, pa.int32()).view(kind)
    if column.type.base in _MICROSECONDS:
        return pa.array(values, pa.int64()).view(kind)
    return pa.array(values, kind)
