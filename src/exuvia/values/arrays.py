"""Arrow arrays made of numpy columns and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exuvia.values.packed import Mask


def valid_mask(array: pa.Array) -> Mask:
    """Return which values are not null."""
    mask: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return mask


def from_numpy(values: NDArray[Any], ok: Mask, kind: pa.DataType) -> pa.Array:
    """Return fixed-width values as an array of ``kind``, null where ``ok`` is false.

    Args:
        values: One item, or one row of items, per value, of the width that ``kind`` has.
    """
    every = bool(ok.all())
    bitmap = None if every else pa.py_buffer(np.packbits(ok, bitorder="little"))
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(ok), [bitmap, buffer], -1 if not every else 0)


def booleans(values: Mask, ok: Mask) -> pa.Array:
    """Return booleans, null where ``ok`` is false."""
    return from_numpy(np.packbits(values, bitorder="little"), ok, pa.bool_())


def only(array: pa.Array, ok: Mask) -> pa.Array:
    """Return the array with null where ``ok`` is false."""
    return array if ok.all() else pc.if_else(pa.array(ok), array, pa.scalar(None, array.type))


def assemble(length: int, parts: Sequence[tuple[Mask, pa.Array]], kind: pa.DataType) -> pa.Array:
    """Put arrays together whose values stand, in order, at the places that their masks mark; other places are null.

    Masks do not overlap.
    """
    parts = [(mask, array) for mask, array in parts if len(array)]
    if len(parts) == 1 and len(parts[0][1]) == length:
        return parts[0][1]
    if not parts:
        return pa.nulls(length, kind)
    index = np.zeros(length, np.int64)
    filled = np.zeros(length, np.bool_)
    base = 0
    for mask, array in parts:
        index[mask] = np.arange(base, base + len(array))
        filled |= mask
        base += len(array)
    joined = pa.concat_arrays([array for _, array in parts])
    return joined.take(pa.array(index, mask=None if filled.all() else ~filled))
