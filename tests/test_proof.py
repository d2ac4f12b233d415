"""What the comparison says of differences, whatever keys the tables have, and what a quick look says of itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psycopg
import pytest

from exuvia.errors import ConfigError
from exuvia.move import differences
from exuvia.move.pipeline import MoveOptions, Sample, migrate, verify
from exuvia.move.results import DifferingRows, MoveReport, TableProof

MANY = 12_000
KEYS: Mapping[str, tuple[str, Callable[[int], tuple[object, ...]]]] = {
    "integer": ("id INTEGER PRIMARY KEY, name TEXT, score REAL", lambda n: (n, f"name {n}", n / 7)),
    "text": ("id TEXT PRIMARY KEY, name TEXT, score REAL", lambda n: (f"key'{n:06}", f"name {n}", n / 7)),
    "composite": (
        "a INTEGER, b TEXT, name TEXT, score REAL, PRIMARY KEY (a, b)",
        lambda n: (n % 100, f"b{n}", f"name {n}", n / 7),
    ),
    "without rowid": (
        "id TEXT PRIMARY KEY, name TEXT, score REAL",
        lambda n: (f"é{n:06}", f"name {n}", 0.5),
    ),
    "uuid": (
        "id UUID PRIMARY KEY, name TEXT, score REAL",
        lambda n: (f"{n:08x}-0000-4000-8000-{n:012x}", f"name {n}", 1.5),
    ),
    "none": ("name TEXT, score REAL", lambda n: (f"name {n}", n / 7)),
}

Make = Callable[[str, int], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a file with a table ``t`` that has a key of the given kind."""

    def file(kind: str, rows: int) -> Path:
        columns, row = KEYS[kind]
        path = tmp_path / "source.db"
        with sqlite3.connect(path) as connection:
            connection.execute(f"CREATE TABLE t ({columns}){' WITHOUT ROWID' if kind == 'without rowid' else ''}")
            fill(connection, (row(n) for n in range(1, rows + 1)))
        return path

    return file


def fill(connection: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    rows = list(rows)
    connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(rows[0]))})", rows)


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def proof_of(report: MoveReport) -> TableProof:
    assert report.proof is not None
    (table,) = report.proof.tables
    return table


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind != "none"])
def test_changed_missing_and_additional_rows_are_counted_and_named_by_key(make: Make, any_url: str, kind: str) -> None:
    source = make(kind, 3_000)
    migrate(source, any_url)
    change(
        any_url,
        "UPDATE t SET name = 'other' WHERE name = 'name 17'",
        "DELETE FROM t WHERE name = 'name 1000'",
        *more_rows(kind),
    )
    table = proof_of(verify(source, any_url))
    assert table.differing == DifferingRows(changed=1, missing=1, additional=1)
    by_kind = [(one.column, one.source, one.target) for one in table.differences]
    assert by_kind[0] == ("name", "name 17", "other")
    assert [one[0] for one in by_kind[1:]] == ["", ""]
    assert "name 1000" in by_kind[1][1]
    assert by_kind[1][2] == "(no such row)" == by_kind[2][1]
    key = {"integer": "id=17", "text": "id=key'000017", "composite": "a=17, b=b17", "without rowid": "id=é000017"}
    assert table.differences[0].row == key.get(kind, table.differences[0].row)
    assert table.differences[0].row


def more_rows(kind: str) -> tuple[str, ...]:
    """Statements that add one row to the target."""
    key = {"integer": "id = 900001", "composite": "b = 'new'", "uuid": "id = 'ffffffff-0000-4000-8000-000000000000'"}
    return (
        "CREATE TEMP TABLE one AS SELECT * FROM t WHERE name = 'name 5'",
        f"UPDATE one SET {key.get(kind, 'id = chr(120)')}",
        "INSERT INTO t SELECT * FROM one",
    )


def test_a_long_text_is_shown_where_it_differs(tmp_path: Path, any_url: str) -> None:
    source = tmp_path / "long.db"
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        connection.execute("INSERT INTO t VALUES (1, ?)", ("x" * 5_000 + "before" + "y" * 5_000,))
    migrate(source, any_url)
    change(any_url, "UPDATE t SET body = replace(body, 'before', 'behind')")
    (found,) = proof_of(verify(source, any_url)).differences
    assert (found.row, found.column) == ("id=1", "body")
    assert "before" in found.source
    assert "behind" in found.target
    assert "(10,006 characters)" in found.source
    assert len(found.source) < 200


def test_null_is_not_the_text_that_shows_it(tmp_path: Path, any_url: str) -> None:
    source = tmp_path / "null.db"
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL)")
        connection.execute("INSERT INTO t VALUES (1, 'NULL', 0.0)")
    migrate(source, any_url)
    change(any_url, "UPDATE t SET a = NULL, b = '-0'")
    found = proof_of(verify(source, any_url)).differences
    assert [(one.column, one.source, one.target) for one in found] == [("a", "NULL", "NULL"), ("b", "0.0", "-0.0")]


@pytest.mark.parametrize("held", [differences.ROWS_HELD, 1_000])
@pytest.mark.parametrize("kind", ["integer", "text", "none"])
def test_every_row_different_is_told_in_bounded_words(
    make: Make, any_url: str, monkeypatch: pytest.MonkeyPatch, kind: str, held: int
) -> None:
    monkeypatch.setattr(differences, "ROWS_HELD", held)
    source = make(kind, MANY)
    migrate(source, any_url)
    change(any_url, "UPDATE t SET name = name || '!'")
    table = proof_of(verify(source, any_url))
    assert len(table.differences) == 100
    if kind == "none":
        assert table.differing.changed == 0
        told = max(table.differing.missing, table.differing.additional) + table.differing.unread
    else:
        assert {one.column for one in table.differences} == {"name"}
        assert table.differing.missing == table.differing.additional == 0
        told = table.differing.changed + table.differing.unread
    assert 0.5 * MANY < told <= (1 if kind != "none" else 2) * MANY
    assert (table.differing.unread > 0) == (held < MANY)


def test_one_difference_is_found_in_a_part_too_large_to_be_held(
    make: Make, any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "ROWS_HELD", 1_000)
    source = make("text", MANY)
    migrate(source, any_url)
    change(any_url, "UPDATE t SET score = -1 WHERE name = 'name 777'")
    table = proof_of(verify(source, any_url))
    assert table.differing == DifferingRows(changed=1)
    assert [(one.row, one.column, one.target) for one in table.differences] == [("id=key'000777", "score", "-1.0")]


@pytest.mark.parametrize("kind", KEYS)
def test_a_sample_of_an_equal_table_is_equal_and_says_how_much_it_is(make: Make, postgres_url: str, kind: str) -> None:
    source = make(kind, MANY)
    migrate(source, postgres_url)
    report = verify(source, postgres_url, options=MoveOptions(sample=Sample(2_000)))
    table = proof_of(report)
    assert report.status == "moved"
    assert report.proof is not None
    assert report.proof.seed == 0
    assert (table.rows_source, table.rows_target) == (MANY, MANY)
    assert table.sample is not None
    assert table.sample.counted
    assert table.sample.rows == 0 if kind == "none" else 1_500 < table.sample.rows <= 2_000


@pytest.mark.parametrize("kind", [kind for kind in KEYS if kind != "none"])
def test_a_sample_finds_what_is_wrong_everywhere_and_says_where(make: Make, any_url: str, kind: str) -> None:
    source = make(kind, MANY)
    migrate(source, any_url)
    change(any_url, "UPDATE t SET score = score + 1", "DELETE FROM t WHERE name = 'name 2'")
    report = verify(source, any_url, options=MoveOptions(sample=Sample(1_000, seed=7)))
    table = proof_of(report)
    assert report.status == "different"
    assert (table.differences[0].source, table.differences[0].target) == ("12,000 rows", "11,999 rows")
    assert {one.column for one in table.differences[1:]} <= {"score", ""}
    assert table.differing.changed + table.differing.unread > 500


def test_rows_that_only_the_target_has_are_seen_by_the_count(make: Make, any_url: str) -> None:
    source = make("text", MANY)
    migrate(source, any_url)
    change(any_url, "INSERT INTO t VALUES ('new', 'new', 1)")
    table = proof_of(verify(source, any_url, options=MoveOptions(sample=Sample(500))))
    assert not table.equal
    assert (table.differences[0].source, table.differences[0].target) == ("12,000 rows", "12,001 rows")


def test_small_tables_are_compared_whole_even_without_a_key(make: Make, any_url: str) -> None:
    source = make("none", 50)
    migrate(source, any_url)
    change(any_url, "UPDATE t SET name = 'other' WHERE name = 'name 50'")
    table = proof_of(verify(source, any_url, options=MoveOptions(sample=Sample())))
    assert table.sample is not None
    assert table.sample.rows == 50
    assert table.differing == DifferingRows(missing=1, additional=1)


def test_samples_are_repeatable_and_another_seed_chooses_other_rows(make: Make, any_url: str) -> None:
    source = make("integer", MANY)
    migrate(source, any_url)
    digests = [
        proof_of(verify(source, any_url, options=MoveOptions(sample=Sample(500, seed=seed)))).digest
        for seed in (1, 1, 2)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_share_is_a_share_of_each_table(make: Make, any_url: str) -> None:
    source = make("integer", MANY)
    migrate(source, any_url)
    table = proof_of(verify(source, any_url, options=MoveOptions(sample=Sample.parse("20%"))))
    assert table.sample is not None
    assert 2_000 < table.sample.rows <= 2_400


@pytest.mark.parametrize("size", ["", "0", "0%", "101%", "-3", "many", "1.5"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(ConfigError, match="sample"):
        Sample.parse(size)
