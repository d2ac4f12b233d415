"""Digests of rows that do not depend on the order in which rows are read.

Each value is hashed to 64 bits, the hashes of a row's values are mixed into a row hash, and row hashes are added up.
Sums of hashes identify a multiset (Clarke et al., "Incremental Multiset Hash Functions", ASIACRYPT 2003, the additive
construction), so both sides may be read in their own order, in parallel, and key ranges add up to the table. The
mixing step is splitmix64's finaliser (Steele, Lea, Flood, OOPSLA 2014); long byte strings go through xxh3-64. The
digests detect errors; they do not withstand somebody who searches for collisions on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

Hashes = np.ndarray[Any, np.dtype[np.uint64]]

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_NULL = np.uint64(0xA0761D6478BD642F)
_SECOND = np.uint64(0xE7037ED1A0B428DB)
_LONG = 128  # bytes from which one call of xxh3 is cheaper than eight bytes at a time over all rows


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of a multiset of rows.

    Args:
        rows: How many rows.
        low: Sum of the row hashes, modulo 2**64.
        high: Sum of the row hashes mixed once more, modulo 2**64.
        columns: For each column, the sum of its value hashes, modulo 2**64.
    """

    rows: int
    low: int
    high: int
    columns: tuple[int, ...]

    def __add__(self, other: Digest) -> Digest:
        columns = tuple((a + b) & _MASK for a, b in zip(self.columns, other.columns, strict=True))
        return Digest(self.rows + other.rows, (self.low + other.low) & _MASK, (self.high + other.high) & _MASK, columns)

    def hex(self) -> str:
        """Return the digest of the rows as 32 hexadecimal digits."""
        return f"{self.high:016x}{self.low:016x}"


def empty(columns: int) -> Digest:
    """Return the digest of no rows over so many columns."""
    return Digest(0, 0, 0, (0,) * columns)


def digest(arrays: Sequence[pa.Array], rows: int) -> Digest:
    """Digest one batch of rows.

    Args:
        arrays: The columns, all of length ``rows``, in canonical types.
        rows: How many rows the batch has.
    """
    return digest_hashes([hash_values(array) for array in arrays], rows)


def digest_hashes(columns: Sequence[Hashes], rows: int) -> Digest:
    """Digest one batch of rows whose values are hashed already.

    Args:
        columns: The value hashes of each column, all of length ``rows``.
        rows: How many rows the batch has.
    """
    row_hashes = hash_rows(columns, rows)
    return Digest(rows, _sum(row_hashes), _sum(_mix(row_hashes ^ _SECOND)), tuple(_sum(column) for column in columns))


def hash_rows(columns: Sequence[Hashes], rows: int) -> Hashes:
    """Mix the value hashes of each row, in column order, into one hash for the row."""
    result = np.full(rows, _NULL)
    for column in columns:
        result *= _MIX_1
        result ^= result >> np.uint64(32)
        result += column
    _mix_in_place(result)
    return result


def hash_values(array: pa.Array) -> Hashes:
    """Hash each value of a column to 64 bits; equal values of equal type have equal hashes, NULL has its own.

    Args:
        array: A column of integers, floats, booleans, dates, times, strings or bytes.
    """
    hashes = _hash_bytes(array) if _is_variable(array.type) else _hash_fixed(array)
    if array.null_count:
        hashes[array.is_null().to_numpy(zero_copy_only=False)] = _NULL
    return hashes


def _is_variable(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_binary(type_))


def _hash_fixed(array: pa.Array) -> Hashes:
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    width = array.type.bit_width // 8
    if width == 16:
        words = np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)[array.offset : array.offset + len(array)]
        return _mix(_mix(words[:, 0]) ^ words[:, 1])
    values = np.frombuffer(array.buffers()[1], np.dtype(f"u{width}"))[array.offset : array.offset + len(array)]
    return _mix(values.astype(np.uint64))


def _hash_bytes(array: pa.Array) -> Hashes:
    """Hash byte strings eight bytes at a time, all rows at once."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    lengths = np.diff(offsets)
    hashes = _mix(lengths.astype(np.uint64))
    first, last = int(offsets[0]), int(offsets[-1])
    if first == last:
        return hashes
    buffer = np.frombuffer(array.buffers()[2], np.uint8)[first:last]
    offsets = offsets - first
    long = lengths > _LONG
    if long.any():
        _hash_long(hashes, buffer, offsets, np.flatnonzero(long))
    if not long.all():
        _hash_short(hashes, buffer, offsets, np.where(long, 0, lengths))
    return hashes


def _hash_long(hashes: Hashes, buffer: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any], rows: Any) -> None:
    view = memoryview(buffer.data)
    hashes[rows] = [xxhash.xxh3_64_intdigest(view[offsets[row] : offsets[row + 1]]) for row in rows.tolist()]


def _hash_short(hashes: Hashes, buffer: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any], lengths: Any) -> None:
    padded = np.zeros(len(buffer) + 8, np.uint8)
    padded[: len(buffer)] = buffer
    words: Hashes = np.ndarray(len(buffer) + 1, "<u8", padded.data, strides=(1,))
    rows: Any = slice(None) if lengths.all() else np.flatnonzero(lengths)
    starts, left = offsets[:-1][rows], lengths[rows]
    position = 0
    while len(left):
        word = words[starts + position]
        tail = left < 8
        if tail.any():
            word = np.where(tail, word & ~(np.uint64(_MASK) << (left.clip(0, 7) * 8).astype(np.uint64)), word)
        hashes[rows] = _mix(hashes[rows] ^ word)
        position += 8
        left = left - 8
        more = left > 0
        if not more.all():
            rows = np.flatnonzero(more) if isinstance(rows, slice) else rows[more]
            starts, left = starts[more], left[more]


def _mix(values: Hashes) -> Hashes:
    result = values + np.uint64(_GOLDEN)
    _mix_in_place(result)
    return result


def _mix_in_place(values: Hashes) -> None:
    values ^= values >> np.uint64(30)
    values *= _MIX_1
    values ^= values >> np.uint64(27)
    values *= _MIX_2
    values ^= values >> np.uint64(31)


def _sum(hashes: Hashes) -> int:
    return int(hashes.sum(dtype=np.uint64)) if len(hashes) else 0
