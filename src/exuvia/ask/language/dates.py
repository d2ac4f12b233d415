"""Days, months, quarters and years by their names: ``3 May``, ``2026-05-03``, ``Q2 2025``, ``on the 20th``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

from exuvia.ask.language.calendar import Calendar, Span
from exuvia.ask.language.time_names import AMBIGUOUS, MONTHS, ORDINALS
from exuvia.ask.language.tokens import Reading

_ISO_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_ISO_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[tT ]\d\d:\d\d(:\d\d(\.\d+)?)?([zZ]|[+-]\d\d:?\d\d)?")
_ISO_MONTH: Final = re.compile(r"(\d{4})-(\d{1,2})")
_ISO_WEEK: Final = re.compile(r"(\d{4})-?w(\d{1,2})")
_YEAR: Final = re.compile(r"(?:19|20|21)\d\d")
_NUMERIC: Final = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4}|\d{2})")
_DAY: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?")
_ORDINAL_DAY: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")
_DAYS: Final = re.compile(r"(\d{1,2})[-\u2013](\d{1,2})")
_QUARTER: Final = re.compile(r"(?:(\d{4})-?)?q([1-4])")
_HALF: Final = re.compile(r"(?:(\d{4})-?)?h([12])")
JOINTS: Final = frozenset({"to", "until", "till", "through", "-", "\u2013", "\u2014"})
"""What stands between two times."""
BACK: Final = frozenset({"last", "previous", "past", "prior"})
STEPS: Final = {"this": 0, "current": 0, "next": 1, "coming": 1, **dict.fromkeys(BACK, -1)}
"""Words for units before and after the present one."""


@dataclass(frozen=True, slots=True)
class Point:
    """A time that a question names.

    Args:
        span: What it is; None where there is no such time, as on 30 February.
        after: The place after its last word.
        in_year: The same in another year, where the question names none.
        loose: Its words may mean something else, unless a preposition stands before them.
        why_not: Why there is no such time, for the reader.
    """

    span: Span | None
    after: int
    in_year: Callable[[int], Span] | None = None
    loose: bool = False
    why_not: str = ""


class Dates:
    """Reads times that have a name of their own in the calendar.

    Args:
        reading: The question.
        calendar: The calendar of the asker.
    """

    def __init__(self, reading: Reading, calendar: Calendar) -> None:
        self._reading = reading
        self._calendar = calendar

    def year_at(self, place: int) -> tuple[int | None, int]:
        """Return the year at a place, which ``of`` or ``in`` may stand before, and the place after it."""
        start = place + 1 if self._low(place) in {"of", "in"} else place
        if _YEAR.fullmatch(self._low(start)):
            return int(self._low(start)), start + 1
        if self._low(start) in STEPS and self._low(start + 1) in {"year", "year's"}:
            return self._calendar.today.year + STEPS[self._low(start)], start + 2
        return None, place

    def _low(self, place: int) -> str:
        return self._reading.low(place)

    def _made(self, make: Callable[[], Span], after: int, *, loose: bool = False) -> Point:
        try:
            span: Span | None = make()
        except (ValueError, OverflowError):
            span = None
        if span is None or (span.start is not None and span.end is not None and span.start >= span.end):
            return Point(None, after, why_not="there is no such time")
        return Point(span, after, loose=loose)

    def _yearly(self, make: Callable[[int], Span], after: int, *, loose: bool = False) -> Point:
        """Read what may be followed by a year; without one it is the latest that has begun."""
        year, end = self.year_at(after)
        if year is not None:
            return self._made(lambda: make(year), end)
        this = self._calendar.today.year
        for chosen in range(this, this - 9, -1):  # 29 February comes every eighth year at least
            try:
                span = make(chosen)
            except (ValueError, OverflowError):
                continue
            if span.start is not None and span.start <= self._calendar.utc_now:
                return Point(span, after, make, loose)
        return Point(None, after, why_not="there is no such day")

    def _iso(self, place: int) -> Point | None:
        low = self._low(place)
        if _ISO_TIME.fullmatch(low):
            return self._made(lambda: self._minute(low), place + 1)
        if found := _ISO_DAY.fullmatch(low):
            year, month, day = map(int, found.groups())
            return self._made(lambda: self._calendar.day(date(year, month, day)), place + 1)
        if found := _ISO_WEEK.fullmatch(low):
            return self._made(partial(self._calendar.iso_week, int(found[1]), int(found[2])), place + 1)
        if (found := _ISO_MONTH.fullmatch(low)) and 1 <= int(found[2]) <= 12:
            return self._made(partial(self._calendar.month, int(found[1]), int(found[2])), place + 1)
        return None

    def _minute(self, low: str) -> Span:
        at = datetime.fromisoformat(low.upper())
        start = self._calendar.instant(at.date(), at.time()) if at.tzinfo is None else at.astimezone(UTC)
        return Span(start, start + timedelta(minutes=1))

    def _numeric(self, place: int) -> Point | None:
        found = _NUMERIC.fullmatch(self._low(place))
        if not found:
            return None
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        year += 2000 if year < 100 else 0
        if found[2] == "/" and first <= 12 and second <= 12 and first != second:
            iso = f"{year}-{second:02}-{first:02} or {year}-{first:02}-{second:02}"
            return Point(None, place + 1, why_not=f"write {iso}")
        day, month = (second, first) if found[2] == "/" and first <= 12 < second else (first, second)
        return self._made(lambda: self._calendar.day(date(year, month, day)), place + 1)

    def _quarter(self, place: int) -> Point | None:
        low, quarter, half = self._low(place), self._calendar.quarter, self._calendar.half
        if low in ORDINALS and self._low(place + 1) == "quarter":
            return self._yearly(lambda year: quarter(year, ORDINALS[low]), place + 2)
        for form, make in ((_QUARTER, quarter), (_HALF, half)):
            found = form.fullmatch(low)
            if found and found[1]:
                return self._made(partial(make, int(found[1]), int(found[2])), place + 1)
            if found and (make is quarter or self.year_at(place + 1)[0] is not None):
                return self._yearly(partial(_numbered, make, int(found[2])), place + 1)
        return None

    def _days_of_month(self, place: int) -> Point | None:
        """Read ``3-5 May``, ``3 to 5 May``, ``May 3-7``, ``May 3 to 7``, ``between 3 and 7 May``."""
        joints = {"and"} if self._low(place - 1) == "between" else JOINTS
        for start, month_first in ((place, False), (place + 1, True)):
            pair = _DAYS.fullmatch(self._low(start))
            if pair:
                first, last, after = int(pair[1]), int(pair[2]), start + 1
            else:
                one, other = _DAY.fullmatch(self._low(start)), _DAY.fullmatch(self._low(start + 2))
                if not one or not other or self._low(start + 1) not in joints:
                    continue
                first, last, after = int(one[1]), int(other[1]), start + 3
            after += not month_first and self._low(after) == "of"
            month = MONTHS.get(self._low(place if month_first else after))
            if month is not None and first <= last:
                make = self._month_part(month, first, last)
                return self._yearly(make, after if month_first else after + 1)
        return None

    def _month_part(self, month: int, first: int, last: int) -> Callable[[int], Span]:
        return lambda year: self._calendar.days(date(year, month, first), date(year, month, last) + timedelta(days=1))

    def _day_and_month(self, place: int) -> Point | None:
        """Read ``3 May``, ``3rd of May``, ``May 3rd``."""
        day, month = _DAY.fullmatch(self._low(place)), MONTHS.get(self._low(place))
        if day:
            after = place + 1 + (self._low(place + 1) == "of")
            month = MONTHS.get(self._low(after))
            if month is None:
                return None
            return self._yearly(self._month_part(month, int(day[1]), int(day[1])), after + 1)
        other = _DAY.fullmatch(self._low(place + 1))
        if month is None or not other:
            return None
        return self._yearly(self._month_part(month, int(other[1]), int(other[1])), place + 2)

    def _month(self, place: int) -> Point | None:
        name = self._low(place)
        month = MONTHS.get(name)
        if month is None:
            return None
        found = self._yearly(lambda year: self._calendar.month(year, month), self._possessive(place + 1))
        loose = found.in_year is not None and name in AMBIGUOUS
        return Point(found.span, found.after, found.in_year, loose, found.why_not)

    def _week_number(self, place: int) -> Point | None:
        number = self._low(place + 1)
        if self._low(place) not in {"week", "cw", "kw"} or not number.isdecimal() or len(number) > 2:
            return None
        return self._yearly(lambda year: self._calendar.iso_week(year, int(number)), place + 2)

    def _year(self, place: int) -> Point | None:
        if self._low(place) == "year" and _YEAR.fullmatch(self._low(place + 1)):
            return self._made(partial(self._calendar.year, int(self._low(place + 1))), place + 2)
        low = self._low(place)
        if not _YEAR.fullmatch(low):
            return None
        quarter = _QUARTER.fullmatch(self._low(place + 1))
        if quarter and not quarter[1]:
            return self._made(lambda: self._calendar.quarter(int(low), int(quarter[2])), place + 2)
        return self._made(lambda: self._calendar.year(int(low)), place + 1, loose=True)

    def _day_alone(self, place: int) -> Point | None:
        """Read ``on the 20th``: of this month, or of the last one that has had such a day."""
        day = _ORDINAL_DAY.fullmatch(self._low(place))
        if not day:
            return None
        today = self._calendar.today
        for back in range(12):
            number = 12 * today.year + today.month - 1 - back
            try:
                chosen = date(number // 12, number % 12 + 1, int(day[1]))
            except ValueError:
                continue
            if chosen <= today:
                return self._made(partial(self._calendar.day, chosen), place + 1)
        return Point(None, place + 1, why_not="there is no such day")

    def _possessive(self, place: int) -> int:
        return place + (self._low(place) == "'s")


def _numbered(make: Callable[[int, int], Span], number: int, year: int) -> Span:
    return make(year, number)
