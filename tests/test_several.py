"""Several files into one database: where each goes, what collides, and what the next run does after a failure."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from exuvia.cli.app import app
from exuvia.errors import ConfigError, PlanError, TargetError
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


def test_all_names_that_collide_and_all_errors_are_shown_before_anything_is_written(
    make: Make, tmp_path: Path, any_url: str
) -> None:
    (tmp_path / "b.toml").write_text('[tables.kind.columns]\nname = "integer"')
    said = replace(planned('[sources."b.db"]\nplan = "b.toml"'), schema="all")
    pieces = parts([make("a.db"), make("b.db")], said, prefixed=False)
    with pytest.raises(PlanError) as error:
        migrate_several(pieces, any_url)
    assert error.value.code == "plan.collision"
    for name in (
        "all.kind: table kind",
        "all.item: table item",
        "all.dear: view dear",
        "all.by_price: an index of item",
    ):
        assert f"{name} of a.db and" in error.value.message
    assert "b.db: kind.name: " in error.value.message
    assert tables(any_url) == []


def test_an_error_in_any_plan_keeps_all_files_out(make: Make, tmp_path: Path, any_url: str) -> None:
    (tmp_path / "own.toml").write_text('[tables.kind.columns]\nname = "integer"')
    said = planned('[sources."b.db"]\nplan = "own.toml"\n[sources."c.db"]\nplan = "own.toml"')
    pieces = parts([make("a.db"), make("b.db"), make("c.db")], said, prefixed=False)
    with pytest.raises(PlanError) as error:
        migrate_several(pieces, any_url)
    assert "b.db: kind.name: " in error.value.message
    assert "c.db: kind.name: " in error.value.message
    assert tables(any_url) == []


def test_names_that_the_target_has_are_shown_for_all_files(make: Make, any_url: str) -> None:
    pieces = parts([make("a.db"), make("b.db")], PlanOptions(), prefixed=False)
    migrate_several(pieces, any_url)
    for options in (MoveOptions(), MoveOptions(dry_run=True)):
        with pytest.raises(TargetError, match=r"table a\.item.*b\.") as error:
            migrate_several(pieces, any_url, options=options)
        assert error.value.code == "target.exists"


EXISTING = """
CREATE TABLE {kind} (id bigint PRIMARY KEY, name varchar(9) UNIQUE);
CREATE TABLE {item} (id serial PRIMARY KEY, kind bigint REFERENCES {kind}, price float8)
"""


def apply(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())


@pytest.mark.parametrize("prefixed", [False, True])
def test_several_files_go_into_tables_that_exist(make: Make, any_url: str, prefixed: bool) -> None:
    for name in ("a", "b"):
        places = {one: f"{name}_{one}" if prefixed else f"{name}.{one}" for one in ("kind", "item")}
        apply(any_url, ("" if prefixed else f"CREATE SCHEMA {name};") + EXISTING.format(**places))
    if prefixed:
        apply(any_url, "CREATE TABLE kind (id bigint, name text)")
    pieces = parts([make("a.db"), make("b.db")], PlanOptions(), prefixed=prefixed)
    options = MoveOptions(into_existing=True)
    assert statuses(migrate_several(pieces, any_url, options=replace(options, dry_run=True))) == ["planned"] * 2
    assert statuses(migrate_several(pieces, any_url, options=options)) == ["moved", "moved"]
    assert statuses(verify_several(pieces, any_url, options=options)) == ["moved", "moved"]
    place = "b_item" if prefixed else "b.item"
    assert fetch(any_url, f"INSERT INTO {place} (kind) VALUES (1) RETURNING id") == [(3,)]
    assert not prefixed or fetch(any_url, "SELECT FROM kind") == []


def test_a_file_is_inserted_after_those_to_which_its_tables_refer(make: Make, any_url: str) -> None:
    child = make("child.db", "CREATE TABLE child (id INTEGER PRIMARY KEY, p INT); INSERT INTO child VALUES (1, 7)")
    parent = make("parent.db", "CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (7)")
    apply(any_url, "CREATE TABLE parent (id bigint PRIMARY KEY)")
    apply(any_url, "CREATE TABLE child (id serial PRIMARY KEY, p bigint REFERENCES parent)")
    said = planned("".join(f'[sources."{name}"]\nschema = "public"\n' for name in (child, parent)))
    pieces = parts([child, parent], said, prefixed=False)
    report = migrate_several(pieces, any_url, options=MoveOptions(into_existing=True))
    assert statuses(report) == ["moved", "moved"]


def test_rows_that_break_a_constraint_of_one_file_keep_all_files_out_of_existing_tables(
    make: Make, any_url: str
) -> None:
    for name in ("a", "b"):
        apply(any_url, f"CREATE SCHEMA {name};" + EXISTING.format(kind=f"{name}.kind", item=f"{name}.item"))
    apply(any_url, "ALTER TABLE b.item ADD CHECK (price < 2)")
    pieces = parts([make("a.db"), make("b.db")], PlanOptions(), prefixed=False)
    with pytest.raises(PlanError, match="price"):
        migrate_several(pieces, any_url, options=MoveOptions(into_existing=True))
    assert fetch(any_url, "SELECT id FROM a.item UNION ALL SELECT id FROM b.item") == []
    assert fetch(any_url, "INSERT INTO a.item (price) VALUES (0) RETURNING id") == [(1,)]


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


@pytest.mark.parametrize("flags", [[], ["--prefix"]])
def test_plan_files_for_several_files_are_written_and_followed(
    make: Make, tmp_path: Path, any_url: str, flags: list[str]
) -> None:
    make("a.db")
    make("b.db")
    runner = CliRunner()
    written = runner.invoke(app, ["plan", "a.db", "b.db", "-o", "plan.toml", *flags])
    assert written.exit_code == 0, written.output
    own = tmp_path / "plan.b.toml"
    own.write_text(own.read_text().replace("\nprice = ", "\nprice = { exclude = true } # "))
    moved = runner.invoke(app, ["migrate", "a.db", "b.db", any_url, "--plan", "plan.toml", "-q"])
    assert moved.exit_code == 0, moved.output
    a, b = ("a_item", "b_item") if flags else ("a.item", "b.item")
    assert fetch(any_url, f"SELECT price FROM {a} ORDER BY id") == [(0.5,), (2.5,)]
    with pytest.raises(psycopg.errors.UndefinedColumn):
        fetch(any_url, f"SELECT price FROM {b}")
    assert runner.invoke(app, ["verify", "a.db", "b.db", any_url, "--plan", "plan.toml", "-q"]).exit_code == 0


def test_a_file_is_planned_in_the_style_of_its_own_plan(make: Make, tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('style = "native"\nfold = true')
    said = replace(planned('[sources."b.db"]\nplan = "b.toml"'), style="faithful")
    a, b = parts([make("a.db"), make("b.db")], said, prefixed=False)
    assert (a.options.style, b.options.style, b.options.fold) == ("faithful", "native", True)


def test_planning_several_files_shows_what_collides(make: Make) -> None:
    found = CliRunner().invoke(app, ["plan", make("a.db"), make("b.db"), "--schema", "all", "--json"])
    assert found.exit_code == 5
    document = json.loads(found.stdout)
    assert len(document["plans"]) == 2
    assert "all.kind: table kind of a.db and table kind of b.db" in document["collisions"]
