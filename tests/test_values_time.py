"""Dates and times mean what Python's datetime and the zone's history say they mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.catalog.types import SqlType
from exuvia.errors import ConfigError
from exuvia.values.cells import Cells
from exuvia.values.convert import convert
from exuvia.values.rules import Converted, Epoch, Rule
from values_reference import date_of, stamp_of, texts, time_of

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock's
_TICK = timedelta(microseconds=1)
_ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "UTC"]


def converted(values: list[bytes | None], kind: str, **rule: object) -> Converted:
    cells = Cells(len(values), texts=pa.array(values, pa.binary()))
    return convert(cells, Rule(SqlType.parse(kind), **rule))  # type: ignore[arg-type]


def ticks(moment: datetime) -> int:
    return (moment - _EPOCH) // _TICK


def numbers(array: pa.Array) -> list[int | None]:
    found: list[int | None] = array.cast(pa.int64()).to_pylist()
    return found


def midnight_or_stamp(text: str) -> tuple[datetime, timedelta | None] | None:
    day = date_of(text)
    return (datetime.combine(day, time()), None) if day else stamp_of(text)


def decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


@settings(max_examples=150)
@given(st.lists(texts(), min_size=1, max_size=20))
def test_texts_become_the_moments_that_they_spell(values: list[bytes]) -> None:
    stamps = [midnight_or_stamp(decoded(value)) for value in values]
    naive = [ticks(stamp[0]) if stamp and stamp[1] is None else None for stamp in stamps]
    instants = [ticks(stamp[0]) - (stamp[1] or timedelta()) // _TICK if stamp else None for stamp in stamps]
    days = [
        number // 86_400_000_000 if number is not None and number % 86_400_000_000 == 0 else None for number in naive
    ]
    clocks = [time_of(decoded(value)) for value in values]
    assert numbers(converted(list(values), "timestamp").array) == naive
    assert numbers(converted(list(values), "timestamptz").array) == instants
    assert converted(list(values), "date").array.cast(pa.int32()).to_pylist() == days
    assert converted(list(values), "time").array.to_pylist() == clocks


@given(
    st.dates(), st.times(), st.sampled_from("T "), st.sampled_from(["", "Z", " Z", "+00", "-0330", " +05:30", " UTC"])
)
def test_a_zone_shifts_the_clock_to_utc(day: date, clock: time, separator: str, zone: str) -> None:
    text = f"{day}{separator}{clock}{zone}"
    shift = {"-0330": -210, " +05:30": 330}.get(zone, 0)
    found = numbers(converted([text.encode()], "timestamptz").array)
    assert found == [ticks(datetime.combine(day, clock)) - shift * 60_000_000]


@pytest.mark.parametrize("year", [10_000, 12_000, 99_999, 294_246])
def test_years_after_9999_count_on(year: int) -> None:
    cycles, rest = divmod(year - 2000, 400)
    like = date(2000 + rest, 12, 31)
    expected = (like - date(1970, 1, 1)).days + cycles * 146_097
    text = f"{year}-12-31".encode()
    assert converted([text], "date").array.cast(pa.int32())[0].as_py() == expected
    last = text + b" 23:59:59.999999"
    assert numbers(converted([last], "timestamp").array) == [(expected + 1) * 86_400_000_000 - 1]


LOCAL = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
_walls = st.datetimes(datetime(1850, 1, 1), datetime(2150, 1, 1))  # noqa: DTZ001 - wall clocks


@pytest.mark.parametrize("name", _ZONES)
@LOCAL
@given(values=st.lists(_walls | st.datetimes(datetime(2037, 1, 1), datetime(2041, 1, 1)), min_size=1))  # noqa: DTZ001
def test_local_times_follow_the_zone_through_its_history(
    monkeypatch: pytest.MonkeyPatch, name: str, values: list[datetime]
) -> None:
    monkeypatch.setenv("TZ", name)
    found = numbers(converted([str(value).encode() for value in values], "timestamptz", naive_time="local").array)
    for value, number in zip(values, found, strict=True):
        instant = value.replace(tzinfo=ZoneInfo(name), fold=0).astimezone(UTC)
        exists = instant.astimezone(ZoneInfo(name)).replace(tzinfo=None, fold=0) == value.replace(fold=0)
        assert number == (ticks(instant.replace(tzinfo=None)) if exists else None)


def test_the_hour_that_occurs_twice_is_the_first_and_the_skipped_one_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    values: list[bytes | None] = [b"2021-10-31 02:30", b"2021-03-28 02:30", b"2021-03-28 03:00", None, b"2021-07-01"]
    result = converted(values, "timestamptz", naive_time="local")
    assert [found and found.strftime("%d %H:%M") for found in result.array.to_pylist()] == [
        "31 00:30",
        None,
        "28 01:00",
        None,
        "30 22:00",
    ]
    assert result.rejected == {1: "the time '2021-03-28 02:30' does not exist in the local time zone"}


def test_an_unknown_zone_is_an_error_and_not_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Mars/Olympus")
    with pytest.raises(ConfigError, match="Mars/Olympus"):
        converted([b"2021-01-01"], "timestamptz", naive_time="local")


_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - read as UTC


@given(st.lists(_MOMENTS, min_size=1))
def test_numbers_count_from_their_epoch(moments: list[datetime]) -> None:
    whole = [ticks(moment) for moment in moments]
    units = {
        Epoch.SECONDS: [number // 10**6 for number in whole],
        Epoch.MILLISECONDS: [number // 10**3 for number in whole],
        Epoch.MICROSECONDS: whole,
        Epoch.WEBKIT: [number + 11_644_473_600 * 10**6 for number in whole],
        Epoch.CORE_DATA: [number // 10**6 - 978_307_200 for number in whole],
    }
    size = {Epoch.SECONDS: 10**6, Epoch.MILLISECONDS: 10**3, Epoch.CORE_DATA: 10**6}
    for epoch, counted in units.items():
        unit = size.get(epoch, 1)
        expected = [number // unit * unit for number in whole]
        array = pa.array(counted, pa.int64())
        for kind in ("timestamp", "timestamptz"):
            rule = Rule(SqlType.parse(kind), epoch=epoch)
            assert numbers(convert(Cells(len(whole), integers=array), rule).array) == expected
            spelled = [str(number).encode() for number in counted]
            assert numbers(converted(list(spelled), kind, epoch=epoch).array) == expected


@given(st.lists(_MOMENTS, min_size=1), st.data())
def test_auto_tells_the_unit_of_each_number_apart(moments: list[datetime], data: st.DataObject) -> None:
    units = [data.draw(st.sampled_from([10**6, 10**3, 1])) for _ in moments]
    counted = [ticks(moment) // unit for moment, unit in zip(moments, units, strict=True)]
    rule = Rule(SqlType.parse("timestamptz"), epoch=Epoch.AUTO)
    found = numbers(convert(Cells(len(counted), integers=pa.array(counted)), rule).array)
    assert found == [number * unit for number, unit in zip(counted, units, strict=True)]
    nanos = [ticks(moment) * 1000 for moment in moments]
    assert numbers(convert(Cells(len(nanos), integers=pa.array(nanos)), rule).array) == [n // 1000 for n in nanos]
    odd = convert(Cells(1, integers=pa.array([nanos[0] + 1])), rule)
    assert 0 in odd.rejected


@given(st.lists(_MOMENTS, min_size=1))
def test_real_epochs_are_right_to_the_microsecond_and_julian_days_to_the_millisecond(moments: list[datetime]) -> None:
    seconds = [moment.replace(tzinfo=UTC).timestamp() for moment in moments]
    rule = Rule(SqlType.parse("timestamp"), epoch=Epoch.SECONDS)
    found = numbers(convert(Cells(len(seconds), reals=pa.array(seconds)), rule).array)
    assert found == [ticks(moment) for moment in moments]
    days = [ticks(moment) // 1000 / 86_400_000 + 2_440_587.5 for moment in moments]
    rule = Rule(SqlType.parse("timestamp"), epoch=Epoch.JULIAN)
    found = numbers(convert(Cells(len(days), reals=pa.array(days)), rule).array)
    assert found == [ticks(moment) // 1000 * 1000 for moment in moments]


def test_numbers_without_an_epoch_or_beyond_the_calendar_are_rejected() -> None:
    for kind in ("date", "timestamp", "timestamptz", "time"):
        assert len(convert(Cells(2, integers=pa.array([0, 1])), Rule(SqlType.parse(kind))).rejected) == 2
        assert len(convert(Cells(2, reals=pa.array([0.0, 1.5])), Rule(SqlType.parse(kind))).rejected) == 2
    edge = pa.array([-62_135_596_800, -62_135_596_801, 2**63 - 1, -(2**63), 9_223_371_331_199, 9_223_371_331_200])
    for epoch in (Epoch.SECONDS, Epoch.CORE_DATA):
        moved = pa.array(
            [
                min(max(n - (978_307_200 if epoch is Epoch.CORE_DATA else 0), -(2**63)), 2**63 - 1)
                for n in edge.to_pylist()
            ]
        )
        result = convert(Cells(6, integers=moved), Rule(SqlType.parse("timestamptz"), epoch=epoch))
        assert sorted(result.rejected) == [1, 2, 3, 5]
    for epoch in Epoch:
        reals = pa.array([float("inf"), float("-inf"), 1e300, -1e300])
        assert len(convert(Cells(4, reals=reals), Rule(SqlType.parse("timestamp"), epoch=epoch)).rejected) == 4


def test_numbers_become_dates_only_at_midnight() -> None:
    result = convert(Cells(2, integers=pa.array([86_400, 86_401])), Rule(SqlType.parse("date"), epoch=Epoch.SECONDS))
    assert result.array.to_pylist() == [date(1970, 1, 2), None]
    result = convert(
        Cells(2, reals=pa.array([2_451_544.5, 2_451_545.0])), Rule(SqlType.parse("date"), epoch=Epoch.JULIAN)
    )
    assert result.array.to_pylist() == [date(2000, 1, 1), None]
    mixed = converted([b"86400", b"2000-01-01", b"1.5", b"300000-01-01"], "date", epoch=Epoch.SECONDS)
    assert sorted(mixed.rejected) == [2]
