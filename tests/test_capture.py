"""The change log in an application's file: what goes in, what comes out, and that no trace stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from capturing import Follower, actual, catalog_of, directory, put_under_capture
from exuvia.engines.sqlite.capture import log, schema, state
from exuvia.engines.sqlite.capture.install import install, installed, missing_triggers, remove, set_wal
from exuvia.engines.sqlite.capture.plan import MAX_KEY_COLUMNS, Seek, plan_capture
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.stored import stored
from exuvia.errors import SourceError

Open = Callable[..., apsw.Connection]

EVERY_KEY = """
    CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, deleted_at TEXT);
    CREATE TABLE child(id TEXT PRIMARY KEY, parent_id INTEGER REFERENCES parent ON DELETE CASCADE, note TEXT);
    CREATE TABLE pair(a TEXT COLLATE NOCASE, b REAL, PRIMARY KEY(a, b)) WITHOUT ROWID;
    CREATE TABLE plain(x, y);
    CREATE TABLE "odd ""{name}"" [é]"("select" TEXT PRIMARY KEY NOT NULL, "a'b" UNIQUE, "old" AS (1), "new");
    CREATE UNIQUE INDEX living ON parent(lower(name)) WHERE deleted_at IS NULL;
    CREATE INDEX "not unique" ON child(note);
    CREATE VIEW v AS SELECT * FROM parent;
    CREATE TRIGGER audit AFTER INSERT ON parent BEGIN INSERT INTO plain VALUES (last_insert_rowid(), NEW.name); END;
"""


@pytest.fixture
def path() -> Iterator[Path]:
    """An empty database in WAL mode."""
    with directory() as made:
        found = Path(made) / "app.db"
        with closing(apsw.Connection(str(found))) as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        yield found


@pytest.fixture
def connect(path: Path) -> Iterator[Open]:
    """Opens connections of the application's, which last as long as the test."""
    opened: list[apsw.Connection] = []

    def open_(sql: str = "") -> apsw.Connection:
        opened.append(apsw.Connection(str(path)))
        opened[-1].execute("PRAGMA synchronous = OFF")
        opened[-1].execute(sql)
        return opened[-1]

    yield open_
    for connection in opened:
        connection.close()


def follow(path: Path, connection: apsw.Connection, sql: str) -> Follower:
    """Put the file under capture, run ``sql``, and follow."""
    plan = put_under_capture(path)
    follower = Follower(path, plan)
    connection.execute(sql)
    follower.follow()
    assert follower.copy == actual(connection, {table.name: table for table in catalog_of(path).tables}, plan)
    return follower


def test_removing_capture_leaves_the_schema_byte_for_byte_as_it_was(path: Path, connect: Open) -> None:
    connection = connect(EVERY_KEY)
    connection.execute("INSERT INTO parent(name) VALUES ('a'), ('b')")
    everything = "SELECT rowid, * FROM sqlite_schema"
    before = connection.execute(everything).fetchall(), connection.execute("SELECT * FROM sqlite_sequence").fetchall()
    put_under_capture(path)
    connection.execute(
        "ANALYZE; DROP TABLE sqlite_stat1; DROP TABLE sqlite_stat4; UPDATE parent SET name = name || 'x'"
    )
    assert remove(path)
    assert not remove(path)
    assert installed(path) is None
    assert before == (
        connection.execute(everything).fetchall(),
        connection.execute("SELECT * FROM sqlite_sequence").fetchall(),
    )


def test_an_offline_move_does_not_see_capture_or_the_fence(path: Path, connect: Open) -> None:
    connection = connect(EVERY_KEY)
    before, kept = catalog_of(path), stored(connection, "app")
    put_under_capture(path)
    under = catalog_of(path)
    assert (under.tables, under.triggers, under.notes) == (before.tables, before.triggers, before.notes)
    assert stored(connection, "app").definitions == kept.definitions


def test_a_table_of_the_applications_own_with_capture_s_name_is_described_and_refused(
    path: Path, connect: Open
) -> None:
    connect("CREATE TABLE _exuvia_state(id)")
    assert [table.name for table in catalog_of(path).tables] == ["_exuvia_state"]
    with pytest.raises(SourceError, match="_exuvia_state") as raised:
        put_under_capture(path)
    assert raised.value.code == "source.name_taken"


def test_a_second_capture_is_refused_with_the_name_of_the_first(path: Path, connect: Open) -> None:
    connect("CREATE TABLE t(id)")
    put_under_capture(path)
    with pytest.raises(SourceError, match="move m1") as raised:
        put_under_capture(path)
    assert raised.value.code == "source.captured"


def test_a_file_that_is_not_in_wal_mode_is_refused_until_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE t(id)")
    with pytest.raises(SourceError, match="journal mode delete") as raised:
        put_under_capture(path)
    assert raised.value.code == "source.not_wal"
    set_wal(path)
    put_under_capture(path)


def test_install_waits_for_a_writer_no_longer_than_it_is_told(path: Path, connect: Open) -> None:
    connect("CREATE TABLE t(id); BEGIN IMMEDIATE")
    with pytest.raises(SourceError) as raised:
        install(path, plan_capture(catalog_of(path)), "m1", timeout=0.05)
    assert raised.value.code == "source.locked"


def test_what_fails_half_way_leaves_nothing(path: Path, connect: Open) -> None:
    connection = connect("CREATE TABLE t(id)")
    with SourceWriter(path) as writer:
        writer.connection.pragma("max_page_count", 3)
        with pytest.raises(SourceError, match="no room") as raised, writer.transaction() as transaction:
            transaction.execute("CREATE TABLE a(x); CREATE TABLE b(x); CREATE TABLE c(x)")
    assert raised.value.code == "source.disk_full"
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("t",)]


def test_what_was_installed_is_read_back(path: Path, connect: Open) -> None:
    connect(EVERY_KEY)
    plan = put_under_capture(path)
    found = installed(path)
    assert found is not None
    assert (found.move_id, found.tables, found.unwatched, found.fence) == ("m1", plan.tables, (), None)


def test_keys_keep_their_exact_storage_class(path: Path, connect: Open) -> None:
    connection = connect("CREATE TABLE t(id PRIMARY KEY, v)")
    keys = (
        "(9007199254740993), (9007199254740992.0), (1e300), ('9'), ('a' || char(0) || 'b'), (x'6100'), (-0.5), (NULL)"
    )
    follower = follow(path, connection, f"INSERT INTO t(id) VALUES {keys}; DELETE FROM t WHERE id = 1e300")
    assert {row[0] for row in follower.removed["t"]} == {
        *(("integer", 9007199254740993), ("real", 9007199254740992.0), ("real", 1e300), ("real", -0.5)),
        *(("text", "9"), ("text", "a\0b"), ("blob", b"a\0"), ("null", None)),
    }


def test_every_kind_of_table_is_followed(path: Path, connect: Open) -> None:
    connection = connect(EVERY_KEY + "PRAGMA foreign_keys = ON")
    odd = '"odd ""{name}"" [é]"'
    sql = f"""
        INSERT INTO parent(name) VALUES ('a'), ('b'), ('c');
        INSERT INTO child VALUES ('x', 1, 'n'), (NULL, 2, 'm'), (NULL, 1, 'l');
        REPLACE INTO parent(name) VALUES ('A'), ('b');
        DELETE FROM parent WHERE id = 3;
        INSERT INTO pair VALUES ('a', 1), ('b', 2.5) ON CONFLICT DO NOTHING;
        REPLACE INTO pair VALUES ('A', 1);
        INSERT INTO {odd}("select", "a'b") VALUES ('1', 1), ('2', 2);
        UPDATE OR REPLACE {odd} SET "a'b" = 1 WHERE "select" = '2';
        UPDATE plain SET rowid = rowid + 10;
        UPDATE parent SET _rowid_ = 77 WHERE name = 'b';
    """
    follower = follow(path, connection, sql)
    assert sum(follower.copy["child"].values()) == 0
    assert {row[1] for row in follower.copy["parent"]} == {("text", "A"), ("text", "b")}


def test_a_statement_that_is_rolled_back_leaves_nothing_in_the_log(path: Path, connect: Open) -> None:
    connection = connect("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    follower = follow(path, connection, "BEGIN; INSERT INTO t VALUES (1); ROLLBACK")
    assert follower.removed == {"t": set()}


def test_the_application_s_last_insert_rowid_and_changes_stay_as_they_are(path: Path, connect: Open) -> None:
    connection = connect(EVERY_KEY)
    put_under_capture(path)
    connection.execute("INSERT INTO parent(id, name) VALUES (41, 'a'), (42, 'b')")
    asked = "SELECT last_insert_rowid(), changes(), (SELECT group_concat(x) FROM plain)"
    assert connection.execute(asked).fetchall() == [(42, 2, "41,42")]


def test_another_sqlite_library_in_another_process_is_captured(path: Path, connect: Open) -> None:
    connection = connect(EVERY_KEY)
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1])\n"
        "c.executemany('REPLACE INTO parent(name) VALUES (?)', [('a',), ('b',), ('A',)]); c.commit()\n"
        "c.execute('DELETE FROM parent WHERE name = ?', ('b',)); c.commit()"
    )
    plan = put_under_capture(path)
    follower = Follower(path, plan)
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    follower.follow()
    assert follower.copy == actual(connection, {table.name: table for table in catalog_of(path).tables}, plan)


def test_a_table_of_two_thousand_columns_is_captured(path: Path, connect: Open) -> None:
    columns = ", ".join(f"c{number}" for number in range(1999))
    connection = connect(f"CREATE TABLE wide(id INTEGER PRIMARY KEY, {columns}, UNIQUE({columns}))")
    follow(path, connection, "INSERT INTO wide(id, c1998) VALUES (1, 1), (2, 2); UPDATE wide SET c7 = 3, id = id + 5")


def test_a_key_of_very_many_columns_is_the_rowid_or_refused(path: Path, connect: Open) -> None:
    columns = ", ".join(f"c{number}" for number in range(MAX_KEY_COLUMNS + 1))
    connect(
        f"CREATE TABLE t({columns}, PRIMARY KEY({columns}));"
        f"CREATE TABLE u({columns}, PRIMARY KEY({columns})) WITHOUT ROWID;"
        "CREATE TABLE w(rowid, oid, _rowid_)"
    )
    plan = plan_capture(catalog_of(path))
    assert [(table.name, table.hidden_rowid) for table in plan.tables] == [("t", True)]
    assert [item.name for item in plan.refused] == ["u", "w"]


def test_tables_can_be_logged_by_rowid_although_they_have_a_key(path: Path, connect: Open) -> None:
    connect("CREATE TABLE t(id TEXT PRIMARY KEY); CREATE TABLE u(id INTEGER PRIMARY KEY)")
    plan = plan_capture(catalog_of(path), by_rowid=("t", "u"))
    assert [(table.key[0].name, table.hidden_rowid) for table in plan.tables] == [("rowid", True), ("id", False)]


def test_a_collation_of_the_applications_is_no_obstacle(path: Path, connect: Open) -> None:
    def compare(left: str, right: str) -> int:
        return (left.lower() > right.lower()) - (left.lower() < right.lower())

    connection = connect()
    connection.create_collation("unicase", compare)
    connection.execute("CREATE TABLE t(id TEXT COLLATE unicase PRIMARY KEY, u UNIQUE COLLATE unicase)")
    connection.execute("CREATE TABLE w(id TEXT COLLATE unicase PRIMARY KEY) WITHOUT ROWID")
    plan = plan_capture(catalog_of(path))
    assert {table.seek for table in plan.tables} == {Seek.SCAN}
    follow(
        path, connection, "REPLACE INTO t VALUES ('a', 'x'), ('A', 'y'), ('b', 'Y'); REPLACE INTO w VALUES ('é'), ('É')"
    )


def half(*values: apsw.SQLiteValue) -> apsw.SQLiteValue:
    """A function that only the application has."""
    return values[0] // 2 if isinstance(values[0], int) else None


def test_an_index_over_a_function_of_the_applications_is_no_obstacle(path: Path, connect: Open) -> None:
    connection = connect()
    connection.create_scalar_function("half", half, 1, deterministic=True)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, n); CREATE UNIQUE INDEX halves ON t(half(n))")
    put_under_capture(path)
    connection.execute("REPLACE INTO t VALUES (1, 4), (2, 5)")
    assert connection.execute("SELECT id FROM t").fetchall() == [(2,)]
    logged = {row[0] for row in connection.execute("SELECT k1 FROM _exuvia_log")}
    assert logged == {1, 2}


def test_an_index_that_compares_is_told_as_unwatched(path: Path, connect: Open) -> None:
    connect("CREATE TABLE t(id INTEGER PRIMARY KEY, n); CREATE UNIQUE INDEX positive ON t((n > '0'))")
    assert [item.name for item in put_under_capture(path).unwatched] == ["positive"]


def test_full_text_tables_are_left_alone_and_go_on_working(path: Path, connect: Open) -> None:
    connection = connect(
        "CREATE TABLE doc(id INTEGER PRIMARY KEY, body TEXT);"
        "CREATE VIRTUAL TABLE found USING fts5(body, content='doc', content_rowid='id');"
        "CREATE TRIGGER i AFTER INSERT ON doc BEGIN INSERT INTO found(rowid, body) VALUES (NEW.id, NEW.body); END;"
    )
    plan = plan_capture(catalog_of(path))
    assert [table.name for table in plan.tables] == ["doc"]
    assert [item.name for item in plan.refused] == ["found"]
    follow(path, connection, "INSERT INTO doc(body) VALUES ('hello world')")
    assert connection.execute("SELECT rowid FROM found('hello')").fetchall() == [(1,)]


def test_a_table_that_could_not_be_written_before_does_not_stop_the_others(path: Path, connect: Open) -> None:
    connection = connect(
        "CREATE TABLE t(id); CREATE TABLE u(id);"
        "CREATE TRIGGER broken AFTER INSERT ON t BEGIN INSERT INTO gone VALUES (1); END"
    )
    follow(path, connection, "INSERT INTO u VALUES (1)")


def test_neither_a_write_nor_reading_its_key_takes_longer_in_a_large_table(path: Path, connect: Open) -> None:
    connection = connect(EVERY_KEY)
    plan = put_under_capture(path)
    numbers = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)"
    for table, columns in (("parent(name)", "i"), ("child", "i, i, i"), ("pair", "i, i"), ("plain", "i, i")):
        connection.execute(f"{numbers} INSERT INTO {table} SELECT {columns} FROM n")
    after = log.position(connection)
    for sql in (
        "INSERT INTO parent(name) VALUES ('x')",
        "UPDATE parent SET name = 'y' WHERE id = 5",
        "DELETE FROM child WHERE id = 7",
    ):
        assert steps(connection, sql) < 1_000
    found = log.changes(connection, after, "app")
    for captured in plan.tables:
        rows = f"FROM {quote(captured.name)} NOT INDEXED WHERE {log.rows_at_keys(captured, found)}"
        assert steps(connection, f"SELECT count(*) {rows}") < 1_000


def steps(connection: apsw.Connection, sql: str) -> int:
    """How many of SQLite's virtual machine's instructions a statement takes, in tens."""
    taken = 0

    def count() -> bool:
        nonlocal taken
        taken += 1
        return False

    connection.set_progress_handler(count, 10)
    connection.execute(sql).fetchall()
    connection.set_progress_handler(None)
    return taken


def test_pruning_keeps_the_last_row_so_that_numbers_never_come_twice(path: Path, connect: Open) -> None:
    connection = connect("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    put_under_capture(path)
    connection.execute(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) INSERT INTO t SELECT i FROM n"
    )
    with SourceWriter(path) as writer:
        assert [log.prune(writer.connection, 50_000, "app") for _ in range(3)] == [True, True, False]
        assert connection.execute("SELECT * FROM _exuvia_log").fetchall() == [(50_000, 1, 50_000)]
        assert log.position(connection) == 50_000
        connection.execute("DELETE FROM t WHERE id = 1")
        assert log.changes(connection, 50_000, "app") == log.Changes(50_000, 50_001, {1: 1})


def test_pruning_does_not_wait_for_a_writer(path: Path, connect: Open) -> None:
    connection = connect("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    put_under_capture(path)
    connection.execute("INSERT INTO t VALUES (1), (2); BEGIN IMMEDIATE")
    with SourceWriter(path) as writer:
        assert log.prune(writer.connection, 1, "app")
        assert writer.connection.pragma("busy_timeout") == 5000
    assert connection.execute("SELECT count(*) FROM _exuvia_log").fetchall() == [(2,)]


@pytest.mark.parametrize("position", [0, 4])
def test_a_position_that_the_log_does_not_cover_is_told(path: Path, connect: Open, position: int) -> None:
    connection = connect("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    put_under_capture(path)
    connection.execute("INSERT INTO t VALUES (1), (2), (3)")
    with SourceWriter(path) as writer:
        log.prune(writer.connection, 2, "app")
    with pytest.raises(SourceError) as raised:
        log.changes(connection, position, "app")
    assert raised.value.code == "source.log_gap"


def test_vacuum_is_noticed_once(path: Path, connect: Open) -> None:
    connection = connect("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2); DELETE FROM t WHERE x = 1")
    put_under_capture(path)
    connection.execute("ANALYZE; CREATE INDEX i ON t(x)")
    assert not state.was_vacuumed(connection)
    connection.execute("VACUUM")
    assert state.was_vacuumed(connection)
    with SourceWriter(path) as writer, writer.transaction() as transaction:
        state.forget_vacuum(transaction)
    assert not state.was_vacuumed(connection)
    assert installed(path) is not None


def test_changes_of_the_schema_are_told_and_capture_and_statistics_are_none(path: Path, connect: Open) -> None:
    connection = connect(EVERY_KEY)
    before = schema.declared(connection)
    put_under_capture(path)
    connection.execute("ANALYZE")
    now = schema.declared(connection)
    assert now.cookie > before.cookie
    assert (now.fingerprint, schema.differences(before, now)) == (before.fingerprint, [])
    connection.execute("ALTER TABLE plain ADD COLUMN z; DROP VIEW v; CREATE TABLE more(x)")
    changed = schema.declared(connection)
    assert changed.fingerprint != before.fingerprint
    assert schema.differences(before, changed) == [
        "table more was made",
        "table plain was changed",
        "view v was dropped",
    ]


def test_a_renamed_table_goes_on_being_logged_and_a_dropped_one_is_told(path: Path, connect: Open) -> None:
    connection = connect("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE gone(id)")
    put_under_capture(path)
    connection.execute("ALTER TABLE t RENAME TO s; ALTER TABLE s RENAME COLUMN u TO w; DROP TABLE gone")
    connection.execute("INSERT INTO s VALUES (1, 1); REPLACE INTO s VALUES (2, 1)")
    assert connection.execute("SELECT t, k1 FROM _exuvia_log").fetchall() == [(1, 1), (1, 1), (1, 2)]
    found = installed(path)
    assert found is not None
    assert missing_triggers(connection, found) == ["gone"]
    remove(path)
    assert connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%exuvia%'").fetchall() == []
