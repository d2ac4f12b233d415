"""Several files into one database: where each goes, what collides, and what the next run does after a failure."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from exuvia.cli.app import app
from exuvia.errors import ConfigError, PlanError
from exuvia.move.pipeline import MoveOptions
from exuvia.move.planfile import load
from exuvia.move.planner import PlanOptions
from exuvia.move.results import JointReport
from exuvia.move.several import migrate_several, parts, verify_several

Make = Callable[..., str]

SQL = """
CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT CONSTRAINT one_name UNIQUE);
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER REFERENCES kind, price REAL);
CREATE INDEX by_price ON item (price);
CREATE VIEW dear AS SELECT id FROM item WHERE price > 1;
INSERT INTO kind VALUES (1, 'a'), (2, 'b');
INSERT INTO item VALUES (1, 2, 0.5), (2, 1, 2.5);
"""
MANY = (
    "CREATE TABLE n (i INTEGER PRIMARY KEY); WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c"
    " WHERE i < 50000) INSERT INTO n SELECT i FROM c"
)


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("EXUVIA_TARGET", raising=False)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes a SQLite file in the working directory."""

    def made(name: str, sql: str = SQL) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        connection = sqlite3.connect(path)
        connection.executescript(sql)
        connection.close()
        return name

    return made


def fetch(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def tables(url: str) -> list[str]:
    rows = fetch(
        url,
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'v') ORDER BY 1",
    )
    return [str(name) for (name,) in rows]


def statuses(report: JointReport) -> list[str]:
    return [one.status for one in report.reports]


def planned(text: str) -> PlanOptions:
    return PlanOptions(overrides=load(text))


def test_each_file_gets_a_schema_of_its_own(make: Make, postgres_url: str) -> None:
    pieces = parts([make("a.db"), make("b.db")], PlanOptions(), prefixed=False)
    report = migrate_several(pieces, postgres_url)
    assert statuses(report) == ["moved", "moved"]
    assert tables(postgres_url) == ["a.dear", "a.item", "a.kind", "b.dear", "b.item", "b.kind"]
    assert statuses(verify_several(pieces, postgres_url)) == ["moved", "moved"]


def test_schemas_are_legal_and_differ(make: Make) -> None:
    sources = [make("My App-1.sqlite"), make("x/app.db"), make("y/app.db"), make("pg_data.db"), make("äé.db")]
    pieces = parts(sources, PlanOptions(), prefixed=False)
    assert [piece.options.schema for piece in pieces] == ["my_app_1", "app", "app_2", "db_pg_data", "äé"]


def test_with_a_prefix_tables_views_keys_and_indexes_share_one_schema(make: Make, postgres_url: str) -> None:
    pieces = parts([make("a.db"), make("b.db")], PlanOptions(), prefixed=True)
    report = migrate_several(pieces, postgres_url)
    assert statuses(report) == ["moved", "moved"]
    names = [f"public.{name}" for name in ("a_dear", "a_item", "a_kind", "b_dear", "b_item", "b_kind")]
    assert tables(postgres_url) == names
    assert fetch(postgres_url, "SELECT id FROM b_dear") == [(2,)]
    indexes = fetch(postgres_url, "SELECT indexname FROM pg_indexes WHERE tablename LIKE 'b%' ORDER BY 1")
    assert indexes == [("b_by_price",), ("b_item_pkey",), ("b_kind_pkey",), ("b_one_name",)]
    assert not any(problem.level == "warning" for one in report.reports for problem in one.plan.problems)
    assert statuses(verify_several(pieces, postgres_url)) == ["moved", "moved"]


def test_the_plan_file_says_where_a_file_goes_and_by_which_plan(make: Make, tmp_path: Path, any_url: str) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "b.toml").write_text('[tables.item]\nname = "thing"\n[tables.kind]\nexclude = true')
    said = '[sources."a.db"]\nschema = "first"\n[sources."b.db"]\nschema = "first"\nprefix = "b_"\nplan = "b.toml"'
    pieces = parts([make("a.db"), make("b.db")], planned(said), prefixed=False, directory=tmp_path / "plans")
    migrate_several(pieces, any_url)
    assert tables(any_url) == ["first.b_dear", "first.dear", "first.item", "first.kind", "first.thing"]
    assert fetch(any_url, "SELECT id FROM first.b_dear") == [(2,)]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('[sources."c.db"]\nschema = "x"', "none of the sources"),
        ('[sources."a.db"]\nshema = "x"', "no key 'shema'"),
        ("[tables.item]\nexclude = true", "several files"),
    ],
)
def test_a_plan_file_that_does_not_fit_is_refused(said: str, words: str, make: Make) -> None:
    with pytest.raises(PlanError, match=words):
        parts([make("a.db"), make("b.db")], planned(said), prefixed=False)


def test_names_that_collide_are_shown_before_anything_is_written(make: Make, any_url: str) -> None:
    pieces = parts([make("a.db"), make("b.db")], PlanOptions(schema="all"), prefixed=False)
    with pytest.raises(PlanError) as error:
        migrate_several(pieces, any_url)
    assert error.value.code == "plan.collision"
    assert "all.kind: table kind of a.db and table kind of b.db" in error.value.message
    assert tables(any_url) == []


def test_an_error_in_one_plan_keeps_all_files_out(make: Make, tmp_path: Path, any_url: str) -> None:
    (tmp_path / "b.toml").write_text('[tables.kind.columns]\nname = "integer"')
    said = planned('[sources."b.db"]\nplan = "b.toml"')
    pieces = parts([make("a.db"), make("b.db")], said, prefixed=False)
    with pytest.raises(PlanError, match=r"b\.db: kind\.name"):
        migrate_several(pieces, any_url)
    assert tables(any_url) == []


def test_a_dry_run_writes_nothing(make: Make, any_url: str) -> None:
    pieces = parts([make("a.db"), make("b.db")], PlanOptions(), prefixed=False)
    report = migrate_several(pieces, any_url, options=MoveOptions(dry_run=True))
    assert statuses(report) == ["planned", "planned"]
    assert all(one.estimate is not None and one.estimate.rows == 4 for one in report.reports)
    assert tables(any_url) == []


def test_a_file_cannot_come_twice(make: Make) -> None:
    with pytest.raises(ConfigError):
        parts([make("a.db"), "./a.db"], PlanOptions(), prefixed=False)


def test_rejected_rows_of_each_file_have_a_list_of_their_own(make: Make, tmp_path: Path, any_url: str) -> None:
    spoiled = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x' || char(0)), (2, 'y')"
    pieces = parts([make("x/app.db", spoiled), make("y/app.db", spoiled)], PlanOptions(), prefixed=False)
    assert statuses(migrate_several(pieces, any_url)) == ["moved with rejections"] * 2
    assert {path.name for path in tmp_path.glob("*.jsonl")} == {"app.quarantine.jsonl", "app_2.quarantine.jsonl"}


def test_the_command_line_reports_all_files_in_one_document(make: Make, tmp_path: Path, any_url: str) -> None:
    make("a.db")
    make("b.db")
    runner = CliRunner()
    reports = ["--report", "all.json", "--report", "all.html"]
    moved = runner.invoke(app, ["migrate", "a.db", "b.db", any_url, "--json", *reports])
    assert moved.exit_code == 0, moved.output
    document = json.loads(moved.stdout)
    assert [one["source"] for one in document["reports"]] == ["a.db", "b.db"]
    assert (document["status"], document["verdict"]["headline"]) == ("moved", "Every value arrived")
    assert document["verdict"]["detail"].startswith("2 files, 8 rows, 20 values compared")
    assert json.loads((tmp_path / "all.json").read_text()) == document
    page = (tmp_path / "all.html").read_text()
    assert page.count("<iframe") == 2
    assert "Every value arrived" in page
    assert runner.invoke(app, ["verify", "a.db", "b.db", any_url]).exit_code == 0
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute("DELETE FROM b.item")
    assert runner.invoke(app, ["verify", "a.db", "b.db", any_url]).exit_code == 6


def test_the_database_comes_last_on_the_command_line(make: Make, any_url: str) -> None:
    result = CliRunner().invoke(app, ["migrate", make("a.db"), any_url, make("b.db"), any_url])
    assert isinstance(result.exception, ConfigError)
    assert "database last" in result.exception.hint
