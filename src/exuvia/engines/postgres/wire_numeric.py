"""The binary form of numeric: digits in base 10,000 (numeric_recv, src/backend/utils/adt/numeric.c)."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_POSITIVE, _NEGATIVE = 0x0000, 0x4000
_SPECIAL = {"NaN": 0xC000, "Infinity": 0xD000, "-Infinity": 0xF000}
_BASE = 10_000
_GROUPS = 5  # base-10,000 digits of an int64 that was scaled up by at most 1,000
_FAST_CHARACTERS = 16  # sign or point included: at most 15 or 16 digits, times 1,000 fits an int64


def numerics(array: pa.Array) -> pa.Array:
    """Encode decimal texts as numeric's wire form.

    Args:
        array: Strings as PostgreSQL prints numeric: sign, digits, point; or NaN, Infinity, -Infinity.

    Returns:
        A binary array; null where ``array`` is null.
    """
    fast = pc.and_(
        pc.less_equal(pc.binary_length(array), _FAST_CHARACTERS),
        pc.match_substring_regex(array, r"^-?[0-9]+(\.[0-9]+)?$"),
    ).fill_null(True)
    if pc.all(fast).as_py() or len(array) == 0:
        return _fast(array)
    encoded = _fast(pc.if_else(fast, array, pa.scalar(None, pa.string())))
    slow = [None if done else _slow(text) for done, text in zip(fast.to_pylist(), array.to_pylist(), strict=True)]
    return pc.coalesce(encoded, pa.array(slow, pa.binary()))


def _fast(array: pa.Array) -> pa.Array:
    """Encode decimals of few digits, all at once."""
    valid = pc.is_valid(array).to_numpy(zero_copy_only=False)
    text = array.fill_null("0")
    point = pc.find_substring(text, ".").to_numpy()
    scale = np.where(point < 0, 0, pc.binary_length(text).to_numpy() - point - 1)
    unscaled = pc.replace_substring(text, ".", "", max_replacements=1).cast(pa.int64()).to_numpy()
    negative = pc.starts_with(text, "-").to_numpy(zero_copy_only=False)
    fraction_groups = -(-scale // 4)
    aligned = np.abs(unscaled) * np.power(10, fraction_groups * 4 - scale, dtype=np.int64)
    digits = _digits(aligned)
    present = _significant(digits)
    count = present.sum(axis=1)
    leading = np.where(count > 0, present.argmax(axis=1), 0)
    weight = np.where(count > 0, _GROUPS - 1 - leading - fraction_groups, 0)
    record = np.empty((len(array), 4 + _GROUPS), ">i2")
    record[:, 0] = count
    record[:, 1] = weight
    record[:, 2] = np.where(negative & (count > 0), _NEGATIVE, _POSITIVE)
    record[:, 3] = scale
    record[:, 4:] = digits
    keep = np.concatenate([np.ones((len(array), 4), bool), present], axis=1)
    keep[~valid] = False
    offsets = np.zeros(len(array) + 1, np.int32)
    np.cumsum(keep.sum(axis=1) * 2, out=offsets[1:])
    bitmap = None if valid.all() else pa.array(valid).buffers()[1]
    buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(record[keep]))]
    return pa.Array.from_buffers(pa.binary(), len(array), buffers)


def _digits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the base-10,000 digits of each value, the most significant first."""
    digits = np.empty((len(values), _GROUPS), np.int64)
    for group in range(_GROUPS - 1, -1, -1):
        values, digits[:, group] = np.divmod(values, _BASE)
    return digits


def _significant(digits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Mark the digits between the first and the last that are not zero."""
    nonzero = digits != 0
    after_first = np.logical_or.accumulate(nonzero, axis=1)
    before_last = np.logical_or.accumulate(nonzero[:, ::-1], axis=1)[:, ::-1]
    marked: np.ndarray[Any, Any] = after_first & before_last
    return marked


def _slow(text: str | None) -> bytes | None:
    """Encode one decimal of any size."""
    if text is None:
        return None
    if text in _SPECIAL:
        return struct.pack(">hhHh", 0, 0, _SPECIAL[text], 0)
    sign, figures, exponent = Decimal(text).as_tuple()
    scale = max(0, -int(exponent))
    fraction_groups = -(-scale // 4)
    number = int("".join(map(str, figures))) * 10 ** (fraction_groups * 4 + int(exponent))
    groups: list[int] = []
    while number:
        number, group = divmod(number, _BASE)
        groups.append(group)
    weight = len(groups) - 1 - fraction_groups if groups else 0
    while groups and groups[0] == 0:
        groups.pop(0)
    groups.reverse()
    head = struct.pack(">hhHh", len(groups), weight, _NEGATIVE if sign and groups else _POSITIVE, scale)
    return head + struct.pack(f">{len(groups)}h", *groups)
