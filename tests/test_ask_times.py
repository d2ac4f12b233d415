"""Time words are half-open ranges, also across the ends of years, leap days and changes of clocks; any text is read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.ask import Interpretation, Known, TimeRange, interpret
from exuvia.ask.language.calendar import Calendar, Span, Unit
from exuvia.ask.language.vocabulary import NOUNS, STATUSES

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
HAVANA = ZoneInfo("America/Havana")  # clocks go on at midnight
ZONES = [UTC, BERLIN, NEW_YORK, HAVANA, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")]
KNOWN = Known({"shop": "Web shop", "a-1": "A 1"}, ("ada", "Bob Stone"), ("deployment", "x_y"), ("auth", "ui"))
PAST = ["yesterday", "last week", "in May", "on Friday", "in Q3", "on the 31st", "3 weeks ago"]
SECONDS = 7_000_000_000  # until 2191
moments = st.integers(0, SECONDS).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(ZONES)


def read(question: str, now: datetime, zone: Any = UTC) -> TimeRange | None:
    return interpret(question, now, zone, KNOWN).time


def local(found: TimeRange | None, zone: Any = UTC) -> tuple[str | None, str | None]:
    """A range as a person in the zone would write it, to the minute."""
    assert found is not None
    first, last = (
        None if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for at in (found.start, found.end)
    )
    return first, last


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "words", "first", "end"),
    [
        ("2026-01-01 00:00", "yesterday", "2025-12-31", "2026-01-01"),
        ("2026-01-01 00:00", "last week", "2025-12-22", "2025-12-29"),
        ("2026-01-01 00:00", "this week", "2025-12-29", "2026-01-05"),
        ("2026-01-15 12:00", "last month", "2025-12-01", "2026-01-01"),
        ("2026-02-15 12:00", "last quarter", "2025-10-01", "2026-01-01"),
        ("2026-02-15 12:00", "last year", "2025-01-01", "2026-01-01"),
        ("2026-02-15 12:00", "in March", "2025-03-01", "2025-04-01"),
        ("2026-03-15 12:00", "in March", "2026-03-01", "2026-04-01"),
        ("2026-03-15 12:00", "last March", "2025-03-01", "2025-04-01"),
        ("2026-03-15 12:00", "in Q2", "2025-04-01", "2025-07-01"),
        ("2028-02-29 12:00", "today", "2028-02-29", "2028-03-01"),
        ("2028-03-01 12:00", "yesterday", "2028-02-29", "2028-03-01"),
        ("2028-03-15 12:00", "last month", "2028-02-01", "2028-03-01"),
        ("2027-03-15 12:00", "on 29 February", "2024-02-29", "2024-03-01"),
        ("2027-03-15 12:00", "last month", "2027-02-01", "2027-03-01"),
        ("2026-12-31 12:00", "from November to February", "2025-11-01", "2026-03-01"),
        ("2027-01-05 12:00", "between 20 December and 3 January", "2026-12-20", "2027-01-04"),
        ("2027-01-02 12:00", "in week 53", "2026-12-28", "2027-01-04"),
        ("2027-01-05 12:00", "on Monday", "2027-01-04", "2027-01-05"),
        ("2027-01-04 12:00", "on Monday", "2027-01-04", "2027-01-05"),
        ("2027-01-04 12:00", "last Monday", "2026-12-28", "2026-12-29"),
        ("2027-01-04 12:00", "next Monday", "2027-01-11", "2027-01-12"),
        ("2027-01-04 12:00", "last weekend", "2027-01-02", "2027-01-04"),
        ("2027-01-03 12:00", "over the weekend", "2027-01-02", "2027-01-04"),
        ("2027-01-03 12:00", "3-5 May 2025", "2025-05-03", "2025-05-06"),
        ("2027-01-03 12:00", "May 30 to June 2", "2026-05-30", "2026-06-03"),
        ("2027-01-03 12:00", "on 2026-12-31", "2026-12-31", "2027-01-01"),
        ("2027-01-03 12:00", "in 2026-12", "2026-12-01", "2027-01-01"),
        ("2027-01-03 12:00", "in 2024-Q4", "2024-10-01", "2025-01-01"),
        ("2027-01-03 12:00", "H2 2026", "2026-07-01", "2027-01-01"),
        ("2027-01-03 12:00", "the year 2026", "2026-01-01", "2027-01-01"),
        ("2027-01-03 12:00", "mid December", "2026-12-11", "2026-12-21"),
        ("2027-01-03 12:00", "two months ago", "2026-11-01", "2026-12-01"),
    ],
)
def test_days_are_read(now: str, words: str, first: str, end: str) -> None:
    found = read(f"what did we decide {words}?", at(now))
    assert local(found) == (f"{first} 00:00", f"{end} 00:00")


@pytest.mark.parametrize(
    ("words", "first", "end"),
    [
        ("since yesterday", "2026-03-29 00:00", None),
        ("before Monday", None, "2026-03-30 00:00"),
        ("until yesterday", None, "2026-03-30 00:00"),
        ("after 2026-03-01", "2026-03-02 00:00", None),
        ("after 2026-03-01 and before 2026-03-10", "2026-03-02 00:00", "2026-03-10 00:00"),
        ("since 1 March until yesterday", "2026-03-01 00:00", "2026-03-30 00:00"),
        ("this afternoon", "2026-03-30 12:00", "2026-03-30 18:00"),
        ("last night", "2026-03-29 18:00", "2026-03-30 06:00"),
        ("in the last 2 days", "2026-03-28 14:30", "2026-03-30 14:30"),
        ("in the last 48 hours", "2026-03-28 13:30", "2026-03-30 14:30"),
        ("in the last 3 months", "2025-12-30 14:30", "2026-03-30 14:30"),
    ],
)
def test_ranges_are_read_in_the_zone(words: str, first: str | None, end: str | None) -> None:
    """In Berlin, where the 29th of March 2026 had 23 hours."""
    assert local(read(f"bugs {words}", at("2026-03-30 12:30"), BERLIN), BERLIN) == (first, end)


def test_days_have_the_length_that_clocks_give_them() -> None:
    now = at("2026-11-18 12:00")
    lengths = {
        "2026-03-29": 23,
        "2026-10-25": 25,
        "2026-11-01": 24,
    }
    for day, hours in lengths.items():
        found = read(f"bugs on {day}", now, BERLIN)
        assert found is not None
        assert found.start is not None
        assert found.end is not None
        assert found.end - found.start == timedelta(hours=hours)


def test_a_day_begins_when_its_midnight_is_skipped() -> None:
    found = read("bugs on 2026-03-08", at("2026-11-18 12:00"), HAVANA)
    assert found is not None
    assert found.start == at("2026-03-08 05:00")
    assert found.end == at("2026-03-09 04:00")


@pytest.mark.parametrize(
    "words", ["on 30 February", "on 2026-13-45", "in week 60", "in 2026-W54", "on 31.4.2026", "in the last 99999 years"]
)
def test_what_is_no_time_is_told(words: str) -> None:
    found = interpret(f"what did we decide {words}?", at("2026-11-18 12:00"), UTC, KNOWN)
    assert found.time is None
    assert found.not_understood or found.words


def test_a_day_that_a_zone_left_out_is_no_time() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    found = interpret("bugs on 2011-12-30", at("2026-11-18 12:00"), ZoneInfo("Pacific/Apia"), KNOWN)
    assert found.time is None
    assert found.not_understood == ("2011-12-30",)


@given(moments, zones, st.sampled_from(["day", "week", "month", "quarter", "year"]), st.integers(-500, 500))
def test_units_follow_each_other_without_gaps(now: datetime, zone: Any, unit: Unit, offset: int) -> None:
    calendar = Calendar(now, zone)
    if not 1 <= now.year + offset <= 9998:
        return
    one, next_one = calendar.unit(unit, offset), calendar.unit(unit, offset + 1)
    assert one.start is not None
    assert one.end is not None
    assert one.start < one.end == next_one.start


@given(moments, zones)
def test_the_present_lies_in_its_own_units(now: datetime, zone: Any) -> None:
    calendar = Calendar(now, zone)
    units: list[Unit] = ["minute", "hour", "day", "week", "month", "quarter", "year"]
    for unit in units:
        start, end = calendar.unit(unit, 0)
        assert start is not None
        assert end is not None
        assert start <= now < end


@given(moments, zones, st.dates(date(1971, 1, 1), date(2199, 12, 31)))
def test_a_date_is_read_as_its_day_whichever_way_it_is_written(now: datetime, zone: Any, day: date) -> None:
    spellings = [
        day.isoformat(),
        f"{day.day} {day:%B} {day.year}",
        f"{day:%b} {day.day}, {day.year}",
        f"the {day.day}th of {day:%B} {day.year}",
        f"{day.day}.{day.month}.{day.year}",
    ]
    expected = Calendar(now, zone).day(day)
    for spelling in spellings:
        found = read(f"what did we decide on {spelling}?", now, zone)
        assert found is not None, spelling
        assert Span(found.start, found.end) == expected, spelling


@given(moments, zones, st.sampled_from(PAST))
def test_past_times_are_not_in_the_future(now: datetime, zone: Any, words: str) -> None:
    found = read(f"decisions {words}", now, zone)
    assert found is not None
    assert found.start is not None
    assert found.start <= now


VOCABULARY = """
what did we decide about auth in project shop last this next week month since between and until before after on the 3
31st may march q2 2025 2026-05-03 who when how many ago days first latest 5 plans open not without by ada depends on x
to related status of " ' # - tagged no in for from every
"""
vocabulary = st.sampled_from([*VOCABULARY.split(), "\u2013"])


@given(st.one_of(st.text(max_size=300), st.lists(vocabulary, max_size=25).map(" ".join)), moments, zones)
def test_any_text_is_interpreted(question: str, now: datetime, zone: Any) -> None:
    found = interpret(question, now, zone, KNOWN)
    assert isinstance(found, Interpretation)
    assert found == interpret(question, now, zone, KNOWN)
    assert set(found.projects) <= KNOWN.projects.keys()
    assert set(found.authors) <= set(KNOWN.authors)
    assert set(found.kinds) <= {*NOUNS.values(), *KNOWN.kinds}
    assert set(found.statuses) <= set(STATUSES.values())
    if found.time and found.time.start and found.time.end:
        assert found.time.start < found.time.end
