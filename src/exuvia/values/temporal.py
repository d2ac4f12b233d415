"""Dates and times in text, read all at once.

Days are counted as in H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"
(https://howardhinnant.github.io/date_algorithms.html).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exuvia.values.packed import (
    Mask,
    Numbers,
    Packed,
    Pattern,
    Words,
    eight_digits,
    first_lanes,
    lane,
    pairs,
    text_word,
)

DAY = 86_400_000_000
LAST_TIMESTAMP_YEAR = 294_246
LAST_DATE_YEAR = 5_874_897
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097

NONE, DATE, TIME, TIMESTAMP, TIMESTAMP_ZONE = range(5)

_YEAR_MONTH = Pattern.of("0000-00-")
_DAY_ONLY = Pattern.of("00??????")
_DAY_TIME = Pattern.of("00?00:00")
_SECONDS = Pattern.of(":00?????")
_DIGITS = Pattern.of("00000000")
_HOUR_MINUTE = Pattern.of("00:00???")
_HOUR_MINUTE_SECOND = Pattern.of("00:00:00")
_UTC, _GMT = text_word(" UTC"), text_word(" GMT")
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] + [0] * 87, np.int64)
_LONG_YEAR = re.compile(rb"([0-9]{5,7})(-[0-9]{2}-[0-9]{2}(?:[T ].*)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Moments:
    """What texts say as dates and times.

    Args:
        form: NONE, DATE, TIME, TIMESTAMP or TIMESTAMP_ZONE for each text.
        days: Days since 1970-01-01 of the date as written; 0 for a TIME.
        micros: Microseconds since midnight of the time as written; 0 for a DATE.
        offset: Microseconds that the written zone is east of UTC; 0 without one.
    """

    form: NDArray[np.uint8]
    days: Numbers
    micros: Numbers
    offset: Numbers


def read_moments(texts: Packed) -> Moments:
    """Read every text that is a date, a time or a timestamp which PostgreSQL can hold exactly."""
    count = len(texts)
    found = Moments(np.zeros(count, np.uint8), *(np.zeros(count, np.int64) for _ in range(3)))
    if not count:
        return found
    first = texts.word(0)
    ok_year, date_digits = _YEAR_MONTH.read(first)
    if ok_year.any():
        _store(found, ok_year, _dated(texts.pick(ok_year), date_digits[ok_year]))
    clock, _ = _HOUR_MINUTE.read(first)
    if clock.any():
        _store(found, clock, _clocks(texts.pick(clock), first[clock]))
    if not (ok_year | clock).all():
        _read_long_years(texts, first, found)
    return found


def _store(found: Moments, where: Mask, part: Moments) -> None:
    found.form[where] = part.form
    found.days[where] = part.days
    found.micros[where] = part.micros
    found.offset[where] = part.offset


def _dated(texts: Packed, date_digits: Words) -> Moments:
    second = texts.word(8)
    ok, day_digits = _DAY_ONLY.read(second)
    year = lane(pairs(date_digits), 0) * 100 + lane(pairs(date_digits), 2)
    month = lane(pairs(date_digits), 5)
    day = lane(pairs(day_digits), 0)
    real = ok & real_days(year, month, day)
    days = np.where(real, days_of(year, month, day), 0)
    form = np.where(real & (texts.lengths == 10), DATE, NONE).astype(np.uint8)
    zero = np.zeros(len(texts), np.int64)
    found = Moments(form, days, zero, zero.copy())
    timed, digits = _DAY_TIME.read(second)
    separator = lane(second, 2)
    timed &= real & ((separator == ord("T")) | (separator == ord(" "))) & (texts.lengths >= 16)
    if timed.any():
        _read_time_of_day(texts.pick(timed), digits[timed], found, timed)
    return found


def _read_time_of_day(texts: Packed, digits: Words, found: Moments, where: Mask) -> None:
    numbers = pairs(digits)
    hour, minute = lane(numbers, 3), lane(numbers, 6)
    zoned, end, offset, ok = _zones(texts)
    third = texts.word(16)
    has_seconds, second_digits = _SECONDS.read(third)
    second = np.where(end == 16, 0, lane(pairs(second_digits), 1))
    ok &= (end == 16) | (has_seconds & (end >= 19))
    fraction_ok, micros = _fractions(texts, 20, end - 20, lane(third, 3) == ord("."))
    ok &= fraction_ok & (hour < 24) & (minute < 60) & (second < 60)
    form = np.where(ok, np.where(zoned, TIMESTAMP_ZONE, TIMESTAMP), NONE)
    found.form[where] = form.astype(np.uint8)
    found.micros[where] = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
    found.offset[where] = offset


def _zones(texts: Packed) -> tuple[Mask, Numbers, Numbers, Mask]:
    """Return which texts end in a zone, where the text before the zone ends, the offset, and which zones are sound."""
    tail = texts.last_word()
    last = lane(tail, 7) | 0x20
    letter = last == ord("z")
    word = ((tail >> np.uint64(32)) == _UTC) | ((tail >> np.uint64(32)) == _GMT)
    length = np.where(letter, 1, np.where(word, 4, 0))
    offset = np.zeros(len(texts), np.int64)
    ok = np.ones(len(texts), np.bool_)
    for width, pattern in _OFFSETS:
        sign = lane(tail, 8 - width)
        signed = (sign == ord("+")) | (sign == ord("-"))
        if not signed.any():
            continue
        sound, digits = pattern.read(tail)
        numbers = pairs(digits)
        hours = lane(numbers, 9 - width)
        minutes = lane(numbers, 6) if width > 3 else np.zeros(len(texts), np.int64)
        ok &= ~signed | (sound & (hours < 16) & (minutes < 60))
        size = (hours * 60 + minutes) * 60_000_000
        offset = np.where(signed, np.where(sign == ord("-"), -size, size), offset)
        length = np.where(signed, width, length)
    zoned = length > 0
    end = texts.lengths - length
    if zoned.any():
        spaced = zoned & ~word & (texts.data[texts.starts + end - 1] == ord(" "))
        end = end - spaced
    return zoned, end, offset, ok & (end >= 16)


_OFFSETS = ((3, Pattern.of("??????00")), (5, Pattern.of("????0000")), (6, Pattern.of("???00:00")))


def _fractions(texts: Packed, place: int, count: Numbers, dotted: Mask) -> tuple[Mask, Numbers]:
    """Read ``count`` fraction digits from ``place`` on; a count of -1 or less means that there is no fraction."""
    some = count >= 0
    ok = np.where(some, (count > 0) & dotted, True)
    if not some.any():
        return ok, np.zeros(len(texts), np.int64)
    own = first_lanes(count)
    sound, digits = _DIGITS.read((texts.word(place) & own) | (~own & _ZEROS))
    value = eight_digits(digits)
    ok &= ~some | (sound & (value % 100 == 0))
    for start in range(8, int(count.max()), 8):
        if place + start > LONGEST_PLACE:
            ok &= count <= start
            break
        own = first_lanes(count - start)
        ok &= (texts.word(place + start) & own) == (_ZEROS & own)
    return ok, np.where(some, value // 100, 0)


_ZEROS = text_word("00000000")
LONGEST_PLACE = 56


def _clocks(texts: Packed, first: Words) -> Moments:
    short = texts.lengths == 5
    _, minutes = _HOUR_MINUTE.read(first)
    full, digits = _HOUR_MINUTE_SECOND.read(first)
    numbers = pairs(np.where(short, minutes, digits))
    hour, minute = lane(numbers, 0), lane(numbers, 3)
    second = np.where(short, 0, lane(numbers, 6))
    fraction_ok, micros = _fractions(texts, 9, texts.lengths - 9, texts.byte(8) == ord("."))
    ok = (short | (full & (texts.lengths >= 8))) & fraction_ok & (hour < 24) & (minute < 60) & (second < 60)
    zero = np.zeros(len(texts), np.int64)
    form = np.where(ok, TIME, NONE).astype(np.uint8)
    return Moments(form, zero, ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros, zero)


def _read_long_years(texts: Packed, first: Words, found: Moments) -> None:
    dashes = (lane(first, 5) == ord("-")) | (lane(first, 6) == ord("-")) | (lane(first, 7) == ord("-"))
    for row in np.flatnonzero(dashes & (texts.lengths >= 11)):
        start = int(texts.starts[row])
        shape = _LONG_YEAR.fullmatch(texts.data[start : start + int(texts.lengths[row])].tobytes())
        year = int(shape[1]) if shape else 0
        if shape is None or year < 10_000 or year > LAST_DATE_YEAR:
            continue
        cycles = (year - 2000) // _CYCLE_YEARS
        same = b"%04d%s" % (year - cycles * _CYCLE_YEARS, shape[2])
        moment = read_moments(Packed.of(pa.array([same], pa.binary())))
        form = int(moment.form[0])
        if form == DATE or (form and year <= LAST_TIMESTAMP_YEAR):
            found.form[row] = form
            found.days[row] = int(moment.days[0]) + cycles * _CYCLE_DAYS
            found.micros[row] = moment.micros[0]
            found.offset[row] = moment.offset[0]


def real_days(year: Numbers, month: Numbers, day: Numbers) -> Mask:
    """Return which year, month and day name a day of the proleptic Gregorian calendar from the year 1 on."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = _MONTH_DAYS[month] + (leap & (month == 2))
    return (year > 0) & (day > 0) & (day <= longest)


def days_of(year: Numbers, month: Numbers, day: Numbers) -> Numbers:
    """Return the days since 1970-01-01 of real days."""
    early = (month <= 2).astype(np.int64)
    shifted = year - early
    era = shifted // _CYCLE_YEARS
    of_era = shifted - era * _CYCLE_YEARS
    of_year = (153 * (month + 12 * early - 3) + 2) // 5 + day - 1
    return era * _CYCLE_DAYS + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
