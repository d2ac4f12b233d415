"""A move that dies half-way goes on where it stopped: no row twice, none missing, and a changed source is named."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from exuvia.errors import SourceError, TargetError
from exuvia.location import parse
from exuvia.move.events import Progress
from exuvia.move.pipeline import MoveOptions, migrate, verify
from exuvia.move.planner import PlanOptions
from exuvia.move.unfinished import abort, unfinished

NUMBERS = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(path: Path, rows: int) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT, y REAL, UNIQUE (x));"
        "CREATE TABLE b (x TEXT PRIMARY KEY, a INTEGER REFERENCES a) WITHOUT ROWID;"
        f"INSERT INTO a {NUMBERS.format(rows=rows)} SELECT i, 'row ' || i, i / 7.0 FROM n;"
        f"INSERT INTO b {NUMBERS.format(rows=rows // 2)} SELECT 'key ' || i, i FROM n;"
        "INSERT INTO a VALUES (0, 'n' || char(0), 1)"
    )
    connection.close()
    return path


def names(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE (n.nspname = 'public' OR n.nspname LIKE 'exuvia%') AND c.relkind = 'r' ORDER BY 1"
        )
        return [name for (name,) in rows]


def recorded(connection: psycopg.Connection, schema: str = "public") -> int:
    row = connection.execute(f"SELECT count(*) FROM exuvia_staging_{schema}.exuvia_ledger".encode()).fetchone()
    return int(row[0]) if row else 0


def stopped_after(url: str, source: Path, chunks: int, schema: str = "public") -> None:
    """Run a move and cut all its connections once so many chunks are in its ledger."""
    over = False

    def cut(event: Progress) -> None:
        nonlocal over
        if event.stage != "copy" or not event.table or over:
            return
        with psycopg.connect(url, autocommit=True) as connection:
            over = recorded(connection, schema) == chunks
            if over:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'exuvia' AND datname = current_database()"
                )

    with pytest.raises(TargetError) as caught:
        migrate(source, url, options=MoveOptions(PlanOptions(schema=schema), jobs=1), listener=cut)
    assert "run the same command again" in caught.value.hint


def test_a_cut_connection_keeps_what_was_copied_and_the_next_run_goes_on(tmp_path: Path, postgres_url: str) -> None:
    source = make(tmp_path / "s.db", 400_000)
    stopped_after(postgres_url, source, 2)
    assert "exuvia_staging_public.a" in names(postgres_url)
    copied: list[int] = []

    def watch(event: Progress) -> None:
        if event.stage == "create" and event.finished:
            with psycopg.connect(postgres_url) as connection:
                copied.append(recorded(connection))

    report = migrate(source, postgres_url, listener=watch)
    assert copied == [2]
    assert report.status == "moved with rejections"
    assert [one.row for one in report.rejections] == ["rowid=0"]
    assert len(Path(report.quarantine_file).read_text().splitlines()) == 1
    assert verify(source, postgres_url).status == "moved with rejections"
    assert names(postgres_url) == ["public.a", "public.a_quarantine", "public.b"]


@pytest.mark.parametrize(
    ("change", "says"),
    [("UPDATE a SET x = 'else' WHERE id = 5", "changed"), ("DELETE FROM a WHERE id = 5", "changed")],
)
def test_a_source_that_changed_since_is_named(tmp_path: Path, any_url: str, change: str, says: str) -> None:
    source = make(tmp_path / "s.db", 400_000)
    stopped_after(any_url, source, 1)
    connection = sqlite3.connect(source)
    with connection:
        connection.execute(change)
    connection.close()
    with pytest.raises((SourceError, TargetError)) as caught:
        migrate(source, any_url)
    assert says in caught.value.message
    assert "--restart" in caught.value.hint
    assert migrate(source, any_url, options=MoveOptions(restart=True)).status == "moved with rejections"


def test_unfinished_moves_are_listed_and_can_be_removed(tmp_path: Path, any_url: str) -> None:
    source = make(tmp_path / "s.db", 300_000)
    stopped_after(any_url, source, 1)
    (found,) = unfinished(parse(any_url))
    assert (found.sources, found.schemas, found.running) == ((str(source),), ("public",), False)
    assert (found.chunks_done, found.chunks, found.rows_done) == (1, 3, 250_000)
    seen: list[bool] = []

    def look(event: Progress) -> None:
        if event.stage == "copy" and event.finished and not event.table:
            seen.extend(one.running for one in unfinished(parse(any_url)))
            with pytest.raises(TargetError, match="running"):
                abort(parse(any_url))

    migrate(source, any_url, listener=look)
    assert seen == [True]
    with pytest.raises(TargetError, match="No move"):
        abort(parse(any_url))
    stopped_after(any_url, make(tmp_path / "other.db", 300_000), 1, schema="second")
    assert [one.schemas for one in abort(parse(any_url), "second")] == [("second",)]
    assert unfinished(parse(any_url)) == ()
    assert not [name for name in names(any_url) if name.startswith("exuvia")]


def test_another_plan_does_not_go_on_with_it(tmp_path: Path, any_url: str) -> None:
    source = make(tmp_path / "s.db", 300_000)
    stopped_after(any_url, source, 1)
    with pytest.raises(TargetError, match="unfinished move"):
        migrate(source, any_url, options=MoveOptions(PlanOptions(exclude=("b",))))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, any_url: str, seed: int) -> None:
    source = make(tmp_path / "s.db", 400_000)
    chance = random.Random(seed)
    command = [sys.executable, "-c", "from exuvia.cli import main; main()", "migrate", str(source), any_url, "-q"]
    for _ in range(4):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ)
        try:
            process.wait(timeout=chance.uniform(0.8, 2.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode in (0, 8):
            break
        wait_for_silence(any_url)
    if "public.a" not in names(any_url):
        assert migrate(source, any_url).status == "moved with rejections"
    assert verify(source, any_url).status == "moved with rejections"
    assert names(any_url) == ["public.a", "public.a_quarantine", "public.b"]


def wait_for_silence(url: str) -> None:
    """Wait until the server has noticed that its clients are gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(100):
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
            if row == (0,):
                return
            time.sleep(0.1)
