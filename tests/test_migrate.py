"""A move from end to end: what arrives, what is refused, and that nothing is ever half done."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from exuvia.errors import PlanError, RejectedError, SourceError, TargetError
from exuvia.move.events import Progress
from exuvia.move.pipeline import MoveOptions, migrate, verify
from exuvia.move.planfile import load
from exuvia.move.planner import PlanOptions

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes a SQLite file from SQL and rows by table."""

    def made(sql: str, **rows: list[tuple[object, ...]]) -> Path:
        path = tmp_path / "source.db"
        with sqlite3.connect(path) as connection:
            connection.executescript(sql)
            for table, values in rows.items():
                marks = ", ".join("?" * len(values[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.close()
        return path

    return made


def fetch(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def schemas(url: str) -> list[str]:
    rows = fetch(url, "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'")
    return sorted(str(name) for (name,) in rows)


NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, score REAL, done BOOLEAN)"
ROWS: list[tuple[object, ...]] = [(1, "one", 0.1, 1), (2, "zwei", None, 0), (7, "三", 1e300, None)]


@pytest.mark.parametrize(
    "name",
    [
        "aiknowsys",
        "chinook",
        "chroma-empty",
        "pgloader-bad-utf8",
        "pgloader-collision",
        "pgloader-pk",
        "pgloader-type-mismatch",
        "pgloader-types",
    ],
)
@pytest.mark.parametrize("style", ["faithful", "native"])
def test_every_value_of_a_real_file_arrives_or_is_listed(
    name: str, style: str, real_data: Path, postgres_url: str
) -> None:
    options = MoveOptions(PlanOptions(style=style))  # type: ignore[arg-type]
    report = migrate(real_data / f"{name}.sqlite", postgres_url, options=options)
    assert report.proof is not None
    assert report.proof.equal
    assert report.status in ("moved", "moved with rejections")
    for table in report.tables:
        assert table.rows_copied + table.rows_rejected == table.rows_source
    again = verify(real_data / f"{name}.sqlite", postgres_url, options=options)
    assert again.proof is not None
    assert again.proof.equal


def test_values_arrive_exactly(make: Make, postgres_url: str) -> None:
    report = migrate(make(NOTES, notes=ROWS), postgres_url)
    assert report.status == "moved"
    assert fetch(postgres_url, "SELECT * FROM notes ORDER BY id") == [
        (1, "one", 0.1, True),
        (2, "zwei", None, False),
        (7, "三", 1e300, None),
    ]
    assert fetch(postgres_url, "INSERT INTO notes (body) VALUES ('next') RETURNING id") == [(8,)]


def test_tables_that_exist_are_refused_and_untouched(make: Make, any_url: str) -> None:
    source = make(NOTES, notes=ROWS)
    with psycopg.connect(any_url) as connection:
        connection.execute("CREATE TABLE notes (mine int)")
    with pytest.raises(TargetError, match=r"already has table public\.notes") as caught:
        migrate(source, any_url)
    assert "--drop-existing" in caught.value.hint
    assert fetch(any_url, "SELECT * FROM notes") == []
    assert schemas(any_url) == ["public"]


def test_tables_that_exist_give_way_when_told_and_only_after_the_proof(make: Make, any_url: str) -> None:
    with psycopg.connect(any_url) as connection:
        connection.execute("CREATE TABLE notes (mine int)")
    source = make(NOTES, notes=[*ROWS, (9, "x\0y", 0.5, 1)])
    with pytest.raises(RejectedError):
        migrate(source, any_url, options=MoveOptions(on_error="stop", drop_existing=True))
    assert fetch(any_url, "SELECT count(*) FROM information_schema.columns WHERE column_name = 'mine'") == [(1,)]
    with sqlite3.connect(source) as mended:
        mended.execute("DELETE FROM notes WHERE id = 9")
    mended.close()
    assert migrate(source, any_url, options=MoveOptions(drop_existing=True)).status == "moved"
    assert migrate(source, any_url, options=MoveOptions(drop_existing=True)).status == "moved"
    assert fetch(any_url, "SELECT count(*) FROM notes") == [(3,)]


def test_replaced_tables_take_their_translated_triggers_along_and_no_function_of_the_application(
    make: Make, any_url: str
) -> None:
    source = make(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); CREATE TABLE log (n INTEGER);"
        "CREATE TRIGGER noting AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.n); END;",
        t=[(1, 2)],
    )
    migrate(source, any_url)
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            "CREATE TRIGGER own AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION own()"
        )
        for _ in range(2):
            report = migrate(source, any_url, options=MoveOptions(drop_existing=True))
            assert [one.fate.value for one in report.objects if one.kind == "trigger"] == ["translated"]
        connection.execute("INSERT INTO t VALUES (2, 3)")
        assert connection.execute("SELECT n FROM log ORDER BY n").fetchall() == [(2,), (3,)]
        functions = connection.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        assert {"noting", "own"} <= {name for (name,) in functions}


def test_a_view_of_somebody_else_keeps_its_table_from_being_replaced(make: Make, any_url: str) -> None:
    source = make(NOTES, notes=ROWS)
    migrate(source, any_url)
    with psycopg.connect(any_url) as connection:
        connection.execute("CREATE VIEW theirs AS SELECT body FROM notes")
    with pytest.raises(TargetError, match="theirs"):
        migrate(source, any_url, options=MoveOptions(drop_existing=True))
    assert fetch(any_url, "SELECT count(*) FROM theirs") == [(3,)]
    assert schemas(any_url) == ["public"]


def test_rows_that_postgresql_cannot_hold_go_to_quarantine(make: Make, postgres_url: str, tmp_path: Path) -> None:
    rows = [(number, f"row {number}") for number in range(1_000)] + [(2_000, "a\0b"), (2_001, "c\0")]
    report = migrate(make("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)", t=rows), postgres_url)
    assert report.status == "moved with rejections"
    assert [(one.row, one.column) for one in report.rejections] == [("rowid=2000", "body"), ("rowid=2001", "body")]
    assert fetch(postgres_url, "SELECT count(*) FROM t") == [(1_000,)]
    kept = fetch(postgres_url, 'SELECT "row", "column", "values"->>\'id\' FROM t_quarantine ORDER BY 1')
    assert kept == [("rowid=2000", "body", "2000"), ("rowid=2001", "body", "2001")]
    lines = [json.loads(line) for line in Path(report.quarantine_file).read_text().splitlines()]
    assert [line["values"]["id"] for line in lines] == [2000, 2001]
    assert verify(tmp_path / "source.db", postgres_url).status == "moved with rejections"


def test_a_quarantined_row_may_have_a_name_that_postgresql_cannot_hold(make: Make, postgres_url: str) -> None:
    source = make("CREATE TABLE t (k TEXT PRIMARY KEY) WITHOUT ROWID", t=[("a",), ("b\0c",), ("d",)])
    report = migrate(source, postgres_url)
    assert [one.row for one in report.rejections] == ["k='b\u2400c'"]
    assert verify(source, postgres_url).status == "moved with rejections"


def test_strict_mode_stops_at_the_first_such_row_and_changes_nothing(make: Make, any_url: str, tmp_path: Path) -> None:
    source = make("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)", t=[(1, "a"), (5, "b\0"), (6, "c"), (7, "d")])
    with pytest.raises(RejectedError, match="rowid=5"):
        migrate(source, any_url, options=MoveOptions(on_error="stop"))
    assert schemas(any_url) == ["public"]
    assert fetch(any_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert not list(tmp_path.glob("*.jsonl"))


def test_orphans_are_named_and_their_foreign_key_stays_not_valid(make: Make, postgres_url: str) -> None:
    sql = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p)"
    report = migrate(make(sql, p=[(1,)], c=[(1, 1), (2, 99), (3, None)]), postgres_url)
    assert report.status == "moved"
    assert fetch(postgres_url, "SELECT convalidated FROM pg_constraint WHERE contype = 'f'") == [(False,)]
    problem = next(one for one in report.plan.problems if one.count == 1 and "NOT VALID" in one.message)
    assert problem.rows[0].row == "id=2"
    assert "99" in problem.rows[0].value


def test_a_database_without_tables_is_moved_too(make: Make, any_url: str) -> None:
    report = migrate(make("CREATE VIEW v AS SELECT 1 AS one"), any_url, options=MoveOptions(PlanOptions(schema="app")))
    assert report.status == "moved"
    assert fetch(any_url, "SELECT one FROM app.v") == [(1,)]
    assert schemas(any_url) == ["app", "public"]


def test_nothing_is_written_by_a_dry_run(make: Make, any_url: str) -> None:
    report = migrate(make(NOTES, notes=ROWS), any_url, options=MoveOptions(dry_run=True))
    assert report.status == "planned"
    assert report.estimate is not None
    assert report.estimate.rows == 3
    assert report.estimate.bytes > 0
    assert fetch(any_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


@pytest.mark.parametrize(
    ("damage", "column", "expected"),
    [
        ("UPDATE notes SET score = score + 1e-18 WHERE id = 1", "score", False),
        ("UPDATE notes SET score = 0.2 WHERE id = 1", "score", True),
        ("UPDATE notes SET body = 'drei ' WHERE id = 7", "body", True),
        ("UPDATE notes SET done = false WHERE done IS NULL", "done", True),
        ("DELETE FROM notes WHERE id = 2", "", True),
        ("INSERT INTO notes (body) VALUES ('one')", "", True),
    ],
)
def test_verify_finds_what_was_changed_in_the_target(
    make: Make, postgres_url: str, damage: str, column: str, expected: bool
) -> None:
    source = make(NOTES, notes=ROWS)
    migrate(source, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(damage.encode())
    report = verify(source, postgres_url)
    assert report.proof is not None
    assert report.proof.equal is not expected
    assert [one.column for one in report.proof.tables[0].differences] == ([column] if expected else [])


def test_verify_finds_changes_in_tables_without_a_key(make: Make, postgres_url: str) -> None:
    source = make("CREATE TABLE log (line TEXT)", log=[("a",), ("a",), ("b",)])
    migrate(source, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE log SET line = 'b' WHERE ctid = (SELECT min(ctid) FROM log WHERE line = 'a')")
    proof = verify(source, postgres_url).proof
    assert proof is not None
    assert not proof.equal
    assert {(one.source, one.target) for one in proof.tables[0].differences} == {
        ("line=a", "(no such row)"),
        ("(no such row)", "line=b"),
    }


def test_verify_names_a_table_that_is_not_there(make: Make, any_url: str) -> None:
    proof = verify(make(NOTES, notes=ROWS), any_url).proof
    assert proof is not None
    assert not proof.equal
    assert "no table" in proof.tables[0].differences[0].target


def test_an_edited_plan_is_tried_on_the_values_before_anything_is_written(make: Make, any_url: str) -> None:
    source = make("CREATE TABLE t (a TEXT)", t=[("1",), ("two",), ("3",)])
    edited = PlanOptions(overrides=load('[tables.t.columns]\na = { type = "bigint" }\n'))
    with pytest.raises(PlanError, match=r"t\.a"):
        migrate(source, any_url, options=MoveOptions(edited))
    assert schemas(any_url) == ["public"]
    nulled = PlanOptions(overrides=load('[tables.t.columns]\na = { type = "bigint", on_misfit = "null" }\n'))
    assert migrate(source, any_url, options=MoveOptions(nulled)).status == "moved"
    assert fetch(any_url, "SELECT a FROM t ORDER BY a") == [(1,), (3,), (None,)]


def test_a_second_move_into_the_same_schema_is_refused_while_the_first_runs(make: Make, any_url: str) -> None:
    source = make(NOTES, notes=ROWS)
    refusals: list[str] = []

    def meanwhile(event: Progress) -> None:
        if event.stage == "copy" and not event.table and not event.finished:
            with pytest.raises(TargetError) as caught:
                migrate(source, any_url)
            refusals.append(caught.value.code)

    assert migrate(source, any_url, listener=meanwhile).status == "moved"
    assert refusals == ["target.busy"]


def test_what_a_dead_move_left_is_swept_by_the_next(make: Make, any_url: str) -> None:
    with psycopg.connect(any_url) as connection:
        connection.execute("CREATE SCHEMA exuvia_staging_public")
        connection.execute("CREATE TABLE exuvia_staging_public.notes (half int)")
    assert migrate(make(NOTES, notes=ROWS), any_url).status == "moved"
    assert schemas(any_url) == ["public"]


def test_a_role_without_rights_is_told_which_and_nothing_changes(make: Make, any_url: str) -> None:
    role = "exuvia_weak"
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'sesame-9'".encode())
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    weak = psycopg.conninfo.make_conninfo(any_url, user=role, password="sesame-9")
    try:
        with pytest.raises(TargetError) as caught:
            migrate(make(NOTES, notes=ROWS), weak)
        assert "GRANT CREATE" in caught.value.hint
        assert "sesame" not in str(caught.value)
    finally:
        with psycopg.connect(any_url, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {role}".encode())


def test_sources_that_are_no_databases_are_refused_and_not_made(tmp_path: Path, any_url: str) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("hello, this is not a database at all\n" * 100)
    for name in ("missing.db", "empty.db", "text.db", "."):
        with pytest.raises(SourceError):
            migrate(tmp_path / name, any_url)
    assert not (tmp_path / "missing.db").exists()


def test_a_corrupt_table_is_named_and_the_others_are_moved(make: Make, any_url: str, tmp_path: Path) -> None:
    filler = [("x" * 500,)] * 200
    source = make("CREATE TABLE good (a TEXT); CREATE TABLE bad (a TEXT)", good=filler, bad=filler)
    with sqlite3.connect(source) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bad'").fetchone()
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    damaged = tmp_path / "damaged.db"
    shutil.copy(source, damaged)
    with damaged.open("r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    report = migrate(damaged, any_url)
    assert [table.source for table in report.tables] == ["good"]
    assert any(one.name == "bad" and "left out" in one.fate for one in report.objects)


def test_the_source_keeps_every_byte(make: Make, any_url: str) -> None:
    source = make(NOTES, notes=ROWS)
    before = source.read_bytes()
    migrate(source, any_url)
    assert source.read_bytes() == before
    assert sorted(path.name for path in source.parent.iterdir()) == ["source.db"]
