"""A new SQLite file: written under another name, and given its own once it is whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import adbc_driver_sqlite
import apsw
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement
from adbc_driver_manager import Error as DriverError

from exuvia.engines.sqlite.order import quote
from exuvia.errors import TargetError

_SIDE_FILES = ("", "-journal", "-wal", "-shm")

# Nothing is kept if the writing fails, so nothing has to be undone or to survive a crash before the last step.
_LOADING = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -65536",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA trusted_schema = ON",
)

# A statement that is refused has to be undone, which needs a journal.
_FINISHING = ("PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -65536")


class NewFile:
    """A SQLite file on its way: the file of the final name appears, complete, with :meth:`publish`.

    Args:
        path: The final name.
        replace: Whether a file of that name may be replaced.

    Raises:
        TargetError: There is such a file and it may not be replaced, or none can be made there.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self.final = path
        self._replace = replace
        require_absent(path, replace=replace)
        self.path = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o644, exist_ok=False)
        except OSError as error:
            raise _refused(path, error.strerror or str(error)) from error

    def writer(self) -> Writer:
        """Open the file for loading."""
        return Writer(self.path, self.final)

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
                for suffix in _SIDE_FILES[1:]:
                    self.final.with_name(self.final.name + suffix).unlink(missing_ok=True)
            self.path.replace(self.final)
        except OSError as error:
            raise _refused(self.final, error.strerror or str(error)) from error

    def discard(self) -> None:
        """Remove what was not published; nothing happens afterwards."""
        for suffix in _SIDE_FILES:
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


class Writer:
    """Loads tables into a file through the bulk driver, and runs everything else through apsw.

    Args:
        path: The file.
        label: Its final name, for people.
    """

    def __init__(self, path: Path, label: Path) -> None:
        self._path, self._label = path, label
        self._database = AdbcDatabase(driver=adbc_driver_sqlite._driver_path(), uri=str(path.absolute()))
        self._bulk = AdbcConnection(self._database)
        for sql in _LOADING:
            self._run(sql)

    def close(self) -> None:
        """Close the file."""
        self._bulk.close()
        self._database.close()

    def execute(self, sql: str) -> None:
        """Run a statement.

        Raises:
            TargetError: SQLite refuses it.
        """
        try:
            self._run(sql)
        except DriverError as error:
            raise TargetError(
                f"{self._label} cannot be written: {_message(error)}.", hint=sql.splitlines()[0][:200], code="write"
            ) from error

    def load(self, table: str, columns: Sequence[str], values: Sequence[str], batches: Iterable[pa.RecordBatch]) -> int:
        """Insert rows in one transaction and return how many.

        Args:
            table: The table.
            columns: The columns to fill; without any, rows of defaults are made.
            values: For each column the SQL of its value, with one ``?``.
            batches: The rows.

        Raises:
            TargetError: SQLite refuses a row, or the disk is full.
        """
        names = ", ".join(quote(column) for column in columns)
        rows = 0
        try:
            self._run("BEGIN")
            with AdbcStatement(self._bulk) as statement:
                statement.set_sql_query(f"INSERT INTO {quote(table)} ({names}) VALUES ({', '.join(values)})")
                for batch in batches:
                    statement.bind(batch)
                    statement.execute_update()
                    rows += batch.num_rows
            self._run("COMMIT")
        except DriverError as error:
            raise TargetError(
                f"Table {table!r} cannot be written to {self._label}: {_message(error)}.", code="write"
            ) from error
        return rows

    def _run(self, sql: str) -> None:
        with AdbcStatement(self._bulk) as statement:
            statement.set_sql_query(sql)
            handle, _ = statement.execute_query()
            with pa.RecordBatchReader._import_from_c(handle.address) as reader:
                reader.read_all()


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


def _refused(path: Path, reason: str) -> TargetError:
    return TargetError(f"{path} cannot be made: {reason}.", hint="Name another file.", code="write")


def _message(error: DriverError) -> str:
    return str(error).splitlines()[0].rstrip(".")
