"""Rows in quarantine are tried again after the source, the quarantine or the plan was mended."""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.move.pipeline import MoveOptions, migrate, requeue, verify
from exuvia.move.planfile import load
from exuvia.move.planner import PlanOptions
from exuvia.move.quarantine import json_value
from exuvia.move.requeue import stored_value


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB);"
        "INSERT INTO t VALUES (1, 'x', x'00ff'), (2, 'y' || char(0), x'01'), (3, 'z' || char(0), NULL), (4, 'w', x'02')"
    )
    connection.close()
    return path


def execute(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(sql)
    connection.close()


def rows(url: str, sql: str = "SELECT id, a, b FROM t ORDER BY id") -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def test_rows_mended_in_the_source_go_and_the_others_stay(source: Path, postgres_url: str) -> None:
    migrate(source, postgres_url)
    execute(source, "UPDATE t SET a = 'mended' WHERE id = 2")
    (found,) = requeue(source, postgres_url)
    assert (found.table, found.moved, [name for name, _ in found.remaining]) == ("t", 1, ["rowid=3"])
    assert rows(postgres_url) == [(1, "x", b"\0\xff"), (2, "mended", b"\1"), (4, "w", b"\2")]
    assert verify(source, postgres_url).status == "moved with rejections"
    execute(source, "UPDATE t SET a = NULL WHERE id = 3")
    (found,) = requeue(source, postgres_url)
    assert (found.moved, found.remaining) == (1, ())
    assert rows(postgres_url, "SELECT to_regclass('t_quarantine')") == [(None,)]
    assert requeue(source, postgres_url) == ()
    assert verify(source, postgres_url).status == "moved"


def test_rows_mended_in_the_quarantine_table_go(source: Path, any_url: str) -> None:
    migrate(source, any_url)
    with psycopg.connect(any_url) as connection:
        connection.execute("""UPDATE t_quarantine SET "values" = '{"id": 2, "a": "by hand", "b": {"blob": "AQ=="}}'
                              WHERE "row" = 'rowid=2'""")
    (found,) = requeue(source, any_url, origin="quarantine")
    assert (found.moved, len(found.remaining)) == (1, 1)
    assert rows(any_url, "SELECT a, b FROM t WHERE id = 2") == [("by hand", b"\1")]


def test_rows_go_into_a_table_that_was_altered_since_and_its_triggers_stay_silent(source: Path, any_url: str) -> None:
    migrate(source, any_url)
    execute(source, "UPDATE t SET a = 'mended' WHERE id > 1")
    with psycopg.connect(any_url) as connection:
        connection.execute(
            "CREATE DOMAIN short AS text CHECK (length(value) < 9); ALTER TABLE t ALTER COLUMN a TYPE short, DROP b;"
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''fired''; END';"
            "CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()"
        )
    (found,) = requeue(source, any_url)
    assert (found.moved, found.remaining) == (2, ())
    assert rows(any_url, "SELECT id, a FROM t WHERE id IN (2, 3)") == [(2, "mended"), (3, "mended")]


def test_a_row_that_breaks_a_key_stays_and_the_others_go(source: Path, any_url: str) -> None:
    migrate(source, any_url)
    execute(source, "UPDATE t SET a = 'mended' WHERE id > 1")
    with psycopg.connect(any_url) as connection:
        connection.execute("INSERT INTO t VALUES (2, 'taken', NULL)")
    (found,) = requeue(source, any_url)
    ((name, reason),) = found.remaining
    assert (found.moved, name) == (1, "rowid=2")
    assert "duplicate key" in reason
    assert rows(any_url, "SELECT a FROM t WHERE id IN (2, 3) ORDER BY id") == [("taken",), ("mended",)]


def test_the_plan_can_say_that_such_values_become_null(source: Path, any_url: str) -> None:
    migrate(source, any_url)
    said = load('[tables.t.columns]\na = { on_misfit = "null" }\n')
    (found,) = requeue(source, any_url, options=MoveOptions(PlanOptions(overrides=said)))
    assert (found.moved, found.remaining) == (2, ())
    assert rows(any_url, "SELECT a FROM t WHERE id IN (2, 3)") == [(None,), (None,)]


def test_text_that_is_not_utf8_is_quarantined_as_text_and_a_blob_as_a_blob(tmp_path: Path, any_url: str) -> None:
    path = tmp_path / "s.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)")
    connection.execute(
        "INSERT INTO t VALUES (1, CAST(x'61ff' AS TEXT), x'61ff'), (2, x'62ff', 'b'), (3, 'fine', NULL),"
        "(4, 'good', NULL), (5, 'well', NULL)"
    )
    connection.commit()
    connection.close()
    report = migrate(path, any_url)
    first, second = (dict(one.values) for one in report.rejections)
    assert first == {"id": 1, "a": {"text": "Yf8="}, "b": {"blob": "Yf8="}}
    assert second == {"id": 2, "a": {"blob": "Yv8="}, "b": "b"}
    listed = [json.loads(line) for line in Path(report.quarantine_file).read_text().splitlines()]
    assert [row["values"] for row in listed] == [first, second]
    (found,) = requeue(path, any_url, origin="quarantine")
    assert [reason for _, reason in found.remaining] == [
        "a: malformed UTF-8 at byte 1",
        "a: a BLOB of 2 bytes that is not text",
    ]


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_half_a_surrogate_pair_is_quarantined_as_text(encoding: str, tmp_path: Path, postgres_url: str) -> None:
    path = tmp_path / "s.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA encoding = '{encoding}'")
    half = "d800" if encoding.endswith("be") else "00d8"
    connection.execute("CREATE TABLE t (a TEXT, b BLOB, n INTEGER PRIMARY KEY)")
    connection.execute(f"INSERT INTO t VALUES (CAST(x'{half}' AS TEXT), x'{half}', 1), ('fine', NULL, 2)")
    connection.commit()
    connection.close()
    (rejection,) = migrate(path, postgres_url).rejections
    assert rejection.values["a"] == {"text": base64.b64encode(b"\xed\xa0\x80").decode()}
    assert rejection.values["b"] == {"blob": base64.b64encode(bytes.fromhex(half)).decode()}


@given(
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.binary()
    | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
)
def test_a_stored_value_is_the_value(value: int | float | str | bytes | None) -> None:
    restored = stored_value(json_value(value))
    assert restored == value
    assert type(restored) is type(value)
