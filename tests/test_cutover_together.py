"""Cutting over several files in one pause: writers on both, hooks that fail, and a kill between two commits."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import exuvia
from exuvia import MoveOptions, PlanOptions, live
from exuvia.errors import ConfigError, TargetError
from following import command, connect, execute, location, make, run, until

_WRITER = "import sys\nfrom following import write_on\nwrite_on(sys.argv[1], int(sys.argv[2]), 50)"
_KILLED = """
import os, signal, sys
from contextlib import contextmanager
import psycopg
from exuvia.live import together

def die(): os.kill(os.getpid(), signal.SIGKILL)

step = sys.argv.pop(1)
execute = psycopg.Connection.execute
if step == "one source committed":
    class Writer(together.SourceWriter):
        @contextmanager
        def transaction(self):
            with super().transaction() as connection: yield connection
            die()
    together.SourceWriter = Writer
if step == "all sources committed":
    def commit(connection, query, *rest, **named):
        return die() if query == "COMMIT" else execute(connection, query, *rest, **named)
    psycopg.Connection.execute = commit
from exuvia.cli import main
main()
"""
NAMES = ("app", "log")


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Two databases of every kind of table."""
    paths = [tmp_path / f"{name}.db" for name in NAMES]
    for number, path in enumerate(paths):
        make(path, number)
    return paths


def begin(paths: list[Path], url: str) -> None:
    """Move each file live into a schema of its own, and catch up."""
    for path in paths:
        run("live", "start", path, url, "--schema", path.stem, "--catch-up")


def phases(url: str) -> list[str]:
    """Return where the live moves stand, by schema."""
    return [one.phase for one in live.status(location(url))]


def assert_moved(paths: list[Path], url: str) -> None:
    """Compare every value of the published tables with the fenced files, which must refuse writers."""
    assert phases(url) == ["moved"] * len(paths)
    for path in paths:
        with closing(connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="database moved to"):
            connection.execute("INSERT INTO item(sku) VALUES ('late')")
        proof = exuvia.verify(path, url, options=MoveOptions(PlanOptions(schema=path.stem))).proof
        assert proof is not None
        assert proof.equal


def test_writers_of_all_files_wait_for_one_pause_and_nothing_is_lost(sources: list[Path], any_url: str) -> None:
    with ExitStack() as stack:
        followers = [
            command("live", "start", path, any_url, "--schema", path.stem, cwd=path.parent) for path in sources
        ]
        for process in followers:
            stack.callback(process.kill)
        until(lambda: phases(any_url) == ["following", "following"])
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", _WRITER, path, "7"], cwd=Path(__file__).parent, stderr=subprocess.PIPE, text=True
            )
            for path in sources
        ]
        for writer in writers:
            stack.callback(writer.kill)
        until(lambda: all(one.changes > 20 for one in live.status(location(any_url))))
        done = json.loads(run("live", "cutover", *sources, any_url, "--max-pause", "10s", "--json"))
        for writer in writers:
            assert "this database moved to" in writer.communicate(timeout=30)[1]
        for process in followers:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert done["equal"]
    assert 0 < done["pause"] < 10
    assert [one["schema"] for one in done["reports"]] == ["app", "log"]
    assert_moved(sources, any_url)
    assert "had moved" in run("live", "cutover", *sources, any_url)


def test_when_the_hook_fails_all_files_go_on(sources: list[Path], any_url: str) -> None:
    begin(sources, any_url)
    switch = ("--no-proof", "--max-pause", "10s", "--switch", 'echo "$EXUVIA_CUTOVER_SCHEMA"; exit 3')
    assert "app, log" in run("live", "cutover", *sources, any_url, *switch, code=9)
    assert phases(any_url) == ["paused", "paused"]
    for path in sources:
        execute(path, "UPDATE item SET stock = 7")
    run("live", "cutover", *reversed(sources), any_url, "--max-pause", "10s")
    assert_moved(sources, any_url)


@pytest.mark.parametrize("step", ["one source committed", "all sources committed"])
def test_killed_between_commits_the_same_command_moves_the_rest(sources: list[Path], any_url: str, step: str) -> None:
    begin(sources, any_url)
    arguments = ["live", "cutover", *map(str, sources), any_url, "--max-pause", "10s"]
    killed = subprocess.run([sys.executable, "-c", _KILLED, step, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run(*arguments)
    assert_moved(sources, any_url)


def test_files_that_are_not_moved_live_or_come_twice_are_refused(sources: list[Path], any_url: str) -> None:
    begin(sources[:1], any_url)
    with pytest.raises(TargetError, match=r"log\.db is moved live into no schema"):
        live.cutover_together(sources, any_url)
    with pytest.raises(ConfigError, match="twice"):
        live.cutover_together([sources[0], sources[0]], any_url)
    assert phases(any_url) == ["paused"]
