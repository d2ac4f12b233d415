"""Moving live: a database is written by other processes while its rows are copied and followed."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

import exuvia
import servers
from exuvia import MoveOptions, PlanOptions
from exuvia.engines.postgres import embedded
from exuvia.engines.postgres.live import state
from exuvia.errors import PlanError, SourceError, TargetError
from exuvia.live import LiveOptions
from exuvia.live.follower import Follower
from exuvia.live.source import LiveSource
from exuvia.move.ends import reach
from exuvia.move.lending import Lender
from following import (
    assert_equal,
    caught_up,
    command,
    compare,
    connect,
    execute,
    follower,
    is_following,
    location,
    make,
    run,
    schema_of,
    schemas,
    status,
    stop,
    until,
    write,
    writing,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database of every kind of table."""
    path = tmp_path / "app.db"
    make(path)
    return path


_KILLED = """
import os, signal, sys
from exuvia.engines.postgres import ledger
from exuvia.move import copying
left, name = int(sys.argv.pop(1)), sys.argv.pop(1)
record = ledger.record
def recorded(connection, header, entry):
    global left
    record(connection, header, entry)
    connection.execute("COMMIT")
    left -= name in ("", entry.table)
    if not left: os.kill(os.getpid(), signal.SIGKILL)
    connection.execute("BEGIN")
copying.record = ledger.record = recorded
from exuvia.cli import main
main()
"""


def killed_in_copy(path: Path, url: str, chunks: int, table: str = "") -> None:
    """Begin, or go on, and be killed when so many chunks, of one table or of any, are committed."""
    program = [sys.executable, "-c", _KILLED, str(chunks), table, "live", "start", str(path), url, "--jobs", "1"]
    process = subprocess.run(program, cwd=path.parent, capture_output=True, text=True, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr


def origins(url: str) -> list[int]:
    """Return the transactions that wrote some rows of a large table which nobody has changed."""
    with psycopg.connect(url) as target:
        rows = target.execute(
            "SELECT xmin::text::bigint FROM exuvia_staging_public.large WHERE id IN (10, 599990) ORDER BY id"
        )
        return [number for (number,) in rows]


def position_in(path: Path) -> int:
    """Return the place where the source's change log ends."""
    with closing(connect(path)) as connection:
        return int(connection.execute("SELECT max(seq) FROM _exuvia_log").fetchone()[0] or 0)


def test_rows_written_during_copy_and_following_arrive_and_a_second_follower_is_refused(
    source: Path, postgres_url: str
) -> None:
    with writing(source):
        process = command("live", "start", source, postgres_url, "--json", cwd=source.parent)
        until(lambda: is_following(postgres_url))
        with pytest.raises(TargetError, match=rf"by process {process.pid} on"):
            caught_up(source, postgres_url)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert '"phase":"following"' in out
    assert "the same command goes on" in err
    found = status(postgres_url)
    assert (found.phase, found.running, found.rejected) == ("paused", False, 0)
    assert found.changes > 100
    assert_equal(source, postgres_url)


def test_every_kind_of_change_is_followed_round_by_round(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    chance = random.Random(7)
    for _ in range(6):
        with closing(connect(source)) as connection:
            for _ in range(20):
                write(connection, chance, 10)
        caught_up(source, any_url)
        assert compare(source, any_url).equal


def test_killed_at_random_moments_nothing_is_lost_or_doubled(source: Path, any_url: str) -> None:
    chance = random.Random(3)
    with writing(source, rate=200):
        for seconds in (0.9, 2.2):
            process = command("live", "start", source, any_url, cwd=source.parent)
            time.sleep(chance.uniform(0, 0.5) + seconds)
            process.kill()
            process.communicate()
    assert_equal(source, any_url)


@pytest.mark.slow
def test_killed_many_times_under_load(source: Path, any_url: str) -> None:
    chance = random.Random(4)
    with writing(source, rate=200), writing(source, seed=2, rate=200):
        for _ in range(40):
            process = command("live", "start", source, any_url, cwd=source.parent)
            time.sleep(chance.uniform(0.5, 6.0))
            process.kill()
            process.communicate()
    assert_equal(source, any_url)


def test_another_process_pauses_resumes_and_stops_without_a_trace(source: Path, any_url: str) -> None:
    before = schema_of(source)
    with follower(source, any_url) as process:
        until(lambda: exuvia.live.status(location(any_url)) and status(any_url).phase == "following")
        exuvia.live.pause(location(any_url))
        assert (status(any_url).phase, status(any_url).running) == ("paused", True)
        execute(source, "UPDATE item SET stock = 7")
        assert status(any_url).pending > 0
        assert status(any_url).rounds == 0
        exuvia.live.resume(location(any_url))
        until(lambda: is_following(any_url))
        assert "No trace of the move is left" in run("live", "stop", source, any_url)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert "no trace is left" in out
    assert schema_of(source) == before
    assert schemas(any_url) == []


def test_stop_without_a_follower_leaves_no_trace(source: Path, any_url: str) -> None:
    before = schema_of(source)
    caught_up(source, any_url)
    assert schema_of(source) != before
    stop(source, any_url)
    assert schema_of(source) == before
    assert schemas(any_url) == []
    with pytest.raises(TargetError, match="Nothing is moved live"):
        stop(source, any_url)


def test_a_copy_that_fails_leaves_both_sides_as_they_were(source: Path, any_url: str) -> None:
    before = schema_of(source)
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE item (x int)")
    with pytest.raises(TargetError, match="already has table"):
        caught_up(source, any_url)
    assert schema_of(source) == before
    assert schemas(any_url) == []


def test_other_moves_into_the_schema_are_refused_and_leave_the_live_one(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    with pytest.raises(TargetError, match="is moved live into schema 'public'"):
        exuvia.migrate(source, any_url, options=exuvia.MoveOptions(restart=True))
    assert "No move is unfinished" in run("abort", any_url, code=4)
    assert_equal(source, any_url)


def test_a_file_that_is_not_in_wal_mode_is_refused_with_the_command(source: Path, any_url: str) -> None:
    execute(source, "PRAGMA journal_mode = DELETE")
    with pytest.raises(SourceError, match="PRAGMA journal_mode = WAL"):
        caught_up(source, any_url)
    caught_up(source, any_url, set_wal=True)
    assert_equal(source, any_url)


def test_changes_of_the_schema_are_followed(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    steps = [
        ["ALTER TABLE page ADD COLUMN lang TEXT NOT NULL DEFAULT 'en'", "UPDATE page SET lang = 'fr' WHERE views = 0"],
        ["ALTER TABLE item ADD COLUMN weight REAL", "INSERT INTO item(id, weight) VALUES (900001, 0.5)"],
        ["CREATE TABLE fresh (id INTEGER PRIMARY KEY, at DATE)", "INSERT INTO fresh VALUES (1, '2026-01-31')"],
        ["CREATE TABLE wide (a, b, c, d, e, PRIMARY KEY (a, b, c, d, e)) WITHOUT ROWID", "DELETE FROM fresh"],
        ["INSERT INTO wide VALUES (1, 2, 3, 4, 5), (1, 2, 3, 4, 6)", "CREATE INDEX by_views ON page(views)"],
        [
            "UPDATE wide SET e = e + 1 WHERE e = 6",
            "DROP INDEX of_author",
            "CREATE VIEW most AS SELECT max(n) FROM tag",
        ],
        ["DROP INDEX by_views", "ALTER TABLE page DROP COLUMN views", "UPDATE page SET title = 'short'"],
        ["ALTER TABLE note RENAME TO notes", "INSERT INTO notes VALUES ('more', 1)", "DROP TABLE seen"],
        ["DROP TRIGGER told", "UPDATE book SET title = 'x'", "ALTER TABLE book RENAME COLUMN title TO name"],
        ["CREATE TABLE new_tag (name TEXT, n INTEGER, more TEXT)", "INSERT INTO new_tag SELECT name, n, 'm' FROM tag"],
        [
            "DROP VIEW most",
            "DROP TABLE tag",
            "ALTER TABLE new_tag RENAME TO tag",
            "INSERT INTO tag VALUES ('late', 1, 'x')",
        ],
    ]
    for statements in steps:
        execute(source, *statements)
        assert_equal(source, any_url)
    with psycopg.connect(any_url) as target:
        indexes = target.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'exuvia_staging_public'")
        names = {name for (name,) in indexes}
    assert "by_views" not in names  # it went with its column
    stop(source, any_url)
    assert "_exuvia" not in str(schema_of(source))


def test_an_added_column_costs_the_other_tables_nothing(source: Path, any_url: str) -> None:
    def places() -> dict[str, int]:
        with psycopg.connect(any_url) as target:
            rows = target.execute(
                "SELECT c.relname, c.oid::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'exuvia_staging_public' AND c.relkind = 'r'"
            )
            return dict(rows.fetchall())

    caught_up(source, any_url)
    before = places()
    execute(
        source, "ALTER TABLE page ADD COLUMN lang TEXT", "UPDATE pair SET value = 'x'", "CREATE INDEX p ON pair(value)"
    )
    assert_equal(source, any_url)
    after = places()
    assert {name for name in before if before[name] != after[name]} == {"page"}
    with psycopg.connect(any_url) as target:
        assert target.execute("SELECT FROM pg_indexes WHERE indexname = 'p'").fetchone() is not None


def test_schema_changes_are_followed_under_load_and_after_kills(source: Path, any_url: str) -> None:
    with writing(source, rate=100):
        caught_up(source, any_url)
        execute(source, "ALTER TABLE page ADD COLUMN lang TEXT DEFAULT 'en'", "CREATE TABLE fresh (id INTEGER)")
        for seconds in (1.0, 1.3):
            process = command("live", "start", source, any_url, cwd=source.parent)
            time.sleep(seconds)
            process.kill()
            process.communicate()
        execute(source, "INSERT INTO fresh VALUES (1)", "ALTER TABLE author ADD COLUMN n INTEGER")
        caught_up(source, any_url)
    assert_equal(source, any_url)


def test_a_schema_that_cannot_be_followed_stops_with_what_has_changed(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    execute(
        source,
        "CREATE TABLE keyed (id UUID PRIMARY KEY, n INTEGER) WITHOUT ROWID",
        "INSERT INTO keyed VALUES ('00000000-0000-4000-8000-0000000000AA', 1)",
        "UPDATE item SET stock = 7",
    )
    for _ in range(2):
        with pytest.raises(SourceError, match=r"table keyed was made.*'keyed' cannot be followed"):
            caught_up(source, any_url)
        assert status(any_url).phase == "stopped"
        assert "table keyed was made" in status(any_url).message
    execute(source, "DROP TABLE keyed")
    caught_up(source, any_url, restart=True)
    assert_equal(source, any_url)


def test_a_restored_source_stops_instead_of_following_another_past(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    saved = source.with_suffix(".saved")
    execute(source, f"VACUUM INTO '{saved}'", "UPDATE item SET stock = 7")
    caught_up(source, any_url)
    for suffix in ("-wal", "-shm"):
        source.with_name(source.name + suffix).unlink(missing_ok=True)
    saved.replace(source)
    execute(source, "PRAGMA journal_mode = WAL")
    with pytest.raises(SourceError, match="begin the move anew") as caught:
        caught_up(source, any_url)
    assert caught.value.code == "source.log_gap"
    caught_up(source, any_url, restart=True)
    assert_equal(source, any_url)


def test_a_source_that_is_replaced_while_it_is_followed_stops(source: Path, any_url: str) -> None:
    with follower(source, any_url) as process:
        until(lambda: exuvia.live.status(location(any_url)) and status(any_url).phase == "following")
        shutil.copy(source, source.with_suffix(".other"))
        source.with_suffix(".other").replace(source)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "has been replaced by another file" in err
    assert status(any_url).phase == "stopped"


def test_vacuum_renumbers_rows_without_a_key_and_they_are_copied_anew(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    execute(source, "DELETE FROM note WHERE rowid % 3", "VACUUM", "INSERT INTO note VALUES ('late', 1)")
    assert_equal(source, any_url)
    execute(source, "UPDATE note SET at = 2 WHERE rowid % 2")
    assert_equal(source, any_url)


def test_values_that_do_not_fit_go_to_quarantine_until_they_are_mended(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    execute(
        source,
        "INSERT INTO item(id, sku, price) VALUES (900001, 'odd', 'dear'), (900002, 'even', 2)",
        "INSERT INTO page(path, title) VALUES ('/odd', CAST(x'00' AS TEXT))",
        "INSERT INTO note VALUES (CAST(x'ff' AS TEXT), 1)",
        "INSERT INTO pair VALUES (1, 'odd', x'00')",
    )
    caught_up(source, any_url)
    assert status(any_url).rejected == 4
    assert status(any_url).misfits == ("item.price", "note.said", "page.title", "pair.value")
    assert_equal(source, any_url)
    execute(source, "UPDATE item SET price = 1 WHERE id = 900001", "DELETE FROM page WHERE path = '/odd'")
    caught_up(source, any_url)
    assert status(any_url).rejected == 2
    execute(source, "DELETE FROM note WHERE said = CAST(x'ff' AS TEXT)", "UPDATE pair SET value = 'mended'")
    caught_up(source, any_url)
    assert (status(any_url).rejected, status(any_url).misfits) == (0, ())
    assert_equal(source, any_url)


def test_rows_that_the_copy_put_aside_leave_quarantine_too(source: Path, any_url: str) -> None:
    execute(
        source,
        "INSERT INTO page(path, title) VALUES ('/odd', CAST(x'00' AS TEXT))",
        "INSERT INTO note VALUES (CAST(x'ff' AS TEXT), 1), (CAST(x'fe' AS TEXT), 2)",
    )
    caught_up(source, any_url)
    assert status(any_url).rejected == 3
    execute(
        source,
        "UPDATE page SET title = 'x' WHERE path = '/odd'",
        "DELETE FROM note WHERE said = CAST(x'ff' AS TEXT)",
    )
    assert_equal(source, any_url)
    assert status(any_url).rejected == 1


def test_a_lost_connection_is_made_again(source: Path, any_url: str) -> None:
    with writing(source), follower(source, any_url, "--json") as process:
        until(lambda: is_following(any_url))
        with psycopg.connect(any_url, autocommit=True) as connection:
            for _ in range(2):
                before = status(any_url).rounds
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                until(lambda before=before: status(any_url).rounds > before)  # type: ignore[misc]
        assert process.poll() is None
    assert_equal(source, any_url)


@pytest.mark.slow
def test_the_follower_outlasts_a_restart_of_the_server(source: Path) -> None:
    with servers.open_directory() as directory:
        data = directory / "pg"
        server = embedded.start(data)
        try:
            with writing(source), follower(source, server.url) as process:
                until(lambda: is_following(server.url))
                embedded.stop(data)
                time.sleep(1)
                embedded.start(data)
                before = status(server.url).rounds
                until(lambda: status(server.url).rounds > before)
                assert process.poll() is None
            assert_equal(source, server.url)
        finally:
            embedded.stop(data)


def test_a_transaction_that_stays_open_neither_stops_following_nor_is_stopped(source: Path, any_url: str) -> None:
    with follower(source, any_url):
        until(lambda: exuvia.live.status(location(any_url)) and status(any_url).phase == "following")
        hold = "c.execute('BEGIN IMMEDIATE'); c.execute('UPDATE item SET stock = 8'); time.sleep(1); c.commit()"
        program = f"import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None); {hold}"
        execute(source, "UPDATE item SET stock = 7")
        subprocess.run([sys.executable, "-c", program, source], check=True)
        until(lambda: status(any_url).pending == 0 and status(any_url).rounds > 1)
    assert_equal(source, any_url)


def test_catching_up_ends_although_writers_never_rest(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    with writing(source, rate=300), writing(source, seed=2, rate=300):
        for _ in range(3):
            logged = position_in(source)
            until(lambda logged=logged: position_in(source) > logged)  # type: ignore[misc]
            logged = position_in(source)
            caught_up(source, any_url)
            with psycopg.connect(any_url) as target:
                found = state.find(target, "public")
                assert found is not None
                assert found.position >= logged
    assert_equal(source, any_url)


def test_following_goes_on_while_every_value_is_compared(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    server = reach(any_url, MoveOptions())
    connections = Lender(server.connect)
    seen: list[int] = []
    with writing(source, rate=200), server.connect() as connection:
        until(lambda: position_in(source))
        found = state.find(connection, "public")
        assert found is not None
        with LiveSource(source, found.move_id) as live_source:
            going = Follower(connection, live_source, found)

            def hear(_: object) -> None:
                if len(seen) < 5:
                    time.sleep(0.3)
                seen.append(going.position)

            assert going.verify(server.url, connections, hear).equal
    connections.close()
    assert seen[-1] > seen[0]
    assert_equal(source, any_url)


def test_null_in_a_key_that_had_none_goes_to_quarantine_until_it_is_mended(tmp_path: Path, any_url: str) -> None:
    path = tmp_path / "app.db"
    execute(
        path,
        "PRAGMA journal_mode = WAL",
        "CREATE TABLE tag (name TEXT PRIMARY KEY, n INTEGER)",
        "CREATE TABLE pair (a INTEGER, b TEXT, n INTEGER, PRIMARY KEY (a, b))",
        "INSERT INTO tag VALUES ('a', 1)",
        "INSERT INTO pair VALUES (1, 'b', 1)",
    )
    caught_up(path, any_url)
    execute(
        path,
        "INSERT INTO tag VALUES (NULL, 2), (NULL, 3), ('b', 4)",
        "INSERT INTO pair VALUES (1, NULL, 2), (1, NULL, 3), (NULL, NULL, 4)",
        "UPDATE tag SET name = NULL WHERE name = 'a'",
    )
    assert_equal(path, any_url)
    assert status(any_url).rejected == 6
    execute(path, "UPDATE tag SET name = 'c' WHERE n = 2", "DELETE FROM pair WHERE b IS NULL AND n < 4")
    assert_equal(path, any_url)
    assert status(any_url).rejected == 3
    execute(path, "DELETE FROM tag WHERE name IS NULL", "UPDATE pair SET a = n, b = 'x' WHERE a IS NULL")
    assert_equal(path, any_url)
    assert status(any_url).rejected == 0


def test_killed_in_the_copy_a_move_goes_on_or_is_stopped_without_a_trace(source: Path, any_url: str) -> None:
    before = schema_of(source)
    killed_in_copy(source, any_url, 3)
    assert [one.phase for one in exuvia.live.status(location(any_url))] == ["copying"]
    stop(source, any_url)
    assert schema_of(source) == before
    assert schemas(any_url) == []
    assert_equal(source, any_url)


def test_chunks_that_are_committed_are_not_copied_again_though_the_source_changes(source: Path, any_url: str) -> None:
    large = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000) SELECT i, 'u' || i FROM n"
    execute(
        source,
        "CREATE TABLE large (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
        f"INSERT INTO large {large}",
        "INSERT INTO page(path, title) VALUES ('/odd', CAST(x'00' AS TEXT))",
    )
    killed_in_copy(source, any_url, 2, "large")
    first = origins(any_url)
    chance = random.Random(5)
    for number in (1, 3):
        with closing(connect(source)) as connection:
            for _ in range(20):
                write(connection, chance, 10)
        execute(
            source,
            f"UPDATE large SET id = 700000 + id WHERE id % 100000 = {number}",
            f"DELETE FROM large WHERE id % 100000 = {number + 1}",
            "INSERT INTO page(path, title) VALUES ('/odder' || random(), CAST(x'00' AS TEXT))",
        )
        if number == 1:
            killed_in_copy(source, any_url, 1)
    caught_up(source, any_url)
    assert origins(any_url)[0] == first[0]
    assert status(any_url).rejected == 3
    assert_equal(source, any_url)


def test_a_copy_begins_anew_when_the_schema_has_changed_meanwhile(source: Path, any_url: str) -> None:
    killed_in_copy(source, any_url, 3)
    execute(source, "ALTER TABLE page ADD COLUMN lang TEXT")
    assert_equal(source, any_url)


def test_a_change_log_whose_target_is_gone_can_be_taken_out(source: Path, any_url: str) -> None:
    before = schema_of(source)
    caught_up(source, any_url)
    with psycopg.connect(any_url, autocommit=True) as connection:
        for name in schemas(any_url):
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())
    with pytest.raises(SourceError, match="is followed already"):
        caught_up(source, any_url)
    run("live", "stop", source, "--source-only")
    assert schema_of(source) == before


def test_a_table_whose_keys_would_be_one_is_refused_and_can_be_left_out(source: Path, any_url: str) -> None:
    execute(
        source,
        "CREATE TABLE keyed (id UUID PRIMARY KEY, n INTEGER) WITHOUT ROWID",
        "INSERT INTO keyed VALUES ('00000000-0000-4000-8000-0000000000AA', 1)",
    )
    before = schema_of(source)
    with pytest.raises(PlanError, match="'keyed' cannot be followed: it has no rowid"):
        caught_up(source, any_url)
    assert schema_of(source) == before
    wanted = PlanOptions(exclude=("keyed",), style="native")
    exuvia.live.start(source, any_url, options=LiveOptions(MoveOptions(wanted), catch_up=True))
    execute(source, "UPDATE token SET active = 1 - active", "DELETE FROM spot WHERE x = 3")
    exuvia.live.start(source, any_url, options=LiveOptions(MoveOptions(wanted), catch_up=True))
    assert compare(source, any_url).equal


@pytest.mark.parametrize("module", ["fts5", "fts4"])
def test_full_text_tables_with_texts_of_their_own_are_followed(tmp_path: Path, any_url: str, module: str) -> None:
    path = tmp_path / "app.db"
    execute(
        path,
        "PRAGMA journal_mode = WAL",
        f"CREATE VIRTUAL TABLE found USING {module}(words, note)",
        "INSERT INTO found(rowid, words, note) VALUES (5, 'some words', 'a'), (6, 'more words', 'b'), (7, 'x', NULL)",
    )
    before = schema_of(path)
    caught_up(path, any_url)
    execute(
        path,
        "UPDATE found SET words = 'other words' WHERE rowid = 5",
        "UPDATE found SET rowid = 60 WHERE rowid = 6",
        "DELETE FROM found WHERE rowid = 7",
        "INSERT INTO found(words) VALUES ('late')",
    )
    caught_up(path, any_url)
    assert status(any_url).changes > 0
    assert compare(path, any_url).equal
    execute(path, "DELETE FROM found", "INSERT INTO found(words) VALUES ('last')")
    assert_equal(path, any_url)
    stop(path, any_url)
    assert schema_of(path) == before


def test_a_round_inside_transactions_of_the_callers_is_undone_with_them(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    execute(source, "UPDATE item SET stock = 7", "DELETE FROM note", "VACUUM")
    with reach(any_url, MoveOptions()).connect() as connection:
        found = state.find(connection, "public")
        assert found is not None
        with (
            LiveSource(source, found.move_id) as live_source,
            live_source.transaction(),
            connection.transaction(force_rollback=True),
        ):
            made = Follower(connection, live_source, found).round()
            assert made is not None
            assert made.changes > 0
        assert state.find(connection, "public") == found
    assert_equal(source, any_url)


def test_status_for_programs(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    with closing(connect(source)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM item").fetchone()
        execute(source, "DELETE FROM item")
        (found,) = json.loads(run("live", "status", any_url, "--json"))
    assert (found["source"], found["phase"], found["running"]) == (str(source), "paused", False)
    assert found["pending"] > 0
    assert found["logged"] >= found["pending"]
    assert found["wal_bytes"] > 0
    assert f"{found['logged']:,} changes in its log, WAL" in run("live", "status", any_url)
    metrics = run("live", "status", any_url, "--prometheus")
    labels = f'source="{source}",schema="public",phase="paused",direction="postgresql"'
    assert f"exuvia_live_pending{{{labels}}} {found['pending']}" in metrics.splitlines()
    assert "# TYPE exuvia_live_changes_total counter" in metrics
