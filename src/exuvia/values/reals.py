"""Doubles as decimals: the digits of the shortest decimal that denotes exactly this double.

A decimal of at most 15 significant digits survives the way through a double (DBL_DIG), so a double that equals
m / 10^s with m below 10^15 has m / 10^s as its shortest decimal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exuvia.values.packed import Numbers

Doubles = NDArray[np.float64]

_LIMIT = 1e15
_MOST_DECIMALS = 22
_SAMPLE = 32


def decimals_of(values: Doubles) -> Numbers:
    """Return the decimals of each value's shortest form, -1 where it has more than 15 significant digits, an exponent
    from 15 up or more than 22 decimals.

    Args:
        values: Any doubles; infinities give -1.
    """
    return _decimals(values, stop=False)


def most_decimals(values: Doubles) -> int | None:
    """Return the largest of ``decimals_of``, or None when one of them is -1."""
    if not len(values):
        return 0
    if bool((_decimals(values[:_SAMPLE], stop=True) < 0).any()):
        return None
    found = _decimals(values, stop=True)
    return None if bool((found < 0).any()) else int(found.max())


def _decimals(values: Doubles, *, stop: bool) -> Numbers:
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
        if stop and not bool((exact | open_).all()):
            break
        todo, rest = todo[open_], rest[open_]
    return found


def integer_digits(largest: float) -> int:
    """Return the digits before the point of a finite number, 0 for numbers below 1."""
    whole = int(abs(largest))
    return len(str(whole)) if whole else 0
