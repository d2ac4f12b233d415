"""The way back: what a PostgreSQL schema becomes in a SQLite file, and what is listed as not exact."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from exuvia.location import PostgresLocation, SqliteLocation
from exuvia.move.back.pipeline import migrate_back, verify_back
from exuvia.move.back.plan import BackOptions
from exuvia.move.back.results import BackReport

Back = Callable[..., BackReport]


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def back(any_url: str, tmp_path: Path) -> Back:
    """Return a function that runs SQL in an empty database and moves it into back.db."""

    def moved(sql: str = "", **options: object) -> BackReport:
        if sql:
            run(any_url, sql)
        wanted = BackOptions(**options)  # type: ignore[arg-type]
        return migrate_back(PostgresLocation.of(any_url), SqliteLocation(tmp_path / "back.db"), options=wanted)

    return moved


def run(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())


def fetch(sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect("back.db")
    connection.execute("PRAGMA foreign_keys = ON")
    try:
        found = connection.execute(sql).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


def lost(report: BackReport) -> dict[str, str]:
    return {loss.column or loss.table: loss.reason for loss in report.losses}


def left_out(report: BackReport) -> dict[str, str]:
    return {one.name: one.reason for one in report.objects if one.fate == "left out"}


SCALARS = [
    ("boolean", "true", "BOOLEAN", 1),
    ("smallint", "-32768", "SMALLINT", -32768),
    ("integer", "2147483647", "INTEGER", 2147483647),
    ("bigint", "-9223372036854775808", "BIGINT", -(2**63)),
    ("real", "0.5", "REAL", 0.5),
    ("double precision", "1e300", "REAL", 1e300),
    ("double precision", "'-Infinity'", "REAL", float("-inf")),
    ("numeric(10,2)", "19.90", "NUMERIC(10,2)", 19.9),
    ("numeric(20,0)", "9007199254740993", "NUMERIC(20,0)", 9007199254740993),
    ("numeric", "12345678901234567890.123", "TEXT", "12345678901234567890.123"),
    ("numeric", "'NaN'", "NUMERIC", "NaN"),
    ("money", "12.34", "NUMERIC", 12.34),
    ("text", "'0042'", "TEXT", "0042"),
    ("varchar(5)", "'1e3'", "VARCHAR(5)", "1e3"),
    ("char(4)", "'ab'", "CHAR(4)", "ab"),
    ("name", "'n'", "TEXT", "n"),
    ("bytea", "'\\x00ff'", "BLOB", b"\x00\xff"),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "UUID", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", "'{\"a\":  1}'", "JSON", '{"a":  1}'),
    ("jsonb", "'[1, \"x\"]'", "JSON", '[1, "x"]'),
    ("jsonb", "'42'", "JSON", 42),
    ("json", "'1.50'", "TEXT", "1.50"),
    ("jsonb", "'123456789012345678901234567890'", "TEXT", "123456789012345678901234567890"),
    ("date", "'2024-02-29'", "DATE", "2024-02-29"),
    ("date", "'infinity'", "DATE", "infinity"),
    ("date", "'0044-03-15 BC'", "DATE", "0044-03-15 BC"),
    ("date", "'12024-01-01'", "DATE", "12024-01-01"),
    ("time", "'10:20:30.5'", "TIME", "10:20:30.5"),
    ("time", "'24:00'", "TIME", "24:00:00"),
    ("timetz", "'10:20+02'", "TEXT", "10:20:00+02"),
    ("timestamp", "'2024-01-02 03:04:05.678901'", "TIMESTAMP", "2024-01-02 03:04:05.678901"),
    ("timestamp", "'-infinity'", "TIMESTAMP", "-infinity"),
    ("timestamp", "'294276-12-31'", "TIMESTAMP", "294276-12-31 00:00:00"),
    ("timestamptz", "'2024-01-02 03:04:05+05:30'", "TIMESTAMP WITH TIME ZONE", "2024-01-01 21:34:05Z"),
    ("timestamptz", "'infinity'", "TIMESTAMP WITH TIME ZONE", "infinity"),
    ("timestamptz", "'0044-03-15 12:00:00+00 BC'", "TIMESTAMP WITH TIME ZONE", "0044-03-15 12:00:00Z BC"),
    ("interval", "'1 year 2 days 03:04:05.5'", "TEXT", "P1Y2DT3H4M5.5S"),
    ("text[]", "'{a,NULL,\"b,c\"}'", "TEXT", '["a",null,"b,c"]'),
    ("int[]", "'{{1,2},{3,4}}'", "TEXT", "[[1,2],[3,4]]"),
    ("numeric[]", "'{1.50,12345678901234567890.1}'", "TEXT", "[1.50,12345678901234567890.1]"),
    ("int4range", "'[1,5)'", "TEXT", "[1,5)"),
    ("inet", "'192.168.0.1/24'", "TEXT", "192.168.0.1/24"),
    ("cidr", "'10.0.0.0/8'", "TEXT", "10.0.0.0/8"),
    ("macaddr", "'08:00:2b:01:02:03'", "TEXT", "08:00:2b:01:02:03"),
    ("point", "'(1,2)'", "TEXT", "(1,2)"),
    ("bit(3)", "B'101'", "TEXT", "101"),
    ("bit varying", "B'10'", "TEXT", "10"),
    ("tsvector", "'a b'", "TEXT", "'a' 'b'"),
    ("oid", "4294967295", "INTEGER", 4294967295),
    ('"char"', "'x'", "TEXT", "x"),
]


def test_every_type_arrives_with_its_value_and_null(postgres_url: str, tmp_path: Path) -> None:
    columns = ", ".join(f"c{number} {type_}" for number, (type_, *_) in enumerate(SCALARS))
    values = ", ".join(f"CAST({value} AS {type_})" for type_, value, *_ in SCALARS)
    run(postgres_url, f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({values}); INSERT INTO t DEFAULT VALUES")
    target = SqliteLocation(tmp_path / "back.db")
    report = migrate_back(PostgresLocation.of(postgres_url), target)
    assert report.proof is not None
    assert [one.differences for one in report.proof.tables] == [()]
    assert report.status == "moved"
    declared = fetch("SELECT type FROM pragma_table_info('t')")
    found, nulls = fetch("SELECT * FROM t")
    expected = [(type_, value, declared, stored) for type_, value, declared, stored in SCALARS]
    assert [
        (type_, value, name, stored)
        for (type_, value, *_), (name,), stored in zip(SCALARS, declared, found, strict=True)
    ] == expected
    assert set(nulls) == {None}
    assert verify_back(PostgresLocation.of(postgres_url), target).status == "moved"
