"""Single times: ``yesterday``, ``last week``, ``3 May``, ``Q2 2025``, ``two weeks ago``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from functools import partial
from typing import Final

from exuvia.ask.language.calendar import Span, Unit
from exuvia.ask.language.dates import BACK, STEPS, Dates, Point
from exuvia.ask.language.time_names import MONTHS, NUMBERS, ORDINALS, PART_DAYS, UNITS, WEEKDAYS

_COUNTED: Final = re.compile(r"(\d+)(h|hrs|d|days?|w|weeks?|mo|months?)")
_SHORT_UNITS: Final[dict[str, Unit]] = {"h": "hour", "d": "day", "w": "week", "mo": "month"}
_OLDER: Final = frozenset({"older", "more", "longer"})
_NEWER: Final = frozenset({"newer", "younger", "less"})
_RECENT_DAYS: Final = 14
_FEW: Final = 3
_MOST: Final = 100_000  # units back; more are no times


class Points(Dates):
    """Reads single times, by their names or from the present on."""

    def at(self, place: int, *, whole: bool = False) -> Point | None:
        """Return the time that is named at a place, if there is one; ``whole`` leaves out parts, as early March is."""
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
            found = None if whole and read == self._part else read(start)
            if found is not None:
                return found
        return self._day_alone(start) if start > place or self._low(place - 1) == "on" else None

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
        if (week := self._week_of_month(place)) is not None:
            return week
        third = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}.get(low)
        if third is None:
            return None
        after += self._low(after) in {"of", "in"}
        unit = UNITS.get(self._low(after + 1)) if self._low(after) == "the" else None
        if unit is not None and unit not in {"minute", "hour"}:
            return self._made(lambda: self._third(self._calendar.unit(unit, 0), third), after + 2)
        whole = self.at(after, whole=True)
        if whole is None or whole.span is None or None in whole.span:
            return None
        return self._made(lambda: self._third(whole.span or Span(None, None), third), whole.after)

    def _week_of_month(self, place: int) -> Point | None:
        """Read ``first week of November``: its days 1 to 7; the last are its last seven."""
        number = {**ORDINALS, "last": 0}.get(self._low(place))
        if number is None or not self._reading.matches(place + 1, "week", "of"):
            return None
        month = self.at(place + 3, whole=True)
        if month is None or month.span is None or None in month.span:
            return None
        start, end = (at.astimezone(self._calendar.zone).date() for at in month.span if at is not None)
        first = start + timedelta(days=7 * (number - 1)) if number else end - timedelta(days=7)
        return self._made(lambda: self._calendar.days(first, first + timedelta(days=7)), month.after)

    def aged(self, place: int) -> Point | None:
        """Read ``older than 2 weeks``, ``more than 3 days ago``, ``less than a month old``."""
        low = self._low(place)
        if low not in _OLDER | _NEWER or self._low(place + 1) != "than":
            return None
        counted = self._counted(place + 2)
        if counted is None:
            return None
        count, unit, after = counted
        is_age = self._low(after) in {"ago", "old"}
        if not is_age and low in {"more", "longer", "less"}:
            return None
        made = self._made(lambda: self._calendar.rolling(count, unit), after + is_age)
        if made.span is None or low in _NEWER:
            return made
        return Point(Span(None, made.span.start), made.after)

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
        if self._low(place) not in BACK:
            return None
        counted = self._counted(place + 1)
        if self._low(place + 1) == "fortnight":
            counted = 2, "week", place + 2
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
        step, name, after = STEPS.get(self._low(place)), self._low(place + 1), place + 2
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
            elif step < 0 and self._low(after - 2) in BACK and self._calendar.today.weekday() >= 5:
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

    def _weekday(self, place: int) -> Point | None:
        name = self._low(place)
        weekday = WEEKDAYS.get(name, WEEKDAYS.get(name[:-1]) if name.endswith("s") else None)
        if weekday is None:
            return None
        loose = len(name) < 6
        return self._made(
            lambda: self._calendar.day(self._calendar.weekday(weekday)), self._possessive(place + 1), loose=loose
        )

    def _recent(self, place: int) -> Point | None:
        if self._low(place) not in {"recently", "lately"}:
            return None
        return self._made(lambda: self._calendar.rolling(_RECENT_DAYS, "day"), place + 1)
