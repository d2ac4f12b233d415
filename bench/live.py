"""Live moves: how long writers wait, how far the target is behind, and whether that depends on the size of the file."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from bench.data import CACHE
from bench.server import Server
from bench.tables import markdown

WRITES = 500
CHANGES, PER_TRANSACTION = 5_000, 50
REHEARSALS = 4
_EXUVIA = Path(sys.executable).with_name("exuvia")
_LAG_SECONDS = 20.0
_SETTLE = 3.0
_ROW_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from a commit in the source to the moment when the target shows it, sampled every 20 ms."""

    changes_per_second: float
    samples: Sequence[float]

    def at(self, share: float) -> float:
        """Return the lag that a share of the samples does not exceed."""
        return sorted(self.samples)[min(int(share * len(self.samples)), len(self.samples) - 1)]


@dataclass(frozen=True, slots=True)
class Run:
    """One file's live move.

    Args:
        gigabytes: The size of the file.
        rows: Its rows.
        start_seconds: From ``live start`` until rounds were made.
        before: The longest that a write took before anything was done.
        starting: The longest that one took while triggers were made and rows copied.
        following: The longest that one took while rounds were made.
        rehearsed: The longest of each cut-over that was given up at its end.
        pause: What ``live cutover`` has measured.
        steps: Its parts.
        felt: How long the write took that was then refused.
        cutover_seconds: The whole command, with the comparison of every value.
        lag: How far the target was behind.
    """

    gigabytes: float
    rows: int
    start_seconds: float
    before: float
    starting: float
    following: float
    rehearsed: Sequence[float]
    pause: float
    steps: dict[str, float]
    felt: float
    cutover_seconds: float
    lag: Lag


def measure(server: Server, sizes: Sequence[float]) -> list[Run]:
    """Move a file of each size, in gigabytes."""
    CACHE.mkdir(parents=True, exist_ok=True)
    found = []
    for gigabytes in sizes:
        with tempfile.TemporaryDirectory(dir=CACHE) as directory, server.database() as url:
            print(f"live: making {gigabytes:g} GB", flush=True)
            path = Path(directory) / "app.db"
            make(path, gigabytes)
            found.append(_moved(path, url))
    return found


def make(path: Path, gigabytes: float) -> None:
    """Make a file of messages of about a kilobyte."""
    rows = int(gigabytes * 1e9 / (_ROW_BYTES + 45))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            f"""
            PRAGMA page_size = 4096; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;
            CREATE TABLE session(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
            CREATE TABLE message(
                id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES session(id), role TEXT, body TEXT, at REAL
            );
            CREATE INDEX of_session ON message(session);
            CREATE TABLE beat(id INTEGER PRIMARY KEY, at REAL);
            INSERT INTO beat VALUES (1, 0.0);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
            INSERT INTO session SELECT i, 'session-' || i FROM n;
            BEGIN;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
            INSERT INTO message
            SELECT i, i % 997 + 1, 'user', i || printf('%.*c', {_ROW_BYTES - 20}, char(97 + i % 26)), i * 0.5 FROM n;
            COMMIT;
            PRAGMA journal_mode = WAL;
            """
        )


def _moved(path: Path, url: str) -> Run:
    with closing(sqlite3.connect(path)) as connection:
        rows = int(connection.execute("SELECT count(*) FROM message").fetchone()[0])
    gigabytes = path.stat().st_size / 1e9
    log = path.with_name("writes")
    with _writing(path, log, WRITES, 1) as writer:
        time.sleep(_SETTLE)
        asked = time.monotonic()
        with _following(path, url) as follower:
            start_seconds = time.monotonic() - asked
            time.sleep(_SETTLE)
            rehearsals = [_given_up(path, url) for _ in range(REHEARSALS)]
            writer.kill()
            lag = _lag(path, url)
            with _writing(path, log, WRITES, 1) as last:
                time.sleep(_SETTLE)
                done, cutover_seconds = _cut_over(path, url)
                last.wait(30)
            follower.send_signal(signal.SIGINT)
            follower.wait(60)
    waits = [(float(began), float(seconds)) for began, seconds, *_ in map(str.split, log.read_text().splitlines())]
    felt = waits.pop()[1]
    start_ended = asked + start_seconds

    def longest(begin: float, end: float) -> float:
        return max((spent for began, spent in waits if begin <= began + spent and began <= end), default=0.0)

    return Run(
        gigabytes,
        rows,
        start_seconds,
        longest(0, asked - 0.01),
        longest(asked, start_ended),
        longest(start_ended, rehearsals[0][0]),
        [longest(*rehearsal) for rehearsal in rehearsals],
        done["pause"],
        done["steps"],
        felt,
        cutover_seconds,
        lag,
    )


@contextmanager
def _writing(path: Path, log: Path, transactions: float, changes: int) -> Iterator[subprocess.Popen[bytes]]:
    program = Path(__file__).with_name("live_writer.py")
    process = subprocess.Popen([sys.executable, str(program), str(path), str(log), str(transactions), str(changes)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _following(path: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``live start`` and wait until it makes rounds."""
    process = subprocess.Popen([str(_EXUVIA), "live", "start", str(path), url, "--quiet"], cwd=path.parent)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            while not _rounds(connection):
                if process.poll() is not None:
                    raise RuntimeError("exuvia live start has ended")
                time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def _rounds(connection: psycopg.Connection) -> int:
    with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        row = connection.execute("SELECT rounds FROM exuvia_live_public.state").fetchone()
        return int(row[0]) if row else 0
    return 0


def _given_up(path: Path, url: str) -> tuple[float, float]:
    """Cut over with a hook that fails at the end of the pause; return when that was."""
    began = time.monotonic()
    command = [str(_EXUVIA), "live", "cutover", str(path), url, "--no-proof", "--switch", "exit 1", "--quiet"]
    subprocess.run([*command, "--max-pause", "30s"], check=False, stderr=subprocess.DEVNULL)
    ended = time.monotonic()
    time.sleep(_SETTLE)
    return began, ended


def _cut_over(path: Path, url: str) -> tuple[dict[str, object], float]:
    began = time.monotonic()
    command = [str(_EXUVIA), "live", "cutover", str(path), url, "--max-pause", "30s", "--json"]
    done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if not done["equal"]:
        raise RuntimeError("the two sides differ")
    return done, time.monotonic() - began


def _lag(path: Path, url: str) -> Lag:
    """Write many changes a second, and look again and again how old the newest row of the target is."""
    samples = []
    with (
        _writing(path, path.with_name("fast"), CHANGES / PER_TRANSACTION, PER_TRANSACTION),
        psycopg.connect(url, autocommit=True) as connection,
    ):
        time.sleep(_SETTLE)
        began, before = time.monotonic(), _changes(connection)
        while time.monotonic() - began < _LAG_SECONDS:
            row = connection.execute("SELECT at FROM exuvia_staging_public.beat").fetchone()
            samples.append(time.time() - row[0] if row else 0.0)
            time.sleep(0.02)
        rate = (_changes(connection) - before) / (time.monotonic() - began)
    time.sleep(_SETTLE)
    return Lag(rate, samples)


def _changes(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT changes FROM exuvia_live_public.state").fetchone()
    return int(row[0]) if row else 0


def report(facts: str, runs: Sequence[Run]) -> str:
    """Return the results as Markdown."""
    return (
        f"# Live\n\n{facts}\nMessages of a kilobyte with an index, a foreign key and a unique constraint beside them."
        f" The application, the follower and the server share the machine. {WRITES} transactions of one row a second"
        " (synchronous=NORMAL) go on from before the start until the file refuses them.\n\n"
        "## Writers\n\nThe longest that one write took, in ms, as the application felt it: before anything was done,"
        " while triggers were made and rows copied, while changes were followed, in cut-overs that were given up at"
        f" their end ({REHEARSALS} of each, median and longest), and in the one that was done.\n\n{_waits(runs)}\n"
        "## The pause of a cut-over\n\nAs `exuvia live cutover` measures it, with its parts, in ms. The whole command"
        f" compares every value before the pause.\n\n{_pauses(runs)}\n"
        f"## Lag\n\nAt {CHANGES:,} changes a second asked for, in transactions of {PER_TRANSACTION} (half inserts, half"
        f" updates of random rows): seconds from a commit until the target shows it, sampled every 20 ms for"
        f" {_LAG_SECONDS:.0f} s.\n\n{_lags(runs)}\nWhat the change log costs writers is in [CAPTURE.md](CAPTURE.md).\n"
    )


def _waits(runs: Sequence[Run]) -> str:
    heads = ("file", "rows", "before", "start", "following", "given up", "longest", "done")
    return markdown(
        heads,
        [
            (
                _size(run),
                f"{run.rows:,}",
                *(f"{1000 * spent:.0f}" for spent in (run.before, run.starting, run.following)),
                f"{1000 * median(run.rehearsed):.0f}",
                f"{1000 * max(run.rehearsed):.0f}",
                f"{1000 * run.felt:.0f}",
            )
            for run in runs
        ],
    )


def _pauses(runs: Sequence[Run]) -> str:
    steps = list(runs[0].steps)
    heads = ("file", "pause", *steps, "whole command s", "start until following s")
    return markdown(
        heads,
        [
            (
                _size(run),
                f"{1000 * run.pause:.0f}",
                *(f"{1000 * run.steps.get(step, 0.0):.1f}" for step in steps),
                f"{run.cutover_seconds:.1f}",
                f"{run.start_seconds:.1f}",
            )
            for run in runs
        ],
    )


def _lags(runs: Sequence[Run]) -> str:
    heads = ("file", "changes/s applied", "median", "p99", "max")
    return markdown(
        heads,
        [
            (
                _size(run),
                f"{run.lag.changes_per_second:,.0f}",
                f"{run.lag.at(0.5):.3f}",
                f"{run.lag.at(0.99):.3f}",
                f"{run.lag.at(1):.3f}",
            )
            for run in runs
        ],
    )


def _size(run: Run) -> str:
    return f"{run.gigabytes:.2f} GB"
