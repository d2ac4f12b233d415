"""A snapshot is one moment of the file, whatever others do, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exuvia.catalog.model import Affinity, Column, Table
from exuvia.engines.sqlite.read import ColumnRead
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import CancelledError, ExuviaError, SourceError
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.profile import Chunk

WHOLE = Chunk(0, None, None, 1)
INTEGER = frozenset({StorageClass.INTEGER})


def table(name: str, *columns: str) -> Table:
    return Table(name, tuple(Column(column, "INTEGER", Affinity.INTEGER) for column in columns))


def make(path: Path, mode: str = "delete", rows: int = 3) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE t(a INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
        connection.commit()
    return path


def numbers(snapshot: Snapshot, name: str = "t", column: str = "a") -> list[int]:
    with snapshot.reader() as reader:
        batches = list(reader.batches(table(name, column), WHOLE, [ColumnRead(column, INTEGER)]))
    return [value for batch in batches for value in integers(batch[column])]


def integers(cells: Cells) -> list[int]:
    assert cells.integers is not None
    return list(cells.integers.to_pylist())


def failure(path: Path, **options: float) -> SourceError:
    with pytest.raises(SourceError) as caught, Snapshot.open(path, readers=1, **options):
        pass
    assert str(path) in caught.value.message
    return caught.value


def beside(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


@contextlib.contextmanager
def program(path: Path, body: str, *, kill: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Run ``body`` in another process; it says a line when it is ready."""
    source = "import os, sqlite3, sys, time\npath = sys.argv[1]\n" + textwrap.dedent(body)
    process = subprocess.Popen([sys.executable, "-c", source, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        if kill:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def as_somebody_else(work: Callable[[], str]) -> str:
    """Run ``work`` in a child that has no rights of the superuser, and return what it returns."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            text = work()
        except BaseException as error:
            text = f"failed: {error!r}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="exuvia-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_missing_path_is_an_error_and_no_file_is_made(tmp_path: Path) -> None:
    assert failure(tmp_path / "no.db").code == "source.not_found"
    assert failure(tmp_path / "no" / "where.db").code == "source.not_found"
    assert beside(tmp_path / "x") == []


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    assert failure(tmp_path).code == "source.is_directory"


def test_a_pipe_is_an_error_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert failure(tmp_path / "pipe").code == "source.not_a_file"


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    error = failure(tmp_path / "empty.db")
    assert error.code == "source.empty"
    assert "empty SQLite database" in error.message


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"CREATE TABLE t(a);\n" * 10, "SQL dump"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "Check the path"),
        (gzip.compress(b"x" * 1000, mtime=0), "gzip"),
        (hashlib.shake_256(b"key").digest(8192), "encrypted"),
        (b"\xff\x00", "Check the path"),
    ],
)
def test_what_is_not_a_database_is_named(tmp_path: Path, content: bytes, hint: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    error = failure(path)
    assert error.code == "source.not_a_database"
    assert hint in error.hint
    assert beside(path) == ["other"]


@pytest.mark.parametrize(("place", "value"), [(19, 3), (47, 5)])
def test_a_newer_format_is_named(tmp_path: Path, place: int, value: int) -> None:
    path = make(tmp_path / "a.db")
    content = bytearray(path.read_bytes())
    content[place] = value
    path.write_bytes(content)
    assert failure(path).code == "source.too_new"


def test_a_file_cut_off_in_its_header_is_corrupt(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db")
    path.write_bytes(path.read_bytes()[:60])
    assert failure(path).code == "source.corrupt"


def test_a_schema_that_cannot_be_parsed_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t(a FROM THE FUTURE (((' WHERE name = 't'")
        connection.commit()
    assert failure(path).code == "source.schema"


def test_a_corrupt_page_names_the_table_and_check_finds_it(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", rows=5000)
    content = bytearray(path.read_bytes())
    content[4096 * 4 : 4096 * 5] = b"\xee" * 4096
    path.write_bytes(content)
    with Snapshot.open(path, readers=1) as snapshot:
        with pytest.raises(SourceError) as caught:
            numbers(snapshot)
        assert caught.value.code == "source.corrupt"
        assert "'t'" in caught.value.message
        assert snapshot.check()


def test_a_sound_file_passes_the_check(tmp_path: Path) -> None:
    with Snapshot.open(make(tmp_path / "a.db"), readers=1) as snapshot:
        assert snapshot.check() == []


def test_a_file_without_the_right_to_read_is_named(open_folder: Path) -> None:
    path = make(open_folder / "a.db")
    path.chmod(0o000)
    assert as_somebody_else(lambda: failure(path).code) == "source.permission"


def test_a_file_locked_by_a_writer_is_named_after_the_timeout(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db")
    hold = """
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        print("ready", flush=True)
        time.sleep(60)
    """
    with program(path, hold):
        started = time.monotonic()
        error = failure(path, timeout=0.3)
        assert 0.2 < time.monotonic() - started < 3
    assert error.code == "source.locked"
    assert error.hint
    with Snapshot.open(path, readers=1) as snapshot:
        assert numbers(snapshot) == [0, 1, 2]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_writer_that_finishes_in_time_is_waited_for(tmp_path: Path, mode: str) -> None:
    path = make(tmp_path / "a.db", mode)
    hold = """
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("INSERT INTO t VALUES (3)")
        print("ready", flush=True)
        time.sleep(0.4)
        connection.execute("COMMIT")
    """
    with program(path, hold, kill=False), Snapshot.open(path, readers=2) as snapshot:
        assert numbers(snapshot) == ([0, 1, 2, 3] if mode == "delete" else [0, 1, 2])


def test_a_hot_journal_needs_recovery_and_is_left_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", rows=20_000)
    die = """
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE t SET a = a + 1")
        print("ready", flush=True)
        os.kill(os.getpid(), 9)
    """
    with program(path, die, kill=False):
        pass
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    assert set(before) == {"a.db", "a.db-journal"}
    error = failure(path)
    assert error.code == "source.needs_recovery"
    assert "copy" in error.hint
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


def test_what_is_only_in_the_wal_is_read(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "wal")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO t VALUES (99)")
        connection.commit()
        main = path.read_bytes()
        # A copy, because the file's own locks belong to this process
        copy = tmp_path / "copy.db"
        copy.write_bytes(main)
        (tmp_path / "copy.db-wal").write_bytes((tmp_path / "a.db-wal").read_bytes())
    with Snapshot.open(copy, readers=1) as snapshot:
        assert numbers(snapshot) == [0, 1, 2, 99]
    assert copy.read_bytes() == main
    assert (tmp_path / "copy.db-wal").stat().st_size > 0


@pytest.mark.parametrize("mode", ["delete", "wal", "truncate", "persist"])
def test_reading_changes_no_byte_and_leaves_no_file(tmp_path: Path, mode: str) -> None:
    path = make(tmp_path / "a.db", mode)
    before = (path.read_bytes(), path.stat().st_mtime_ns, beside(path))
    with Snapshot.open(path, readers=2) as snapshot:
        assert numbers(snapshot) == [0, 1, 2]
    assert (path.read_bytes(), path.stat().st_mtime_ns, beside(path)) == before


def test_side_files_stay_while_another_program_has_the_database_open(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "wal")
    with Snapshot.open(path, readers=1):
        use = """
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("SELECT * FROM t").fetchall()
            print("ready", flush=True)
            time.sleep(60)
        """
        other = contextlib.ExitStack()
        other.enter_context(program(path, use))
    with other:
        assert beside(path) == ["a.db", "a.db-shm", "a.db-wal"]


def test_a_wal_database_in_a_folder_that_may_not_be_written_is_read(open_folder: Path) -> None:
    path = make(open_folder / "a.db", "wal")
    open_folder.chmod(0o555)

    def read() -> str:
        with Snapshot.open(path, readers=1) as snapshot:
            return str(numbers(snapshot))

    assert as_somebody_else(read) == "[0, 1, 2]"
    assert beside(path) == ["a.db"]


def test_odd_file_names_are_opened_as_they_are(tmp_path: Path) -> None:
    for name in ("a?mode=rwc.db", "50%25#x.db", "ä ö.db", "it's.db"):
        with Snapshot.open(make(tmp_path / name), readers=1) as snapshot:
            assert numbers(snapshot) == [0, 1, 2]


COMMITTING = """
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA synchronous = OFF")
    print("ready", flush=True)
    while True:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE t SET a = a + 1")
        connection.execute("UPDATE u SET a = a + 1")
        connection.execute("COMMIT")
        time.sleep({pause})
"""


@pytest.mark.parametrize(("mode", "pause"), [("wal", 0.0), ("delete", 0.002)])
def test_all_readers_see_one_moment_while_a_writer_commits(tmp_path: Path, mode: str, pause: float) -> None:
    path = make(tmp_path / "a.db", mode, rows=3000)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE u AS SELECT * FROM t")
        connection.commit()
    moments = set()
    with program(path, COMMITTING.format(pause=pause)):
        for _ in range(6):
            with Snapshot.open(path, readers=3, timeout=20) as snapshot:
                seen = set()
                for _ in range(2):
                    with snapshot.reader() as one, snapshot.reader() as two, snapshot.reader() as three:
                        for reader in (one, two, three):
                            for name in ("t", "u"):
                                columns = [ColumnRead("a", INTEGER)]
                                batches = list(reader.batches(table(name, "a"), WHOLE, columns, batch_rows=1000))
                                values = [value for batch in batches for value in integers(batch["a"])]
                                seen.add(tuple(value - place for place, value in enumerate(values)))
                    seen.add(tuple(row[0] for row in snapshot.connection.execute("SELECT a - rowid + 1 FROM t")))
                    time.sleep(0.02)
            assert len(seen) == 1
            moment = set(seen.pop())
            assert len(moment) == 1
            moments |= moment
    assert len(moments) > 1


def test_closing_one_snapshot_does_not_unlock_the_file_for_another(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db")
    write = """
        connection = sqlite3.connect(path, timeout=0.1)
        try:
            connection.execute("INSERT INTO t VALUES (7)")
            connection.commit()
        except sqlite3.OperationalError as error:
            print(error)
        else:
            print("written")
    """
    arguments = [sys.executable, "-c", "import sqlite3, sys\npath = sys.argv[1]\n" + textwrap.dedent(write), str(path)]

    def said() -> str:
        return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()

    with Snapshot.open(path, readers=1) as second:
        with Snapshot.open(path, readers=1):
            pass
        with pytest.raises(SourceError):
            Snapshot.open(tmp_path / "none.db", readers=1)
        assert said() == "database is locked"
        assert numbers(second) == [0, 1, 2]
    assert said() == "written"


def test_a_change_in_spite_of_the_lock_is_found_at_the_end(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db")
    other = make(tmp_path / "b.db", rows=4)
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
    snapshot = Snapshot.open(path, readers=1)
    subprocess.run(["cp", str(other), str(path)], check=True)
    with pytest.raises(SourceError) as caught:
        snapshot.close()
    assert caught.value.code == "source.changed"


def test_an_error_inside_is_not_hidden_by_the_end(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Snapshot.open(make(tmp_path / "a.db"), readers=1):
        raise KeyError


def slowly(batches: Iterator[object]) -> None:
    for _ in batches:
        time.sleep(0.001)


def test_interrupt_ends_a_running_reading(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", rows=50_000)
    with Snapshot.open(path, readers=1) as snapshot, snapshot.reader() as reader:
        batches = reader.batches(table("t", "a"), WHOLE, [ColumnRead("a", INTEGER)], batch_rows=100)
        next(batches)
        threading.Timer(0.05, snapshot.interrupt).start()
        with pytest.raises(CancelledError):
            slowly(batches)


def test_more_borrowers_than_readers_take_turns(tmp_path: Path) -> None:
    found: list[list[int]] = []
    with Snapshot.open(make(tmp_path / "a.db"), readers=1) as snapshot:
        threads = [threading.Thread(target=lambda: found.append(numbers(snapshot))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [[0, 1, 2]] * 5


def test_every_error_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "text"):
        error: ExuviaError = failure(path)
        assert error.hint
