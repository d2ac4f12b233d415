"""Times as agents write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator

_AGO: Final = re.compile(r"(\d{1,5})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS: Final = {"today": 0, "yesterday": 1}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LAST: Final = timedelta(days=1) - timedelta(microseconds=1)


def instant(text: str, now: datetime, *, end: bool = False) -> datetime:
    """Return the time that a text names, in UTC.

    Args:
        text: An ISO time (UTC where it has no zone), a day (``2026-11-20``, ``today``, ``yesterday``), or how long ago
            (``45m``, ``12h``, ``7d``, ``2w``).
        now: What that is counted from.
        end: Whether a day means its last moment, instead of its first.

    Raises:
        ValueError: It is none of these.
    """
    if (ago := _AGO.fullmatch(text)) is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if text in _DAYS or _DAY.fullmatch(text):
        day = now.date() - timedelta(days=_DAYS[text]) if text in _DAYS else date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + (_LAST if end else timedelta())
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)


def iso(moment: datetime) -> str:
    """Write a time for an answer: UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _checked(text: str) -> str:
    try:
        instant(text, datetime.now(UTC))
    except (ValueError, OverflowError):
        raise ValueError(
            "pass 2026-11-20, 2026-11-20T09:30Z, today, yesterday, or how long ago: 45m, 12h, 7d"
        ) from None
    return text


When = Annotated[str, AfterValidator(_checked)]
"""An argument that names a time."""
