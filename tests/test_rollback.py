"""Going back to SQLite after a cut-over: whatever was committed on either side is there in the end, once."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from exuvia import live
from exuvia.engines.postgres.capture.locks import LockedError
from exuvia.errors import HookError, SourceError, TargetError
from exuvia.live import CutoverOptions, LiveOptions, RollbackOptions
from following import caught_up, connect, execute, follower, location, run, schema_of, schemas, status, until

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, n INTEGER NOT NULL);
CREATE UNIQUE INDEX once ON ledger(who, n);
CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT, price DECIMAL, seen DATETIME);
CREATE TABLE note (said TEXT, at REAL);
CREATE VIRTUAL TABLE found USING fts5(text, content=entry, content_rowid=id);
CREATE TRIGGER entry_put AFTER INSERT ON entry BEGIN INSERT INTO found(rowid, text) VALUES (NEW.id, NEW.text); END;
CREATE VIEW total AS SELECT who, count(*) AS entries FROM ledger GROUP BY who;
INSERT INTO ledger(who, n) VALUES ('first', 1), ('first', 2);
INSERT INTO entry VALUES (1, 'an apple', 1.5, '2026-01-01T10:00:00Z'), (2, 'a pear', 2, NULL);
INSERT INTO note VALUES ('twice', 1.5), ('twice', 1.5), (NULL, NULL);
"""
_UNSEEN = """
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
for sql in sys.argv[2:]: connection.execute(sql)
"""
_CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> 'writer' AND pid <> pg_backend_pid()
"""
_KILLED = """
import os, signal, sys
import psycopg
from exuvia.live import rolling_back

def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)

step = sys.argv.pop(1)
execute, call, fence = psycopg.Connection.execute, rolling_back.call, rolling_back.fence
change = rolling_back.state.change
if step == "locked": rolling_back.lock_tables = die
if step == "drained": rolling_back.Moments.take = die
def changed(connection, schema, **values):
    if step == "source committed" and "phase" in values: die()
    change(connection, schema, **values)
    if step == "intended" and "warm" in values: die()

rolling_back.state.change = changed
if step == "fenced": rolling_back.fence = lambda *given: (fence(*given), die())
if step == "switched": rolling_back.call = lambda hook, event, *rest: event == "switch" and die()
if step in ("uncommitted", "target committed"):
    def commit(connection, query, *rest, **named):
        if query != "COMMIT": return execute(connection, query, *rest, **named)
        if step == "target committed": execute(connection, query)
        die()
    psycopg.Connection.execute = commit
if step == "counting": rolling_back.Moments.count = die
from exuvia.cli import main
main()
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database."""
    path = tmp_path / "app.db"
    with closing(connect(path)) as connection:
        connection.executescript(SCHEMA)
    return path


def cut(path: Path, url: str, *, warm: bool = True) -> None:
    """Move and cut over."""
    caught_up(path, url)
    live.cutover(path, url, options=CutoverOptions(max_pause=10, warm=warm))


def back(path: Path, url: str, **options: object) -> live.RollbackReport:
    """Roll back, with time for a machine that has other things to do."""
    wanted = RollbackOptions(**{"max_pause": 10.0, **options})  # type: ignore[arg-type]
    return live.rollback(path, url, options=wanted)


def put(url: str, *statements: str) -> None:
    """Write to PostgreSQL."""
    with psycopg.connect(url, autocommit=True) as connection:
        for sql in statements:
            connection.execute(sql.encode())


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Read SQLite."""
    with closing(connect(path)) as connection:
        return connection.execute(query).fetchall()


def is_warm(url: str) -> bool:
    """Tell whether a process keeps SQLite up to date."""
    found = live.status(location(url))
    return bool(found) and found[0].running and found[0].warm == "following"


def assert_returned(path: Path, url: str) -> None:
    """SQLite can be written, PostgreSQL cannot and says where to, and both are equal."""
    with psycopg.connect(url, autocommit=True) as connection:
        for sql in ("INSERT INTO note VALUES ('late', 1)", "DELETE FROM ledger WHERE false", "TRUNCATE entry"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="this database moved back to sqlite:///"):
                connection.execute(sql.encode())
        for table in ("ledger", "entry", "note"):
            there = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert [there] == rows(path, f"SELECT count(*) FROM {table}"), table
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert not rows(path, "SELECT name FROM sqlite_schema WHERE name LIKE '%exuvia%'")
    assert status(url).phase == "rolled back"


class Writers:
    """Threads that write to PostgreSQL until it refuses them, and know what was committed."""

    def __init__(self, url: str, number: int) -> None:
        self.committed: list[tuple[str, int]] = []
        self.refusals: list[str] = []
        self._threads = [threading.Thread(target=self._write, args=(url, f"w{one}")) for one in range(number)]

    @contextmanager
    def writing(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            for thread in self._threads:
                thread.join(timeout=30)
        assert not any(thread.is_alive() for thread in self._threads)

    def _write(self, url: str, who: str) -> None:
        chance, n = random.Random(who), 0
        with psycopg.connect(url, application_name="writer") as connection:
            while n < 100_000:
                n += 1
                try:
                    connection.execute("INSERT INTO ledger(who, n) VALUES (%s, %s)", (who, n))
                    connection.execute("UPDATE entry SET price = price + 1 WHERE id = %s", (chance.randrange(1, 3),))
                    if chance.random() < 0.1:
                        connection.rollback()
                        continue
                    connection.commit()
                except psycopg.errors.ReadOnlySqlTransaction as error:
                    self.refusals.append(str(error))
                    return
                self.committed.append((who, n))
                time.sleep(chance.random() * 0.01)


def test_everything_that_was_committed_on_either_side_is_there_once(source: Path, postgres_url: str) -> None:
    url, before = postgres_url, schema_of(source)
    writers = Writers(url, 3)
    with follower(source, url) as following:
        until(lambda: status(url).phase == "following" if live.status(location(url)) else False)
        execute(source, "INSERT INTO ledger(who, n) VALUES ('sqlite', 1)")
        live.cutover(source, url, options=CutoverOptions(max_pause=10))
        with writers.writing():
            until(lambda: is_warm(url) and status(url).changes > 20)
            with pytest.raises(TargetError, match=f"'public' already, by process {following.pid}"):
                caught_up(source, url)
            done = back(source, url)
        out, err = following.communicate(timeout=30)
        assert "has rolled back" in out, err
    assert 0 < done.pause < 10
    assert done.equal
    assert done.proof is not None
    assert done.proof.equal
    assert len(writers.refusals) == 3
    assert_returned(source, url)
    assert schema_of(source) == before
    execute(source, "INSERT INTO ledger(who, n) VALUES ('sqlite', 2)")
    there = rows(source, "SELECT who, n FROM ledger")
    assert sorted(there) == sorted([("first", 1), ("first", 2), ("sqlite", 1), ("sqlite", 2), *writers.committed])
    assert live.stop(source, location(url), drop_tables=True)
    assert schemas(url) == []
    with psycopg.connect(url) as connection:
        assert (
            connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall()
            == []
        )


def test_truncate_ids_search_and_spelling_come_back_and_the_next_move_begins_with_them(
    source: Path, any_url: str
) -> None:
    cut(source, any_url)
    put(
        any_url,
        "TRUNCATE note",
        "INSERT INTO note VALUES ('again', 'NaN'), ('again', 0.1)",
        "INSERT INTO ledger(who, n) VALUES ('gone', 1)",
        "DELETE FROM ledger WHERE who = 'gone'",
        "INSERT INTO entry VALUES (3, 'a plum', 3.25, NULL); UPDATE entry SET text = 'an orange' WHERE id = 1",
        "CREATE TABLE mine (x int)",
    )
    assert back(source, any_url).left == ("mine",)
    execute(source, "INSERT INTO ledger(who, n) VALUES ('next', 1)")
    assert rows(source, "SELECT id FROM ledger WHERE who = 'next'") == [(4,)]
    assert rows(source, "SELECT rowid FROM found('orange OR plum') ORDER BY 1") == [(1,), (3,)]
    assert rows(source, "SELECT rowid FROM found('apple')") == []
    assert rows(source, "SELECT seen, typeof(price) FROM entry WHERE id = 1") == [("2026-01-01T10:00:00Z", "real")]
    assert sorted(rows(source, "SELECT said, at FROM note"), key=str) == [("again", 0.1), ("again", None)]
    with pytest.raises(TargetError, match="was rolled back"):
        caught_up(source, any_url)
    caught_up(source, any_url, restart=True)
    live.cutover(source, any_url, options=CutoverOptions(max_pause=10))
    put(any_url, "INSERT INTO ledger(who, n) VALUES ('last', 1)", "DELETE FROM note")
    back(source, any_url)
    assert rows(source, "SELECT who FROM ledger WHERE who <> 'first' ORDER BY id") == [("next",), ("last",)]
    assert_returned(source, any_url)


def test_only_what_was_cut_over_and_kept_up_to_date_can_be_rolled_back(source: Path, any_url: str) -> None:
    before = schema_of(source)
    caught_up(source, any_url)
    with pytest.raises(TargetError, match="has not been cut over"):
        back(source, any_url)
    live.cutover(source, any_url, options=CutoverOptions(max_pause=10, warm=False))
    assert [one for one in schemas(any_url) if "reverse" in one] == []
    for attempt in (back, live.verify):
        with pytest.raises(TargetError, match="--no-warm"):
            attempt(source, any_url)
    with pytest.raises(TargetError, match="has moved into schema"):
        caught_up(source, any_url)
    assert live.stop(source, location(any_url), lift_fence=True)
    assert schema_of(source) == before
    assert schemas(any_url) == []
    execute(source, "DELETE FROM note")


def test_a_pause_that_would_be_too_long_is_given_up_and_postgresql_goes_on(source: Path, any_url: str) -> None:
    cut(source, any_url)
    with pytest.raises(TargetError, match=r"The roll-back was given up.*writers go on in PostgreSQL"):
        back(source, any_url, max_pause=0.001, proof=False)
    with psycopg.connect(any_url, application_name="nightly report") as holder:
        holder.execute("INSERT INTO note VALUES ('held', 1)")
        with pytest.raises(LockedError, match="nightly report"):
            back(source, any_url, max_pause=0.4, patience=0.1, proof=False)
        holder.commit()
    put(any_url, "INSERT INTO note VALUES ('on', 1)")
    assert (status(any_url).phase, status(any_url).warm) == ("moved", "paused")
    back(source, any_url)
    assert rows(source, "SELECT said FROM note WHERE said <> 'twice'") == [("held",), ("on",)]
    assert_returned(source, any_url)


def test_a_switch_hook_that_fails_leaves_everything_as_it_was(source: Path, any_url: str) -> None:
    cut(source, any_url)
    log = source.with_name("log")
    with pytest.raises(HookError, match="exit code 3: no"):
        back(source, any_url, switch="echo no; exit 3")
    put(any_url, "INSERT INTO note VALUES ('on', 1)")
    with closing(connect(source)) as connection, pytest.raises(sqlite3.IntegrityError, match="this database moved to"):
        connection.execute("DELETE FROM note")
    hook = f'echo "$EXUVIA_CUTOVER_EVENT $EXUVIA_CUTOVER_DIRECTION" >> {log}'
    back(source, any_url, before=hook, switch=hook, after=hook)
    assert log.read_text().splitlines() == ["before sqlite", "switch sqlite", "after sqlite"]
    assert_returned(source, any_url)


def test_values_that_sqlite_cannot_hold_refuse_the_roll_back_unless_allowed(source: Path, any_url: str) -> None:
    cut(source, any_url)
    put(any_url, "UPDATE entry SET price = 0.12345678901234567890 WHERE id = 1")
    for proof in (True, False):
        with pytest.raises(TargetError, match=r"cannot hold some values .* \(entry.price\)"):
            back(source, any_url, proof=proof)
    assert live.status(location(any_url))[0].misfits == ("entry.price",)
    assert back(source, any_url, allow_inexact=True).inexact == ("entry.price",)
    assert_returned(source, any_url)


def test_rows_in_quarantine_are_still_in_sqlite(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    execute(
        source, "INSERT INTO entry VALUES (9, 'odd', 'dear', NULL)", "INSERT INTO entry VALUES (10, 'b', 'x', NULL)"
    )
    live.cutover(source, any_url, options=CutoverOptions(max_pause=10, allow_quarantine=True))
    put(any_url, "UPDATE entry SET text = 'changed' WHERE id = 1", "INSERT INTO entry VALUES (10, 'new', 1, NULL)")
    done = back(source, any_url)
    assert done.equal
    assert rows(source, "SELECT id, text, price FROM entry WHERE id IN (1, 9, 10) ORDER BY id") == [
        (1, "changed", 1.5),
        (9, "odd", "dear"),
        (10, "new", 1),
    ]


def test_what_no_trigger_saw_is_found_by_verify_and_mended_by_the_roll_back(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    assert live.verify(source, any_url).proof.equal
    live.cutover(source, any_url, options=CutoverOptions(max_pause=10))
    put(any_url, "INSERT INTO note VALUES ('more', 1)")
    assert live.verify(source, any_url).proof.equal
    subprocess.run([sys.executable, "-c", _UNSEEN, source, "UPDATE entry SET text = 'astray' WHERE id = 2"], check=True)
    said = run("live", "verify", source, any_url, code=6)
    assert "a pear" in said
    assert "astray" in said
    assert back(source, any_url).repaired == ("entry",)
    assert rows(source, "SELECT text FROM entry WHERE id = 2") == [("a pear",)]
    assert_returned(source, any_url)


def test_a_table_that_was_changed_in_postgresql_stops_keeping_sqlite_warm(source: Path, any_url: str) -> None:
    cut(source, any_url)
    put(any_url, "ALTER TABLE note ADD COLUMN more text", "INSERT INTO note VALUES ('x', 1, 'y')")
    with pytest.raises(SourceError, match="table note"):
        live.start(source, any_url, options=LiveOptions(catch_up=True))
    assert status(any_url).warm == "stopped"
    assert "table note" in status(any_url).message
    with pytest.raises(SourceError, match="table note"):
        back(source, any_url)
    put(any_url, "INSERT INTO note VALUES ('z', 1, 'y')")


def test_the_other_direction_pauses_resumes_and_ends(source: Path, any_url: str) -> None:
    cut(source, any_url)
    with follower(source, any_url) as process:
        until(lambda: is_warm(any_url))
        live.pause(location(any_url))
        put(any_url, "INSERT INTO note VALUES ('waits', 1)")
        found = status(any_url)
        assert (found.direction, found.warm, found.running, found.pending) == ("sqlite", "paused", True, 1)
        live.resume(location(any_url))
        until(lambda: rows(source, "SELECT 1 FROM note WHERE said = 'waits'"))
        assert "SQLite is kept up to date" in run("live", "status", any_url)
        assert live.verify(source, any_url).proof.equal
        until(lambda: is_warm(any_url))
        assert not live.stop(source, location(any_url))
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert "not kept up to date any more" in out
    assert schemas(any_url) == []
    put(any_url, "INSERT INTO note VALUES ('on', 1)")
    with closing(connect(source)) as connection, pytest.raises(sqlite3.IntegrityError, match="this database moved to"):
        connection.execute("DELETE FROM note")


_UNDONE = ("locked", "drained", "intended", "fenced", "switched", "uncommitted")
_FINISHED = ("target committed", "source committed", "counting")
_FAST = {("fenced", "rollback"), ("target committed", "start")}
_KILLS = [
    pytest.param(step, by, marks=() if (step, by) in _FAST else pytest.mark.slow)
    for step in (*_UNDONE, *_FINISHED)
    for by in ("rollback", "start", "status")
]


@pytest.mark.parametrize(("step", "by"), _KILLS)
def test_killed_at_a_step_the_next_command_finishes_or_undoes_it(
    source: Path, any_url: str, step: str, by: str
) -> None:
    cut(source, any_url)
    put(any_url, "INSERT INTO note VALUES ('before', 1)")
    assert status(any_url).warm == "paused"
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, step, "live", "rollback", str(source), any_url, "--max-pause", "10s"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -9, killed.stderr
    is_done = step in _FINISHED
    if by == "start":
        run("live", "start", source, any_url, "--catch-up", code=4 if is_done else 0)
    if by != "rollback":
        until(lambda: status(any_url).warm != "rolling back", 20)
        assert status(any_url).phase == ("rolled back" if is_done else "moved")
    if not is_done and by != "rollback":
        put(any_url, "INSERT INTO note VALUES ('between', 1)")
    if is_done:
        assert back(source, any_url).earlier
    else:
        assert "counted equal" in run("live", "rollback", source, any_url, "--max-pause", "10s")
    assert_returned(source, any_url)
    execute(source, "INSERT INTO note VALUES ('after', 1)")


@pytest.mark.slow
def test_followers_that_are_killed_or_lose_their_connections_lose_and_double_nothing(
    source: Path, any_url: str
) -> None:
    chance, writers = random.Random(1), Writers(any_url, 4)
    cut(source, any_url)
    with writers.writing():
        for turn in range(12):
            with follower(source, any_url) as process:
                until(lambda: is_warm(any_url))
                time.sleep(chance.random() * 2)
                if turn % 3 == 0:
                    put(any_url, _CUT_OFF)
                    rounds = status(any_url).rounds
                    until(lambda: process.poll() is not None or status(any_url).rounds > rounds)  # noqa: B023
                    assert process.poll() is None, process.communicate()[1]
                process.send_signal(signal.SIGKILL)
                process.communicate()
        with follower(source, any_url):
            back(source, any_url)
    assert len(writers.refusals) == 4
    there = rows(source, "SELECT who, n FROM ledger WHERE who <> 'first'")
    assert sorted(there) == sorted(writers.committed)
    assert_returned(source, any_url)
