"""Defaults, index parts and generated columns: what PostgreSQL stores is what SQLite would have stored."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from exuvia.catalog.model import Affinity, IndexPart
from exuvia.catalog.types import SqlType
from exuvia.engines.postgres.translate import (
    Translation,
    translate_default,
    translate_expression,
    translate_index_part,
)
from translation import COLUMNS, ODD, TABLE, as_sqlite, names, pair, quoted, same

UUID4 = (
    "lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || substr(lower(hex(randomblob(2))), 2)"
    " || '-' || substr('89ab', abs(random()) % 4 + 1, 1) || substr(lower(hex(randomblob(2))), 2) || '-'"
    " || lower(hex(randomblob(6)))"
)

# default, declared type, target type, what PostgreSQL stores, as text
FIXED = (
    ("'0'", "INTEGER", "integer", "0"),
    ("(5)", "INTEGER", "bigint", "5"),
    ("- 5", "INTEGER", "bigint", "-5"),
    ("+1", "INT", "smallint", "1"),
    ("1e3", "INTEGER", "integer", "1000"),
    ("TRUE", "INTEGER", "integer", "1"),
    ("-9223372036854775808", "INTEGER", "bigint", "-9223372036854775808"),
    ("0x10", "INTEGER", "integer", "16"),
    ("1", "BOOLEAN", "boolean", "true"),
    ("'0'", "BOOLEAN", "boolean", "false"),
    ("false", "BOOLEAN", "boolean", "false"),
    ("'true'", "BOOLEAN", "boolean", "true"),
    ("1", "REAL", "double precision", "1"),
    ("0.1", "REAL", "double precision", "0.1"),
    ("'2.5'", "REAL", "double precision", "2.5"),
    ("1.5", "DECIMAL(10,2)", "numeric(10,2)", "1.50"),
    ("-0.05", "DECIMAL(10,2)", "numeric(10,2)", "-0.05"),
    ("1e20", "NUMERIC", "numeric", "100000000000000000000"),
    ("5", "TEXT", "text", "5"),
    ("1.50", "TEXT", "text", "1.5"),
    ("'it''s'", "TEXT", "text", "it's"),
    ('"quoted"', "TEXT", "text", "quoted"),
    ("bare", "TEXT", "varchar(10)", "bare"),
    ("''", "TEXT", "text", ""),
    ('""', "TEXT", "text", ""),
    ("'a\\b%'", "TEXT", "text", "a\\b%"),
    ("'a' || 'b' || 1", "TEXT", "text", "ab1"),
    ("date('2024-01-31', '+1 month')", "TEXT", "text", "2024-03-02"),
    ("X'00ff'", "BLOB", "bytea", "\\x00ff"),
    ("'{}'", "JSON", "jsonb", "{}"),
    ("'[]'", "TEXT", "json", "[]"),
    ("42", "JSON", "jsonb", "42"),
    ("'null'", "JSON", "jsonb", "null"),
    ("'2024-02-29'", "DATE", "date", "2024-02-29"),
    ("'2024-02-29 12:00:00'", "DATETIME", "timestamp", "2024-02-29 12:00:00"),
    ("'2024-02-29T12:00:00Z'", "DATETIME", "timestamptz", "2024-02-29 12:00:00+00"),
    ("'12:30'", "TIME", "time", "12:30:00"),
    ("'6f1ed002ab5595859014ebf0951522d9'", "TEXT", "uuid", "6f1ed002-ab55-9585-9014-ebf0951522d9"),
    ("NULL", "DATE", "date", None),
    ("(NULL)", "TEXT", "text", None),
)
REFUSED = (
    ("'abc'", "integer"),
    ("''", "date"),
    ("''", "integer"),
    ("1.5", "integer"),
    ("3000000000", "integer"),
    ("2", "boolean"),
    ("'maybe'", "boolean"),
    ("1.555", "numeric(10,2)"),
    ("12345678901", "numeric(10,2)"),
    ("'too long'", "varchar(3)"),
    ("'{broken'", "jsonb"),
    ("'\\u0000'", "jsonb"),
    ("'2024-02-30'", "date"),
    ("0", "timestamp"),
    ("'x'", "uuid"),
    ("1", "bytea"),
    ("datetime('now', 'localtime')", "text"),
    ("current_timestamp", "integer"),
    ("char(0)", "text"),
    ("changes()", "integer"),
)
# default, target type
NOW = (
    ("CURRENT_TIMESTAMP", "text"),
    ("current_timestamp", "timestamp"),
    ("(datetime('now'))", "timestamptz"),
    ("DATETIME('NOW')", "varchar(30)"),
    ("strftime('%Y-%m-%dT%H:%M:%SZ', 'now')", "text"),
    ("strftime('%Y-%m-%dT%H:%M:%SZ', 'now')", "timestamptz"),
    ("strftime('%d/%m \"Year\" %Y, %H\\%M %%', 'now')", "text"),
    ("strftime('%s', 'now')", "bigint"),
    ("strftime('%s', 'now')", "text"),
    ("unixepoch()", "bigint"),
    ("CAST(strftime('%s', 'now') AS INTEGER)", "integer"),
    ("strftime('%s', 'now') * 1000", "bigint"),
    ("datetime('now', '+7 days')", "text"),
    ("datetime('now', 'start of month', '-1 day')", "timestamp"),
    ("date('now')", "date"),
    ("CURRENT_DATE", "text"),
    ("time('now')", "text"),
    ("CURRENT_TIME", "time"),
    ("strftime('%j %w', 'now')", "text"),
)


def _default(postgres: psycopg.Connection, translation: Translation, type_: str) -> str | None:
    assert translation.sql is not None, translation.reason
    postgres.execute(f"CREATE TEMP TABLE d (k integer, v {type_} DEFAULT {translation.sql})".encode())
    try:
        row = postgres.execute(b"INSERT INTO d (k) VALUES (1) RETURNING v::text").fetchone()
    finally:
        postgres.execute(b"DROP TABLE d")
    assert row is not None
    assert row[0] is None or isinstance(row[0], str)
    return row[0]


def _affinity(declared: str) -> Affinity:
    with closing(sqlite3.connect(":memory:")) as sqlite:
        sqlite.execute(f"CREATE TABLE t (a {declared})")
        sqlite.execute("INSERT INTO t VALUES ('1')")
        ((kind,),) = sqlite.execute("SELECT typeof(a) FROM t")
    return {"integer": Affinity.NUMERIC, "real": Affinity.REAL, "text": Affinity.TEXT}[kind]


def test_fixed_defaults_store_the_same_value(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as postgres:
        postgres.execute(b"SET TimeZone = 'UTC'")
        wrong = []
        for default, declared, type_, want in FIXED:
            affinity = _affinity(declared) if declared != "BLOB" else Affinity.BLOB
            found = _default(postgres, translate_default(default, SqlType.parse(type_), affinity=affinity), type_)
            if found != want:
                wrong.append((default, type_, found))
    assert not wrong


@pytest.mark.parametrize(("default", "type_"), REFUSED)
def test_a_default_that_the_type_cannot_hold_is_left_out(default: str, type_: str) -> None:
    translation = translate_default(default, SqlType.parse(type_))
    assert translation.sql is None
    assert translation.reason


def test_the_current_time_is_what_sqlite_would_write(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as postgres, closing(sqlite3.connect(":memory:")) as sqlite:
        for zone in ("UTC", "Asia/Kathmandu"):
            postgres.execute(f"SET TimeZone = '{zone}'; SET DateStyle = 'SQL, DMY'".encode())
            for default, type_ in NOW:
                translation = translate_default(default, SqlType.parse(type_))
                shown = "to_char(v, 'YYYY-MM-DD HH24:MI:SS')" if type_ == "timestamp" else "v::text"
                if type_ == "timestamptz":
                    shown = "to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
                if type_ == "date":
                    shown = "to_char(v, 'YYYY-MM-DD')"
                assert translation.sql is not None, translation.reason
                for _ in range(5):
                    (before,) = sqlite.execute(f"SELECT CAST({default} AS TEXT)").fetchone()
                    row = postgres.execute(f"SELECT {shown} FROM (SELECT ({translation.sql})::{type_} AS v) s".encode())
                    (found,) = row.fetchone() or (None,)
                    (after,) = sqlite.execute(f"SELECT CAST({default} AS TEXT)").fetchone()
                    if before == after:
                        break
                want = before.replace(" ", "T") + "Z" if type_ == "timestamptz" and "T" not in before else before
                assert found == want, (default, type_)


def test_milliseconds_and_julian_days_follow_the_clock(postgres_url: str) -> None:
    text = translate_default("strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", SqlType.parse("text"))
    days = translate_default("julianday('now')", SqlType.parse("double precision"))
    with psycopg.connect(postgres_url, autocommit=True) as postgres:
        row = postgres.execute(f"SELECT {text.sql}, {days.sql}, now()".encode()).fetchone()
    assert row is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[0])
    now = row[2].astimezone(UTC)
    assert abs(datetime.fromisoformat(row[0]) - now) < timedelta(seconds=1)
    julian = 2440587.5 + now.timestamp() / 86400
    assert abs(row[1] - julian) < 1e-4


RANDOM = (
    (UUID4, "text", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    (UUID4, "uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    (f"upper({UUID4})", "text", r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}"),
    ("hex(randomblob(16))", "text", r"[0-9A-F]{32}"),
    ("lower(hex(randomblob(16)))", "varchar(32)", r"[0-9a-f]{32}"),
    ("lower(hex(randomblob(16)))", "uuid", r"[0-9a-f-]{36}"),
    ("randomblob(40)", "bytea", r"\\x[0-9a-f]{80}"),
    ("'usr_' || lower(hex(randomblob(3)))", "text", r"usr_[0-9a-f]{6}"),
    ("random()", "bigint", r"-?\d{1,19}"),
    ("abs(random() % 10)", "integer", r"\d"),
)


def test_random_defaults_have_the_shape_and_differ(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as postgres:
        for default, type_, shape in RANDOM:
            translation = translate_default(default, SqlType.parse(type_))
            values = {str(_default(postgres, translation, type_)) for _ in range(20)}
            assert all(re.fullmatch(shape, value) for value in values), values
            assert len(values) > (1 if type_ == "integer" else 15), default


def test_the_lengths_of_random_parts_do_not_make_a_uuid_of_what_is_none() -> None:
    assert translate_default("lower(hex(randomblob(15)))", SqlType.parse("uuid")).sql is None


PARTS = (
    IndexPart("i", descending=True),
    IndexPart(ODD),
    IndexPart("J"),
    IndexPart("c", collation="NOCASE"),
    IndexPart("t", collation="RTRIM"),
    IndexPart(expression="lower(t)"),
    IndexPart(expression="c || u"),
    IndexPart(expression="substr(t, 1, 3)"),
    IndexPart(expression="coalesce(i, 0) % 7"),
    IndexPart(expression="date(at)"),
    IndexPart(expression="strftime('%Y-%m', day)"),
    IndexPart(expression="t COLLATE NOCASE"),
    IndexPart(expression="CASE WHEN f THEN i END"),
    IndexPart(expression="CAST(t AS INTEGER)"),
    IndexPart(expression="json_array_length(js)"),
    IndexPart(expression="f"),
    IndexPart(expression="t GLOB 'a*'"),
)


def test_an_index_part_is_one_that_the_server_takes(any_url: str) -> None:
    with pair(any_url) as databases:
        for part in PARTS:
            translation = translate_index_part(part, TABLE, names())
            assert translation.sql is not None, translation.reason
            databases.postgres.execute(f'CREATE INDEX ON "Ziel" ({translation.sql})'.encode())


def test_a_nocase_index_refuses_what_sqlite_refuses(any_url: str) -> None:
    translation = translate_index_part(IndexPart("c", collation="NOCASE"), TABLE, names())
    with pair(any_url) as databases:
        databases.postgres.execute(b'DELETE FROM "Ziel" WHERE id IN (3, 10)')
        databases.postgres.execute(f'CREATE UNIQUE INDEX ON "Ziel" ({translation.sql})'.encode())
        with pytest.raises(psycopg.errors.UniqueViolation):
            databases.postgres.execute(b"INSERT INTO \"Ziel\" (id, c) VALUES (50, 'aBC')")
        databases.postgres.execute("INSERT INTO \"Ziel\" (id, c) VALUES (51, 'ÄÖ')".encode())


def test_an_index_part_that_is_not_exact_is_left_with_its_reason() -> None:
    for part in (
        IndexPart(expression="json_extract(js, '$.a')"),
        IndexPart(expression="date(t)"),
        IndexPart("nowhere"),
    ):
        translation = translate_index_part(part, TABLE, names())
        assert translation.sql is None
        assert translation.reason


GENERATED = (
    ("i * 2", "i"),
    ("length(t) > 2", "f"),
    ("i > 3", "j"),
    ("upper(t) || ' ' || u", "t"),
    ("r * 2", "q"),
    ("i", "t"),
    ("strftime('%Y', at)", "u"),
    ("j + 0.5", "r"),
    ("substr(t, 1, instr(t, 'b') - 1)", ODD),
    ("CASE WHEN f THEN 'yes' ELSE 'no' END", "t"),
)


def test_a_generated_column_stores_what_sqlite_computes(any_url: str) -> None:
    types = {source: (declared, type_) for source, declared, _, type_, *_ in COLUMNS}
    with pair(any_url) as databases:
        for number, (expression, column) in enumerate(GENERATED):
            translation = translate_expression(expression, TABLE, names(), column=column)
            assert translation.sql is not None, translation.reason
            declared, type_ = types[column]
            alter = f"ALTER TABLE {quoted(TABLE)} ADD COLUMN made{number} {declared} AS ({expression}) VIRTUAL"
            databases.sqlite.execute(alter)
            generated = f"made{number} {type_} GENERATED ALWAYS AS ({translation.sql}) STORED"
            databases.postgres.execute(f'ALTER TABLE "Ziel" ADD COLUMN {generated}'.encode())
            rows = databases.postgres.execute(f'SELECT made{number} FROM "Ziel" ORDER BY id'.encode()).fetchall()
            found = [as_sqlite(row[0]) for row in rows]
            assert same(databases.ask_sqlite(f"made{number}"), found), expression


def test_a_generated_value_that_does_not_fit_its_column_is_left() -> None:
    for expression, column in (("i", "f"), ("r", "i"), ("t", "at"), ("t", "js"), ("t", "gone")):
        translation = translate_expression(expression, TABLE, names(), column=column)
        assert translation.sql is None
        assert translation.reason
