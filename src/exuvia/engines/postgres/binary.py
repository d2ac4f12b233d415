"""Arrow columns to PostgreSQL's COPY BINARY stream, a batch at a time and without a loop over rows.

A row on the wire is its number of fields, then each field as a length and that many bytes; NULL is the length -1
(https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"). Fields of fixed width, and the lengths of
all others, lie in NumPy records of one layout; Arrow's element-wise join then weaves records and variable data into
the stream in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.types import Base, SqlType
from exuvia.engines.large_rows import are_large
from exuvia.engines.postgres.wire import bits, real_arrays, text_arrays, vectors
from exuvia.engines.postgres.wire_numeric import numerics

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"

_INT32_MAX = 2**31 - 1
_DAYS_TO_2000 = 10_957
_MICROSECONDS_TO_2000 = 946_684_800_000_000

_FIXED: dict[Base, tuple[str, int]] = {
    Base.BOOLEAN: ("u1", 1),
    Base.SMALLINT: (">i2", 2),
    Base.INTEGER: (">i4", 4),
    Base.BIGINT: (">i8", 8),
    Base.DOUBLE: (">f8", 8),
    Base.DATE: (">i4", 4),
    Base.TIME: (">i8", 8),
    Base.TIMESTAMP: (">i8", 8),
    Base.TIMESTAMPTZ: (">i8", 8),
    Base.UUID: ("V16", 16),
}


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of every row: its lengths (-1 for NULL), or None for an all-valid fixed field of ``width`` bytes,
    and its bytes as a NumPy column of wire type ``kind`` (fixed) or a binary array without nulls, with the same few
    bytes ``before`` each value."""

    width: int
    lengths: np.ndarray[Any, Any] | None
    values: np.ndarray[Any, Any] | None = None
    data: pa.Array | None = None
    kind: str = ""
    before: tuple[tuple[str, Any], ...] = ()


def encode(types: Sequence[SqlType], arrays: Sequence[pa.Array]) -> Iterator[pa.Buffer]:
    """Encode one batch as rows of a COPY BINARY stream, without header and trailer.

    Args:
        types: Target type of each column.
        arrays: The columns in the canonical Arrow type of their target type, all of one length.

    Yields:
        The bytes of all rows, ready to be sent in this order: at once, or value by value where these are large.
    """
    if not arrays or len(arrays[0]) == 0:
        return
    pieces = _pieces(types, arrays)
    if len(pieces) > 1 and are_large(sum(map(_data_size, pieces)) // len(arrays[0])):
        yield from (_bytes(piece.slice(row, 1)) for row in range(len(arrays[0])) for piece in pieces)
    else:
        yield _bytes(_join(pieces))


def _bytes(array: pa.Array) -> pa.Buffer:
    offsets = np.frombuffer(array.buffers()[1], np.int64 if pa.types.is_large_binary(array.type) else np.int32)
    first, last = int(offsets[array.offset]), int(offsets[array.offset + len(array)])
    return array.buffers()[2].slice(first, last - first)


def _pieces(types: Sequence[SqlType], arrays: Sequence[pa.Array]) -> list[pa.Array]:
    """Return binary arrays of which the first elements joined are the first row, and so on."""
    length = len(arrays[0])
    fields = [_field(type_, array) for type_, array in zip(types, arrays, strict=True)]
    pieces: list[pa.Array] = []
    record: list[tuple[str, Any]] = [(">i2", np.int16(len(fields)))]
    for field in fields:
        record.append((">i4", field.width if field.lengths is None else field.lengths))
        if field.values is not None:
            record.append((field.kind, field.values))
        elif field.data is not None:
            record += field.before
            pieces += [_records(record, length), field.data]
            record = []
    if record:
        pieces.append(_records(record, length))
    return pieces


def _join(pieces: list[pa.Array]) -> pa.Array:
    if len(pieces) == 1:
        return pieces[0]
    if sum(_data_size(piece) for piece in pieces) > _INT32_MAX:
        pieces = [piece.cast(pa.large_binary()) for piece in pieces]
        return pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.large_binary()))
    return pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))


def _data_size(array: pa.Array) -> int:
    offsets = np.frombuffer(array.buffers()[1], np.int32)
    return int(offsets[array.offset + len(array)]) - int(offsets[array.offset])


def _records(fields: list[tuple[str, Any]], length: int) -> pa.Array:
    """Lay fields side by side in packed records and return each record as one binary value."""
    layout = np.dtype([(f"f{number}", kind) for number, (kind, _) in enumerate(fields)])
    records = np.empty(length, layout)
    for number, (_, values) in enumerate(fields):
        records[f"f{number}"] = values
    return _binary(np.arange(length + 1, dtype=np.int64) * layout.itemsize, records)


def _binary(offsets: np.ndarray[Any, Any], data: np.ndarray[Any, Any]) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def _field(type_: SqlType, array: pa.Array) -> _Field:
    if type_.base in _FIXED:
        kind, width = _FIXED[type_.base]
        return _fixed(_fixed_values(type_.base, array), kind, width, array)
    if type_.base is Base.VECTOR:
        values = vectors(array)
        return _fixed(values, values.dtype.str, values.dtype.itemsize, array)
    if type_.base is Base.JSONB:
        return _jsonb(array)
    if type_.base is Base.NUMERIC:
        array = numerics(array)
    elif type_.base is Base.TEXT_ARRAY:
        array = text_arrays(array)
    elif type_.base is Base.REAL_ARRAY:
        array = real_arrays(array)
    elif type_.base is Base.BIT:
        array = bits(array)
    else:
        array = as_binary(array)
    return _variable(array)


def _fixed(values: np.ndarray[Any, Any], kind: str, width: int, array: pa.Array) -> _Field:
    """A field of fixed width; with NULLs in it, its length varies and so it joins as variable data."""
    if array.null_count == 0:
        return _Field(width, None, values=values, kind=kind)
    valid = valid_mask(array)
    lengths = np.where(valid, width, -1)
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(valid * width, out=offsets[1:])
    return _Field(width, lengths, data=_binary(offsets, np.ascontiguousarray(values[valid], kind)))


def _variable(array: pa.Array) -> _Field:
    if array.null_count == 0:
        return _Field(0, lengths_of(array), data=array)
    lengths = np.where(valid_mask(array), lengths_of(array), -1)
    return _Field(0, lengths, data=array.fill_null(b""))


def _jsonb(array: pa.Array) -> _Field:
    """The field of jsonb: a version byte 1, then the text."""
    text = as_binary(array)
    if array.null_count == 0:
        return _Field(0, lengths_of(text) + 1, data=text, before=(("u1", 1),))
    versioned = pc.binary_join_element_wise(pa.scalar(b"\x01"), text, pa.scalar(b""), null_handling="emit_null")
    return _variable(versioned)


def as_binary(array: pa.Array) -> pa.Array:
    """Return a string or binary array as a binary array over the same buffers."""
    return array if pa.types.is_binary(array.type) else array.cast(pa.binary())


def lengths_of(array: pa.Array) -> np.ndarray[Any, Any]:
    """Return the byte length of each element of a binary array (0 or more also where it is null)."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    return np.diff(offsets)


def valid_mask(array: pa.Array) -> np.ndarray[Any, Any]:
    """Return which elements are not null, as a boolean array."""
    mask: np.ndarray[Any, Any] = pc.is_valid(array).to_numpy(zero_copy_only=False)
    return mask


def _fixed_values(base: Base, array: pa.Array) -> np.ndarray[Any, Any]:
    """Return the wire values of a fixed-width type; what stands where the array is null does not matter."""
    if base is Base.BOOLEAN:
        return _raw(array.cast(pa.uint8()), np.uint8)
    if base is Base.DATE:
        return _raw(array, np.int32) - np.int32(_DAYS_TO_2000)
    if base in (Base.TIMESTAMP, Base.TIMESTAMPTZ):
        return _raw(array, np.int64) - np.int64(_MICROSECONDS_TO_2000)
    if base is Base.DOUBLE:
        return _raw(array, np.float64)
    if base is Base.UUID:
        return _raw(array, np.dtype("V16"))
    return _raw(array, np.int64)


def _raw(array: pa.Array, kind: Any) -> np.ndarray[Any, Any]:
    """View an array's values as NumPy without asking whether they are null."""
    values = np.frombuffer(array.buffers()[1], kind)
    return values[array.offset : array.offset + len(array)]
