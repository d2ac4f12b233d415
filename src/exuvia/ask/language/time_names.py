"""The names of days, months, units and numbers."""

from __future__ import annotations

from typing import Final

from exuvia.ask.language.calendar import Unit

WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("monday", "mon"),
            ("tuesday", "tue", "tues"),
            ("wednesday", "wed"),
            ("thursday", "thu", "thur", "thurs"),
            ("friday", "fri"),
            ("saturday", "sat"),
            ("sunday", "sun"),
        )
    )
    for name in names
}
MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sep", "sept"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        1,
    )
    for name in names
}
UNITS: Final[dict[str, Unit]] = {
    "minute": "minute",
    "minutes": "minute",
    "min": "minute",
    "mins": "minute",
    "hour": "hour",
    "hours": "hour",
    "hrs": "hour",
    "day": "day",
    "days": "day",
    "week": "week",
    "weeks": "week",
    "month": "month",
    "months": "month",
    "quarter": "quarter",
    "quarters": "quarter",
    "year": "year",
    "years": "year",
    "yr": "year",
    "yrs": "year",
}
NUMBERS: Final = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
}
ORDINALS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
PART_DAYS: Final = {"morning": (0, 12), "afternoon": (12, 18), "evening": (18, 24)}
LONG_NAMES: Final = (
    *(name for name in (*WEEKDAYS, *MONTHS) if len(name) > 5),
    *("yesterday", "tomorrow", "today", "weekend", "quarter", "months", "april"),
)
"""Names that a typing error leaves recognisable."""
AMBIGUOUS: Final = frozenset({"may", "march", "mar", "mon", "sat", "sun", "wed", "jan", "second"})
"""Names that are other words, too: read as times only where a preposition, a day or a year says so."""
