"""Several files are one move: whatever happens in one of them, all appear or none; a resume copies nothing twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from exuvia.errors import RejectedError, TargetError
from exuvia.location import parse
from exuvia.move.events import Progress
from exuvia.move.moving import Part
from exuvia.move.pipeline import MoveOptions, migrate
from exuvia.move.planner import PlanOptions
from exuvia.move.results import JointReport
from exuvia.move.several import migrate_several, parts, verify_several
from exuvia.move.unfinished import abort, unfinished

SOURCES = ["a.db", "b.db", "c.db"]
ROWS = 20_000


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three files with one table each in the working directory; the last has a row that PostgreSQL cannot hold."""
    monkeypatch.chdir(tmp_path)
    for source in SOURCES:
        with sqlite3.connect(source) as connection:
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT UNIQUE)")
            connection.execute(
                f"WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
                " INSERT INTO t SELECT i, 'row ' || i FROM n"
            )
        connection.close()
    with sqlite3.connect("c.db") as connection:
        connection.execute("INSERT INTO t VALUES (0, 'n' || char(0))")
    connection.close()


@pytest.fixture
def pieces(request: pytest.FixtureRequest) -> list[Part]:
    """The three files, each with a schema of its own, or with prefixes where the test asks for it."""
    return parts(SOURCES, PlanOptions(), prefixed=getattr(request, "param", False))


both_ways = pytest.mark.parametrize("pieces", [False, True], ids=["schemas", "prefixes"], indirect=True)


def run(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def relations(url: str) -> list[str]:
    rows = run(
        url,
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'v') ORDER BY 1",
    )
    return [str(name) for (name,) in rows]


def staging(url: str) -> list[str]:
    rows = run(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'exuvia%' ORDER BY 1")
    return [str(name) for (name,) in rows]


def cut(url: str) -> None:
    run(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'exuvia' AND datname = current_database()",
    )


def when(source: str, stage: str, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Return a listener that acts once, when a stage of a source begins."""
    over = False

    def hear(event: Progress) -> None:
        nonlocal over
        if not over and (event.source, event.stage, event.table) == (source, stage, "") and not event.finished:
            over = True
            act()

    return hear


def statuses(report: JointReport) -> list[str]:
    return [one.status for one in report.reports]


def interrupted(url: str, pieces: list[Part]) -> None:
    """Run the move until its third file, and cut its connections there."""
    with pytest.raises(TargetError) as error:
        migrate_several(pieces, url, options=MoveOptions(jobs=1), listener=when("c", "copy", lambda: cut(url)))
    assert "run the same command again" in error.value.hint


ALL_MOVED = ["moved", "moved", "moved with rejections"]


@both_ways
def test_a_row_that_stops_the_third_file_leaves_the_target_as_it_was(pieces: list[Part], any_url: str) -> None:
    with pytest.raises(RejectedError, match=r"^c\.db: t\.x"):
        migrate_several(pieces, any_url, options=MoveOptions(on_error="stop"))
    assert (relations(any_url), staging(any_url)) == ([], [])


def test_ctrl_c_in_the_third_file_leaves_the_target_as_it_was(pieces: list[Part], any_url: str) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate_several(pieces, any_url, listener=when("c", "verify", interrupt))
    assert (relations(any_url), staging(any_url)) == ([], [])


@both_ways
def test_a_refusal_at_the_very_end_publishes_none_and_drops_none(pieces: list[Part], any_url: str) -> None:
    migrate_several(pieces, any_url)
    place = f"{pieces[2].options.target_schema}.{pieces[2].options.prefix}t"
    run(any_url, f"CREATE VIEW depends AS SELECT id FROM {place}")
    before = run(any_url, "SELECT oid, relname FROM pg_class WHERE relkind = 'r' ORDER BY 1")
    with pytest.raises(TargetError, match="cannot be replaced"):
        migrate_several(pieces, any_url, options=MoveOptions(drop_existing=True))
    assert run(any_url, "SELECT oid, relname FROM pg_class WHERE relkind = 'r' ORDER BY 1") == before
    run(any_url, "DROP VIEW depends")
    assert statuses(migrate_several(pieces, any_url, options=MoveOptions(drop_existing=True))) == ALL_MOVED
    assert statuses(verify_several(pieces, any_url)) == ALL_MOVED


def test_a_difference_in_one_file_publishes_none(pieces: list[Part], any_url: str) -> None:
    place = f"exuvia_staging_{pieces[1].options.target_schema}.{pieces[1].options.prefix}t"

    def spoil() -> None:
        run(any_url, f"UPDATE {place} SET x = 'other' WHERE id = 7")

    report = migrate_several(pieces, any_url, listener=when("b", "verify", spoil))
    assert report.status == "different"
    assert [one.proof is not None and one.proof.equal for one in report.reports] == [True, False, True]
    assert (relations(any_url), staging(any_url)) == ([], [])


@both_ways
def test_after_a_lost_connection_the_same_move_goes_on_and_copies_nothing_twice(
    pieces: list[Part], any_url: str
) -> None:
    interrupted(any_url, pieces)
    assert not [name for name in relations(any_url) if not name.startswith("exuvia_staging")]
    ledger = f"exuvia_staging_{pieces[0].options.target_schema}.exuvia_ledger"
    recorded: list[list[tuple[object, ...]]] = []
    query = f"SELECT source, sum(rows)::int, min(xmin::text) FROM {ledger} GROUP BY 1 ORDER BY 1"
    before = run(any_url, query)
    assert [row[:2] for row in before] == [("a.db", ROWS), ("b.db", ROWS)]
    listener = when("c", "finish", lambda: recorded.append(run(any_url, query)))
    report = migrate_several(pieces, any_url, listener=listener)
    assert statuses(report) == ALL_MOVED
    assert recorded[0][:2] == before
    assert recorded[0][2][:2] == ("c.db", ROWS)
    assert statuses(verify_several(pieces, any_url)) == ALL_MOVED
    assert staging(any_url) == []


def test_the_order_of_the_files_does_not_matter_for_going_on(any_url: str) -> None:
    interrupted(any_url, parts(SOURCES, PlanOptions(), prefixed=False))
    report = migrate_several(parts(SOURCES[::-1], PlanOptions(), prefixed=False), any_url)
    assert statuses(report) == ALL_MOVED[::-1]


def test_a_file_that_changed_since_is_named_and_restart_begins_anew(pieces: list[Part], any_url: str) -> None:
    interrupted(any_url, pieces)
    with sqlite3.connect("b.db") as connection:
        connection.execute("DELETE FROM t WHERE id = 3")
    connection.close()
    with pytest.raises(TargetError, match=r"its plan of b\.db was another, or the source has changed"):
        migrate_several(pieces, any_url)
    assert statuses(migrate_several(pieces, any_url, options=MoveOptions(restart=True))) == ALL_MOVED


def test_one_of_the_files_alone_does_not_go_on_with_the_move_of_all(any_url: str) -> None:
    interrupted(any_url, parts(SOURCES, PlanOptions(), prefixed=False))
    options = MoveOptions(PlanOptions(schema="a"))
    with pytest.raises(TargetError, match=r"it came from a\.db, b\.db, c\.db"):
        migrate("a.db", any_url, options=options)
    assert staging(any_url) == ["exuvia_staging_a", "exuvia_staging_b", "exuvia_staging_c"]
    assert migrate("a.db", any_url, options=replace(options, restart=True)).status == "moved"
    assert (relations(any_url), staging(any_url)) == (["a.t"], [])


def test_status_shows_the_move_with_all_files_and_abort_removes_it(pieces: list[Part], any_url: str) -> None:
    interrupted(any_url, pieces)
    (found,) = unfinished(parse(any_url))
    assert (found.sources, found.running) == (tuple(SOURCES), False)
    assert (found.chunks_done, found.chunks) == (2, 3)
    assert (found.rows_done, found.rows) == (2 * ROWS, 3 * ROWS + 1)
    assert [one.sources for one in abort(parse(any_url), pieces[1].options.target_schema)] == [tuple(SOURCES)]
    assert (relations(any_url), staging(any_url), unfinished(parse(any_url))) == ([], [], ())


def test_each_file_is_profiled_once_and_events_name_it(pieces: list[Part], any_url: str) -> None:
    begun: list[tuple[str, str]] = []

    def hear(event: Progress) -> None:
        if not event.table and not event.finished:
            begun.append((event.source, event.stage))

    migrate_several(pieces, any_url, listener=hear)
    planned = [(label, stage) for label in "abc" for stage in ("inspect", "profile", "plan")]
    carried = [(label, stage) for label in "abc" for stage in ("copy", "finish", "verify")]
    assert begun == [*planned, ("", "create"), *carried, ("", "finish")]


@pytest.mark.slow
@both_ways
def test_a_process_killed_in_any_stage_loses_and_doubles_nothing(pieces: list[Part], any_url: str) -> None:
    flags = ["--prefix"] if pieces[0].options.prefix else []
    command = [sys.executable, "-c", "from exuvia.cli import main; main()", "migrate", *SOURCES, any_url, "-q", *flags]
    for pause in (0.9, 1.2, 1.5, 1.8, 2.1, 2.4):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ)
        try:
            process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        published = [name for name in relations(any_url) if not name.startswith("exuvia_staging")]
        assert len(published) in (0, 4)
        if published:
            break
        while len(run(any_url, "SELECT FROM pg_stat_activity WHERE application_name = 'exuvia'")):
            time.sleep(0.1)
    else:
        assert statuses(migrate_several(pieces, any_url)) == ALL_MOVED
    assert statuses(verify_several(pieces, any_url)) == ALL_MOVED
    assert staging(any_url) == []
