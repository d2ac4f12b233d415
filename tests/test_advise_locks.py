"""Looking at locks: what real processes hold is seen, and nobody is held up."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.engines.sqlite.observe import processes
from exuvia.engines.sqlite.observe.glance import LockView
from exuvia.engines.sqlite.observe.processes import users_of
from exuvia.ops.advisor.contention import Contention, Probe, interval, waits_per_hour
from exuvia.ops.advisor.watching import watch

MODES = ("wal", "delete", "truncate", "persist")

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA synchronous = OFF")
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("ready", flush=True)
sys.stdin.readline()
"""

# Prints how many commits it made, and how many of them found the write lock taken.
WRITER = """
import random, sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
connection.execute("PRAGMA synchronous = OFF")
end, commits, waits = time.monotonic() + float(sys.argv[2]), 0, 0
print("ready", flush=True)
while time.monotonic() < end:
    waited = False
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError:
            waited = True
            time.sleep(0.001)
    waits += waited
    connection.execute("INSERT INTO t (a) VALUES ('x')")
    time.sleep(0.02)
    while connection.in_transaction:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError:
            time.sleep(0.001)
    commits += 1
    time.sleep(random.expovariate(1 / 0.06))
print(commits, waits)
"""


def database(path: Path, mode: str) -> Path:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t (a) VALUES ('x')")
    connection.close()
    return path


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-S", "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@contextmanager
def holding(path: Path, *statements: str) -> Iterator[int]:
    """A process that has run some statements and keeps its connection; its number."""
    process = start(HOLDER, path, *statements)
    try:
        yield process.pid
    finally:
        process.communicate("\n", timeout=30)


def looked(path: Path, seconds: float = 0.15, probe: Probe = "ask") -> Contention:
    return watch(path, seconds, probe, 4096, lambda *_: None)


def digest(path: Path) -> dict[str, str]:
    sides = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-journal")]
    return {side.name: hashlib.sha256(side.read_bytes()).hexdigest() for side in sides if side.exists()}


@pytest.fixture(params=("wal", "delete"))
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return database(tmp_path / "app.db", request.param)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("probe", ["ask", "take"])
def test_a_held_write_lock_is_found_in_every_look(tmp_path: Path, mode: str, probe: Probe) -> None:
    path = database(tmp_path / "app.db", mode)
    with holding(path, "BEGIN IMMEDIATE", "INSERT INTO t (a) VALUES ('y')"):
        found = looked(path, probe=probe)
    assert found.method == probe
    assert found.looks > 0
    assert found.busy == found.looks


@pytest.mark.parametrize("probe", ["ask", "take"])
def test_an_open_connection_that_does_nothing_holds_no_lock(path: Path, probe: Probe) -> None:
    with holding(path, "SELECT * FROM t"):
        found = looked(path, probe=probe)
    assert found.looks > 0
    assert (found.busy, found.share_low) == (0, 0)


def test_the_holder_of_the_write_lock_is_named_and_its_time_is_measured(path: Path) -> None:
    with holding(path, "BEGIN IMMEDIATE") as pid:
        found = looked(path, 0.6)
    assert [holder.pid for holder in found.holders] == [pid]
    assert found.longest_write is not None
    assert found.longest_write.pid == pid
    assert 0.2 < found.longest_write.seconds <= 0.7


def test_an_exclusive_lock_in_wal_mode_is_a_write_lock(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "wal")
    with holding(path, "PRAGMA locking_mode = EXCLUSIVE", "INSERT INTO t (a) VALUES ('y')") as pid:
        found = looked(path)
    assert found.busy == found.looks
    assert [holder.pid for holder in found.holders] == [pid]


def test_a_lock_that_this_process_holds_is_seen_too(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    found = looked(path, 0.1)
    connection.close()
    assert [holder.pid for holder in found.holders] == [os.getpid()]


def test_a_writer_that_waits_for_a_reader_is_seen_outside_wal_mode(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "delete")
    with holding(path, "BEGIN", "SELECT * FROM t") as reader:
        writer = sqlite3.connect(path, isolation_level=None, timeout=0)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t (a) VALUES ('y')")
        with pytest.raises(sqlite3.OperationalError):
            writer.execute("COMMIT")
        found = looked(path)
        writer.close()
    assert found.waiting_for_readers == found.looks
    assert found.longest_read is not None
    assert found.longest_read.pid == reader


def test_a_reader_of_an_old_state_is_named_as_what_keeps_the_log_from_being_emptied(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "wal")
    with (
        holding(path, "INSERT INTO t (a) VALUES ('y')"),
        holding(path, "BEGIN", "SELECT * FROM t") as reader,
        holding(path, "INSERT INTO t (a) VALUES ('z')", "PRAGMA wal_checkpoint"),
    ):
        found = looked(path)
    assert found.wal is not None
    assert found.wal.bytes > 0
    assert found.wal.waiting_bytes > 0
    assert found.wal.stale_reader is not None
    assert found.wal.stale_reader.pid == reader


def test_a_reader_of_the_newest_state_keeps_nothing(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "wal")
    with holding(path, "INSERT INTO t (a) VALUES ('y')"), holding(path, "BEGIN", "SELECT * FROM t"):
        found = looked(path)
    assert found.wal is not None
    assert found.wal.stale_reader is None


def test_commits_are_counted_exactly(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO t (a) VALUES ('y')")
    with LockView(path) as view:
        before = view.commits()
        for _ in range(7):
            connection.execute("INSERT INTO t (a) VALUES ('y')")
        after = view.commits()
    connection.close()
    assert before is not None
    assert after is not None
    assert after[1] - before[1] == 7


def estimated_and_counted(path: Path, seconds: float, probe: Probe) -> tuple[float, float]:
    """The waits an hour that were estimated, and those that three writing processes counted themselves."""
    writers = [start(WRITER, path, seconds + 0.3) for _ in range(3)]
    found = looked(path, seconds, probe)
    counted = [tuple(map(int, writer.communicate(timeout=60)[0].split())) for writer in writers]
    assert found.waits_per_hour is not None
    assert found.commits is not None
    assert 0.5 < found.commits / (sum(commits for commits, _ in counted) * seconds / (seconds + 0.3)) < 1.5
    return found.waits_per_hour, sum(waits for _, waits in counted) * 3600 / (seconds + 0.3)


def test_the_estimated_waits_are_about_those_that_writers_count(tmp_path: Path) -> None:
    estimated, counted = estimated_and_counted(database(tmp_path / "app.db", "wal"), 1.5, "ask")
    assert 0.4 * counted < estimated < 2.5 * counted


@pytest.mark.slow
@pytest.mark.parametrize("probe", ["ask", "take"])
def test_the_estimated_waits_are_those_that_writers_count_in_a_longer_time(path: Path, probe: Probe) -> None:
    estimated, counted = estimated_and_counted(path, 30, probe)
    assert 0.75 * counted < estimated < (1.33 if probe == "ask" else 2.2) * counted


def test_one_process_alone_waits_for_nobody(path: Path) -> None:
    writer = start(WRITER, path, 0.6)
    found = looked(path, 0.5)
    writer.communicate(timeout=30)
    assert found.busy > 0
    assert found.waits_per_hour == 0
    assert found.waits_ceiling is not None
    assert found.waits_ceiling > 0


def test_asking_never_refuses_a_writer_without_a_busy_timeout(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.execute("PRAGMA synchronous = OFF")
    with LockView(path) as view:
        for _ in range(200):
            connection.execute("INSERT INTO t (a) VALUES ('y')")
            view.look()
    connection.close()


@pytest.mark.parametrize("probe", ["ask", "take"])
def test_looking_changes_no_byte_of_a_database_that_is_open_elsewhere(path: Path, probe: Probe) -> None:
    with holding(path, "INSERT INTO t (a) VALUES ('y')", "BEGIN", "SELECT * FROM t"):
        before = digest(path)
        looked(path, probe=probe)
        assert digest(path) == before


def test_trying_the_lock_leaves_the_log_of_writers_that_have_gone_alone(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "wal")
    process = start(HOLDER, path, "INSERT INTO t (a) VALUES ('y')")
    process.kill()
    process.communicate()
    before = digest(path)
    assert before["app.db-wal"]
    assert looked(path, probe="take").looks > 0
    assert digest(path) == before


def test_trying_the_lock_does_not_play_a_hot_journal_back(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "delete")
    filler = "INSERT INTO t (a) SELECT hex(randomblob(2000)) FROM (VALUES (1), (2), (3)) a, (VALUES (1), (2), (3)) b"
    process = start(HOLDER, path, "PRAGMA cache_size = 1", "BEGIN IMMEDIATE", *[filler] * 8)
    process.kill()
    process.communicate()
    before = digest(path)
    assert before["app.db-journal"]
    found = looked(path, probe="take")
    assert digest(path) == before
    assert found.busy == found.looks


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write every file")
def test_the_lock_of_a_file_that_may_not_be_written_is_not_tried(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "delete")
    path.chmod(0o444)
    found = looked(path, probe="take")
    assert (found.method, found.looks) == ("off", 0)
    assert "may not be written" in found.reason
    assert looked(path).looks > 0


def test_the_lock_of_a_wal_database_that_nobody_has_open_is_not_tried(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "wal")
    found = looked(path, probe="take")
    assert (found.method, found.looks) == ("off", 0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.db"]


def test_probing_can_be_switched_off(path: Path) -> None:
    found = looked(path, probe="off")
    assert (found.method, found.looks, found.waits_per_hour) == ("off", 0, None)


def test_processes_that_have_the_file_open_are_named_whatever_they_call_it(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other name.db"
    other.symlink_to(path)
    with holding(other, "SELECT * FROM t") as one, holding(path, "SELECT * FROM t") as two:
        found = {user.pid: user for user in users_of(path).known}
    assert set(found) == {one, two}
    assert all(user.may_write for user in found.values())


def test_a_reading_process_is_not_one_that_may_write(path: Path) -> None:
    program = "import sys; file = open(sys.argv[1], 'rb'); print('ready', flush=True); sys.stdin.readline()"
    process = start(program, path)
    (found,) = users_of(path).known
    process.communicate("\n", timeout=30)
    assert (found.pid, found.may_write, found.connections) == (process.pid, False, 1)


def test_without_proc_processes_are_found_by_psutil(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_PROC", path / "none")
    with holding(path, "SELECT * FROM t") as pid:
        assert pid in {user.pid for user in users_of(path).known}
        monkeypatch.setitem(sys.modules, "psutil", None)
        found = users_of(path)
    assert found.known == ()
    assert "psutil is not installed" in found.reason


def test_the_log_may_be_removed_and_made_again_meanwhile(tmp_path: Path) -> None:
    path = database(tmp_path / "app.db", "wal")
    with LockView(path) as view:
        for _ in range(3):
            assert view.look().wal is None
            with holding(path, "BEGIN IMMEDIATE") as pid:
                writer = view.look().writer
                assert writer is not None
                assert writer.pid == pid


def test_a_look_is_quick(path: Path) -> None:
    with LockView(path) as view:
        start_at = time.process_time()
        for _ in range(1000):
            view.look()
        assert time.process_time() - start_at < 1


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_the_interval_holds_the_share(hits: int, tries: int) -> None:
    low, high = interval(min(hits, tries), tries)
    assert 0 <= low <= min(hits, tries) / tries <= high <= 1


@given(
    st.dictionaries(st.integers(1, 9), st.integers(1, 50), max_size=5),
    st.integers(250, 1000),
    st.integers(0, 100_000),
    st.floats(0.1, 1000),
)
def test_waits_between_processes_are_at_most_those_between_connections(
    holders: dict[int, int], looks: int, commits: int, seconds: float
) -> None:
    estimate, ceiling = waits_per_hour(Counter(holders), looks, commits, seconds)
    assert estimate is not None
    assert ceiling is not None
    assert 0 <= estimate <= ceiling * (1 + 1e-9)
    assert ceiling <= commits * 3600 / seconds * (1 + 1e-9)
