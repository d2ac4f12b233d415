"""Days, weeks, months, quarters and years as half-open ranges of times, in a time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

Unit = Literal["minute", "hour", "day", "week", "month", "quarter", "year"]
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


class Span(NamedTuple):
    """A half-open range of times, in UTC; None for no beginning, or no end."""

    start: datetime | None
    end: datetime | None


class Calendar:
    """The calendar around a moment. Weeks begin on Monday (ISO 8601).

    Args:
        now: The moment.
        zone: The time zone whose days are meant.
    """

    def __init__(self, now: datetime, zone: tzinfo) -> None:
        self.zone = zone
        self.utc_now = now.astimezone(UTC)
        self.now = now.astimezone(zone)
        self.today = self.now.date()

    def instant(self, day: date, at: time = time(0)) -> datetime:
        """Return a time of a day, in UTC. Where clocks skip it, that is when they do; of two such it is the first."""
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def days(self, first: date, after: date) -> Span:
        """Return the days from one on to another, which is not included."""
        return Span(self.instant(first), self.instant(after))

    def day(self, day: date) -> Span:
        """Return a day, which has 23 or 25 hours when clocks change."""
        return self.days(day, day + timedelta(days=1))

    def month(self, year: int, month: int) -> Span:
        """Return a month."""
        return self._months(12 * year + month - 1, 1)

    def quarter(self, year: int, quarter: int) -> Span:
        """Return a quarter, 1 to 4."""
        return self._months(12 * year + 3 * quarter - 3, 3)

    def half(self, year: int, half: int) -> Span:
        """Return a half of a year, 1 or 2."""
        return self._months(12 * year + 6 * half - 6, 6)

    def year(self, year: int) -> Span:
        """Return a year."""
        return self._months(12 * year, 12)

    def iso_week(self, year: int, week: int) -> Span:
        """Return a week by its number in ISO 8601.

        Raises:
            ValueError: The year has no such week.
        """
        monday = date.fromisocalendar(year, week, 1)
        return self.days(monday, monday + timedelta(days=7))

    def unit(self, unit: Unit, offset: int) -> Span:
        """Return the day, week, month, quarter or year that is so many after the present one."""
        if unit == "day":
            return self.day(self.today + timedelta(days=offset))
        if unit == "week":
            monday = self.today - timedelta(days=self.today.weekday()) + timedelta(weeks=offset)
            return self.days(monday, monday + timedelta(days=7))
        if unit in _MONTHS:
            width = _MONTHS[unit]
            present = 12 * self.today.year + self.today.month - 1
            return self._months(present - present % width + offset * width, width)
        hour = self.utc_now.replace(minute=0, second=0, microsecond=0)
        step = timedelta(hours=1)
        if unit == "minute":
            hour, step = self.utc_now.replace(second=0, microsecond=0), timedelta(minutes=1)
        return Span(hour + offset * step, hour + (offset + 1) * step)

    def rolling(self, count: int, unit: Unit) -> Span:
        """Return the last so many units, up to now: by the clock on the wall, hours and minutes by their length."""
        if unit in {"minute", "hour"}:
            return Span(self.utc_now - timedelta(**{f"{unit}s": count}), self.utc_now)
        if unit in {"day", "week"}:
            first = self.today - timedelta(days=count * (7 if unit == "week" else 1))
        else:
            first = self._shifted(self.today, -count * _MONTHS[unit])
        return Span(self.instant(first, self.now.time()), self.utc_now)

    def weekday(self, weekday: int, *, before_today: bool = False) -> date:
        """Return the last such day of the week (0 is Monday) that is not after today, or that is before it."""
        back = (self.today.weekday() - weekday) % 7
        return self.today - timedelta(days=back or (7 if before_today else 0))

    def _months(self, number: int, count: int) -> Span:
        return self.days(_first_of(number), _first_of(number + count))

    @staticmethod
    def _shifted(day: date, months: int) -> date:
        number = 12 * day.year + day.month - 1 + months
        first = _first_of(number)
        return first + timedelta(days=min(day.day, (_first_of(number + 1) - first).days) - 1)


def _first_of(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
