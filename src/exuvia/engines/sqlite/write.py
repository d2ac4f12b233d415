"""A new SQLite file: written under another name, and given its own once it is whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pyarrow as pa
from adbc_driver_manager import Error as DriverError

from exuvia.engines.sqlite.adbc import BulkConnection
from exuvia.engines.sqlite.order import quote
from exuvia.errors import TargetError

_SIDE_FILES = ("", "-journal", "-wal", "-shm")

# A killed process leaves what it wrote to the system, so nothing has to reach the disk before the last step; but what
# it had begun must be undone by the next one, which needs a journal.
_LOADING = (
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -65536",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA trusted_schema = ON",
)
_FINISHING = ("PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -65536")


class NewFile:
    """A SQLite file on its way: the file of the final name appears, complete, with :meth:`publish`.

    Until then it is ``NAME.partial``, with its ledger beside it (``exuvia.engines.sqlite.ledger``). Both stay when a
    process is killed, for the next one to go on with; one process at a time has them.

    Args:
        path: The final name.
        replace: Whether a file of that name may be replaced.
        restart: Begin anew where there is an unfinished one.

    Raises:
        TargetError: There is such a file and it may not be replaced, none can be made there, or another process is at
            it.
    """

    def __init__(self, path: Path, *, replace: bool, restart: bool = False) -> None:
        self.final = path
        self._replace = replace
        require_absent(path, replace=replace)
        self.path = path.with_name(f"{path.name}.partial")
        self.ledger = path.with_name(f"{path.name}.partial-ledger")
        if self.path.exists() and not self.ledger.exists():
            raise TargetError(
                f"{self.path}, where the file would be written, is there already and not exuvia's.",
                hint="Move it away, or name another file.",
                code="exists",
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self.ledger.open("ab")
        except OSError as error:
            raise _refused(path, error.strerror or str(error)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise TargetError(
                f"Another process is writing {path}.", hint="Wait for it or stop it.", code="busy"
            ) from None
        if restart or not _is_sound(self.path):
            self._remove(self.path, *_SIDE_FILES)
            self._remove(self.ledger, *_SIDE_FILES[1:])
            self._lock.truncate(0)
            self.path.touch(mode=0o644)

    def writer(self) -> Writer:
        """Open the file for loading."""
        return Writer(self.path, self.ledger, self.final)

    def publish(self) -> None:
        """Write the file to the disk and give it its name.

        Raises:
            TargetError: A file of that name has come meanwhile, or the name cannot be given.
        """
        require_absent(self.final, replace=self._replace)
        try:
            with self.path.open("rb") as written:
                os.fsync(written.fileno())
            if self._replace:
                self._remove(self.final, *_SIDE_FILES[1:])
            self.path.replace(self.final)
        except OSError as error:
            raise _refused(self.final, error.strerror or str(error)) from error

    def keep(self) -> None:
        """Leave what is there to the next process."""
        self._lock.close()

    def discard(self) -> None:
        """Remove what was not published."""
        self._remove(self.path, *_SIDE_FILES)
        self._remove(self.ledger, *_SIDE_FILES)
        self._lock.close()

    def _remove(self, path: Path, *suffixes: str) -> None:
        for suffix in suffixes:
            with suppress(OSError):
                path.with_name(path.name + suffix).unlink(missing_ok=True)


class Writer:
    """Loads tables into a file through the bulk driver.

    Args:
        path: The file.
        ledger: The file that is attached as ``ledger``.
        label: Its final name, for people.

    Raises:
        TargetError: One of them is no SQLite file.
    """

    def __init__(self, path: Path, ledger: Path, label: Path) -> None:
        self._label = label
        self._bulk = BulkConnection(str(path.absolute()))
        attached = str(ledger.absolute()).replace("'", "''")
        try:
            for sql in (f"ATTACH '{attached}' AS ledger", *_LOADING):
                self.execute(sql)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._bulk.close()

    def execute(self, sql: str) -> pa.Table:
        """Run a statement and return its rows.

        Raises:
            TargetError: SQLite refuses it.
        """
        try:
            return self._bulk.execute(sql)
        except DriverError as error:
            raise TargetError(
                f"{self._label} cannot be written: {_message(error)}.", hint=sql.splitlines()[0][:200], code="write"
            ) from error

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises:
            TargetError: SQLite refuses it.
        """
        found = self.execute(sql)
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done within, or undo it."""
        self.execute("BEGIN")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(DriverError):  # SQLite has undone it by itself where the disk is full
                self._bulk.execute("ROLLBACK")
            raise

    def load(
        self, table: str, columns: Sequence[str], values: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> None:
        """Insert rows.

        Args:
            table: The table.
            columns: The columns to fill.
            values: For each column the SQL of its value, with one ``?``.
            batches: The rows.

        Raises:
            TargetError: SQLite refuses a row, or the disk is full.
        """
        names = ", ".join(quote(column) for column in columns)
        sql = f"INSERT INTO main.{quote(table)} ({names}) VALUES ({', '.join(values)})"
        try:
            self._bulk.execute_many(sql, batches)
        except DriverError as error:
            raise TargetError(
                f"Table {table!r} cannot be written to {self._label}: {_message(error)}.", code="write"
            ) from error


def attempt(path: Path, sql: str) -> str:
    """Run a statement on a file that nobody else has open; return why SQLite refuses it, empty if it does not."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        for setting in _FINISHING:
            connection.execute(setting).fetchall()
        connection.execute(sql).fetchall()
    except apsw.Error as error:
        return str(error)
    finally:
        connection.close()
    return ""


def sqlite_version() -> str:
    """Return the version of the SQLite that finishes and checks new files."""
    return apsw.sqlite_lib_version()


def require_absent(path: Path, *, replace: bool) -> None:
    """Make sure that a new file can have this name.

    Raises:
        TargetError: There is a file of that name which may not be replaced, or a directory.
    """
    if path.is_dir():
        raise TargetError(f"{path} is a directory.", hint="Name a file, such as app.db.", code="exists")
    if path.exists() and not replace:
        raise TargetError(
            f"{path} exists already. Nothing was changed.",
            hint="Name another file, or replace it with --drop-existing.",
            code="exists",
        )


def _is_sound(path: Path) -> bool:
    """Return whether there is a file that survived whatever ended the process that wrote it."""
    if not path.exists():
        return False
    with suppress(apsw.Error), closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
    return False


def _refused(path: Path, reason: str) -> TargetError:
    return TargetError(f"{path} cannot be made: {reason}.", hint="Name another file.", code="write")


def _message(error: DriverError) -> str:
    return str(error).splitlines()[0].rstrip(".")
