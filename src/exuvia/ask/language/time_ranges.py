"""Ranges of times: ``since Monday``, ``between 3 May and 7 June``, ``from March to May``, ``before 2026``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from exuvia.ask.language.calendar import Calendar, Span
from exuvia.ask.language.dates import JOINTS, STEPS, Point
from exuvia.ask.language.spelling import nearest
from exuvia.ask.language.time_names import LONG_NAMES, UNITS
from exuvia.ask.language.time_points import Points
from exuvia.ask.language.tokens import Reading
from exuvia.ask.records import TimeRange

_IN: Final = frozenset({"in", "on", "at", "during", "over", "within", "for", "from", "of", "back", "around", "dated"})
_SINCE: Final = frozenset({"since"})
_BEFORE: Final = frozenset({"before", "earlier"})
_AFTER: Final = frozenset({"after", "following"})
_UNTIL: Final = frozenset({"until", "till", "til", "through", "by"})
_SHORT_NAMES: Final = ("week", "month", "year")


class Ranges:
    """Reads ranges of times.

    Args:
        reading: The question.
        calendar: The calendar of the asker.
        reserved: Words that are names in the store, and so no misspelt days.
    """

    def __init__(self, reading: Reading, calendar: Calendar, reserved: frozenset[str]) -> None:
        self._reading = reading
        self._calendar = calendar
        self._points = Points(reading, calendar)
        self._reserved = reserved

    def read(self) -> TimeRange | None:
        """Take every time out of the question; return the first, or the range between a beginning and an end."""
        self._correct()
        found: TimeRange | None = None
        place = 0
        while place < len(self._reading):
            after, span, why_not = self._at(place)
            if after == place:
                place += 1
                continue
            said = place + (span is None and self._reading.low(place) in _IN)
            words = self._reading.text(said, after)
            self._reading.take("time", place, after)
            if span is None:
                self._lose(words, why_not)
            elif found is None:
                found = self._range(span, words)
            else:
                found = self._joined(found, span, words)
            place = after
        return found

    def _at(self, place: int) -> tuple[int, Span | None, str]:
        """Return the place after a time, what it is, and why it is none; the same place where there is none."""
        low, after = self._reading.low(place), place + 1
        if (low == "up" and self._reading.low(after) == "to") or (low == "as" and self._reading.low(after) == "of"):
            low, after = "until", place + 2
        if (bound := self._points.aged(place)) is not None:
            return bound.after, bound.span, bound.why_not
        if pair := self._paired(low, place):
            return pair[1], pair[0], ""
        for words in (_SINCE, _BEFORE, _AFTER, _UNTIL):
            if low in words and (point := self._points.at(after)) is not None:
                return point.after, self._bounded(point, words), point.why_not
        is_said = low in _IN or low == "between"
        point = self._points.at(after + (self._reading.low(after) in _IN) if is_said else place)
        if point is None or (point.loose and not is_said):
            return place, None, ""
        return point.after, point.span, point.why_not

    def _paired(self, low: str, place: int) -> tuple[Span, int] | None:
        """Read ``between A and B``, ``from A to B``, ``in A to B``, ``A to B``."""
        if low == "between":
            return self._pair(place + 1, frozenset({"and"}))
        return self._pair(place + 1 if low in _IN else place, JOINTS)

    def _pair(self, place: int, joints: frozenset[str]) -> tuple[Span, int] | None:
        """Read two times with a joint between them; an unsaid year is the other's, or the one that makes a range."""
        first = self._points.at(place)
        if first is None or first.span is None or self._reading.low(first.after) not in joints:
            return None
        last = self._points.at(first.after + 1)
        if last is None or last.span is None:
            return None
        start, end = first.span.start, last.span.end
        if start is None or end is None:
            return None
        if first.in_year and (last.in_year is None or start >= end):
            start = self._earlier(first, end) or start
        if start >= end:
            return None
        return Span(start, end), last.after

    def _earlier(self, point: Point, end: datetime) -> datetime | None:
        """Return the latest beginning of a time of any year that is before an end."""
        assert point.in_year is not None
        year = end.astimezone(self._calendar.zone).year
        for chosen in (year, year - 1):
            try:
                start = point.in_year(chosen).start
            except (ValueError, OverflowError):
                continue
            if start is not None and start < end:
                return start
        return None

    @staticmethod
    def _bounded(point: Point, words: frozenset[str]) -> Span | None:
        if point.span is None:
            return None
        start, end = point.span
        if words is _SINCE:
            return Span(start, None)
        if words is _BEFORE:
            return Span(None, start)
        return Span(end, None) if words is _AFTER else Span(None, end)

    def _joined(self, found: TimeRange, span: Span, words: str) -> TimeRange:
        """Join a beginning and an end that are said apart, or times that follow each other; else the second is lost."""
        if found.end is not None and found.end == span.start:
            return self._range(Span(found.start, span.end), f"{found.words}, {words}")
        if span.end is not None and span.end == found.start:
            return self._range(Span(span.start, found.end), f"{found.words}, {words}")
        start, end = found.start or span.start, found.end or span.end
        fits = (found.start is None or span.start is None) and (found.end is None or span.end is None)
        if fits and (start is None or end is None or start < end):
            return self._range(Span(start, end), f"{found.words} {words}")
        self._lose(words, f"“{found.words}” is the time already")
        return found

    def _range(self, span: Span, words: str) -> TimeRange:
        return TimeRange(span.start, span.end, words, told(span, self._calendar))

    def _lose(self, words: str, why: str) -> None:
        self._reading.lost.append(words)
        if why:
            self._reading.notes.append(f"“{words}”: {why}")

    def _correct(self) -> None:
        """Mend typing errors in the longer names of days, months and units."""
        for place in range(len(self._reading)):
            low = self._reading.low(place)
            if low in self._reserved or low in UNITS:
                continue
            near = nearest(low, LONG_NAMES)
            if not near and self._reading.low(place - 1) in STEPS:
                near = nearest(low, _SHORT_NAMES, shortest=3)
            if low not in LONG_NAMES and len(near) == 1 and near[0][0] == low[0] and low != near[0] + "s":
                self._reading.replace(place, near[0])


def told(span: Span, calendar: Calendar) -> str:
    """Say a range in the asker's zone: whole days by their dates, both included, anything else to the minute."""
    start, end = (None if at is None else at.astimezone(calendar.zone) for at in span)
    whole = all(at is None or (at.hour, at.minute, at.second) == (0, 0, 0) for at in (start, end))
    if whole:
        last = None if end is None else end - timedelta(days=1)
        if start is not None and last is not None and start.date() == last.date():
            return _day(start)
        parts = (None if start is None else _day(start), None if last is None else _day(last))
    else:
        parts = tuple(None if at is None else f"{_day(at)} {at:%H:%M}" for at in (start, end))  # type: ignore[assignment]
    first, second = parts
    if first is None:
        return f"until {second}"
    return f"from {first} on" if second is None else f"{first} to {second}"


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b} {at.year}"
