"""The binary forms of PostgreSQL's arrays and pgvector's vectors."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.types import Base, SqlType

_TEXT_OID = 25
_REAL_OID = 700


def vectors(array: pa.Array) -> np.ndarray[Any, Any]:
    """Encode ``fixed_size_list<float32>(n)`` as pgvector's records: dimensions, a zero, then big-endian floats.

    Source: pgvector's ``vector_recv`` (src/vector.c).
    """
    dimensions = array.type.list_size
    values = np.frombuffer(array.values.buffers()[1], np.float32)
    start = (array.offset + array.values.offset // dimensions) * dimensions
    layout = np.dtype([("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f4", (dimensions,))])
    records = np.zeros(len(array), layout)
    records["dimensions"] = dimensions
    records["values"] = values[start : start + len(array) * dimensions].reshape(len(array), dimensions)
    return records.view(f"V{layout.itemsize}")


def text_arrays(array: pa.Array) -> pa.Array:
    """Encode ``list<string>`` as text[] (array_recv, src/backend/utils/adt/arrayfuncs.c)."""
    return pa.array([None if row is None else _text_array(row) for row in array.to_pylist()], pa.binary())


def real_arrays(array: pa.Array) -> pa.Array:
    """Encode ``list<float32>`` as real[]."""
    rows = [None if row is None else _real_array(np.asarray(row, np.float32)) for row in array.to_pylist()]
    return pa.array(rows, pa.binary())


def bits(array: pa.Array) -> pa.Array:
    """Encode packed bits as bit: how many, then their bytes (bit_recv, src/backend/utils/adt/varbit.c)."""
    head = pa.scalar(struct.pack(">i", 8 * array.type.byte_width), pa.binary())
    return pc.binary_join_element_wise(head, array.cast(pa.binary()), pa.scalar(b"", pa.binary()))


def _text_array(items: list[str | None]) -> bytes:
    parts = [_array_head(len(items), _TEXT_OID, has_null=None in items)]
    for item in items:
        if item is None:
            parts.append(struct.pack(">i", -1))
        else:
            data = item.encode()
            parts.append(struct.pack(">i", len(data)) + data)
    return b"".join(parts)


def _real_array(values: np.ndarray[Any, Any]) -> bytes:
    records = np.empty(len(values), np.dtype([("length", ">i4"), ("value", ">f4")]))
    records["length"] = 4
    records["value"] = values
    return _array_head(len(values), _REAL_OID, has_null=False) + records.tobytes()


def _array_head(length: int, element_oid: int, *, has_null: bool) -> bytes:
    if length == 0:
        return struct.pack(">iii", 0, 0, element_oid)
    return struct.pack(">iiiii", 1, int(has_null), element_oid, length, 1)


def wire_form(type_: SqlType, array: pa.Array) -> pa.Array:
    """Return a canonical array of text[], real[], vector or bit as PostgreSQL's binary form, null where it is null."""
    if type_.base is Base.TEXT_ARRAY:
        return text_arrays(array)
    if type_.base is Base.REAL_ARRAY:
        return real_arrays(array)
    if type_.base is Base.BIT:
        return bits(array)
    records = pa.array(vectors(array).tolist(), pa.binary())
    return pc.if_else(array.is_valid(), records, pa.scalar(None, pa.binary()))
