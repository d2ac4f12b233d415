"""The way back: what a PostgreSQL schema becomes in a SQLite file, and what is listed as not exact."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from exuvia.errors import SourceError, TargetError
from exuvia.location import PostgresLocation, SqliteLocation
from exuvia.move.back.pipeline import migrate_back, verify_back
from exuvia.move.back.plan import BackOptions
from exuvia.move.back.results import BackReport
from exuvia.move.events import Progress
from exuvia.move.pipeline import MoveOptions, migrate
from exuvia.move.planner import PlanOptions

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


def test_what_sqlite_cannot_hold_is_listed_with_counts(back: Back) -> None:
    report = back(
        """
        CREATE TABLE t (id int PRIMARY KEY, n float8, m float8 NOT NULL, d date, x numeric, i inet);
        INSERT INTO t VALUES (1, 'NaN', 'NaN', 'infinity', 12345678901234567890.5, '::1'), (2, 1, 2, 'today', 3, NULL)
        """
    )
    assert report.status == "moved"
    assert fetch("SELECT n, m, d, x FROM t WHERE id = 1") == [(None, "NaN", "infinity", "12345678901234567890.5")]
    by_column = {(loss.column, loss.count) for loss in report.losses}
    assert by_column == {("n", 1), ("m", 1), ("d", 1), ("x", 0), ("i", 0)}


def test_keys_checks_and_foreign_keys_hold_in_the_file(back: Back) -> None:
    report = back(
        """
        CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
        CREATE DOMAIN positive AS int CHECK (VALUE > 0) NOT NULL;
        CREATE TABLE "Owner" ("Id" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Name" varchar(20) UNIQUE);
        CREATE TABLE pet (
            a int, b text, owner int REFERENCES "Owner" ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
            m mood DEFAULT 'sad', p positive DEFAULT 7, kind text CHECK (kind IN ('cat', 'dog')),
            code text CHECK (code ~ '^[a-z]+$'), price numeric(8,2) DEFAULT 1.50, made date DEFAULT CURRENT_DATE,
            tags text[] DEFAULT '{}', ok bool DEFAULT true, PRIMARY KEY (a, b));
        INSERT INTO "Owner" ("Name") VALUES ('x'), ('y'), ('z');
        DELETE FROM "Owner" WHERE "Id" = 3;
        INSERT INTO pet (a, b, owner, kind, code) VALUES (1, 'x', 2, 'cat', 'abc');
        """
    )
    assert report.status == "moved"
    assert fetch("SELECT m, p, price, tags, ok, made = date('now') FROM pet") == [("sad", 7, 1.5, "[]", 1, 1)]
    assert fetch("INSERT INTO Owner (Name) VALUES ('next') RETURNING Id") == [(4,)]
    assert fetch("INSERT INTO pet (a, b) VALUES (5, 'y') RETURNING m, p, price, tags, ok") == [("sad", 7, 1.5, "[]", 1)]
    for wrong in (
        "INSERT INTO pet (a, b, m) VALUES (2, 'x', 'glad')",
        "INSERT INTO pet (a, b, p) VALUES (2, 'x', 0)",
        "INSERT INTO pet (a, b, p) VALUES (2, 'x', NULL)",
        "INSERT INTO pet (a, b, kind) VALUES (2, 'x', 'cow')",
        "INSERT INTO pet (a, b) VALUES (1, 'x')",
        "INSERT INTO pet (a, b, owner) VALUES (2, 'x', 99)",
        "INSERT INTO Owner (Name) VALUES ('x')",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            fetch(wrong)
    fetch("DELETE FROM Owner WHERE Id = 2")
    assert fetch("SELECT count(*) FROM pet WHERE owner IS NOT NULL") == [(0,)]
    assert "pet_code_check" in left_out(report)


def test_indexes_come_along_where_sqlite_has_them(back: Back) -> None:
    report = back(
        """
        CREATE TABLE t (id int PRIMARY KEY, a int, b text, j jsonb);
        CREATE INDEX plain ON t (a DESC, b);
        CREATE UNIQUE INDEX partial ON t (b) WHERE a > 3 AND b IS NOT NULL;
        CREATE INDEX computed ON t ((a + 1));
        CREATE INDEX lowered ON t (lower(b));
        CREATE INDEX docs ON t USING gin (j);
        INSERT INTO t SELECT n, n, 'x' || n, '{}' FROM generate_series(1, 50) n
        """
    )
    found = fetch("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql > '' ORDER BY name")
    assert [name for name, _ in found] == ["computed", "partial", "plain"]
    assert "WHERE" in str(found[1])
    assert '"a" DESC' in str(found[2])
    assert set(left_out(report)) == {"lowered", "docs"}
    plan = fetch("EXPLAIN QUERY PLAN SELECT * FROM t WHERE a + 1 = 7")
    assert "computed" in str(plan)


def test_generated_columns_are_generated_again_or_hold_the_values(back: Back) -> None:
    report = back(
        """
        CREATE TABLE t (a int, b text, twice int GENERATED ALWAYS AS (a * 2) STORED,
                        low text GENERATED ALWAYS AS (lower(b)) STORED);
        INSERT INTO t VALUES (1, 'ÄB'), (NULL, NULL)
        """
    )
    assert fetch("SELECT twice, low FROM t") == [(2, "äb"), (None, None)]
    assert fetch("INSERT INTO t (a, b) VALUES (4, 'Q') RETURNING twice, low") == [(8, None)]
    assert set(left_out(report)) == {"low"}


def test_a_partitioned_table_is_one_table_and_a_parent_has_only_its_own_rows(back: Back) -> None:
    report = back(
        """
        CREATE TABLE p (id int, d date, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
        CREATE TABLE p2 PARTITION OF p DEFAULT;
        INSERT INTO p SELECT n, date '2020-06-01' + n * 100 FROM generate_series(1, 10) n;
        CREATE TABLE parent (a int);
        CREATE TABLE child () INHERITS (parent);
        INSERT INTO parent VALUES (1);
        INSERT INTO child VALUES (2)
        """
    )
    assert report.status == "moved"
    assert sorted(table.name for table in report.tables) == ["child", "p", "parent"]
    assert fetch("SELECT count(*), min(d) FROM p") == [(10, "2020-09-09")]
    assert fetch("SELECT * FROM parent UNION ALL SELECT * FROM child") == [(1,), (2,)]


def test_views_come_along_only_if_they_give_the_same_rows(back: Back) -> None:
    report = back(
        """
        CREATE TABLE t (id int PRIMARY KEY, kind text, n int);
        INSERT INTO t VALUES (1, 'a', 5), (2, 'a', 7), (3, 'b', NULL);
        CREATE VIEW sums AS SELECT kind, sum(n) AS total, count(*) AS amount FROM t GROUP BY kind;
        CREATE VIEW big AS SELECT kind FROM sums WHERE total > 10;
        CREATE VIEW halves AS SELECT id, n / 2.0::float8 AS half FROM t;
        CREATE VIEW odd AS SELECT id, regexp_replace(kind, '[a]', 'x') AS k FROM t
        """
    )
    assert fetch("SELECT * FROM sums ORDER BY kind") == [("a", 12, 2), ("b", None, 1)]
    assert fetch("SELECT * FROM big") == [("a",)]
    assert set(left_out(report)) == {"odd"}


def test_what_has_no_place_in_a_file_is_reported(back: Back) -> None:
    report = back(
        """
        CREATE TABLE t (id int PRIMARY KEY);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
        CREATE SEQUENCE lonely;
        CREATE MATERIALIZED VIEW mat AS SELECT 1 AS one;
        CREATE TABLE nothing ()
        """
    )
    assert {one.kind for one in report.objects} == {"trigger", "function", "sequence", "materialized view", "table"}
    assert {one.fate for one in report.objects} == {"left out"}


def test_names_that_sqlite_takes_for_one_are_kept_apart(back: Back) -> None:
    report = back(
        """
        CREATE TABLE "A" ("x" int, "X" int);
        CREATE TABLE a (y int);
        CREATE TABLE sqlite_stat9 (z int);
        INSERT INTO "A" VALUES (1, 2); INSERT INTO a VALUES (3); INSERT INTO sqlite_stat9 VALUES (4)
        """
    )
    assert report.status == "moved"
    assert fetch("SELECT * FROM A, a_2, _sqlite_stat9") == [(1, 2, 3, 4)]
    assert len(report.losses) == 3


def test_rows_that_break_a_constraint_that_was_not_validated_go_and_are_noted(back: Back) -> None:
    report = back(
        """
        CREATE TABLE o (id int PRIMARY KEY);
        CREATE TABLE t (id int PRIMARY KEY, o int, n int);
        INSERT INTO t VALUES (1, 9, -1);
        ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (o) REFERENCES o NOT VALID;
        ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID
        """
    )
    assert report.status == "moved"
    assert fetch("SELECT * FROM t") == [(1, 9, -1)]
    assert len(report.notes) == 2


def test_only_the_wanted_tables_of_the_wanted_schema_go(back: Back) -> None:
    report = back(
        """
        CREATE SCHEMA s; CREATE TABLE s.orders (id int PRIMARY KEY); CREATE TABLE s.order_log (id int);
        CREATE TABLE s.lines (id int, o int REFERENCES s.orders); CREATE TABLE other (id int)
        """,
        schema="s",
        include=("*order*", "lines"),
        exclude=("*_log",),
    )
    assert fetch("SELECT name FROM sqlite_master ORDER BY 1")[:2] == [("lines",), ("orders",)]
    assert [table.source for table in report.tables] == ["lines", "orders"]


def test_a_file_that_exists_is_refused_and_untouched_and_replaced_when_told(back: Back, tmp_path: Path) -> None:
    (tmp_path / "back.db").write_bytes(b"mine")
    with pytest.raises(TargetError, match="exists already"):
        back("CREATE TABLE t (a int)")
    assert (tmp_path / "back.db").read_bytes() == b"mine"
    assert back(drop_existing=True).status == "moved"
    assert fetch("SELECT count(*) FROM t") == [(0,)]
    assert [path.name for path in tmp_path.iterdir()] == ["back.db"]


def test_a_dry_run_writes_nothing(back: Back, tmp_path: Path) -> None:
    report = back("CREATE TABLE t (a inet)", dry_run=True)
    assert report.status == "planned"
    assert report.losses
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_way_back_leaves_nothing(any_url: str, tmp_path: Path) -> None:
    run(any_url, "CREATE TABLE t AS SELECT n, repeat('x', 50) AS x FROM generate_series(1, 300000) n")

    def stop(event: Progress) -> None:
        if event.stage == "copy" and event.rows_done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate_back(PostgresLocation.of(any_url), SqliteLocation(tmp_path / "back.db"), listener=stop)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_come_while_it_runs_do_not_go(any_url: str, tmp_path: Path) -> None:
    run(any_url, "CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO b VALUES (1)")

    def write(event: Progress) -> None:
        if event.stage == "copy" and event.table == "a" and event.finished:
            run(any_url, "INSERT INTO b VALUES (2)")

    report = migrate_back(PostgresLocation.of(any_url), SqliteLocation(tmp_path / "back.db"), listener=write)
    assert report.status == "moved"
    assert fetch("SELECT n FROM b") == [(1,)]


def test_verification_names_the_row_the_column_and_both_values(any_url: str, back: Back, tmp_path: Path) -> None:
    back("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 999) n")
    fetch("UPDATE t SET a = 'changed' WHERE id = 500")
    fetch("DELETE FROM t WHERE id = 700")
    report = verify_back(PostgresLocation.of(any_url), SqliteLocation(tmp_path / "back.db"))
    assert report.status == "different"
    assert report.proof is not None
    (proof,) = report.proof.tables
    found = {(one.row, one.column, one.source, one.target) for one in proof.differences}
    assert ("id=500", "a", "'v500'", "'changed'") in found
    assert {one[0] for one in found} == {"id=500", "id=700"}


def test_a_schema_or_a_file_that_is_not_there_is_named(any_url: str, back: Back, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no schema 'nowhere'"):
        back(schema="nowhere")
    with pytest.raises(SourceError):
        verify_back(PostgresLocation.of(any_url), SqliteLocation(tmp_path / "missing.db"))


ORIGINAL = """
    CREATE TABLE "Things" (
      "Id" INTEGER PRIMARY KEY AUTOINCREMENT, title VARCHAR(20) COLLATE NOCASE, body CLOB, price DECIMAL(10,2),
      active BOOLEAN DEFAULT 1, at DATETIME DEFAULT CURRENT_TIMESTAMP, seen DATETIME, guid CHAR(32), raw BLOB,
      doc JSON, mixed);
    CREATE TABLE pairs (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
    CREATE TABLE firm (n INTEGER PRIMARY KEY, t TEXT) STRICT;
    INSERT INTO "Things" VALUES
      (1, 'One', 'x', 19.9, 1, '2024-01-02 03:04:05', '2024-01-02T03:04:05Z', 'a0eebc999c0b4ef8bb6d6bb9bd380a11',
       x'00ff', '{"a": 1}', 5),
      (9, NULL, '007', 20, 0, '2024-06-01 00:00:00.5', '2024-01-02T03:04:05.25Z', 'b0eebc999c0b4ef8bb6d6bb9bd380a11',
       x'', '42', 'five');
    DELETE FROM "Things" WHERE "Id" = 10;
    INSERT INTO pairs VALUES ('x', 1), ('x', 2);
    INSERT INTO firm VALUES (3, 'three')
"""


def test_a_file_that_was_moved_comes_back_as_it_was(postgres_url: str, tmp_path: Path) -> None:
    source = sqlite3.connect("source.db")
    source.executescript(ORIGINAL)
    assert migrate("source.db", postgres_url, options=MoveOptions()).status == "moved"
    report = migrate_back(PostgresLocation.of(postgres_url), SqliteLocation(tmp_path / "back.db"))
    assert report.status == "moved"
    for table in ("Things", "pairs", "firm"):
        for query in ("SELECT name, type, pk FROM pragma_table_info('{}')", "SELECT * FROM {} ORDER BY 1, 2"):
            expected = source.execute(query.format(table)).fetchall()
            found = fetch(query.format(table))
            if table == "Things" and query.startswith("SELECT *"):
                # PostgreSQL's space between date and time; a number among texts where no type says otherwise
                expected = [(*row[:6], row[6].replace("T", " "), *row[7:-1], str(row[-1])) for row in expected]
            assert found == expected
    for statement in (
        "INSERT INTO Things (title) VALUES ('n') RETURNING Id, active",
        "SELECT * FROM pairs WHERE a = 'x'",
    ):
        assert fetch(statement) == source.execute(statement).fetchall()
    options = fetch("SELECT name, wr, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    assert sorted(options) == [("Things", 0, 0), ("firm", 0, 1), ("pairs", 1, 0)]


def test_vectors_come_back_as_the_blobs_they_were(pip_url: str, tmp_path: Path) -> None:
    run(pip_url, "CREATE EXTENSION vector; CREATE TABLE v (id int PRIMARY KEY, e vector(3))")
    run(pip_url, "INSERT INTO v VALUES (1, '[1,2.5,-3]'), (2, NULL)")
    target = SqliteLocation(tmp_path / "back.db")
    assert migrate_back(PostgresLocation.of(pip_url), target).status == "moved"
    assert [json.loads(str(row[0])) for row in fetch("SELECT e FROM v WHERE e IS NOT NULL")] == [[1, 2.5, -3]]
    origin = {"v": 1, "table": "v", "columns": {"e": {"name": "e", "declared": "BLOB", "kind": "blob"}}}
    run(pip_url, f"COMMENT ON TABLE v IS 'Moved from SQLite by exuvia. {json.dumps(origin)}'")
    again = migrate_back(PostgresLocation.of(pip_url), target, options=BackOptions(drop_existing=True))
    assert again.status == "moved"
    assert fetch("SELECT e FROM v") == [(bytes.fromhex("0000803f00002040000040c0"),), (None,)]


def test_moments_that_were_numbers_are_numbers_again(postgres_url: str, tmp_path: Path) -> None:
    source = sqlite3.connect("source.db")
    source.executescript(
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY, created_at INTEGER, ended DATETIME);
        INSERT INTO t VALUES (1, 1700000000, 1700000000123), (2, 1700000001, NULL), (3, NULL, 1700000000456)
        """
    )
    options = MoveOptions(plan=PlanOptions(style="native"))
    assert migrate("source.db", postgres_url, options=options).status == "moved"
    back_file = SqliteLocation(tmp_path / "back.db")
    assert migrate_back(PostgresLocation.of(postgres_url), back_file).status == "moved"
    assert fetch("SELECT * FROM t") == source.execute("SELECT * FROM t").fetchall()
    run(postgres_url, "UPDATE t SET ended = 'infinity' WHERE id = 2")
    again = migrate_back(PostgresLocation.of(postgres_url), back_file, options=BackOptions(drop_existing=True))
    assert again.status == "moved"
    assert fetch("SELECT ended FROM t WHERE id = 2") == [("infinity",)]
