"""Dates and times in text, read all at once."""

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
_LONG_YEAR = re.compile(rb"([1-9][0-9]{4,6})(-[0-9]{2}-[0-9]{2}(?:[T ].*)?)", re.DOTALL)


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
    first = texts.word(0) if len(texts) else np.zeros(0, np.uint64)
    dated, date_digits = _YEAR_MONTH.read(first)
    if len(texts) and dated.all():
        return _dated(texts, date_digits)
    found = Moments(np.zeros(len(texts), np.uint8), *(np.zeros(len(texts), np.int64) for _ in range(3)))
    if dated.any():
        _store(found, dated, _dated(texts.pick(dated), date_digits[dated]))
    clock, _ = _HOUR_MINUTE.read(first)
    if clock.any():
        _store(found, clock, _clocks(texts.pick(clock), first[clock]))
    if not (dated | clock).all():
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
    numbers = pairs(date_digits)
    year = lane(numbers, 0) * 100 + lane(numbers, 2)
    real, days = days_of(year, lane(numbers, 5), lane(pairs(day_digits), 0))
    real &= ok
    form = (real & (texts.lengths == 10)).view(np.uint8) * np.uint8(DATE)
    zero = np.zeros(len(texts), np.int64)
    found = Moments(form, days, zero, zero.copy())
    timed, digits = _DAY_TIME.read(second)
    separator = lane(second, 2)
    timed &= real & ((separator == ord("T")) | (separator == ord(" "))) & (texts.lengths >= 16)
    if timed.all():
        return _timed(texts, digits, days)
    if timed.any():
        _store(found, timed, _timed(texts.pick(timed), digits[timed], days[timed]))
    return found


def _timed(texts: Packed, digits: Words, days: Numbers) -> Moments:
    numbers = pairs(digits)
    zoned, end, offset, ok = _zones(texts)
    third = texts.word(16)
    has_seconds, second_digits = _SECONDS.read(third)
    second = lane(pairs(second_digits), 1)
    has_seconds &= end >= 19
    if not has_seconds.all():
        second[~has_seconds] = 0
        has_seconds |= end == 16
    fraction_ok, micros = _fractions(texts, 20, end - 20, lane(third, 3) == ord("."))
    clock_ok, clock = _clock(lane(numbers, 3), lane(numbers, 6), second)
    ok &= has_seconds & fraction_ok & clock_ok
    form = ok.view(np.uint8) * np.where(zoned, np.uint8(TIMESTAMP_ZONE), np.uint8(TIMESTAMP))
    return Moments(form, days, clock + micros, offset)


def _clock(hour: Numbers, minute: Numbers, second: Numbers) -> tuple[Mask, Numbers]:
    ok = (hour < 24) & (minute < 60) & (second < 60)
    return ok, ((hour * 60 + minute) * 60 + second) * 1_000_000


_OFFSETS = ((3, Pattern.of("??????00")), (5, Pattern.of("????0000")), (6, Pattern.of("???00:00")))


def _zones(texts: Packed) -> tuple[Mask, Numbers, Numbers, Mask]:
    """Return which texts end in a zone, where the text before the zone ends, the offset, and whether all is sound."""
    tail = texts.last_word()
    upper = tail >> np.uint64(32)
    word = (upper == _UTC) | (upper == _GMT)
    length = word * np.int64(4) + ((lane(tail, 7) | 0x20) == ord("z"))
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
        end -= zoned & ~word & (texts.data[texts.starts + end - 1] == ord(" "))
        ok &= end >= 16
    return zoned, end, offset, ok


def _fractions(texts: Packed, place: int, count: Numbers, dotted: Mask) -> tuple[Mask, Numbers]:
    """Read ``count`` fraction digits from ``place`` on; a count of -1 or less means that there is no fraction."""
    some = count >= 0
    if not some.any():
        return ~some, np.zeros(len(texts), np.int64)
    own = first_lanes(count)
    sound, digits = _DIGITS.read((texts.word(place) & own) | (~own & _ZEROS))
    value = eight_digits(digits)
    micros = value // 100
    ok = sound & (micros * 100 == value) & dotted & (count > 0)
    for start in range(8, int(count.max()), 8):
        if place + start > LONGEST_PLACE:
            ok &= count <= start
            break
        own = first_lanes(count - start)
        ok &= (texts.word(place + start) & own) == (_ZEROS & own)
    return ok | ~some, micros


_ZEROS = text_word("00000000")
LONGEST_PLACE = 56


def _clocks(texts: Packed, first: Words) -> Moments:
    short = texts.lengths == 5
    _, minute_digits = _HOUR_MINUTE.read(first)
    full, digits = _HOUR_MINUTE_SECOND.read(first)
    numbers = pairs(np.where(short, minute_digits, digits))
    fraction_ok, micros = _fractions(texts, 9, texts.lengths - 9, texts.byte(8) == ord("."))
    clock_ok, clock = _clock(lane(numbers, 0), lane(numbers, 3), np.where(short, 0, lane(numbers, 6)))
    ok = (short | (full & (texts.lengths >= 8))) & fraction_ok & clock_ok
    zero = np.zeros(len(texts), np.int64)
    return Moments(ok.view(np.uint8) * np.uint8(TIME), zero, clock + micros, zero)


def _read_long_years(texts: Packed, first: Words, found: Moments) -> None:
    dashes = (lane(first, 5) == ord("-")) | (lane(first, 6) == ord("-")) | (lane(first, 7) == ord("-"))
    for row in np.flatnonzero(dashes & (texts.lengths >= 11)):
        shape = _LONG_YEAR.fullmatch(texts.text(int(row)))
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


def days_of(year: Numbers, month: Numbers, day: Numbers) -> tuple[Mask, Numbers]:
    """Return which dates are days of the proleptic Gregorian calendar, and their days since 1970-01-01.

    Args:
        year: 0 to 9999; the year 0 has no days.
        month: 0 to 99.
        day: 0 to 99.
    """
    place = _YEAR_KIND[year] + month
    ok = (day > 0) & (day <= _MONTH_LENGTH[place])
    return ok, _YEAR_START[year] + _MONTH_START[place] + day


def _calendar() -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return the tables behind ``days_of``: for years their kind (which is the place of their months in the other
    tables) and the day before their first, for months their length and the days of the year before them."""
    years = np.arange(10_000)
    leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    kind = np.where(leap, 100, 0)
    kind[0] = 200
    length = np.zeros(300, np.int64)
    length[1:13] = length[101:113] = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    length[102] = 29
    before = np.concatenate([np.cumsum(table) - table for table in length.reshape(3, 100)])
    past = years - 1
    start = past * 365 + past // 4 - past // 100 + past // 400 - _DAYS_TO_1970
    return kind, start, length, before


_DAYS_TO_1970 = 719_163
_YEAR_KIND, _YEAR_START, _MONTH_LENGTH, _MONTH_START = _calendar()
