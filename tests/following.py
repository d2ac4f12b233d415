"""Live moves in tests: a database of every kind of table, a process that writes it, and a comparison of every value."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from exuvia import live
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.staging import staging_name
from exuvia.live.follower import Follower
from exuvia.live.options import LiveOptions
from exuvia.live.source import LiveSource
from exuvia.location import Location
from exuvia.move.ends import reach
from exuvia.move.events import ignore
from exuvia.move.lending import Lender
from exuvia.move.options import MoveOptions
from exuvia.move.results import Proof

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, price REAL, stock INTEGER, body BLOB);
CREATE TABLE page (
  path TEXT PRIMARY KEY NOT NULL, title TEXT, views INTEGER NOT NULL DEFAULT 0, length AS (length(title))
);
CREATE TABLE pair (a INTEGER, b TEXT, value TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE spot (x INTEGER NOT NULL, y INTEGER NOT NULL, at DATETIME, PRIMARY KEY (x, y));
CREATE TABLE note (said TEXT, at REAL);
CREATE TABLE tag (name TEXT PRIMARY KEY, n INTEGER);
CREATE TABLE token (id UUID PRIMARY KEY, active BOOLEAN);
CREATE TABLE author (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
CREATE TABLE book (
  id INTEGER PRIMARY KEY, author INTEGER REFERENCES author(id) ON DELETE CASCADE ON UPDATE CASCADE, title TEXT
);
CREATE INDEX of_author ON book(author);
CREATE TABLE seen (what TEXT, n INTEGER);
CREATE TRIGGER told AFTER INSERT ON book BEGIN INSERT INTO seen VALUES (NEW.title, NEW.id); END;
"""

WRITE = [
    "INSERT OR REPLACE INTO item VALUES (:n, 'sku' || :m, :n * 0.1, :m, randomblob(:n % 40))",
    "INSERT INTO item(sku, price) VALUES ('sku' || :n, :m) ON CONFLICT(sku) DO UPDATE SET price = excluded.price",
    "UPDATE OR REPLACE item SET sku = 'sku' || :m WHERE id = :n",
    "UPDATE item SET id = 100000 + :m * 1000 + :n WHERE id = :n AND NOT EXISTS "
    "(SELECT 1 FROM item WHERE id = 100000 + :m * 1000 + :n)",
    "DELETE FROM item WHERE id = :n",
    "INSERT OR REPLACE INTO page(path, title) VALUES ('/' || :n, 'T' || :m)",
    "UPDATE OR REPLACE page SET path = '/' || :m WHERE path = '/' || :n",
    "UPDATE page SET views = views + 1 WHERE path < '/' || :n",
    "DELETE FROM page WHERE path = '/' || :m",
    "INSERT OR REPLACE INTO pair VALUES (:n % 20, 'b' || (:m % 20), 'v' || :n)",
    "UPDATE OR REPLACE pair SET b = 'b' || (:m % 20) WHERE a = :n % 20",
    "DELETE FROM pair WHERE a = :m % 20 AND b > 'b5'",
    "INSERT OR REPLACE INTO spot VALUES (:n % 20, :m % 20, '2026-01-01 00:00:' || (10 + :n % 50))",
    "UPDATE OR REPLACE spot SET x = :m % 20 WHERE y = :n % 20",
    "INSERT INTO note VALUES ('said ' || :n, :m * 0.5), ('said ' || :n, :m * 0.5)",
    "DELETE FROM note WHERE rowid % 50 = :n % 50",
    "UPDATE note SET said = NULL WHERE rowid % 40 = :m % 40",
    "INSERT OR REPLACE INTO tag VALUES (CASE WHEN :n % 4 THEN 'tag' || (:n % 30) END, :m)",
    "UPDATE tag SET n = :n WHERE name IS NULL AND n % 3 = :m % 3",
    "DELETE FROM tag WHERE n % 7 = :m % 7 AND rowid > (SELECT min(rowid) FROM tag WHERE name IS NULL)",
    "INSERT OR REPLACE INTO token VALUES (printf('%08x-0000-4000-8000-%012x', :n, :n), :m % 2)",
    "DELETE FROM token WHERE active = :n % 2 AND rowid % 5 = :m % 5",
    "INSERT INTO author(name) VALUES ('A' || :n)",
    "INSERT INTO book(author, title) SELECT id, 'B' || :n FROM author WHERE id % 13 = :m % 13",
    "UPDATE OR IGNORE author SET id = id + 100000 WHERE id = :n",
    "DELETE FROM author WHERE id % 31 = :n % 31",
    "DELETE FROM seen WHERE n % 10 = :m % 10",
]

_WRITER = """
import sys
sys.path.insert(0, {tests!r})
from following import write_on
write_on({path!r}, {seed}, {rate})
"""

_FOLLOWER = "from exuvia.cli import main; main()"


def write(connection: sqlite3.Connection, chance: random.Random, statements: int) -> None:
    """Write some random transactions."""
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(statements):
        values = {"n": chance.randrange(1, 300), "m": chance.randrange(1, 300)}
        connection.execute(chance.choice(WRITE), values)
    connection.execute("ROLLBACK" if chance.random() < 0.05 else "COMMIT")


def make(path: Path, seed: int = 0) -> None:
    """Make the database with some rows in it."""
    with closing(connect(path)) as connection:
        connection.executescript(SCHEMA)
        chance = random.Random(seed)
        for _ in range(100):
            write(connection, chance, 20)
        connection.execute("INSERT INTO tag VALUES (NULL, 1), (NULL, 2)")  # so that the target has no primary key


def connect(path: Path) -> sqlite3.Connection:
    """Connect as an application does. Never in a process that has the file open through exuvia."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def write_on(path: str, seed: int, rate: float) -> None:
    """Write random transactions of a few statements for ever, ``rate`` of them per second; a process's whole life."""
    chance = random.Random(seed)
    connection = connect(Path(path))
    connection.execute("PRAGMA synchronous = NORMAL")
    due = time.monotonic()
    while True:
        write(connection, chance, chance.randrange(1, 8))
        due += 1 / rate
        time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def writing(path: Path, *, seed: int = 1, rate: float = 100) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process write for as long as the context lasts."""
    program = _WRITER.format(tests=str(Path(__file__).parent), path=str(path), seed=seed, rate=rate)
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        yield process
        assert process.poll() is None, "the writer has died"
    finally:
        process.kill()
        process.wait()


def execute(path: Path, *statements: str) -> None:
    """Run statements in a process of their own."""
    program = (
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)\n"
        "c.execute('PRAGMA foreign_keys = ON')\nfor sql in sys.argv[2:]: c.execute(sql)"
    )
    subprocess.run([sys.executable, "-c", program, path, *statements], check=True)


def command(*arguments: object, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start ``exuvia`` in another process."""
    program = [sys.executable, "-c", _FOLLOWER, *map(str, arguments)]
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.Popen(
        program, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(*arguments: object, code: int = 0) -> str:
    """Run the command to its end and return what it printed, on both streams."""
    process = command(*arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, f"{process.returncode}\n{out}\n{err}"
    return out + err


@contextmanager
def follower(path: Path, url: str, *options: object) -> Iterator[subprocess.Popen[str]]:
    """Run ``exuvia live start`` in another process; it is interrupted at the end if it still runs."""
    process = command("live", "start", path, url, *options, cwd=path.parent)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def location(url: str) -> Location:
    """Return where a target is."""
    return reach(url, MoveOptions()).location


def status(url: str) -> live.Status:
    """Return the only live move."""
    (found,) = live.status(location(url))
    return found


def stop(path: Path, url: str) -> None:
    """End the live move from this process."""
    live.stop(path, location(url))


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def is_following(url: str) -> bool:
    """Tell whether a process follows and has made a round."""
    found = live.status(location(url))
    return bool(found) and found[0].running and found[0].phase == "following" and found[0].rounds > 0


def caught_up(path: Path, url: str, **options: bool) -> live.Ended:
    """Begin or go on, in this process, until nothing is left to be done."""
    wanted = LiveOptions(MoveOptions(quarantine_file=path.with_suffix(".quarantine")), catch_up=True, **options)
    return live.start(path, url, options=wanted)


def compare(path: Path, url: str) -> Proof:
    """Compare every value of the staged tables with the source, while nobody follows."""
    server = reach(url, MoveOptions())
    connections = Lender(server.connect)
    try:
        with server.connect() as connection:
            found = state.find(connection, "public")
            assert found is not None
            with LiveSource(path, found.move_id) as source:
                return Follower(connection, source, found).verify(server.url, connections, ignore)
    finally:
        connections.close()


def assert_equal(path: Path, url: str) -> None:
    """Catch up, compare every value, and count the rows on both sides by plain SQL."""
    caught_up(path, url)
    proof = compare(path, url)
    assert proof.equal, [difference for table in proof.tables for difference in table.differences][:5]
    with closing(connect(path)) as source, psycopg.connect(url) as target:
        for table in proof.tables:
            here = source.execute(f'SELECT count(*) FROM "{table.table}"').fetchone()[0]
            there = target.execute(f'SELECT count(*) FROM "{staging_name("public")}"."{table.name}"'.encode())
            assert there.fetchone() == (here - table.rows_rejected,), table.table


def schema_of(path: Path) -> list[tuple[object, ...]]:
    """Return the schema's table, root pages apart."""
    with closing(connect(path)) as connection:
        return connection.execute("SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema").fetchall()


def schemas(url: str) -> Sequence[str]:
    """Return the names of the target's schemas that are the move's."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'exuvia%'")
        return [name for (name,) in rows]
