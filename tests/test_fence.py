"""The fence around a file that has moved: nobody writes it any more, but the one who keeps it up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from capturing import catalog_of, directory, put_under_capture
from exuvia.engines.sqlite.capture.fence import fence, inside_fence, is_fenced
from exuvia.engines.sqlite.capture.install import installed, remove
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.errors import SourceError

SCHEMA = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE);
    CREATE TABLE w(id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE audit(what);
    CREATE VIEW v AS SELECT id FROM t;
    CREATE TRIGGER through INSTEAD OF INSERT ON v BEGIN INSERT INTO t(id) VALUES (NEW.id); END;
    CREATE TRIGGER told AFTER INSERT ON t BEGIN INSERT INTO audit VALUES (NEW.id); END;
    CREATE TRIGGER ignored BEFORE INSERT ON t WHEN NEW.v = 9 BEGIN SELECT RAISE(IGNORE); END;
    CREATE VIRTUAL TABLE found USING fts5(body);
    INSERT INTO t VALUES (1, 1);
    INSERT INTO w VALUES ('a');
    INSERT INTO found VALUES ('hello');
"""
MESSAGE = "this database moved to postgresql://db.example/app: it's read-only now"
WRITES = (
    "INSERT INTO t VALUES (2, 2)",
    "INSERT OR IGNORE INTO t VALUES (1, 1)",
    "INSERT INTO t VALUES (3, 9)",
    "REPLACE INTO t VALUES (1, 1)",
    "INSERT INTO t VALUES (1, 1) ON CONFLICT DO UPDATE SET v = 5",
    "UPDATE OR IGNORE t SET v = 2",
    "UPDATE OR FAIL w SET id = 'b'",
    "DELETE FROM t",
    "INSERT INTO v VALUES (7)",
    "INSERT INTO found VALUES ('more')",
    "DELETE FROM found",
)


@pytest.fixture
def plain() -> Iterator[Path]:
    """A file that is written as always."""
    with directory() as made:
        found = Path(made) / "app.db"
        with closing(apsw.Connection(str(found))) as connection:
            connection.execute(SCHEMA).fetchall()
        yield found


@pytest.fixture
def path(plain: Path) -> Path:
    """A file that was under capture and is fenced now."""
    put_under_capture(plain)
    catalog = catalog_of(plain)
    with SourceWriter(plain) as writer, writer.transaction() as connection:
        fence(connection, catalog, MESSAGE, "m1")
    return plain


@pytest.mark.parametrize("sql", WRITES)
def test_every_write_is_refused_with_the_message(path: Path, sql: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        before = connection.execute("SELECT * FROM t, w, audit").fetchall()
        with pytest.raises(apsw.Error) as raised:
            connection.execute(sql)
        if "found" not in sql:
            assert MESSAGE in str(raised.value)
        assert connection.execute("SELECT * FROM t, w, audit").fetchall() == before


def test_a_fenced_file_can_be_read_says_so_and_is_described_without_the_fence(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        assert is_fenced(connection) == MESSAGE
        assert connection.execute("SELECT v FROM t").fetchall() == [(1,)]
    found = installed(path)
    assert found is not None
    assert (found.move_id, found.tables) == ("m1", ())
    catalog = catalog_of(path)
    assert [table.name for table in catalog.tables] == ["t", "w", "audit"]
    assert [trigger.name for trigger in catalog.triggers] == ["through", "told", "ignored"]


def test_a_fenced_file_is_not_captured_again(path: Path) -> None:
    with pytest.raises(SourceError, match="is fenced") as raised:
        put_under_capture(path)
    assert raised.value.code == "source.captured"


def test_only_the_one_connection_writes_inside_the_fence_and_fires_no_trigger(path: Path) -> None:
    with SourceWriter(path) as writer, closing(apsw.Connection(str(path))) as other:
        with inside_fence(writer.connection) as connection:
            connection.execute("INSERT INTO t VALUES (3, 3)")
        with pytest.raises(apsw.Error, match="moved"):
            other.execute("INSERT INTO t VALUES (4, 4)")
        with pytest.raises(apsw.Error, match="moved"):
            writer.connection.execute("INSERT INTO t VALUES (4, 4)")
        assert other.execute("SELECT id FROM t").fetchall() == [(1,), (3,)]
        assert other.execute("SELECT * FROM audit").fetchall() == [(1,)]


def test_what_fails_inside_the_fence_is_undone(path: Path) -> None:
    with SourceWriter(path) as writer:
        with pytest.raises(apsw.ConstraintError), inside_fence(writer.connection) as connection:
            connection.execute("INSERT INTO t VALUES (3, 3), (4, 4); INSERT INTO t VALUES (3, 3)")
        assert writer.connection.execute("SELECT id FROM t").fetchall() == [(1,)]


def test_a_fence_that_is_rolled_back_leaves_capture_as_it_was(plain: Path) -> None:
    plan = put_under_capture(plain)
    catalog = catalog_of(plain)
    with SourceWriter(plain) as writer:
        writer.connection.execute("BEGIN IMMEDIATE")
        fence(writer.connection, catalog, MESSAGE, "m1")
    with closing(apsw.Connection(str(plain))) as connection:
        connection.execute("INSERT INTO w VALUES ('b')")
        found = installed(plain)
        assert found is not None
        assert (found.tables, found.fence) == (plan.tables, None)
        assert connection.execute("SELECT k1 FROM _exuvia_log").fetchall() == [("b",)]


def test_without_its_fence_a_file_is_written_as_before(path: Path) -> None:
    assert remove(path)
    with closing(apsw.Connection(str(path))) as connection:
        assert is_fenced(connection) is None
        connection.execute("INSERT INTO v VALUES (7)")
        assert connection.execute("SELECT * FROM audit").fetchall() == [(1,), (7,)]
