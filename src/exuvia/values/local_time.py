"""Wall-clock times of this machine's zone as instants, by the zone's whole history.

Arrow's own conversion ignores the rule for the years after a zone file's last entry, so the changes of offset are
found with zoneinfo, once for each year.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from exuvia.errors import ConfigError
from exuvia.values.packed import Mask, Numbers

_SECOND = 1_000_000
_STEP = timedelta(hours=6)
_YEAR = 365.2425 * 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_zone() -> ZoneInfo:
    """Return this machine's zone: that of the variable TZ, else /etc/localtime, else UTC.

    Raises:
        ConfigError: TZ names no known zone.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    return _zone(name)


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    file = Path(name or "/etc/localtime")
    if file.is_absolute():
        if not file.exists():
            return ZoneInfo("UTC")
        with file.open("rb") as stream:
            return ZoneInfo.from_file(stream, key=name or None)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"The variable TZ names no known time zone: {name!r}.",
            hint="Set TZ to a name such as Europe/Berlin, or use --naive-time utc.",
            code="time_zone",
        ) from error


def local_to_utc(micros: Numbers) -> tuple[Numbers, Mask]:
    """Convert wall-clock times of the local zone.

    Of the two readings of a time that occurs twice the earlier is taken (fold 0).

    Args:
        micros: Microseconds since 1970-01-01 on the local clock.

    Returns:
        Microseconds since 1970 UTC, and which times exist: those in the hour that a clock skips do not, nor do times
        after the year 9998, for which no zone is known.
    """
    if not len(micros):
        return micros, np.ones(0, np.bool_)
    first = _year(int(micros.min())) - 1
    last = _year(int(micros.max())) + 1
    first, last = max(first, 1), min(last, 9998)
    starts, offsets = _offsets(local_zone(), first, max(last, first))
    ends = np.append(starts[1:], np.iinfo(np.int64).max - 10**15) + offsets
    segment = np.minimum(np.searchsorted(ends, micros, side="right"), len(offsets) - 1)
    known = micros < 253_339_228_800 * _SECOND
    ok = known & ((segment == 0) | (micros >= starts[segment] + offsets[segment]))
    return micros - offsets[segment], ok


def _year(micros: int) -> int:
    return min(max(1970 + int(micros / _SECOND // _YEAR), 1), 9998)


def _offsets(zone: ZoneInfo, first: int, last: int) -> tuple[Numbers, Numbers]:
    """Return the instants at which an offset begins, and the offsets, in microseconds."""
    starts: list[int] = []
    offsets: list[int] = []
    for year in range(first, last + 1):
        for start, offset in _offsets_of_year(zone, year):
            if not offsets or offsets[-1] != offset:
                starts.append(start)
                offsets.append(offset)
    return np.array(starts, np.int64), np.array(offsets, np.int64)


@lru_cache(maxsize=2048)
def _offsets_of_year(zone: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    offset = _offset(zone, at)
    found = [(_micros(at), offset)]
    while at < end:
        later = min(at + _STEP, end)
        if _offset(zone, later) != offset:
            change = _change(zone, at, later)
            offset = _offset(zone, change)
            found.append((_micros(change), offset))
            at = change
        else:
            at = later
    return tuple(found)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Bisect to the second at which the offset changes."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds()) * _SECOND


def _micros(at: datetime) -> int:
    return int((at - _EPOCH).total_seconds()) * _SECOND
