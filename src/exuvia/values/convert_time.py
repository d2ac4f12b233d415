"""Values that become dates and times: exactly, or not at all.

Each function takes an array without nulls and returns the canonical array, null where a value does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.types import Base
from exuvia.values.arrays import from_numpy
from exuvia.values.canonical import canonical_type
from exuvia.values.local_time import local_to_utc
from exuvia.values.numbers import fits_64_bits, shapes_of
from exuvia.values.packed import Mask, Numbers, Packed
from exuvia.values.reals import Doubles
from exuvia.values.rules import Epoch, Rule
from exuvia.values.temporal import DATE, DAY, NONE, TIME, TIMESTAMP, TIMESTAMP_ZONE, Moments, read_moments
from exuvia.values.utf8 import as_string

FIRST_INSTANT = -62_135_596_800_000_000
"""0001-01-01 in microseconds since 1970."""
LAST_INSTANT = 9_223_371_331_200_000_000 - 1
"""The end of the year 294246, the last whole year that Arrow's microseconds reach (PostgreSQL's end in 294276)."""

_JULIAN_1970 = 2_440_587.5
_CORE_DATA_1970 = 978_307_200
_WEBKIT_1970 = 11_644_473_600
_AUTO = ((10**11, 1_000_000, 1), (10**14, 1_000, 1), (10**17, 1, 1), (2**63, 1, 1_000))


@dataclass(frozen=True, slots=True)
class _Instants:
    micros: Numbers
    ok: Mask


def texts_to_time(array: pa.Array, _: Rule) -> pa.Array:
    """TEXT such as 09:30, 09:30:00 or 09:30:00.5."""
    moments = read_moments(Packed.of(array))
    return from_numpy(moments.micros, moments.form == TIME, pa.time64("us"))


def texts_to_date(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT of a day, or of its midnight without a zone; with ``rule.epoch`` also TEXT of a number."""
    texts = Packed.of(array)
    moments = read_moments(texts)
    days, ok = moments.days, _naive(moments) & (moments.micros == 0)
    if rule.epoch is not None and not ok.all():
        numbers = _numbers_in_text(array, texts, moments.form == NONE, rule.epoch)
        midnight = numbers.ok & (numbers.micros % DAY == 0)
        days, ok = np.where(midnight, numbers.micros // DAY, days), ok | midnight
    return from_numpy(days.astype(np.int32), ok, pa.date32())


def texts_to_moment(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT as timestamp or timestamptz; with ``rule.epoch`` also TEXT of a number."""
    texts = Packed.of(array)
    moments = read_moments(texts)
    found = _written(moments, rule)
    if rule.epoch is not None and not found.ok.all():
        numbers = _numbers_in_text(array, texts, moments.form == NONE, rule.epoch)
        found = _Instants(np.where(numbers.ok, numbers.micros, found.micros), found.ok | numbers.ok)
    return _moments(found, rule)


def _naive(moments: Moments) -> Mask:
    naive: Mask = (moments.form == DATE) | (moments.form == TIMESTAMP)
    return naive


def _written(moments: Moments, rule: Rule) -> _Instants:
    """Return the moments as written; for timestamptz, moments without a zone as ``rule.naive_time`` says."""
    micros = moments.days * DAY + moments.micros
    ok = _naive(moments) & (np.abs(moments.days) <= LAST_INSTANT // DAY)
    if rule.type.base is not Base.TIMESTAMPTZ:
        return _Instants(micros, ok)
    zoned = moments.form == TIMESTAMP_ZONE
    if rule.naive_time == "local" and ok.any():
        micros[ok], exists = local_to_utc(micros[ok])
        ok[ok] = exists
    return _Instants(np.where(zoned, micros - moments.offset, micros), ok | zoned)


def _numbers_in_text(array: pa.Array, texts: Packed, wanted: Mask, epoch: Epoch) -> _Instants:
    count = len(array)
    micros, ok = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    shapes = shapes_of(texts)
    whole = wanted & fits_64_bits(texts, shapes)
    pointed = wanted & shapes.pointed
    for mask, kind in ((whole, pa.int64()), (pointed, pa.float64())):
        if not mask.any():
            continue
        some = as_string(array.filter(pa.array(mask)))
        values = pc.utf8_ltrim(some, "+").cast(kind).to_numpy()
        instants = _of_integers(values, epoch) if kind == pa.int64() else _of_reals(values, epoch)
        micros[mask], ok[mask] = instants.micros, instants.ok
    return _Instants(micros, ok)


def integers_to_moment(array: pa.Array, rule: Rule) -> pa.Array:
    """INTEGER read as ``rule.epoch`` says."""
    if rule.epoch is None:
        return pa.nulls(len(array), canonical_type(rule.type))
    return _moments(_of_integers(array.to_numpy(), rule.epoch), rule)


def reals_to_moment(array: pa.Array, rule: Rule) -> pa.Array:
    """REAL read as ``rule.epoch`` says, to the nearest microsecond (a double of today's seconds since 1970 is itself
    0.24 microseconds coarse); Julian days to the nearest millisecond, as in SQLite's own date functions."""
    if rule.epoch is None:
        return pa.nulls(len(array), canonical_type(rule.type))
    return _moments(_of_reals(array.to_numpy(), rule.epoch), rule)


def _moments(instants: _Instants, rule: Rule) -> pa.Array:
    if rule.type.base is not Base.DATE:
        return from_numpy(instants.micros, instants.ok, canonical_type(rule.type))
    days = instants.micros // DAY
    return from_numpy(days.astype(np.int32), instants.ok & (days * DAY == instants.micros), pa.date32())


def _of_integers(values: Numbers, epoch: Epoch) -> _Instants:
    if epoch is Epoch.JULIAN:
        return _of_reals(values.astype(np.float64), epoch)
    if epoch is not Epoch.AUTO:
        factor, shift = _FACTORS[epoch]
        return _scaled(values, factor, 1, shift)
    micros, ok = np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)
    size = np.abs(np.maximum(values, -(2**63) + 1))
    lower = 0
    for upper, factor, divisor in _AUTO:
        mask = (size >= lower) & (size < upper)
        lower = upper
        if mask.all():
            return _scaled(values, factor, divisor, 0)
        if mask.any():
            part = _scaled(values[mask], factor, divisor, 0)
            micros[mask], ok[mask] = part.micros, part.ok
    return _Instants(micros, ok)


_FACTORS = {
    Epoch.SECONDS: (1_000_000, 0),
    Epoch.MILLISECONDS: (1_000, 0),
    Epoch.MICROSECONDS: (1, 0),
    Epoch.CORE_DATA: (1_000_000, _CORE_DATA_1970 * 1_000_000),
    Epoch.WEBKIT: (1, -_WEBKIT_1970 * 1_000_000),
}


def _scaled(values: Numbers, factor: int, divisor: int, shift: int) -> _Instants:
    lower = -((shift - FIRST_INSTANT) // factor)
    upper = (LAST_INSTANT - shift) // factor
    ok = (values >= lower * divisor) & (values <= min(upper * divisor, 2**63 - 1)) & (values % divisor == 0)
    return _Instants(np.where(ok, values, 0) // divisor * factor + shift, ok)


def _of_reals(values: Doubles, epoch: Epoch) -> _Instants:
    if epoch is Epoch.JULIAN:
        with np.errstate(over="ignore"):
            micros = np.floor((values - _JULIAN_1970) * 86_400_000.0 + 0.5) * 1000.0
        ok = (values >= 0) & (micros >= FIRST_INSTANT) & (micros <= LAST_INSTANT)
        return _Instants(np.where(ok, micros, 0).astype(np.int64), ok)
    if epoch is Epoch.AUTO:
        size = np.abs(values)
        factor = np.select([size < 1e11, size < 1e14, size < 1e17], [1e6, 1e3, 1.0], 1e-3)
        shift = 0
    else:
        whole, shift = _FACTORS[epoch]
        factor = np.full(1, whole, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        micros = np.rint(values * factor)
    ok = (micros >= FIRST_INSTANT - shift) & (micros <= LAST_INSTANT - shift)
    return _Instants(np.where(ok, micros, 0).astype(np.int64) + shift, ok)
