"""What the values of a table tell about its use: events by their timestamps, and who was active lately.

Everything is judged by values. A column's name only says whether identities that its values are could be those of
agents or of users; a column is taken for one when the values of the last hour repeat as identities do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Literal

from exuvia.engines.sqlite.observe.sampling import Cell, Sample

Role = Literal["agents", "users"]

_HOUR: Final = 3600.0
_DAY: Final = 86_400.0
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
_UNITS: Final = (1.0, 1e3, 1e6, 1e9)
_IN_ORDER: Final = 0.95
_LEAST_ROWS: Final = 10
_LONGEST_ID: Final = 128
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ROLES: Final[dict[str, Role]] = {
    **dict.fromkeys(("agent", "bot", "assistant", "worker", "session", "thread", "conversation", "actor"), "agents"),
    **dict.fromkeys(("user", "account", "member", "person", "customer", "tenant", "client"), "users"),
}


@dataclass(frozen=True, slots=True)
class Events:
    """A table whose rows are stamped with the time in the order in which they were inserted.

    Args:
        table: The table.
        column: The column of the timestamps.
        rows: How many rows the table has.
        last_hour: Rows of the last hour; extrapolated where there are more than could be read.
        last_day: Rows of the last day, likewise.
        oldest: The first timestamp, seconds since 1970.
        newest: The last one.
        extrapolated: Whether the figures of the hour or the day are.
    """

    table: str
    column: str
    rows: int
    last_hour: float
    last_day: float
    oldest: float
    newest: float
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class Actors:
    """Identities that were active lately: distinct values of a column in rows stamped within the window."""

    table: str
    column: str
    role: Role
    active: int
    rows: int


def moment(cell: Cell, now: float) -> float | None:
    """Read a value as a point in time: ISO 8601 text with a time of day (UTC where it has no zone), or seconds,
    milli-, micro- or nanoseconds since 1970 between the year 2000 and tomorrow.

    Args:
        cell: The value.
        now: Seconds since 1970.

    Returns:
        Seconds since 1970, None when it is none.
    """
    value = cell.value
    if isinstance(value, str):
        return _parsed(value, now) if _TEXT.match(value) else None
    if value is None:
        return None
    return next((value / unit for unit in _UNITS if _FIRST <= value / unit <= now + _DAY), None)


def _parsed(text: str, now: float) -> float | None:
    try:
        found = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None
    seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return seconds if _FIRST <= seconds <= now + _DAY else None


def time_column(sample: Sample, now: float) -> str | None:
    """Return the column whose values are all times that rise with the order of insertion, the steadiest one.

    Args:
        sample: Rows of the table.
        now: Seconds since 1970.

    Returns:
        None where fewer than 95 % of neighbouring rows are in order, or there are fewer than ten rows.
    """
    if not sample.ordered or len(sample.rows) < _LEAST_ROWS:
        return None
    found: list[tuple[float, int, str]] = []
    for place, name in enumerate(sample.columns):
        times = [moment(row[place], now) for row in sample.rows]
        known = [at for at in times if at is not None]
        if len(known) == len(times):
            steady = sum(one <= other for one, other in pairwise(known)) / (len(known) - 1)
            found.append((steady, -place, name))
    best = max(found, default=None)
    return best[2] if best and best[0] >= _IN_ORDER else None


def role_of(column: str, sample: Sample, now: float) -> Role | None:
    """Return whose identities a column may hold: by a word of its name, and only if its values can be identities (text
    or integers, no times).

    Args:
        column: The column.
        sample: Rows of the table.
        now: Seconds since 1970.
    """
    words = [word.lower() for word in _WORDS.findall(column)]
    role = next((_ROLES[word] for word in reversed(words) if word in _ROLES), None)
    if words[-2:] == ["user", "agent"]:  # a browser
        role = None
    cells = [cell for cell in sample.column(column) if cell.kind != "null"]
    if role is None or not cells:
        return None
    plausible = all(
        cell.kind in ("text", "integer") and cell.bytes <= _LONGEST_ID and moment(cell, now) is None for cell in cells
    )
    return role if plausible else None


def events_of(table: str, rows: int, sample: Sample, latest: Sample, now: float) -> Events | None:
    """Describe a table of events.

    Args:
        table: The table.
        rows: How many rows it has.
        sample: Rows from everywhere.
        latest: The newest rows, the newest first, with the column of timestamps as their first.
        now: Seconds since 1970.

    Returns:
        None where ``latest`` has no timestamps.
    """
    column = latest.columns[0]
    times = [at for at in (moment(row[0], now) for row in latest.rows) if at is not None]
    if not times:
        return None
    whole = len(latest.rows) >= rows
    (hour, hour_more), (day, day_more) = (_within(times, now, span, whole=whole) for span in (_HOUR, _DAY))
    oldest = min(at for at in (moment(cell, now) for cell in sample.column(column)) if at is not None)
    return Events(table, column, rows, hour, day, oldest, max(times), extrapolated=hour_more or day_more)


def _within(times: Sequence[float], now: float, span: float, *, whole: bool) -> tuple[float, bool]:
    """Return how many of a table's rows are of the last ``span`` seconds, and whether that is extrapolated."""
    found = sum(at > now - span for at in times)
    if found < len(times) or whole:
        return found, False
    read = max(now - min(times), 1.0)
    return found * span / read, True


def actors_of(
    table: str, latest: Sample, roles: Sequence[tuple[str, Role]], now: float, window: float
) -> tuple[Actors, ...]:
    """Count the identities that were active within the window.

    A column whose every value of the window occurs once (of two rows or more) names rows and not somebody who acts;
    it is left out.

    Args:
        table: The table.
        latest: The newest rows; their first column is the timestamps, and the columns of ``roles`` are among them.
        roles: The columns to look at.
        now: Seconds since 1970.
        window: Seconds.
    """
    recent = [row for row in latest.rows if now - window < (moment(row[0], now) or 0) <= now + _HOUR]
    found = []
    for column, role in roles:
        place = latest.columns.index(column)
        values = [row[place].value for row in recent if row[place].kind != "null"]
        distinct = len(set(values))
        if distinct and (distinct < len(values) or len(values) == 1):
            found.append(Actors(table, column, role, distinct, len(values)))
    return tuple(found)
