"""Dates and times as exact numbers of microseconds, without any date library: years may be beyond Python's."""

from __future__ import annotations

import re
from fractions import Fraction

DAY = 86_400_000_000

_DATE = r"(?P<y>\d{4,7})-(?P<m>\d\d)-(?P<d>\d\d)"
_TIME = r"(?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.(?P<f>\d+))?)?"
_ZONE = r"(?P<z>[Zz]|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)"
_STAMP = re.compile(rf"{_DATE}(?:[ Tt]{_TIME}\s?{_ZONE}?)?(?P<bc> BC)?")
_CLOCK = re.compile(_TIME)


class Unequal(ValueError):  # noqa: N818
    """A value that has no equal among the values of the target's type."""


def days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a day of the proleptic Gregorian calendar (Fliegel and Van Flandern 1968)."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        raise Unequal(f"{year}-{month}-{day} is no day")
    before = (year - 1) * 365 + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400
    return before + sum(lengths[: month - 1]) + day - 719_163


def clock(text: str) -> int:
    """Return the microseconds since midnight of HH:MM[:SS[.f]]."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise Unequal(f"{text!r} is no time of day")
    return _clock(found)


def _clock(found: re.Match[str]) -> int:
    hour, minute, second = int(found["H"]), int(found["M"]), int(found["S"] or 0)
    fraction = (found["f"] or "").rstrip("0")
    edge = (hour, minute, second, fraction) == (24, 0, 0, "")
    if (hour > 23 and not edge) or minute > 59 or second > 59 or len(fraction) > 6:
        raise Unequal(f"{found[0]!r} is no time of day that PostgreSQL can hold exactly")
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + int(fraction.ljust(6, "0") or 0)


def stamp(text: str) -> int:
    """Return the microseconds since 1970 of an ISO 8601 date or date and time; one without a zone is UTC."""
    found = _STAMP.fullmatch(text)
    if found is None:
        raise Unequal(f"{text!r} is no ISO date or time")
    year = 1 - int(found["y"]) if found["bc"] else int(found["y"])
    if year == 0 and not found["bc"]:
        raise Unequal("there is no year 0")
    moment = days(year, int(found["m"]), int(found["d"])) * DAY
    if found["H"]:
        moment += _clock(found)
    return moment - _offset(found["z"])


def _offset(zone: str | None) -> int:
    if zone is None or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    return (-seconds if zone[0] == "-" else seconds) * 1_000_000


_UNITS = {
    "seconds": (Fraction(1_000_000), 0),
    "milliseconds": (Fraction(1_000), 0),
    "microseconds": (Fraction(1), 0),
    "nanoseconds": (Fraction(1, 1_000), 0),
    "julian": (Fraction(DAY), -210_866_760_000_000_000),
    "core_data": (Fraction(1_000_000), 978_307_200_000_000),
    "webkit": (Fraction(1), -11_644_473_600_000_000),
}


def moment_of(number: float, epoch: str) -> int:
    """Return the microseconds since 1970 that a number means in a unit.

    Raises:
        Unequal: The number would not come back from those microseconds, so that something would be lost.
    """
    if epoch == "none":
        raise Unequal(f"{number!r} is a number where a time is wanted")
    factor, zero = _UNITS[_unit(number) if epoch == "auto" else epoch]
    try:
        exact = Fraction(number) * factor
    except (OverflowError, ValueError) as error:
        raise Unequal(f"{number!r} is no moment") from error
    moment = round(exact)
    back = Fraction(moment) / factor
    if (float(back) if isinstance(number, float) else back) != number:
        raise Unequal(f"{number!r} is finer than a microsecond")
    return moment + zero


def _unit(number: float) -> str:
    size = abs(number)
    if size < 1e11:
        return "seconds"
    if size < 1e14:
        return "milliseconds"
    return "microseconds" if size < 1e17 else "nanoseconds"
