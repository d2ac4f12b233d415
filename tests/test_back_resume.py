"""The way back cut off: killed or without its connection, it goes on, and the file holds every row once."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from exuvia.errors import ExuviaError, TargetError
from exuvia.location import PostgresLocation, SqliteLocation
from exuvia.move.back import copying
from exuvia.move.back.pipeline import migrate_back
from exuvia.move.back.plan import BackOptions
from exuvia.move.back.results import BackReport
from exuvia.move.events import Listener, Progress, ignore
from exuvia.move.portable.export import export_data
from exuvia.move.portable.import_ import import_data

ROWS = 60_000
BLOCKS = 64
EXUVIA = Path(sys.executable).with_name("exuvia")


class CutError(Exception):
    """What a listener raises to end a move."""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_PART_BLOCKS", BLOCKS)


@pytest.fixture
def source(any_url: str) -> str:
    """A database with a table called as one of the ledger's."""
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE part (id int PRIMARY KEY, name text)")
        connection.execute("INSERT INTO part SELECT i, 'n' || i FROM generate_series(1, 500) AS i")
        connection.execute("CREATE TABLE many (id bigint, note text, x float8)")
        connection.execute(
            f"INSERT INTO many SELECT i, repeat('x', i % 90), i / 7.0 FROM generate_series(1, {ROWS}) i".encode()
        )
        connection.execute("INSERT INTO many VALUES (0, 'nan', 'NaN')")
        connection.execute("CREATE INDEX by_id ON many (id)")
        connection.execute("CREATE VIEW few AS SELECT id FROM part WHERE id < 10")
    return any_url


def back(
    url: str, path: Path, listener: Listener = ignore, *, verify: bool = True, restart: bool = False
) -> BackReport:
    location = PostgresLocation.of(url)
    return migrate_back(
        location, SqliteLocation(path), options=BackOptions(verify=verify, restart=restart), listener=listener
    )


def rows_of(path: Path, table: str = "many") -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall())
    finally:
        connection.close()


def cutting(when: Callable[[Progress], bool]) -> Listener:
    def listen(event: Progress) -> None:
        if when(event):
            raise CutError

    return listen


def in_the_middle(event: Progress) -> bool:
    return event.stage == "copy" and event.table == "many" and event.rows_done > ROWS // 2


def cut(url: str, path: Path, *, verify: bool = True) -> None:
    with pytest.raises(CutError):
        back(url, path, cutting(in_the_middle), verify=verify)


def kept(report: BackReport) -> int:
    notes = [note for note in report.notes if "were there already" in note]
    return int(notes[0].split()[0].replace(",", "")) if notes else 0


def test_what_was_copied_is_kept_and_no_row_is_there_twice(source: str, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.db", tmp_path / "back.db"
    expected = back(source, whole)
    cut(source, path)
    assert not path.exists()
    assert (tmp_path / "back.db.partial").exists()
    report = back(source, path)
    assert report.status == "moved"
    assert 500 < kept(report) < ROWS
    assert rows_of(path) == rows_of(whole)
    assert report.proof is not None
    assert expected.proof is not None
    assert [table.digest for table in report.proof.tables] == [table.digest for table in expected.proof.tables]
    assert report.losses == expected.losses
    assert sorted(one.name for one in tmp_path.iterdir()) == ["back.db", "whole.db"]


def test_rows_that_changed_meanwhile_are_copied_again(source: str, tmp_path: Path) -> None:
    path = tmp_path / "back.db"
    cut(source, path)
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("UPDATE many SET x = -1 WHERE id = 1")
        connection.execute("DELETE FROM part WHERE id = 500")
        connection.execute("ALTER TABLE part ADD COLUMN more int DEFAULT 5")
    report = back(source, path)
    assert report.status == "moved"
    assert len(rows_of(path)) == ROWS + 1
    assert (1, "x", -1.0) in rows_of(path)
    assert rows_of(path, "part") == [(number, f"n{number}", 5) for number in range(1, 500)]


def test_kept_rows_are_compared_as_rows_even_without_verification(source: str, tmp_path: Path) -> None:
    path = tmp_path / "back.db"
    cut(source, path, verify=False)
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("UPDATE many SET x = (7 - id) / 7.0 WHERE id IN (3, 4)")
    report = back(source, path, verify=False)
    assert (report.status, report.proof) == ("moved", None)
    assert {(3, "xxx", 4 / 7), (4, "xxxx", 3 / 7)} < set(rows_of(path))


def test_a_table_that_is_gone_is_not_in_the_file(source: str, tmp_path: Path) -> None:
    path = tmp_path / "back.db"
    cut(source, path)
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("DROP TABLE part CASCADE")
    assert back(source, path).status == "moved"
    connection_ = sqlite3.connect(path)
    assert connection_.execute("SELECT name FROM sqlite_schema ORDER BY name").fetchall() == [("by_id",), ("many",)]
    connection_.close()


def test_a_restart_begins_anew_and_a_damaged_file_too(source: str, tmp_path: Path) -> None:
    path, partial = tmp_path / "back.db", tmp_path / "back.db.partial"
    cut(source, path)
    assert kept(back(source, path, restart=True)) == 0
    path.unlink()
    cut(source, path)
    with partial.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 8)
    report = back(source, path)
    assert (report.status, kept(report)) == ("moved", 0)


def test_a_file_of_somebody_else_is_not_touched(source: str, tmp_path: Path) -> None:
    partial = tmp_path / "back.db.partial"
    partial.write_text("mine")
    with pytest.raises(TargetError, match="not exuvia's"):
        back(source, tmp_path / "back.db")
    assert partial.read_text() == "mine"


def test_a_lost_connection_says_that_the_rows_are_kept(source: str, tmp_path: Path) -> None:
    path = tmp_path / "back.db"

    def cut_connection(event: Progress) -> None:
        if in_the_middle(event):
            with psycopg.connect(source, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    with pytest.raises(ExuviaError) as caught:
        back(source, path, cut_connection)
    assert "the same command goes on" in caught.value.hint
    report = back(source, path)
    assert report.status == "moved"
    assert kept(report) > 500
    assert len(rows_of(path)) == ROWS + 1


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_of_postgresql_goes_on_with_its_rows_and_files(source: str, tmp_path: Path, form: str) -> None:
    def while_writing(event: Progress) -> None:
        # The rows of the file that is exported are read in the second round
        if event.stage == "profile" and event.finished:
            profiled.append(event.table)
        if profiled and event.stage == "copy" and event.table == "many":
            raise CutError

    profiled: list[str] = []
    target = f"{form}:{tmp_path / 'copy'}"
    with pytest.raises(CutError):
        export_data(source, target, listener=cutting(in_the_middle))
    with pytest.raises(CutError):
        export_data(source, target, listener=while_writing)
    report = export_data(source, target)
    assert report.files_kept > 0
    assert not (tmp_path / "copy.partial").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["copy"]
    import_data(target, tmp_path / "restored.db")
    assert len(rows_of(tmp_path / "restored.db")) == ROWS + 1


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(any_url: str, tmp_path: Path) -> None:
    rows = 1_500_000
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE many (id bigint, note text PRIMARY KEY, x float8)")
        connection.execute(f"INSERT INTO many SELECT i, i * 7, i / 7.0 FROM generate_series(1, {rows}) i".encode())
    path = tmp_path / "back.db"
    command = [str(EXUVIA), "migrate", any_url, str(path), "--quiet"]
    for seconds in (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0):
        process = subprocess.Popen(command)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if path.exists():
            path.unlink()
    assert subprocess.run(command, check=False).returncode == 0
    assert subprocess.run([str(EXUVIA), "verify", any_url, str(path), "--quiet"], check=False).returncode == 0
    assert len(rows_of(path)) == rows
