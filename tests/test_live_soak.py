"""Writers, a follower and a server, killed at random through a cut-over and a roll-back: nothing is lost or doubled.

``EXUVIA_SOAK_MINUTES`` sets how long the long form takes (30 if not said), ``EXUVIA_SOAK_SEED`` what happens in it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

import servers
import soaking
from exuvia.engines.postgres import embedded
from following import command, connect, is_following, until
from soaking_model import SCHEMA, TABLES, Row, replayed

_RATE = 40.0
_AWAY = (
    "is starting up",
    "is shutting down",
    "No server listens there",
    "The server or the network went away",
    "The server is starting, stopping or recovering",
    "the connection was lost",
    "The connection was lost",
    "No connection to",
    "is followed into schema",
    "Another move into schema",
)
_DONE = ("first copy", "rolled back")


@dataclass(slots=True)
class Soak:
    """Everything that runs, and what is done to it.

    Args:
        path: The file.
        url: The target.
        chance: Decides what happens.
        writers: How many write.
        server: The server's directory, where it may be restarted.
    """

    path: Path
    url: str
    chance: random.Random
    writers: int
    server: Path | None = None
    kills: Counter[str] = field(default_factory=Counter)
    _writing: dict[int, subprocess.Popen[str]] = field(default_factory=dict)
    _following: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Let the writers write and the follower follow."""
        for number in range(1, self.writers + 1):
            self._writing[number] = self._writer(number)
        self._follow()

    def shake(self, seconds: float, *, every: float) -> None:
        """Kill and restart for a while.

        Args:
            seconds: How long.
            every: Seconds between two blows, on average.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, self.chance.expovariate(1 / every)))
            self.check()
            blows = [self._kill_follower, self._kill_writer, self._kill_writer]
            self.chance.choice([*blows, self._restart_server] if self.server else blows)()

    def check(self) -> None:
        """Make sure that nothing has ended by itself, and start the follower again where the server was away."""
        for number, process in self._writing.items():
            assert process.poll() is None, f"writer {number}: {process.communicate()[1]}"
        if self._following is not None and self._following.poll() is not None:
            said = self._following.communicate()[1]
            allowed = (*_AWAY, *_DONE)
            assert self._following.returncode == 0 or any(part in said for part in allowed), said
            self._follow()

    def follows(self) -> bool:
        """Tell whether the follower is there and has made a round."""
        self.check()
        return is_following(self.url)

    def switch(self, *switching: str, kills: int) -> None:
        """Cut over or roll back, killed some times on the way; in the end the two sides must have been equal."""
        arguments = ("live", *switching, self.path, self.url, "--max-pause", "10s")
        for _ in range(kills):
            process = self._command(*arguments)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=self.chance.uniform(0.5, 4))
            process.kill()
            process.communicate()
            self.kills[switching[0]] += 1
            self.check()
        for _ in range(10):
            process = self._command(*arguments, "--json")
            out, err = process.communicate(timeout=300)
            if process.returncode == 0:
                done = json.loads(out)
                assert done["earlier"] or done["equal"], out
                return
            assert any(part in err for part in (*_AWAY, *_DONE, "pause would be longer")), err
            self.check()
        raise AssertionError(err)

    def end(self) -> None:
        """Kill whatever runs."""
        running = [*self._writing.values(), *([self._following] if self._following else [])]
        for process in running:
            process.kill()
            process.communicate()
        self._writing.clear()
        self._following = None

    def expected(self, progress: Callable[[int], int], *, journal: bool = True) -> dict[str, Counter[Row]]:
        """Return the rows to expect where the writers stand so."""
        rows: dict[str, Counter[Row]] = {name: Counter() for name in TABLES}
        for number in range(1, self.writers + 1):
            n = progress(number)
            if journal:
                known = soaking.committed(self.path, number)
                assert n in (known, known + 1), f"writer {number}: {known} transactions are committed, {n} are found"
            for name, found in replayed(number, n).rows().items():
                rows[name] += found
        return rows

    def _writer(self, number: int) -> subprocess.Popen[str]:
        program = [sys.executable, soaking.__file__, str(self.path), self.url, str(number), str(_RATE)]
        return subprocess.Popen(program, stderr=subprocess.PIPE, text=True)

    def _follow(self) -> None:
        self._following = self._command("live", "start", self.path, self.url, "--quiet")

    def _command(self, *arguments: object) -> subprocess.Popen[str]:
        return command(*arguments, cwd=self.path.parent)

    def _kill_follower(self) -> None:
        if self._following is not None:
            self._following.kill()
            self._following.communicate()
            self.kills["follower"] += 1
            self._follow()

    def _kill_writer(self) -> None:
        number = self.chance.choice(sorted(self._writing))
        self._writing[number].kill()
        self._writing[number].communicate()
        self.kills["writer"] += 1
        self._writing[number] = self._writer(number)

    def _restart_server(self) -> None:
        assert self.server is not None
        if self.chance.random() < 0.7:  # most restarts are the others' business
            return
        running = embedded.status(self.server)
        if running is not None and self.chance.random() < 0.5:
            os.kill(running.pid, signal.SIGQUIT)  # as after a crash
            until(lambda: not _is_alive(running.pid))
        else:
            embedded.stop(self.server)
        time.sleep(self.chance.uniform(0, 2))
        embedded.start(self.server)
        self.kills["server"] += 1


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def soak(path: Path, url: str, *, seed: int, writers: int, server: Path | None = None) -> Iterator[Soak]:
    """Make the database and let everything run."""
    with closing(connect(path)) as connection:
        connection.executescript(SCHEMA)
    running = Soak(path, url, random.Random(seed), writers, server)
    try:
        running.begin()
        yield running
    finally:
        running.end()


def assert_file(running: Soak) -> None:
    """Compare the file with what the writers have done."""
    with closing(sqlite3.connect(running.path)) as connection:

        def progress(writer: int) -> int:
            return int(connection.execute("SELECT n FROM progress WHERE writer = ?", (writer,)).fetchone()[0])

        expected = running.expected(progress)
        for name in TABLES:
            assert Counter(connection.execute(f"SELECT * FROM {name}").fetchall()) == expected[name], name
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def assert_target(running: Soak) -> None:
    """Compare the target with what the writers have done."""
    with psycopg.connect(running.url) as connection:

        def progress(writer: int) -> int:
            row = connection.execute("SELECT n FROM progress WHERE writer = %s", (writer,)).fetchone()
            return int(row[0]) if row else 0

        expected = running.expected(progress, journal=False)  # it is fenced, and written no more
        for name in TABLES:
            rows = connection.execute(f"SELECT * FROM {name}".encode()).fetchall()
            assert Counter(map(tuple, rows)) == expected[name], name


def carry_through(running: Soak, seconds: float, *, every: float, kills: int) -> None:
    """Follow, cut over, keep the file warm, roll back and go on in the file."""
    until(running.follows)
    running.shake(seconds * 0.5, every=every)
    until(running.follows)
    running.switch("cutover", kills=kills)
    running.shake(seconds * 0.4, every=every)
    running.switch("rollback", kills=kills)
    running.shake(seconds * 0.1, every=every)
    running.end()
    assert_file(running)
    assert_target(running)
    sys.stderr.write(f"{seconds:.0f} s, killed: {dict(running.kills)}\n")


def test_nothing_is_lost_or_doubled_while_writers_and_follower_are_killed(tmp_path: Path, any_url: str) -> None:
    with soak(tmp_path / "app.db", any_url, seed=1, writers=2) as running:
        carry_through(running, 3, every=0.6, kills=1)


@pytest.mark.slow
def test_soak(tmp_path: Path) -> None:
    seconds = float(os.environ.get("EXUVIA_SOAK_MINUTES", "30")) * 60
    seed = int(os.environ.get("EXUVIA_SOAK_SEED", "1"))
    with servers.open_directory() as directory:
        data = directory / "pg"
        server = embedded.start(data)
        try:
            with soak(tmp_path / "app.db", server.url, seed=seed, writers=3, server=data) as running:
                carry_through(running, seconds, every=4, kills=3)
        finally:
            embedded.stop(data)
