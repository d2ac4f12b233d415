"""What the comparison says of differences, whatever keys the tables have, and what a quick look says of itself."""

from __future__ import annotations

import io
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal

import orjson
import psycopg
import pytest
from rich.console import Console
from typer.testing import CliRunner

from exuvia.cli.app import app
from exuvia.errors import ConfigError
from exuvia.move import differences, sampling
from exuvia.move.events import Listener, Progress
from exuvia.move.pipeline import MoveOptions, Sample, migrate, verify
from exuvia.move.planner import PlanOptions
from exuvia.move.results import DifferingRows, MoveReport, TableProof
from exuvia.report.html import to_html
from exuvia.report.json_report import to_json
from exuvia.report.terminal import summary

MANY = 12_000
KEYS: Mapping[str, tuple[str, Callable[[int], tuple[object, ...]]]] = {
    "integer": ("id INTEGER PRIMARY KEY, name TEXT, score REAL", lambda n: (n, f"name {n}", n / 7)),
    "text": ("id TEXT PRIMARY KEY, name TEXT, score REAL", lambda n: (f"key'{n:07}", f"name {n}", n / 7)),
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


def fill(connection: sqlite3.Connection, rows: Iterator[tuple[object, ...]]) -> None:
    first = next(rows)
    marks = ", ".join("?" * len(first))
    connection.executemany(f"INSERT INTO t VALUES ({marks})", chain([first], rows))


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
    key = {"integer": "id=17", "text": "id=key'0000017", "composite": "a=17, b=b17", "without rowid": "id=é000017"}
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


def test_values_that_print_alike_are_told_apart(tmp_path: Path, any_url: str) -> None:
    source = tmp_path / "alike.db"
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL, c REAL, d JSON)")
        connection.execute("INSERT INTO t VALUES (1, 'NULL', 0.0, 1.0, '{\"x\": [1, 2.50]}')")
        connection.execute("INSERT INTO t VALUES (2, '', 0.0, 1.0, '{\"y\": 1, \"x\": 2}')")
    native = PlanOptions(style="native")
    migrate(source, any_url, options=MoveOptions(native))
    change(any_url, 'UPDATE t SET d = \'{"x":2,"y":1}\' WHERE id = 2')
    assert verify(source, any_url, options=MoveOptions(native)).status == "moved"
    change(any_url, "UPDATE t SET a = NULL, b = '-0', c = 'NaN', d = '{\"x\": [1, 2.51]}' WHERE id = 1")
    found = proof_of(verify(source, any_url, options=MoveOptions(native))).differences
    assert [(one.column, one.source, one.target) for one in found] == [
        ("a", "'NULL'", "NULL"),
        ("b", "0.0", "-0.0"),
        ("c", "1.0", "nan"),
        ("d", '{"x":[1,2.5]}', '{"x":[1,2.51]}'),
    ]


@pytest.mark.parametrize(
    ("kind", "held"), [("integer", differences.ROWS_HELD), ("text", 1_000), ("none", 1_000), ("none", MANY)]
)
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
    assert [(one.row, one.column, one.target) for one in table.differences] == [("id=key'0000777", "score", "-1.0")]


@pytest.mark.parametrize("kind", KEYS)
def test_a_sample_of_an_equal_table_is_equal_and_says_how_much_it_is(make: Make, any_url: str, kind: str) -> None:
    source = make(kind, MANY)
    migrate(source, any_url)
    report = verify(source, any_url, options=MoveOptions(sample=Sample(2_000)))
    table = proof_of(report)
    assert report.status == "moved"
    assert report.proof is not None
    assert report.proof.seed == 0
    assert (table.rows_source, table.rows_target) == (MANY, MANY)
    assert table.sample is not None
    assert table.sample.counted
    assert table.sample.rows == 0 if kind == "none" else 1_500 < table.sample.rows <= 2_000


@pytest.mark.parametrize("kind", ["integer", "composite", "without rowid"])
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


@pytest.mark.parametrize("style", ["faithful", "native"])
def test_rows_that_look_simpler_than_their_table_are_still_compared_by_its_types(
    tmp_path: Path, any_url: str, style: Literal["faithful", "native"]
) -> None:
    source = tmp_path / "rare.db"
    usual = (1, 1_700_000_000, "2024-01-02 03:04:05", '{"a": 1}', "6b1f0c3e-0000-4000-8000-000000000001", 1.5, "12.50")
    rare = (2, 1_700_000_000_123, "unknown", "{", "no uuid", "1.5", 12)
    naive = (0, None, "2024-01-02T03:04:05+02:00", "[]", None, 3, "1e3")
    with sqlite3.connect(source) as connection:
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, flag BOOLEAN, created_at INTEGER, updated DATETIME, data JSON, "
            "ref UUID, score, price DECIMAL(10, 2), seen DATETIME, made TIMESTAMP)"
        )
        moments = (1_700_000_000, 1_700_000_000_123, None)
        rows = [rare if n % 997 == 0 else naive if n % 401 == 0 else usual for n in range(4_000)]
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(n, *row, moments[n % 701 == 0], moments[0 if n % 3 else 2]) for n, row in enumerate(rows)],
        )
    plan = PlanOptions(style=style)
    migrate(source, any_url, options=MoveOptions(plan))
    for seed in range(4):
        report = verify(source, any_url, options=MoveOptions(plan, sample=Sample(60, seed=seed)))
        assert proof_of(report).differences == ()


def test_rows_that_only_the_target_has_are_seen_by_the_count(make: Make, any_url: str) -> None:
    source = make("text", MANY)
    migrate(source, any_url)
    change(any_url, "INSERT INTO t VALUES ('new', 'new', 1)")
    table = proof_of(verify(source, any_url, options=MoveOptions(sample=Sample(500))))
    assert not table.equal
    assert (table.differences[0].source, table.differences[0].target) == ("12,000 rows", "12,001 rows")


def test_rows_of_a_large_file_are_not_counted_and_their_number_is_told_as_an_estimate(
    make: Make, any_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "COUNTED_BYTES", 0)
    source = make("integer", MANY)
    with sqlite3.connect(source) as connection:
        connection.execute("DELETE FROM t WHERE id BETWEEN 5000 AND 6000")
    migrate(source, any_url)
    change(any_url, "UPDATE t SET name = 'other' WHERE id = 1")
    report = verify(source, any_url, options=MoveOptions(sample=Sample(500)))
    table = proof_of(report)
    assert table.sample is not None
    assert not table.sample.counted
    assert table.differing == DifferingRows(changed=1)
    assert "of about 12,000 rows" in shown(report)


def test_a_sample_names_a_table_that_is_not_there(make: Make, any_url: str) -> None:
    table = proof_of(verify(make("integer", MANY), any_url, options=MoveOptions(sample=Sample(500))))
    assert not table.equal
    assert "no table" in table.differences[0].target
    assert table.differences[0].source == "12,000 rows"
    assert table.rows_source == MANY


def test_small_tables_are_compared_whole_even_without_a_key(make: Make, any_url: str) -> None:
    source = make("none", 50)
    migrate(source, any_url)
    change(any_url, "UPDATE t SET name = 'other' WHERE name = 'name 50'")
    table = proof_of(verify(source, any_url, options=MoveOptions(sample=Sample())))
    assert table.sample is not None
    assert table.sample.rows == 50
    assert table.differing == DifferingRows(missing=1, additional=1)


def test_a_table_that_is_empty_in_the_target_was_compared_nevertheless(make: Make, any_url: str) -> None:
    source = make("text", MANY)
    migrate(source, any_url)
    change(any_url, "TRUNCATE t")
    table = proof_of(verify(source, any_url, options=MoveOptions(sample=Sample(500))))
    assert table.sample is not None
    assert table.sample.rows == table.differing.missing > 400


def test_tables_that_the_application_made_are_sampled_by_their_own_types(make: Make, any_url: str) -> None:
    source = make("text", MANY)
    change(
        any_url,
        "CREATE DOMAIN short AS varchar(20)",
        "CREATE TABLE t (score float4, more int DEFAULT 7, id short PRIMARY KEY, name text)",
    )
    with sqlite3.connect(source) as connection:
        connection.execute("UPDATE t SET score = round(score * 8) / 8 + 0.0")
    options = MoveOptions(into_existing=True)
    migrate(source, any_url, options=options)
    sampled = replace(options, sample=Sample(600))
    assert proof_of(verify(source, any_url, options=sampled)).differences == ()
    change(any_url, "UPDATE t SET score = score + 1")
    table = proof_of(verify(source, any_url, options=sampled))
    assert table.differing.changed > 500
    assert table.differences[0].column == "score"


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


def test_every_output_says_that_a_sample_is_no_proof(make: Make, any_url: str) -> None:
    source = make("none", MANY)
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE keyed AS SELECT rowid AS id, name FROM t")
        connection.execute("CREATE TABLE k (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO k SELECT id, name FROM keyed")
        connection.execute("DROP TABLE keyed")
    migrate(source, any_url)
    report = verify(source, any_url, options=MoveOptions(sample=Sample(1_000, seed=5)))
    page, terminal, document = to_html(report), shown(report), orjson.loads(to_json(report))
    for text in (page, terminal):
        assert "A sample, not a proof" in text
        assert "of 24,000 rows" in text
        assert "only counted" in text
        assert not re.search("every value (arrived|moved)|proof of equality|proved", text, re.IGNORECASE)
    assert document["verdict"]["headline"] == "A sample, not a proof"
    assert document["proof"]["sample"] == {
        "rows_compared": 992,
        "rows": 24_000,
        "counted": True,
        "seed": 5,
        "tables_not_compared": ["t"],
    }
    assert {table["table"]: table["sample"]["rows"] for table in document["proof"]["tables"]} == {"k": 992, "t": 0}
    assert document["plan"]["problems"] == []
    assert {column["evidence"] for table in document["plan"]["tables"] for column in table["columns"]} == {""}


def shown(report: MoveReport) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(summary(report))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_command_samples_and_keeps_the_exit_codes(make: Make, any_url: str) -> None:
    source = make("integer", 2_000)
    migrate(source, any_url)
    runner = CliRunner()
    equal = runner.invoke(app, ["verify", str(source), any_url, "--sample-size", "500"])
    assert equal.exit_code == 0, equal.output
    assert re.search(r"A sample, not a proof: 4\d\d of 2,000 rows", " ".join(equal.output.split()))
    change(any_url, "DELETE FROM t WHERE id = 1")
    assert runner.invoke(app, ["verify", str(source), any_url, "--sample"]).exit_code == 6
    for wrong in (
        [str(source), any_url, "--seed", "3"],
        [str(source), any_url, "--sample-size", "none"],
        [any_url, f"sqlite:///{source}", "--sample"],
    ):
        assert isinstance(runner.invoke(app, ["verify", *wrong]).exception, ConfigError)


def test_the_target_is_compared_as_it_is_at_one_moment(make: Make, any_url: str) -> None:
    source = make("none", 500)
    migrate(source, any_url)

    def write(_: Progress) -> None:
        change(any_url, "UPDATE t SET name = name || '!'")

    assert verify(source, any_url, listener=only("verify", once(write))).status == "moved"
    assert verify(source, any_url).status == "different"


def only(stage: str, listener: Listener) -> Listener:
    return lambda event: listener(event) if event.stage == stage and event.table else None


def once(listener: Listener) -> Listener:
    heard: list[Progress] = []

    def hear(event: Progress) -> None:
        heard.append(event)
        if len(heard) == 1:
            listener(event)

    return hear


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["integer", "text"])
def test_one_changed_value_among_ten_million_rows_is_named_in_little_memory(
    make: Make, any_url: str, kind: str
) -> None:
    source = make(kind, 10_000_000)
    migrate(source, any_url, options=MoveOptions(verify=False))
    change(any_url, "UPDATE t SET name = 'other' WHERE name = 'name 7654321'")
    program = (
        "import resource, sys; from exuvia.move.pipeline import verify; report = verify(*sys.argv[1:]); "
        "table = report.proof.tables[0]; found = table.differences[0]; "
        "print(len(table.differences), found.row, found.column, found.source, found.target, sep='|'); "
        "print(table.values_compared, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", program, str(source), any_url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told, figures = done.stdout.splitlines()
    key = {"integer": "id=7654321", "text": "id=key'7654321"}[kind]
    assert told == f"1|{key}|name|name 7654321|other"
    values, kilobytes = map(int, figures.split())
    assert values == 30_000_000
    assert kilobytes < 500_000
