"""Doubles as decimals: the digits of the shortest decimal that denotes exactly this double.

A decimal of at most 15 significant digits survives the way through a double (DBL_DIG), so a double that equals
m / 10^s with m below 10^15 has m / 10^s as its shortest decimal.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exuvia.values.arrays import assemble
from exuvia.values.packed import Numbers

Doubles = NDArray[np.float64]

_LIMIT = 1e15
_MOST_DECIMALS = 22
_SAMPLE = 32
_LEAST_PLAIN, _MOST_PLAIN = 1e-4, 1e16


def most_decimals(values: Doubles) -> int | None:
    """Return the most decimals that a value's shortest form has.

    None when a value has more than 15 significant digits or 22 decimals, or is 10^15 or more (or infinite).
    """
    if not len(values):
        return 0
    if bool((_decimals(values[:_SAMPLE]) < 0).any()):
        return None
    found = _decimals(values)
    return None if bool((found < 0).any()) else int(found.max())


def _decimals(values: Doubles) -> Numbers:
    """Return the decimals of each value; once one has none, it and all that are still open are -1."""
    found = np.where(np.abs(values) < _LIMIT, 0, -1)
    todo = np.flatnonzero((np.rint(values) != values) & np.isfinite(values))
    found[todo] = -1
    rest = values[todo]
    for scale in range(1, _MOST_DECIMALS + 1):
        if not len(rest):
            break
        power = float(10**scale)
        scaled = np.rint(rest * power)
        exact = (scaled / power == rest) & (np.abs(scaled) < _LIMIT)
        found[todo[exact]] = scale
        open_ = ~exact & (np.abs(scaled) < _LIMIT)
        if not bool((exact | open_).all()):
            break
        todo, rest = todo[open_], rest[open_]
    return found


def shortest_texts(values: Doubles) -> pa.Array:
    """Return each double as Python's ``repr`` spells it: the shortest decimal that is read back as the same double."""
    texts = pa.array(values).cast(pa.string())
    size = np.abs(values)
    plain = ((size >= _LEAST_PLAIN) & (size < _MOST_PLAIN)) | (size == 0)
    plain &= ~pc.match_substring(texts, "e").to_numpy(zero_copy_only=False)
    whole = plain & (np.rint(values) == values)
    if whole.any():
        texts = pc.binary_join_element_wise(texts, pc.if_else(pa.array(whole), ".0", ""), "")
    if plain.all():
        return texts
    others = pa.array(list(map(repr, values[~plain].tolist())), pa.string())
    return assemble(len(values), [(plain, texts.filter(pa.array(plain))), (~plain, others)], pa.string())


def integer_digits(largest: float) -> int:
    """Return the digits before the point of a finite number, 0 for numbers below 1."""
    whole = int(abs(largest))
    return len(str(whole)) if whole else 0
