"""Single times: ``yesterday``, ``last week``, ``3 May``, ``Q2 2025``, ``two weeks ago``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

from exuvia.ask.language.calendar import Calendar, Span, Unit
from exuvia.ask.language.time_names import AMBIGUOUS, MONTHS, NUMBERS, ORDINALS, PART_DAYS, UNITS, WEEKDAYS
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
_COUNTED: Final = re.compile(r"(\d+)(h|hrs|d|days?|w|weeks?|mo|months?)")
_SHORT_UNITS: Final[dict[str, Unit]] = {"h": "hour", "d": "day", "w": "week", "mo": "month"}
_BACK: Final = frozenset({"last", "previous", "past", "prior"})
_STEPS: Final = {"this": 0, "current": 0, "next": 1, "coming": 1, **dict.fromkeys(_BACK, -1)}
JOINTS: Final = frozenset({"to", "until", "till", "through", "-", "\u2013", "\u2014"})
"""What stands between two times."""
_RECENT_DAYS: Final = 14
_FEW: Final = 3
_MOST: Final = 100_000  # units back; more are no times


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


class Points:
    """Reads single times.

    Args:
        reading: The question.
        calendar: The calendar of the asker.
    """

    def __init__(self, reading: Reading, calendar: Calendar) -> None:
        self._reading = reading
        self._calendar = calendar

    def at(self, place: int) -> Point | None:
        """Return the time that is named at a place, if there is one."""
        start = place + 1 if self._low(place) == "the" else place
        for read in (
            self._iso,
            self._numeric,
            self._relative_day,
            self._ago,
            self._part,
            self._rolling,
            self._step,
            self._quarter,
            self._days_of_month,
            self._day_and_month,
            self._month,
            self._weekday,
            self._week_number,
            self._year,
            self._recent,
        ):
            found = read(start)
            if found is not None:
                return found
        return self._day_alone(start) if start > place or self._low(place - 1) == "on" else None

    def year_at(self, place: int) -> tuple[int | None, int]:
        """Return the year at a place, which ``of`` or ``in`` may stand before, and the place after it."""
        start = place + 1 if self._low(place) in {"of", "in"} else place
        if _YEAR.fullmatch(self._low(start)):
            return int(self._low(start)), start + 1
        if self._low(start) in _STEPS and self._low(start + 1) in {"year", "year's"}:
            return self._calendar.today.year + _STEPS[self._low(start)], start + 2
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

    def _relative_day(self, place: int) -> Point | None:
        phrases = {("day", "before", "yesterday"): -2, ("day", "after", "tomorrow"): 2}
        for phrase, days in phrases.items():
            if self._reading.matches(place, *phrase):
                return self._made(partial(self._calendar.unit, "day", days), place + 3)
        offset = {"yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1}.get(self._low(place))
        if offset is None:
            return None
        if self._low(place) == "tonight":
            return self._hours(0, 18, 24, place + 1)
        after = place + 1
        if self._low(after) in PART_DAYS:
            return self._hours(offset, *PART_DAYS[self._low(after)], after + 1)
        return self._made(lambda: self._calendar.unit("day", offset), self._possessive(after))

    def _hours(self, offset: int, first: int, last: int, after: int) -> Point:
        def make() -> Span:
            day = self._calendar.today + timedelta(days=offset)
            end = self._calendar.instant(day + timedelta(days=last // 24), time(last % 24))
            return Span(self._calendar.instant(day, time(first)), end)

        return self._made(make, after)

    def _ago(self, place: int) -> Point | None:
        counted = self._counted(place)
        if counted is None:
            return None
        count, unit, after = counted
        if self._low(after) != "ago":
            return None
        if unit in {"minute", "hour"}:
            return self._made(lambda: self._calendar.rolling(count, unit), after + 1)
        return self._made(lambda: self._calendar.unit(unit, -count), after + 1)

    def _part(self, place: int) -> Point | None:
        """Read ``early March``, ``late in Q2``, ``the end of last month``, ``the first half of 2025``."""
        low = self._low(place)
        after = place + 1
        if low in ORDINALS and self._low(after) == "half":
            number = ORDINALS[low]
            year, end = self.year_at(after + 1)
            chosen = self._calendar.today.year if year is None else year
            return self._made(lambda: self._calendar.half(chosen, number), end)
        third = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}.get(low)
        if third is None:
            return None
        after += self._low(after) in {"of", "in"}
        unit = UNITS.get(self._low(after + 1)) if self._low(after) == "the" else None
        if unit is not None and unit not in {"minute", "hour"}:
            return self._made(lambda: self._third(self._calendar.unit(unit, 0), third), after + 2)
        whole = self.at(after)
        if whole is None or whole.span is None or None in whole.span:
            return None
        return self._made(lambda: self._third(whole.span or Span(None, None), third), whole.after)

    def _third(self, span: Span, third: int) -> Span:
        """Return a third of a range, in whole days: of a month days 1 to 10, 11 to 20, and those from 21 on."""
        zone = self._calendar.zone
        assert span.start is not None
        assert span.end is not None
        first, end = span.start.astimezone(zone).date(), span.end.astimezone(zone).date()
        size = (end - first).days // 3
        bounds = (first, first + timedelta(days=size), first + timedelta(days=2 * size), end)
        return self._calendar.days(bounds[third], bounds[third + 1])

    def _rolling(self, place: int) -> Point | None:
        """Read ``last 3 days``, ``past week``, ``last couple of weeks``."""
        if self._low(place) not in _BACK:
            return None
        counted = self._counted(place + 1)
        if counted is None:
            rolling = self._low(place) == "past" or (
                self._low(place - 1) == "the" and self._low(place - 2) in {"in", "over", "during", "within", "for"}
            )
            unit = UNITS.get(self._low(place + 1))
            if not rolling or unit is None:
                return None
            counted = 1, unit, place + 2
        count, unit, after = counted
        return self._made(lambda: self._calendar.rolling(count, unit), after)

    def _counted(self, place: int) -> tuple[int, Unit, int] | None:
        """Read ``3 days``, ``a week``, ``a couple of months``, ``24h``: the number, the unit and the place after."""
        low = self._low(place)
        if short := _COUNTED.fullmatch(low):
            unit = _SHORT_UNITS.get(short[2]) or UNITS.get(short[2])
            return None if unit is None or len(short[1]) > 5 else (int(short[1]), unit, place + 1)
        after = place + 1
        if low in {"a", "an"} and self._low(after) in {"couple", "few"}:
            low, after = self._low(after), after + 1
        if low in {"couple", "few"}:
            count: int | None = 2 if low == "couple" else _FEW
            after += self._low(after) == "of"
        elif low in {"a", "an"}:
            count = 1
        else:
            count = int(low) if low.isdecimal() and len(low) < 6 else NUMBERS.get(low)
        named = UNITS.get(self._low(after))
        if count is None or named is None or not 0 < count <= _MOST:
            return None
        return count, named, after + 1

    def _step(self, place: int) -> Point | None:
        """Read ``this week``, ``last month``, ``last Friday``, ``last March``, ``over the weekend``."""
        if self._low(place) in {"weekend", "weekend's"}:
            return self._weekend(-1, place + 1)
        step, name, after = _STEPS.get(self._low(place)), self._low(place + 1), place + 2
        if step is None:
            return None
        if name in {"weekend", "weekend's"}:
            return self._weekend(step, after)
        if name == "night" or name in PART_DAYS:
            return self._this_part(step, name, after)
        make: Callable[[], Span] | None = None
        if name in UNITS and name not in {"minute", "hour"} and not name.endswith("s"):
            make = partial(self._calendar.unit, UNITS[name], step)
        elif name in WEEKDAYS:
            make = partial(self._stepped_weekday, step, WEEKDAYS[name])
        elif name in MONTHS:
            make = partial(self._stepped_month, step, MONTHS[name])
        return None if make is None else self._made(make, self._possessive(after))

    def _weekend(self, step: int, after: int) -> Point:
        """Read a weekend: the last one that has begun, this week's, or the next one."""

        def make() -> Span:
            day = self._calendar.weekday(5)
            if step >= 0 and self._calendar.today.weekday() < 5:
                day += timedelta(days=7)
            elif step < 0 and self._low(after - 2) in _BACK and self._calendar.today.weekday() >= 5:
                day -= timedelta(days=7)
            return self._calendar.days(day, day + timedelta(days=2))

        return self._made(make, after)

    def _this_part(self, step: int, name: str, after: int) -> Point | None:
        if step == 0 and name in PART_DAYS:
            return self._hours(0, *PART_DAYS[name], after)
        if step == -1 and name == "night":
            today = self._calendar.today
            evening = today - timedelta(days=1)
            calendar = self._calendar
            return self._made(
                lambda: Span(calendar.instant(evening, time(18)), calendar.instant(today, time(6))), after
            )
        return None

    def _stepped_weekday(self, step: int, weekday: int) -> Span:
        calendar = self._calendar
        monday = calendar.today - timedelta(days=calendar.today.weekday())
        if step < 0:
            return calendar.day(calendar.weekday(weekday, before_today=True))
        day = monday + timedelta(days=weekday)
        if step > 0 and day <= calendar.today:
            day += timedelta(days=7)
        return calendar.day(day)

    def _stepped_month(self, step: int, month: int) -> Span:
        today = self._calendar.today
        year = today.year
        if step < 0:
            year -= month >= today.month
        elif step > 0:
            year += month <= today.month
        return self._calendar.month(year, month)

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
        """Read ``3-5 May``, ``3 to 5 May``, ``May 3-7``, ``May 3 to 7``."""
        for start, month_first in ((place, False), (place + 1, True)):
            pair = _DAYS.fullmatch(self._low(start))
            if pair:
                first, last, after = int(pair[1]), int(pair[2]), start + 1
            else:
                one, other = _DAY.fullmatch(self._low(start)), _DAY.fullmatch(self._low(start + 2))
                if not one or not other or self._low(start + 1) not in JOINTS:
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

    def _weekday(self, place: int) -> Point | None:
        name = self._low(place)
        weekday = WEEKDAYS.get(name, WEEKDAYS.get(name[:-1]) if name.endswith("s") else None)
        if weekday is None:
            return None
        loose = len(name) < 6
        return self._made(
            lambda: self._calendar.day(self._calendar.weekday(weekday)), self._possessive(place + 1), loose=loose
        )

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

    def _recent(self, place: int) -> Point | None:
        if self._low(place) not in {"recently", "lately"}:
            return None
        return self._made(lambda: self._calendar.rolling(_RECENT_DAYS, "day"), place + 1)

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
