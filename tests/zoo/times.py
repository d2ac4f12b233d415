"""Dates and times in every spelling and unit."""

from __future__ import annotations

from zoo.registry import Maker, specimen


def _column(db: Maker, values: tuple[object, ...], declared: str = "DATETIME") -> None:
    db.run(f"CREATE TABLE t(id INTEGER PRIMARY KEY, at {declared})")
    db.fill("t", list(enumerate(values)))


@specimen("times")
def iso_datetimes_with_space_t_and_fractions(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a DATETIME, b TIMESTAMP, c TEXT, d DATETIME(6), e DATETIME)")
    spellings = (
        "2024-02-29 23:59:59",
        "2024-02-29T23:59:59",
        "2024-02-29 23:59:59.1",
        "2024-02-29T23:59:59.123456",
        "2024-02-29 23:59",
        "1969-12-31 23:59:59.999999",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999999",
    )
    db.fill("t", [(i, s, s, s, s, s[:10]) for i, s in enumerate(spellings)])


@specimen("times")
def iso_datetimes_with_zones_only(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a DATETIME, b TIMESTAMP WITH TIME ZONE, c TIMESTAMPTZ)")
    spellings = (
        "2024-02-29T23:59:59Z",
        "2024-02-29 23:59:59+00:00",
        "2024-03-01T05:29:59.5+05:30",
        "2024-02-29T12:00:00-1200",
    )
    db.fill("t", [(i, s, s, s) for i, s in enumerate(spellings)])


@specimen("times")
def zoned_and_naive_datetimes_in_one_column(db: Maker) -> None:
    _column(db, ("2024-01-01T00:00:00Z", "2024-01-01 00:00:00", "2024-01-01T01:00:00+01:00", "2024-01-01", None))


@specimen("times")
def fractions_finer_than_a_microsecond(db: Maker) -> None:
    _column(db, ("2024-01-01 00:00:00.123456789", "2024-01-01T00:00:00.1234560", "2024-01-01T00:00:00.000000001Z"))


@specimen("times")
def epoch_seconds_in_a_datetime_column(db: Maker) -> None:
    _column(db, (1700000000, 1700000001, 0, -1, 1893456000, None))


@specimen("times")
def epoch_milliseconds_in_a_datetime_column(db: Maker) -> None:
    _column(db, (1700000000123, 1700000001000, 1893456000999, None))


@specimen("times")
def epoch_seconds_and_milliseconds_in_one_datetime_column(db: Maker) -> None:
    _column(db, (1700000000, 1700000000123, 1600000000, 1600000000456))


@specimen("times")
def epoch_microseconds_and_nanoseconds_in_datetime_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, us TIMESTAMP, ns TIMESTAMP)")
    db.fill("t", [(1, 1700000000123456, 1700000000123456789), (2, 1600000000000001, 1600000000000001001)])


@specimen("times")
def epoch_numbers_and_iso_texts_in_one_column(db: Maker) -> None:
    _column(db, (1700000000, "2024-01-01 00:00:00", 1700000000.5, "2024-01-01T00:00:00Z", None))


@specimen("times")
def fractional_epoch_seconds_in_a_timestamp_column(db: Maker) -> None:
    _column(db, (1700000000.25, 1700000000.123456, 1700000000.1234567, 1700000000), "TIMESTAMP")


@specimen("times")
def julian_days_in_a_datetime_column(db: Maker) -> None:
    _column(db, (2460000.5, 2460310.25, 2451545.0, 2460310.123456789))


@specimen("times")
def small_integers_in_a_date_column(db: Maker) -> None:
    _column(db, (1, 2, 20240229, 2024, 0), "DATE")


@specimen("times")
def the_word_unknown_among_dates(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE, at DATETIME NOT NULL)")
    rows = [(i, f"2024-01-{i % 28 + 1:02d}", f"2024-01-{i % 28 + 1:02d} 10:00:00") for i in range(200)]
    rows[77] = (77, "unknown", "unknown")
    db.fill("t", rows)


@specimen("times")
def empty_strings_among_dates(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE, at DATETIME, tm TIME)")
    db.fill(
        "t",
        [
            (1, "2024-01-01", "2024-01-01 00:00:00", "10:00"),
            (2, "", "", ""),
            (3, "0000-00-00", "0000-00-00 00:00:00", ""),
        ],
    )


@specimen("times")
def days_that_do_not_exist(db: Maker) -> None:
    _column(
        db, ("2023-02-29", "2024-02-30", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-01"), "DATE"
    )


@specimen("times")
def years_that_python_cannot_hold(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE, at DATETIME)")
    values = ("10000-01-01", "99999-12-31", "-0044-03-15", "0000-01-01", "2024-01-01", "300000-01-01")
    db.fill("t", [(i, v, v + " 00:00:00") for i, v in enumerate(values)])


@specimen("times")
def words_that_postgresql_reads_as_dates(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE, at DATETIME, tm TIME)")
    words = ("now", "today", "tomorrow", "yesterday", "epoch", "infinity", "-infinity", "allballs")
    db.fill("t", [(i, w, w, w) for i, w in enumerate(words)])


@specimen("times")
def dates_in_national_and_loose_spellings(db: Maker) -> None:
    values = (
        "01/02/2024",
        "31.12.2024",
        "Jan 5 2024",
        "2024-1-5",
        "20240105",
        "20240105T101112Z",
        "2024-01-05t10:11:12z",
        "2024-W01-5",
        "Fri, 05 Jan 2024 10:11:12 GMT",
        "2024-01-05 10:11:12 PM",
        "2024-01-05 10:11:12 Europe/Berlin",
    )
    _column(db, values)


@specimen("times")
def times_at_the_edge_of_a_day(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, tm TIME, at DATETIME)")
    times = ("00:00:00", "24:00:00", "23:59:60", "23:59:59.9999999", "25:00:00", "-01:00:00", "7:05", "10:00")
    db.fill("t", [(i, t, f"2024-06-30 {t}") for i, t in enumerate(times)])


@specimen("times")
def times_of_day_with_fractions(db: Maker) -> None:
    _column(db, ("00:00:00", "23:59:59.999999", "10:00", "10:00:00.5", None), "TIME")


@specimen("times")
def offsets_at_the_edge_of_the_world(db: Maker) -> None:
    values = (
        "2024-01-01T00:00:00+14:00",
        "2024-01-01T00:00:00-12:00",
        "2024-01-01T00:00:00-00:00",
        "0001-01-01T00:00:00+05:00",
    )
    _column(db, (*values, "9999-12-31T23:59:59-05:00", "2024-01-01T00:00:00+15:59", "2024-01-01T00:00:00+01"))


@specimen("times")
def dates_with_times_in_a_date_column(db: Maker) -> None:
    _column(db, ("2024-01-01", "2024-01-02 00:00:00", "2024-01-03 10:11:12", "2024-01-04T00:00:00Z"), "DATE")


@specimen("times")
def the_same_instant_spelled_twice_under_a_unique_key(db: Maker) -> None:
    db.run("CREATE TABLE t(at DATETIME PRIMARY KEY, v TEXT)")
    db.fill(
        "t",
        [
            ("2024-01-01 00:00:00", "space"),
            ("2024-01-01T00:00:00", "t"),
            ("2024-01-01", "date"),
            ("2024-01-01 00:00", "m"),
        ],
    )


@specimen("times")
def core_data_and_webkit_epochs(db: Maker) -> None:
    db.run(
        "CREATE TABLE c(Z_PK INTEGER PRIMARY KEY, ZDATE TIMESTAMP); CREATE TABLE w(id INTEGER PRIMARY KEY, t INTEGER)"
    )
    db.fill("c", [(1, 694224000.0), (2, 694224000.123456), (3, -1.5)])
    db.fill("w", [(1, 13345678901234567), (2, 0)])


@specimen("times")
def time_defaults_of_every_kind(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a DATETIME DEFAULT CURRENT_TIMESTAMP, b DATE DEFAULT
            CURRENT_DATE, c TIME DEFAULT CURRENT_TIME, d DATETIME DEFAULT (datetime('now')), e TEXT DEFAULT
            (strftime('%Y-%m-%dT%H:%M:%fZ','now')), f INTEGER DEFAULT (strftime('%s','now')), g REAL DEFAULT
            (julianday('now')), h INTEGER DEFAULT (unixepoch()), i DATETIME DEFAULT
            (datetime('now','localtime')), j TEXT DEFAULT (date('now','+7 days')), k TEXT DEFAULT
            CURRENT_TIMESTAMP, l TIMESTAMP DEFAULT 0, m DATETIME DEFAULT '1970-01-01 00:00:00', n DATETIME
            DEFAULT 'now', o INTEGER DEFAULT (CAST(strftime('%s','now') AS INTEGER) * 1000))
        """
    )
    db.run("INSERT INTO t(id) VALUES(1),(2)")
