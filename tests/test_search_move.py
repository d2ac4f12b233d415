"""Full-text tables after a move: what is searched in PostgreSQL, by which column, and what became of the rest."""

from __future__ import annotations

from pathlib import Path

import apsw
import psycopg
import pytest

from exuvia.engines.postgres.match import translate_match
from exuvia.move.pipeline import MoveOptions, migrate, plan, verify
from exuvia.move.plan import Fate, ObjectPlan
from exuvia.move.planfile import dump, load
from exuvia.move.planner import PlanOptions
from exuvia.move.results import MoveReport

DOCS = """
CREATE TABLE docs(id INTEGER PRIMARY KEY, title TEXT, body TEXT, search TEXT);
INSERT INTO docs VALUES (1, 'Red fox', 'jumps over the lazy dog', 's'), (2, 'Brown dog', 'sleeps', NULL),
  (7, NULL, 'fox', 's');
"""
EXTERNAL = """
CREATE VIRTUAL TABLE docs_fts USING fts5(title, body, content='docs', content_rowid='id');
INSERT INTO docs_fts(docs_fts) VALUES ('rebuild');
CREATE TRIGGER docs_ai AFTER INSERT ON docs BEGIN
  INSERT INTO docs_fts(rowid, title, body) VALUES (new.id, new.title, new.body); END;
CREATE TRIGGER docs_ad AFTER DELETE ON docs BEGIN
  INSERT INTO docs_fts(docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END;
CREATE TABLE log(what TEXT);
CREATE TRIGGER docs_au AFTER UPDATE ON docs BEGIN
  INSERT INTO docs_fts(docs_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
  INSERT INTO log VALUES (new.body);
  INSERT INTO docs_fts(rowid, title, body) VALUES (new.id, new.title, new.body); END;
"""
OWN = """
CREATE TABLE plans(id TEXT PRIMARY KEY, title TEXT, content TEXT);
CREATE VIRTUAL TABLE plans_fts USING fts5(plan_id UNINDEXED, title, content, tokenize='porter unicode61');
CREATE TRIGGER plans_ai AFTER INSERT ON plans BEGIN
  INSERT INTO plans_fts(plan_id, title, content) VALUES (new.id, new.title, new.content); END;
CREATE TRIGGER plans_ad AFTER DELETE ON plans BEGIN DELETE FROM plans_fts WHERE plan_id = old.id; END;
CREATE TRIGGER plans_au AFTER UPDATE ON plans BEGIN
  UPDATE plans_fts SET title = new.title, content = new.content WHERE plan_id = new.id; END;
INSERT INTO plans VALUES ('a', 'Jumping foxes', 'in the garden'), ('b', 'Sleep', 'dogs');
"""


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(path: Path, *sql: str) -> Path:
    connection = apsw.Connection(str(path))
    for statements in sql:
        connection.execute(statements)
    connection.close()
    return path


def fetch(url: str, sql: str, *arguments: object) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode(), arguments or None).fetchall()


def found(url: str, table: str, column: str, query: str, config: str = "simple", key: str = "id") -> list[object]:
    columns = ("title", "body")
    sql = f"SELECT {key} FROM {table} WHERE {column} @@ to_tsquery('{config}', %s) ORDER BY {key}"
    return [row[0] for row in fetch(url, sql, translate_match(query, config, columns).tsquery)]


def fates(report: MoveReport) -> dict[tuple[str, str], ObjectPlan]:
    return {(one.kind, one.name): one for one in report.objects}


def indexes(url: str) -> str:
    return "\n".join(str(row[0]) for row in fetch(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"))


def test_an_external_content_table_becomes_a_generated_column_that_postgresql_keeps(
    tmp_path: Path, postgres_url: str
) -> None:
    path = made(tmp_path / "a.db", DOCS, EXTERNAL)
    report = migrate(path, postgres_url)
    assert report.proof is not None
    assert report.proof.equal
    column = "search_docs_fts"  # the table has a column "search" of its own
    assert found(postgres_url, "docs", column, "fox") == [1, 7]
    assert found(postgres_url, "docs", column, "title : fox*") == [1]
    assert f"USING gin ({column})" in indexes(postgres_url)
    made_of = fates(report)
    assert made_of["virtual table", "docs_fts"].fate is Fate.REPLACED
    assert (
        f"docs.{column} @@ to_tsquery('simple', '''red'' & ''fox'':*')" in made_of["virtual table", "docs_fts"].reason
    )
    assert [made_of["trigger", name].fate for name in ("docs_ai", "docs_ad")] == [Fate.REPLACED] * 2
    assert made_of["trigger", "docs_au"].fate is Fate.TRANSLATED
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("INSERT INTO docs(title, body) VALUES ('new', 'wolf')")
        connection.execute("UPDATE docs SET body = 'cat' WHERE id = 7")
        assert connection.execute("SELECT what FROM log").fetchall() == [("cat",)]
    assert found(postgres_url, "docs", column, "wolf OR cat") == [7, 8]
    assert found(postgres_url, "docs", column, "fox") == [1]


def test_a_moved_search_column_does_not_disturb_a_later_comparison(tmp_path: Path, any_url: str) -> None:
    path = made(tmp_path / "a.db", DOCS, EXTERNAL, OWN)
    migrate(path, any_url)
    assert verify(path, any_url).status == "moved"


def test_a_table_with_text_of_its_own_arrives_with_its_rows_and_its_triggers(tmp_path: Path, postgres_url: str) -> None:
    path = made(tmp_path / "a.db", OWN, "INSERT INTO plans_fts(rowid, plan_id, title) VALUES (100, 'z', 'typed')")
    report = migrate(path, postgres_url)
    assert report.proof is not None
    assert report.proof.equal
    assert fetch(postgres_url, "SELECT rowid, plan_id, title, content FROM plans_fts ORDER BY rowid") == [
        (1, "a", "Jumping foxes", "in the garden"),
        (2, "b", "Sleep", "dogs"),
        (100, "z", "typed", None),
    ]
    assert found(postgres_url, "plans_fts", "search", "jumped fox", "english", "rowid") == [1]
    assert {fates(report)["trigger", name].fate for name in ("plans_ai", "plans_ad", "plans_au")} == {Fate.TRANSLATED}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("INSERT INTO plans VALUES ('c', 'Wolves', 'howl')")
        connection.execute("DELETE FROM plans WHERE id = 'a'")
        connection.execute("UPDATE plans SET title = 'Awake' WHERE id = 'b'")
    assert found(postgres_url, "plans_fts", "search", "wolves OR fox OR awake", "english", "rowid") == [2, 101]


def test_the_column_that_is_not_indexed_is_not_searched(tmp_path: Path, any_url: str) -> None:
    migrate(made(tmp_path / "a.db", OWN), any_url)
    assert found(any_url, "plans_fts", "search", "a", "simple", "rowid") == []


@pytest.mark.parametrize("module", ["fts3", "fts4"])
def test_fts3_and_fts4_tables_arrive_with_their_rows(module: str, tmp_path: Path, any_url: str) -> None:
    options = ", languageid=lid, notindexed=tag" if module == "fts4" else ""
    path = made(
        tmp_path / "a.db",
        f'CREATE VIRTUAL TABLE t USING {module}(title TEXT, "the body", tag, tokenize=porter{options});'
        "INSERT INTO t(docid, title, \"the body\", tag) VALUES (3, 'Foxes', 'jumping', 'x'), (9, 'dog', NULL, 'fox')",
    )
    report = migrate(path, any_url)
    assert report.proof is not None
    assert report.proof.equal
    assert fetch(any_url, 'SELECT rowid, title, "the body", tag FROM t ORDER BY 1') == [
        (3, "Foxes", "jumping", "x"),
        (9, "dog", None, "fox"),
    ]
    expected: list[object] = [3] if module == "fts4" else [3, 9]
    assert found(any_url, "t", "search", "fox", "english", "rowid") == expected
    assert fates(report)["shadow table", "t_segments"].fate is Fate.REPLACED


def test_fts4_over_another_table_is_searched_there(tmp_path: Path, any_url: str) -> None:
    path = made(tmp_path / "a.db", DOCS, "CREATE VIRTUAL TABLE f USING fts4(content='docs', title, body)")
    migrate(path, any_url)
    assert found(any_url, "docs", "search_f", "dog") == [1, 2]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE VIRTUAL TABLE f USING fts5(a, content='')", "keeps no text"),
        ("CREATE VIRTUAL TABLE f USING fts4(a, content='')", "keeps no text"),
        ("CREATE VIEW w AS SELECT 1 AS a; CREATE VIRTUAL TABLE f USING fts5(a, content='w')", "the view w"),
        ("CREATE VIRTUAL TABLE f USING fts5(a, content='gone')", "which is not moved"),
        ("CREATE TABLE t(b); CREATE VIRTUAL TABLE f USING fts5(a, content='t')", "none of the columns"),
    ],
)
def test_what_cannot_be_searched_is_named_with_the_reason(sql: str, reason: str, tmp_path: Path) -> None:
    planned = plan(made(tmp_path / "a.db", sql))
    (one,) = [each for each in planned.objects if each.kind == "virtual table"]
    assert one.fate is Fate.LEFT_OUT
    assert reason in one.reason
    assert any(reason in problem.message for problem in planned.problems if problem.where == "f")


def test_columns_that_the_content_table_lacks_are_told_and_the_others_searched(real_data: Path, any_url: str) -> None:
    report = migrate(real_data / "aiknowsys.sqlite", any_url)
    triggers = [one for one in report.objects if one.kind == "trigger"]
    assert len(triggers) == 9
    assert {one.fate for one in triggers} == {Fate.REPLACED}
    columns = "SELECT table_name::text FROM information_schema.columns WHERE column_name = 'search' ORDER BY 1"
    assert fetch(any_url, columns) == [("patterns",), ("plans",), ("sessions",)]


def test_trigrams_are_found_within_words_where_the_server_can(tmp_path: Path, debian_url: str, pip_url: str) -> None:
    sql = "CREATE VIRTUAL TABLE g USING fts5(x, tokenize='trigram'); INSERT INTO g VALUES ('abcdef'), ('xyz')"
    path = made(tmp_path / "a.db", sql)
    report = migrate(path, debian_url)
    assert "gin (x gin_trgm_ops)" in indexes(debian_url)
    assert "ILIKE" in fates(report)["virtual table", "g"].reason
    assert fetch(debian_url, "SELECT x FROM g WHERE x ILIKE '%cde%'") == [("abcdef",)]
    without = migrate(path, pip_url)
    assert any("pg_trgm" in problem.message for problem in without.plan.problems if problem.where == "g")
    assert fetch(pip_url, "SELECT x FROM g WHERE x ILIKE '%cde%'") == [("abcdef",)]


def test_text_over_the_limit_of_tsvector_costs_the_search_column_and_no_row(tmp_path: Path, any_url: str) -> None:
    path = made(tmp_path / "a.db", DOCS, EXTERNAL)
    connection = apsw.Connection(str(path))
    connection.execute("INSERT INTO docs(id, body) VALUES (50, ?)", (" ".join(f"word{n}" for n in range(200_000)),))
    connection.close()
    report = migrate(path, any_url)
    assert report.status == "moved"
    assert report.proof is not None
    assert report.proof.equal
    assert fetch(any_url, "SELECT count(*) FROM docs") == [(4,)]
    assert "gin" not in indexes(any_url)
    (problem,) = [one for one in report.plan.problems if "tsvector" in one.message]
    assert problem.where == "docs.search_docs_fts"
    assert fates(report)["search", "search_docs_fts"].fate is Fate.LEFT_OUT


def test_the_plan_file_chooses_the_configuration_and_leaves_searches_out(tmp_path: Path, any_url: str) -> None:
    path = made(tmp_path / "a.db", DOCS, EXTERNAL, OWN)
    text = dump(plan(path))
    assert 'docs_fts = { exclude = false, config = "simple" }' in text
    assert "MATCH 'red fox*' becomes" in text
    assert plan(path, options=PlanOptions(overrides=load(text))).tables == plan(path).tables
    text = text.replace('"simple"', '"german"').replace("plans_fts = { exclude = false", "plans_fts = { exclude = true")
    report = migrate(path, any_url, options=MoveOptions(PlanOptions(overrides=load(text))))
    assert found(any_url, "docs", "search_docs_fts", "jumpende OR foxes", "german") != []
    assert "plans_fts" not in indexes(any_url).replace("plans_fts_pkey ON public.plans_fts USING btree", "")
    assert fetch(any_url, "SELECT count(*) FROM plans_fts") == [(2,)]
    assert "without an index" in fates(report)["virtual table", "plans_fts"].reason


def test_a_full_text_table_that_is_excluded_by_name_leaves_nothing(tmp_path: Path, any_url: str) -> None:
    path = made(tmp_path / "a.db", DOCS, EXTERNAL, OWN)
    report = migrate(path, any_url, options=MoveOptions(PlanOptions(exclude=("*_fts",))))
    assert "gin" not in indexes(any_url)
    assert [table.source for table in report.tables] == ["docs", "log", "plans"]
    for name in ("docs_fts", "plans_fts"):
        assert fates(report)["virtual table", name].reason == "excluded"


def test_several_full_text_tables_over_one_table_have_a_column_each(tmp_path: Path, any_url: str) -> None:
    sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER); INSERT INTO t VALUES (1, 'foxes', 42);"
    sql += "CREATE VIRTUAL TABLE f USING fts5(a, b, content=t);"
    sql += "CREATE VIRTUAL TABLE g USING fts5(a, content=t, tokenize=porter)"
    migrate(made(tmp_path / "a.db", sql), any_url)
    assert fetch(any_url, "SELECT search::text, search_g::text FROM t") == [("'42':2B 'foxes':1A", "'fox':1")]
