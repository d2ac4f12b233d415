"""The Arrow type in which the values of each target type are written and compared."""

from __future__ import annotations

import pyarrow as pa

from exuvia.catalog.types import Base, SqlType

_TYPES = {
    Base.BOOLEAN: pa.bool_(),
    Base.SMALLINT: pa.int64(),
    Base.INTEGER: pa.int64(),
    Base.BIGINT: pa.int64(),
    Base.DOUBLE: pa.float64(),
    Base.NUMERIC: pa.string(),
    Base.TEXT: pa.string(),
    Base.VARCHAR: pa.string(),
    Base.BYTEA: pa.binary(),
    Base.UUID: pa.binary(16),
    Base.JSON: pa.string(),
    Base.JSONB: pa.string(),
    Base.DATE: pa.date32(),
    Base.TIME: pa.time64("us"),
    Base.TIMESTAMP: pa.timestamp("us"),
    Base.TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    Base.TEXT_ARRAY: pa.list_(pa.string()),
    Base.REAL_ARRAY: pa.list_(pa.float32()),
}


def canonical_type(sql_type: SqlType) -> pa.DataType:
    """Return the Arrow type of ``sql_type``'s values: numeric is the text that PostgreSQL prints, uuid 16 bytes,
    bit its packed bytes, json and jsonb their text."""
    if sql_type.base is Base.VECTOR:
        return pa.list_(pa.float32(), sql_type.size or 0)
    if sql_type.base is Base.BIT:
        return pa.binary((sql_type.size or 0) // 8)
    return _TYPES[sql_type.base]
