"""Cutting over: writers in other processes, hooks, limits, kills at each step; in the end every value is compared."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest

import exuvia
from exuvia import live
from following import caught_up, connect, execute, follower, is_following, location, make, run, schemas, status, until

_WRITER = "import sys\nfrom following import write_on\nwrite_on(sys.argv[1], int(sys.argv[2]), 100)"
_WRITTEN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in sys.argv[2:]: connection.execute(sql)
"""
_UNSEEN = """
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
for sql in sys.argv[2:]: connection.execute(sql)
"""
_KILLED = """
import os, signal, sys
from contextlib import contextmanager
import psycopg
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.live import cutting_over, file_cutover

def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)

step = sys.argv.pop(1)
execute, call, fence = psycopg.Connection.execute, cutting_over.call, file_cutover.fence
if step == "drained": file_cutover.largest = die
if step == "intended":
    def ask(connection, query, *rest, **named):
        return die() if query == "BEGIN" else execute(connection, query, *rest, **named)
    psycopg.Connection.execute = ask
if step == "published": file_cutover.fence = die
if step == "fenced": file_cutover.fence = lambda *given: (fence(*given), die())
if step == "switched": cutting_over.call = lambda hook, event, *rest: event == "switch" and die()
if step in ("source committed", "target committed"):
    def commit(connection, query, *rest, **named):
        if query != "COMMIT": return execute(connection, query, *rest, **named)
        if step == "target committed": execute(connection, query)
        die()
    psycopg.Connection.execute = commit
if step == "validating": file_cutover.finish = die
from exuvia.cli import main
main()
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database of every kind of table."""
    path = tmp_path / "app.db"
    make(path)
    return path


@contextmanager
def writers(path: Path, number: int = 1) -> Iterator[list[subprocess.Popen[str]]]:
    """Let other processes write until the database refuses them."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(seed)],
            cwd=Path(__file__).parent,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(number)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def cut(path: Path, url: str, *options: str, code: int = 0) -> str:
    """Cut over, with time for a machine that has other things to do."""
    return run("live", "cutover", path, url, "--max-pause", "10s", *options, code=code)


def assert_moved(path: Path, url: str) -> None:
    """Compare every value of the published tables with the fenced file, which must refuse writers."""
    with closing(connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="this database moved to"):
        connection.execute("INSERT INTO item(sku) VALUES ('late')")
    proof = exuvia.verify(path, url).proof
    assert proof is not None
    assert proof.equal, [difference for table in proof.tables for difference in table.differences][:5]
    assert status(url).phase == "moved"


def phases(url: str) -> list[str]:
    """Return where the live moves stand."""
    return [one.phase for one in live.status(location(url))]


def is_refused(path: Path) -> bool:
    """Tell whether the file is fenced."""
    with closing(connect(path)) as connection:
        return connection.execute("SELECT 1 FROM sqlite_schema WHERE name LIKE '%_fence_%'").fetchone() is not None


def test_writers_are_refused_by_the_database_and_nothing_is_lost(source: Path, any_url: str) -> None:
    url = any_url.replace("://postgres@", "://postgres:hush@")
    with writers(source, 2) as writing, follower(source, any_url) as following:
        until(lambda: is_following(any_url))
        done = json.loads(cut(source, url, "--json", "--no-warm"))
        for writer in writing:
            _, said = writer.communicate(timeout=30)
            assert "this database moved to postgresql://" in said
            assert "hush" not in said
        out, _ = following.communicate(timeout=30)
        assert "has cut over" in out
    assert done["equal"]
    assert 0 < done["pause"] < 10
    assert "hush" not in json.dumps(done)
    assert sum(one["rows_target"] for one in done["counts"]) > 0
    assert_moved(source, any_url)
    assert "had moved" in cut(source, any_url)
    assert "has moved into schema" in run("live", "start", source, any_url, code=4)
    assert "stays fenced" in run("live", "stop", source, any_url)
    assert schemas(any_url) == []
    assert is_refused(source)


def test_everything_is_published_that_the_plan_promises(tmp_path: Path, any_url: str) -> None:
    path = tmp_path / "shop.db"
    with closing(connect(path)) as connection:
        connection.executescript("""
            PRAGMA journal_mode = WAL;
            CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
            CREATE TABLE sale (
              id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer(id), price REAL CHECK (price > 0)
            );
            CREATE TABLE line (text TEXT);
            CREATE VIEW big AS SELECT id, price FROM sale WHERE price > 100;
            CREATE TRIGGER told AFTER INSERT ON sale BEGIN INSERT INTO line VALUES ('sold'); END;
            INSERT INTO customer(name) VALUES ('a'), ('b'), ('c');
            INSERT INTO sale(customer, price) VALUES (1, 10), (2, 200);
        """)
    caught_up(path, any_url)
    execute(path, "INSERT INTO customer(name) VALUES ('d'), ('e')", "DELETE FROM customer WHERE id = 5")
    execute(path, "PRAGMA foreign_keys = OFF", "INSERT INTO sale(customer, price) VALUES (99, 300)")
    execute(path, "PRAGMA ignore_check_constraints = ON", "INSERT INTO sale(customer, price) VALUES (1, -1)")
    done = json.loads(cut(path, any_url, "--json"))
    broken = {one["where"]: one["count"] for one in done["problems"]}
    assert sorted(broken.values()) == [1, 1], broken
    with psycopg.connect(any_url, autocommit=True) as target:
        assert target.execute("INSERT INTO customer(name) VALUES ('f') RETURNING id").fetchone() == (6,)
        assert target.execute("SELECT array_agg(id ORDER BY id) FROM big").fetchone() == ([2, 3],)
        target.execute("INSERT INTO sale(customer, price) VALUES (1, 5)")
        assert target.execute("SELECT count(*) FROM line WHERE text = 'sold'").fetchone() == (5,)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            target.execute("INSERT INTO sale(customer, price) VALUES (77, 5)")
        with pytest.raises(psycopg.errors.CheckViolation):
            target.execute("INSERT INTO sale(customer, price) VALUES (1, -5)")
        columns = target.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'line'")
        assert columns.fetchall() == [("text",)]
        indexes = target.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'exuvia%'")
        assert indexes.fetchall() == []


def test_hooks_are_called_in_their_order_with_what_they_need(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    told: list[dict[str, str]] = []

    class Told(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with HTTPServer(("127.0.0.1", 0), Told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where, log = f"http://127.0.0.1:{server.server_port}/hook", source.with_name("log")
        write = f'echo "$EXUVIA_CUTOVER_EVENT $EXUVIA_CUTOVER_SCHEMA $EXUVIA_CUTOVER_SOURCE" >> {log}'
        cut(source, any_url, "--before", write, "--switch", write, "--after", where)
        server.shutdown()
    assert log.read_text().splitlines() == [f"{event} public {source.resolve()}" for event in ("before", "switch")]
    assert [one["event"] for one in told] == ["after"]
    assert told[0]["target"].startswith("postgresql://")
    assert_moved(source, any_url)


def test_a_hook_that_fails_leaves_everything_as_it_was(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    assert "exit code 3: no" in cut(source, any_url, "--no-proof", "--switch", "echo no; exit 3", code=9)
    assert not is_refused(source)
    assert phases(any_url) == ["paused"]
    execute(source, "UPDATE item SET stock = 12")
    assert "The cut-over itself is done" in cut(source, any_url, "--after", "false", code=9)
    assert_moved(source, any_url)


@pytest.mark.slow
def test_a_running_follower_goes_on_when_a_hook_fails(source: Path, any_url: str) -> None:
    with writers(source) as writing, follower(source, any_url):
        until(lambda: is_following(any_url))
        assert "before hook" in cut(source, any_url, "--before", "echo no; exit 3", code=9)
        said = cut(source, any_url, "--no-proof", "--switch", "echo no; exit 3", code=9)
        assert "exit code 3: no" in said
        late = ("--max-pause", "2s", "--switch", "sleep 30")
        assert "switch hook did not end within" in run("live", "cutover", source, any_url, "--no-proof", *late, code=9)
        assert not is_refused(source)
        rounds = status(any_url).rounds
        until(lambda: is_following(any_url) and status(any_url).rounds > rounds)
        assert writing[0].poll() is None
        cut(source, any_url)
    assert_moved(source, any_url)


def test_a_paused_follower_stays_paused_when_a_hook_fails(source: Path, any_url: str) -> None:
    with follower(source, any_url) as process:
        until(lambda: phases(any_url) == ["following"])
        live.pause(location(any_url))
        execute(source, "UPDATE item SET stock = 7")
        cut(source, any_url, "--no-proof", "--switch", "exit 3", code=9)
        time.sleep(0.3)
        until(lambda: status(any_url).running)
        assert phases(any_url) == ["paused"]
        rounds = status(any_url).rounds
        execute(source, "UPDATE item SET stock = 8")
        time.sleep(0.5)
        assert status(any_url).rounds == rounds
        live.resume(location(any_url))
        until(lambda: status(any_url).rounds > rounds)
        cut(source, any_url, "--no-warm")
        process.communicate(timeout=30)
    assert_moved(source, any_url)


@pytest.mark.slow
def test_a_follower_that_is_interrupted_while_another_process_cuts_over_changes_nothing(
    source: Path, any_url: str
) -> None:
    with follower(source, any_url) as following:
        until(lambda: phases(any_url) == ["following"])
        cut(source, any_url, "--switch", f"kill -INT {following.pid}; sleep 1")
        following.communicate(timeout=30)
        assert following.returncode == 130
    assert_moved(source, any_url)


@pytest.mark.slow
def test_a_pause_that_would_be_too_long_is_given_up(source: Path, any_url: str) -> None:
    with follower(source, any_url):
        until(lambda: phases(any_url) == ["following"])
        said = run("live", "cutover", source, any_url, "--no-proof", "--max-pause", "1ms", code=4)
        assert "pause would be longer than 0.001 s" in said
        assert not is_refused(source)
        until(lambda: phases(any_url) == ["following"])


def test_rows_in_quarantine_are_refused_unless_allowed(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    execute(source, "INSERT INTO item(id, sku, price) VALUES (900001, 'odd', 'dear')")
    assert "item: 1" in cut(source, any_url, code=4)
    assert not is_refused(source)
    cut(source, any_url, "--allow-quarantine")
    assert_moved(source, any_url)
    with psycopg.connect(any_url) as target:
        found = target.execute("SELECT * FROM item_quarantine").fetchall()
        assert [row[0] for row in found] == ["rowid=900001"]


def test_changes_that_no_trigger_saw_are_found_and_brought_over(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    unseen = ["UPDATE item SET stock = -7 WHERE id % 2", "DELETE FROM page WHERE views = 0"]
    subprocess.run([sys.executable, "-c", _UNSEEN, source, *unseen], check=True)
    assert json.loads(cut(source, any_url, "--json"))["repaired"] == ["item", "page"]
    assert_moved(source, any_url)


def test_tables_that_no_trigger_watches_are_copied_anew_where_they_changed(source: Path, any_url: str) -> None:
    execute(
        source,
        "CREATE VIRTUAL TABLE found USING fts5(words)",
        "INSERT INTO found VALUES ('some words')",
        "CREATE TABLE odd (rowid TEXT, oid TEXT, _rowid_ TEXT)",
        "INSERT INTO odd VALUES ('a', 'b', 'c'), ('a', 'b', 'c')",
    )
    caught_up(source, any_url)
    execute(source, "INSERT INTO odd VALUES ('d', 'e', 'f')", "INSERT INTO found VALUES ('late')")
    late = "INSERT INTO odd VALUES ('g', 'h', 'i')"
    before = shlex.join([sys.executable, "-c", _WRITTEN, str(source), late])
    done = json.loads(cut(source, any_url, "--json", "--before", before))
    assert {one["table"]: one["rows_target"] for one in done["counts"]}["odd"] == 4
    assert_moved(source, any_url)


def test_names_that_are_taken_are_refused_before_the_pause(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    with psycopg.connect(any_url, autocommit=True) as target:
        target.execute("CREATE TABLE item (x int)")
    assert "already has table public.item" in cut(source, any_url, code=4)
    assert not is_refused(source)


@pytest.mark.slow
def test_a_writer_in_a_long_transaction_is_waited_for(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    program = (
        "import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE')\nc.execute('UPDATE item SET stock = 11')\nprint('held', flush=True)\n"
        "time.sleep(4)\nc.execute('COMMIT')"
    )
    with subprocess.Popen([sys.executable, "-c", program, source], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = json.loads(cut(source, any_url, "--json"))
        assert holder.wait() == 0
    assert done["pause"] < 3
    assert_moved(source, any_url)


_UNDONE = ("drained", "intended", "published", "fenced", "switched")
_FINISHED = ("source committed", "target committed", "validating")
_FAST = {("fenced", "cutover"), ("source committed", "start")}
_KILLS = [
    pytest.param(step, by, marks=() if (step, by) in _FAST else pytest.mark.slow)
    for step in (*_UNDONE, *_FINISHED)
    for by in ("cutover", "start", "status")
]


@pytest.mark.parametrize(("step", "by"), _KILLS)
def test_killed_at_a_step_the_next_command_finishes_or_undoes_it(
    source: Path, any_url: str, step: str, by: str
) -> None:
    caught_up(source, any_url)
    with writers(source) as (writer,):
        killed = subprocess.run(
            [sys.executable, "-c", _KILLED, step, "live", "cutover", str(source), any_url, "--max-pause", "10s"],
            check=False,
            capture_output=True,
            text=True,
        )
        assert killed.returncode == -9, killed.stderr
        is_done = step in _FINISHED
        assert is_refused(source) == is_done
        _settle(by, source, any_url, is_done=is_done)
        if not is_done and by != "cutover":
            assert writer.poll() is None
        cut(source, any_url)
        assert "this database moved to" in writer.communicate(timeout=30)[1]
    assert_moved(source, any_url)


def _settle(by: str, path: Path, url: str, *, is_done: bool) -> None:
    """Run the next command."""
    if by == "cutover":
        cut(path, url)
    elif by == "start" and is_done:
        assert "has caught up" in run("live", "start", path, url, "--catch-up")
    elif by == "start":
        with follower(path, url):
            until(lambda: is_following(url))
    else:
        until(lambda: status(url).phase != "cutting over", 20)
        assert status(url).phase in (("published", "moved") if is_done else ("paused", "following"))
