"""How dates, times and UUIDs are spelled: what texts of one meaning can differ in."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exuvia.values import uuids
from exuvia.values.packed import Mask, Numbers, Packed, Words, lane
from exuvia.values.temporal import TIMESTAMP, TIMESTAMP_ZONE, Moments

LOWER_UUID, UPPER_UUID, MIXED_UUID = "uuid", "UUID", "uUID"
MOST = 16
_DECIMALS = 6
_FORM_BIT, _SEPARATOR_BIT, _ZONE_BIT = 6, 8, 16
_THIRD = np.uint64(0xFF0000)
_ZONED = re.compile(r"(.{16,}?)( ?(?:[zZ]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))")
_FRACTION = re.compile(r"\.(0+)")


@dataclass(frozen=True, slots=True)
class Spellings:
    """The spellings of a column's dates, times and UUIDs.

    Args:
        forms: Of dates and times, the text with each digit as 0 but the zone as it is (``0000-00-00T00:00:00+01:00``);
            of UUIDs, whether their letters are lower case, upper case or both. None when there are more than ``MOST``.
        padded: The fewest significant decimals among the seconds whose fraction ends in a zero (``.500`` has 1,
            ``.000`` has 0); None when none does.
    """

    forms: frozenset[str] | None = frozenset()
    padded: int | None = None

    def __or__(self, other: Spellings) -> Spellings:
        """Return the spellings of both."""
        forms = None if self.forms is None or other.forms is None else self.forms | other.forms
        known = [padded for padded in (self.padded, other.padded) if padded is not None]
        return Spellings(forms if forms is None or len(forms) <= MOST else None, min(known, default=None))

    @property
    def one(self) -> str | None:
        """The spelling that all share; None where there are several, or none."""
        return next(iter(self.forms)) if self.forms is not None and len(self.forms) == 1 else None

    def tell_apart(self) -> bool:
        """Whether two different texts of these spellings surely mean two different values.

        Fractions of several lengths do as long as none that ends in zeros could be cut to another of the lengths:
        Python leaves ``.000000`` out and writes ``.500000``, and no ``.5``.
        """
        if self.forms is None or MIXED_UUID in self.forms:
            return False
        if len({_FRACTION.sub("", form) for form in self.forms}) > 1:
            return False
        lengths = {len(found[1]) if (found := _FRACTION.search(form)) else 0 for form in self.forms}
        return self.padded is None or not any(self.padded <= length < max(lengths) for length in lengths)


NO_SPELLINGS = Spellings()


def spellings_of_uuids(words: tuple[Words, ...]) -> Spellings:
    """Return how UUIDs are spelled, by their 32 hexadecimal digits; those without letters are of any case."""
    upper, lower = uuids.cases(words)
    forms = {
        MIXED_UUID: (upper & lower).any(),
        UPPER_UUID: (upper & ~lower).any(),
        LOWER_UUID: (lower & ~upper).any(),
    }
    return Spellings(frozenset(name for name, found in forms.items() if found))


def spellings_of_moments(texts: Packed, moments: Moments) -> Spellings:
    """Return how dates and times are spelled.

    Args:
        texts: The texts.
        moments: What they say; texts that are none are passed over.
    """
    found = moments.form > 0
    if not found.any():
        return NO_SPELLINGS
    whole = bool(found.all())
    chosen = texts.pick(found)
    form, micros = (moments.form, moments.micros) if whole else (moments.form[found], moments.micros[found])
    if _alike(chosen, form):
        return _spelled(chosen, 0, int(form[0]), micros)
    keys = _keys(chosen, form)
    result = NO_SPELLINGS
    for key, row in zip(*np.unique(keys, return_index=True), strict=True):
        result |= _spelled(chosen, int(row), int(form[row]), micros[keys == key])
        if result.forms is None:
            break
    return result


def _alike(texts: Packed, form: NDArray[np.uint8]) -> bool:
    """Return whether all texts share their spelling, as they nearly always do, faster than by their keys."""
    if not ((texts.lengths == texts.lengths[0]).all() and (form == form[0]).all()):
        return False
    if form[0] >= TIMESTAMP:
        separators = texts.word(8) & _THIRD
        if not (separators == separators[0]).all():
            return False
    if form[0] < TIMESTAMP_ZONE:
        return True
    zones = _zones(texts.last_word())
    return bool((zones == zones[0]).all())


def _keys(texts: Packed, form: NDArray[np.uint8]) -> Words:
    """Return numbers that are the same for texts of the same spelling: of length, form, separator and zone."""
    keys = texts.lengths | ((form.astype(np.int64) - 1) << _FORM_BIT)
    timed = form >= TIMESTAMP
    if timed.any():
        keys |= np.where(timed, lane(texts.word(8), 2), 0) << _SEPARATOR_BIT
    zoned = form == TIMESTAMP_ZONE
    if zoned.any():
        keys |= np.where(zoned, _zones(texts.last_word()), 0) << _ZONE_BIT
    return keys.view(np.uint64)


def _zones(tail: Words) -> Numbers:
    zone = tail >> np.uint64(56)
    letters = (lane(tail, 7) == ord("C")) | (lane(tail, 7) == ord("T"))
    zone = np.where(letters, tail >> np.uint64(32), zone)
    for width in (3, 5, 6):
        zone = np.where(_signed(tail, width), tail >> np.uint64(8 * (8 - width)), zone)
    return zone.view(np.int64)


def _signed(tail: Words, width: int) -> Mask:
    sign = lane(tail, 8 - width)
    signed: Mask = (sign == ord("+")) | (sign == ord("-"))
    return signed


def _spelled(texts: Packed, row: int, form: int, micros: Numbers) -> Spellings:
    """Return the spelling of texts that share it, one of which is in ``row``."""
    text = texts.text(row).decode()
    zoned = _ZONED.fullmatch(text) if form == TIMESTAMP_ZONE else None
    clock, zone = (zoned[1], zoned[2]) if zoned else (text, "")
    spelled = re.sub("[0-9]", "0", clock)
    fraction = _FRACTION.search(spelled)
    padded = _padded(micros, len(fraction[1])) if fraction else None
    return Spellings(frozenset({spelled + zone}), padded)


def _padded(micros: Numbers, length: int) -> int | None:
    for decimals in range(min(length, _DECIMALS + 1)):
        if (micros % 10 ** (_DECIMALS - decimals) == 0).any():
            return decimals
    return None
