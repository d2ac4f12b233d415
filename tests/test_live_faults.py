"""Writers, disks, clocks and servers that fail while a database is moved live; in the end every value is compared."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import exuvia
import servers
from exuvia import live
from exuvia.engines.postgres import embedded
from exuvia.errors import SourceError, TargetError
from exuvia.live import CutoverOptions
from exuvia.live.interrupts import held
from following import (
    assert_equal,
    caught_up,
    command,
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
    until,
    writing,
)

_HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 10")  # so that what is not committed goes to the log too
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE item SET stock = stock + 1, body = randomblob(2000)")
connection.execute("DELETE FROM page")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""
_APPLICATION = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=1, isolation_level=None)
for line in sys.stdin:
    try:
        print(connection.execute(line).fetchall(), flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A database of every kind of table."""
    path = tmp_path / "app.db"
    make(path)
    return path


@contextmanager
def holding(path: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Let another process keep a write transaction open with changes in it, and commit it at the end."""
    program = [sys.executable, "-c", _HOLDER, str(path), str(seconds)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def application(path: Path) -> Iterator[Callable[[str], str]]:
    """Let another process keep the file open, and run a statement now and then, of which the result is returned."""
    program = [sys.executable, "-c", _APPLICATION, str(path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def say(sql: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{sql}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield say


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Path]:
    """Make a file system of its own in a directory."""
    path.mkdir(exist_ok=True)
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(path)]
    if not shutil.which("mount") or subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here: that takes root")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def full(directory: Path) -> Iterator[None]:
    """Fill a disk for as long as the context lasts."""
    filler = directory / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        yield
    finally:
        filler.unlink()


def assert_moved(path: Path, url: str) -> None:
    """Compare every value of the published tables with the fenced file."""
    proof = exuvia.verify(path, url).proof
    assert proof is not None
    assert proof.equal, [difference for table in proof.tables for difference in table.differences][:5]
    with closing(connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="this database moved to"):
        connection.execute("INSERT INTO item(sku) VALUES ('late')")


def cut(path: Path, url: str) -> live.CutoverReport:
    """Cut over, with time for a machine that has other things to do."""
    return live.cutover(path, url, options=CutoverOptions(max_pause=10))


def test_a_writer_that_is_killed_in_its_transaction_has_written_nothing(source: Path, any_url: str) -> None:
    with follower(source, any_url):
        until(lambda: live.status(location(any_url)) and status(any_url).phase == "following")
        for number in range(3):
            with holding(source, 600):
                time.sleep(0.2)
            execute(source, f"UPDATE item SET stock = {number} WHERE id % 2")
    with closing(connect(source)) as connection:
        assert connection.execute("SELECT count(*) FROM page").fetchone() != (0,)
    assert_equal(source, any_url)
    with holding(source, 600) as holder:
        threading.Timer(1, holder.kill).start()
        cut(source, any_url)
    assert_moved(source, any_url)


@pytest.mark.parametrize("seconds", [2, pytest.param(150, marks=pytest.mark.slow)])
def test_a_transaction_that_stays_open_is_waited_for_at_the_start_and_at_the_cut_over(
    source: Path, any_url: str, seconds: float
) -> None:
    with holding(source, min(seconds, 20)) as holder:
        caught_up(source, any_url)
        assert holder.wait() == 0
    with holding(source, seconds) as holder:
        done = cut(source, any_url)
        assert holder.wait() == 0
    assert done.equal
    assert done.pause < 10
    assert_moved(source, any_url)


def test_a_transaction_that_outlasts_the_patience_leaves_everything_as_it_was(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    before = schema_of(source)
    with holding(source, 600), pytest.raises(SourceError, match="holds the file locked") as caught:
        live.cutover(source, any_url, options=CutoverOptions(max_pause=10, patience=1))
    assert caught.value.code == "source.locked"
    assert schema_of(source) == before
    assert_equal(source, any_url)


def test_a_reader_from_before_the_cut_over_cannot_write_past_it(source: Path, any_url: str) -> None:
    caught_up(source, any_url)
    insert = "INSERT INTO note VALUES ('some', 1)"
    with application(source) as say:
        assert [say(insert), say("BEGIN")] == ["[]", "[]"]
        say("SELECT count(*) FROM note")
        cut(source, any_url)
        assert say(insert) == "database is locked"
        say("ROLLBACK")
        assert say(insert).startswith("this database moved to")
    assert_moved(source, any_url)


def test_of_followers_that_are_started_together_one_follows(source: Path, any_url: str) -> None:
    processes = [command("live", "start", source, any_url, cwd=source.parent) for _ in range(3)]
    until(lambda: sum(process.poll() is None for process in processes) == 1)
    until(lambda: live.status(location(any_url)) and status(any_url).phase == "following")
    (followed,) = (process for process in processes if process.poll() is None)
    for process in processes:
        if process is not followed:
            said = process.communicate()[1]
            assert process.returncode == 4, said
            assert f"by process {followed.pid} on" in said or "Another" in said  # which it is may not be known yet
    execute(source, "UPDATE item SET stock = 7")
    followed.send_signal(signal.SIGINT)
    followed.communicate(timeout=30)
    assert_equal(source, any_url)


def test_the_source_s_disk_is_full_for_a_while(source: Path, any_url: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 8) as disk:
        path = disk / "app.db"
        shutil.copy(source, path)
        with application(path) as say:
            say("PRAGMA journal_mode = WAL")
            caught_up(path, any_url)
            assert say("UPDATE item SET stock = 1") == "[]"
            with full(disk):
                assert "full" in say("INSERT INTO note SELECT hex(randomblob(5000)), 1 FROM item a, item b")
                caught_up(path, any_url)
                with pytest.raises(SourceError, match="There is no room on the disk"):
                    cut(path, any_url)
            assert say("INSERT INTO note SELECT hex(randomblob(500)), 1 FROM item") == "[]"
        assert_equal(path, any_url)
        cut(path, any_url)
        assert_moved(path, any_url)


@pytest.mark.slow
def test_a_follower_goes_on_while_the_source_s_disk_is_full(source: Path, any_url: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 8) as disk:
        path = disk / "app.db"
        shutil.copy(source, path)
        with application(path) as say, follower(path, any_url) as process:
            until(lambda: live.status(location(any_url)) and status(any_url).phase == "following")
            say("UPDATE item SET stock = 1")
            with full(disk):
                time.sleep(7)  # the log is to be pruned in this time
                assert process.poll() is None
            say("INSERT INTO note SELECT hex(randomblob(500)), 1 FROM item")
            until(lambda: status(any_url).pending == 0)
        assert_equal(path, any_url)


def test_the_target_s_disk_is_full_for_a_while(source: Path, any_url: str, tmp_path: Path) -> None:
    with servers.open_directory() as directory, small_disk(directory / "small", 24) as disk:
        with psycopg.connect(any_url, autocommit=True) as connection:
            name, data = connection.execute(
                "SELECT current_database(), setting FROM pg_settings WHERE name = 'data_directory'"
            ).fetchone() or ("", "")
            space = disk / "space"
            space.mkdir()
            shutil.chown(space, Path(data).owner(), Path(data).group())
            connection.execute(f"CREATE TABLESPACE small_{name} LOCATION '{space}'".encode())
        url = f"{any_url}{'&' if '?' in any_url else '?'}options=-cdefault_tablespace%3Dsmall_{name}"
        try:
            caught_up(source, url)
            with full(disk):
                execute(source, *["INSERT INTO note SELECT hex(randomblob(5000)), 1 FROM item"] * 3)
                process = command("live", "start", source, url, cwd=source.parent)
                out, err = process.communicate(timeout=60)
                assert process.returncode == 4, out + err
                assert "No space left on device" in err
                assert "Free space on the server" in err
            assert_equal(source, url)
            cut(source, url)
            assert_moved(source, url)
        finally:
            with psycopg.connect(any_url, autocommit=True) as connection:
                for schema in ("public", *schemas(any_url)):
                    connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
                connection.execute(f"DROP TABLESPACE small_{name}".encode())


def compiled(name: str, directory: Path) -> Path:
    """Compile one of the libraries that processes can be made to load."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler, or no LD_PRELOAD")
    library = directory / f"{name}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, Path(__file__).with_name(f"{name}.c")], check=True)
    return library


@contextmanager
def jumping_clock(directory: Path) -> Iterator[Callable[[timedelta], object]]:
    """Give the processes that are begun in the context a wall clock that is wrong, and a function that sets by how
    much."""
    library, clock = compiled("wall_clock", directory), directory / "clock"
    clock.write_bytes(bytes(8))

    def jump_to(wrong: timedelta) -> None:
        with clock.open("r+b") as file:  # the processes have mapped this file
            file.write(struct.pack("q", int(wrong.total_seconds())))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("WALL_CLOCK", str(clock))
        jump_to(timedelta(days=-40))
        shown = subprocess.run(
            [sys.executable, "-c", "import time; print(time.time())"], check=True, capture_output=True
        )
        assert time.time() - float(shown.stdout) > 39 * 86400
        yield jump_to


def follow_with(jump_to: Callable[[timedelta], object], path: Path, url: str, hours: Sequence[int]) -> None:
    """Follow while the clock jumps; in the end it has gone back by many years."""
    with writing(path), follower(path, url) as process:
        until(lambda: is_following(url))
        for number in (*hours, -200_000):
            jump_to(timedelta(hours=number))
            rounds = status(url).rounds
            until(lambda rounds=rounds: status(url).rounds > rounds + 3)  # type: ignore[misc]
        assert process.poll() is None


def test_clocks_of_follower_and_writers_that_jump_change_nothing(source: Path, any_url: str, tmp_path: Path) -> None:
    with jumping_clock(tmp_path) as jump_to:
        follow_with(jump_to, source, any_url, [1_000])
        cut(source, any_url)
    assert_moved(source, any_url)


@pytest.mark.slow
def test_a_server_s_clock_that_jumps_changes_nothing(source: Path) -> None:
    with servers.open_directory() as directory, jumping_clock(directory) as jump_to, servers.debian_server() as url:
        follow_with(jump_to, source, url, [1_000, -1, 3, 0])
        assert_equal(source, url)
        with follower(source, url):
            until(lambda: is_following(url))
            jump_to(timedelta(days=40))
            assert "is followed into schema" in run("live", "start", source, url, code=4)
            cut(source, url)
        assert_moved(source, url)
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        assert row[0] - datetime.now(UTC) > timedelta(days=39)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["cutover", "start"])
def test_a_server_that_crashes_in_the_pause_is_waited_for_and_the_cut_over_finished(source: Path, by: str) -> None:
    with servers.open_directory() as directory:
        data = directory / "pg"
        server = embedded.start(data)
        try:
            caught_up(source, server.url)
            execute(source, "UPDATE item SET stock = 7")
            crash = f"kill -QUIT {server.pid}; while kill -0 {server.pid} 2>/dev/null; do sleep 0.01; done"
            with pytest.raises(TargetError, match="The connection was lost in the last moment"):
                live.cutover(source, server.url, options=CutoverOptions(max_pause=10, switch=crash, proof=False))
            with closing(connect(source)) as connection, pytest.raises(sqlite3.IntegrityError, match="moved to"):
                connection.execute("DELETE FROM note")
            embedded.start(data)
            if by == "start":
                assert "has caught up" in run("live", "start", source, server.url, "--catch-up")
            cut(source, server.url)
            assert_moved(source, server.url)
        finally:
            embedded.stop(data)


@pytest.mark.slow
def test_the_server_s_whole_disk_is_full_for_a_while(source: Path) -> None:
    with servers.open_directory() as directory, small_disk(directory / "small", 200) as disk:
        disk.chmod(0o755)
        data = disk / "pg"
        server = embedded.start(data)
        try:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET max_wal_size = '64MB'")
                connection.execute("SELECT pg_reload_conf()")
            caught_up(source, server.url)
            with full(disk):
                execute(source, *["INSERT INTO note SELECT hex(randomblob(5000)), 1 FROM item"] * 30)
                for _ in range(2):
                    process = command("live", "start", source, server.url, cwd=source.parent)
                    with suppress(subprocess.TimeoutExpired):
                        process.communicate(timeout=10)
                    process.send_signal(signal.SIGINT)
                    process.communicate(timeout=30)
                    assert process.returncode in (4, 130)
            embedded.start(data)
            assert_equal(source, server.url)
            cut(source, server.url)
            assert_moved(source, server.url)
        finally:
            embedded.stop(data)


@pytest.mark.parametrize(("times", "patience", "reached"), [(1, 60, True), (2, 60, False), (1, 0.1, False)])
def test_an_interruption_waits_for_the_end_of_what_is_done_a_second_one_and_patience_do_not(
    times: int, patience: float, reached: bool
) -> None:
    done = []

    def work() -> None:
        with held(patience):
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
            time.sleep(1)
            done.append("the end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert bool(done) == reached
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
def test_a_follower_that_is_interrupted_at_random_moments_always_ends(source: Path, any_url: str) -> None:
    chance = random.Random(5)
    with writing(source, rate=300):
        for _ in range(20):
            with follower(source, any_url) as process:
                until(lambda: live.status(location(any_url)) and status(any_url).phase == "following")
                time.sleep(chance.uniform(0, 0.5))
            assert process.returncode == 130
    assert_equal(source, any_url)


def test_commits_that_the_source_loses_with_the_power_were_not_brought_over(
    source: Path, any_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(compiled("power_loss", tmp_path)))
    change = "UPDATE item SET stock = {} WHERE id % 3 = {}"
    with application(source) as say:
        for pragma in ("synchronous = NORMAL", "wal_autocheckpoint = 0"):
            say(f"PRAGMA {pragma}")
        caught_up(source, any_url)
        with follower(source, any_url) as process:
            until(lambda: live.status(location(any_url)) and status(any_url).phase == "following")
            before = status(any_url).changes
            say(change.format(1, 1))
            until(lambda: status(any_url).changes > before)
            process.kill()
        log = source.with_name(source.name + "-wal")
        lost = tmp_path / "lost.db"
        shutil.copy(source, lost)
        shutil.copy(log.with_name(log.name + ".durable"), lost.with_name("lost.db-wal"))
    for suffix in ("", "-wal"):
        shutil.move(f"{lost}{suffix}", f"{source}{suffix}")
    source.with_name(source.name + "-shm").unlink(missing_ok=True)
    execute(source, change.format(2, 2))
    monkeypatch.delenv("LD_PRELOAD")
    assert_equal(source, any_url)


@pytest.mark.slow
def test_the_pause_does_not_wait_for_autovacuum(source: Path) -> None:
    with servers.open_directory() as directory:
        data = directory / "pg"
        server = embedded.start(data)
        try:
            caught_up(source, server.url)
            execute(source, "INSERT INTO note SELECT hex(randomblob(300)), 1 FROM item a, item b")
            caught_up(source, server.url)
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
                connection.execute("SELECT pg_reload_conf()")
                slow = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1"
                slow += ", autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
                connection.execute(f"ALTER TABLE exuvia_staging_public.note SET ({slow})".encode())
                execute(source, "UPDATE note SET at = 2 WHERE rowid % 3 = 0")
                caught_up(source, server.url)
                until(lambda: connection.execute("SELECT pid FROM pg_stat_progress_vacuum").fetchone())
                done = live.cutover(source, server.url, options=CutoverOptions(max_pause=0.95, proof=False))
            assert done.pause < 0.95
            assert_moved(source, server.url)
        finally:
            embedded.stop(data)
