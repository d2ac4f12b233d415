"""Embeddings among BLOBs and JSON texts: how long they are, and which of them no search can find."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exuvia.values.convert_lists import json_floats
from exuvia.values.facts import Example, FormFacts, VectorFacts
from exuvia.values.packed import Mask
from exuvia.values.utf8 import used_bytes

LEAST_DIMENSIONS = 8
_LONGEST_TEXT = 1 << 20  # pgvector's vector holds 16,000 numbers
_SHOWN = 3

Examples = Callable[[NDArray[np.int64]], tuple[Example, ...]]


def blob_vectors(values: pa.Array, lengths: NDArray[np.integer], examples: Examples) -> VectorFacts | None:
    """Return what BLOBs are as little-endian float32 vectors; None where most of them cannot be vectors.

    Args:
        values: The BLOBs, without nulls.
        lengths: Their lengths in bytes.
        examples: Returns values of a batch as examples.
    """
    fitting = (lengths % 4 == 0) & (lengths >= 4 * LEAST_DIMENSIONS)
    if 2 * np.count_nonzero(fitting) < len(values):
        return None
    dimensions = np.where(fitting, lengths // 4, 0).astype(np.int64)
    zero, odd = np.zeros(len(values), np.bool_), np.zeros(len(values), np.bool_)
    for size in np.unique(dimensions):
        if size:
            mask = dimensions == size
            some = values if mask.all() else values.filter(pa.array(mask))
            rows = used_bytes(some).view("<f4").reshape(len(some), int(size))
            with np.errstate(invalid="ignore"):
                least, most = rows.min(axis=1), rows.max(axis=1)  # not a number if one of them is none
            zero[mask] = (least == 0) & (most == 0)
            odd[mask] = ~(np.isfinite(least) & np.isfinite(most))
    return _counted(dimensions, zero, odd, examples)


def text_vectors(values: pa.Array, examples: Examples) -> VectorFacts | None:
    """Return what texts are as JSON arrays of numbers; None where the first of them is none.

    Args:
        values: The texts as bytes, without nulls.
        examples: Returns values of a batch as examples.
    """
    short = pc.binary_length(values).to_numpy() <= _LONGEST_TEXT
    first = values[0].as_py() if short[0] else b""
    if not first.startswith(b"[") or _size(first) < LEAST_DIMENSIONS:
        return None
    texts = values if short.all() else pc.if_else(pa.array(short), values, pa.scalar(None, pa.binary()))
    found = [None if text is None else json_floats(text, None) for text in texts.to_pylist()]
    dimensions = np.array([0 if one is None else len(one) for one in found], np.int64)
    zero = np.array([one is not None and len(one) > 0 and not one.any() for one in found], np.bool_)
    return _counted(dimensions, zero, np.zeros(len(values), np.bool_), examples)


def _size(text: bytes) -> int:
    numbers = json_floats(text, None)
    return 0 if numbers is None else len(numbers)


def _counted(dimensions: NDArray[np.int64], zero: Mask, odd: Mask, examples: Examples) -> VectorFacts:
    sizes, counts = np.unique(dimensions, return_counts=True)
    kept = {
        int(size): FormFacts(int(count), examples(np.flatnonzero(dimensions == size)[:_SHOWN]))
        for size, count in zip(sizes, counts, strict=True)
    }
    return VectorFacts(len(dimensions), kept, _form(zero, examples), _form(odd, examples))


def _form(mask: Mask, examples: Examples) -> FormFacts:
    rows = np.flatnonzero(mask)
    return FormFacts(len(rows), examples(rows[:_SHOWN]) if len(rows) else ())
