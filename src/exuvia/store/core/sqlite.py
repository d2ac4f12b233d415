"""SQLite for the store: one connection that writes, in turn, and several that read."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from exuvia.store.core import failures
from exuvia.store.core.dialect import SQLITE
from exuvia.store.core.driving import drive
from exuvia.store.core.fair_lock import FairLock
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.requests import Operation, Request, Row, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.core.values import time_text
from exuvia.store.errors import BusyError, InvalidValueError, UnavailableError

T = TypeVar("T")

_LOOK_EVERY: Final = 20_000  # instructions of SQLite's virtual machine, some milliseconds
_WRITABLE: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOMUTEX
_READABLE: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX  # a reader of a WAL file makes its -shm file


def begin(kind: Kind, _scope: Scope) -> str | None:
    """Return what opens the transaction of an operation, if it needs one."""
    return SQLITE.begin if kind is Kind.WRITE else None


class SqliteConnection:
    """One connection to a file, used by one thread at a time.

    Args:
        path: The file; a writing connection makes it where it is missing.
        options: The store's.
        writes: Whether it may write.

    Raises:
        StoreError: The file cannot be opened, or is something else.
    """

    def __init__(self, path: Path, options: StoreOptions, *, writes: bool) -> None:
        self._limit = options.statement_timeout
        self._deadline = float("inf")
        try:
            self._database = apsw.Connection(str(path), flags=_WRITABLE if writes else _READABLE)
            self._set_up(options, writes=writes)
        except apsw.Error as error:
            raise failures.of_sqlite(error) from error

    def _set_up(self, options: StoreOptions, *, writes: bool) -> None:
        self._database.set_busy_timeout(int(options.lock_timeout * 1000))
        self._database.convert_binding = _convert
        if writes:
            self._database.pragma("journal_mode", "wal")
        self._database.pragma("synchronous", "normal")
        self._database.execute("PRAGMA foreign_keys = on")
        self._database.execute("PRAGMA temp_store = memory")
        if not writes:
            self._database.execute("PRAGMA query_only = on")
        if self._limit:
            self._database.set_progress_handler(self._is_late, _LOOK_EVERY)

    @property
    def database(self) -> apsw.Connection:
        """The driver's connection."""
        return self._database

    def drive(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""
        return drive(self, operation)

    def perform(self, request: Request) -> list[Row]:
        """Run a request and return its rows."""
        if self._limit:
            self._deadline = time.monotonic() + self._limit
        try:
            if isinstance(request, Statement):
                _refuse_nul(request.parameters.values())
                return self._database.execute(request.sql, request.parameters).fetchall()
            for parameters in request.sets:
                _refuse_nul(parameters.values())
            self._database.executemany(request.sql, request.sets)
        except (apsw.Error, OverflowError, UnicodeError, TypeError) as error:
            raise failures.of_sqlite(error) from error
        return []

    def interrupt(self) -> None:
        """Stop the statement that another thread runs on this connection."""
        self._database.interrupt()

    def tidy(self) -> None:
        """Roll back what an operation has left open."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline


class SqliteFile:
    """The connections to one file.

    Args:
        path: The file.
        options: The store's.
    """

    def __init__(self, path: Path, options: StoreOptions) -> None:
        if not path.parent.is_dir():
            raise UnavailableError(
                f"The directory of {path} does not exist.", hint="Make it, or correct the path.", code="directory"
            )
        self._path = path
        self._options = options
        self.lock = FairLock()
        self.writer = SqliteConnection(path, options, writes=True)
        self._free: queue.LifoQueue[SqliteConnection] = queue.LifoQueue()
        self._opened = 0

    def reader(self) -> SqliteConnection:
        """Take a reading connection; the caller gives it back by ``give_back``."""
        try:
            return self._free.get_nowait()
        except queue.Empty:
            pass
        if self._opened < self._options.readers:
            self._opened += 1
            return SqliteConnection(self._path, self._options, writes=False)
        try:
            return self._free.get(timeout=self._options.pool_wait)
        except queue.Empty:
            raise _exhausted(self._options) from None

    def give_back(self, reader: SqliteConnection) -> None:
        """Take a reading connection back."""
        reader.tidy()
        self._free.put(reader)

    def refused(self) -> BusyError:
        """Return the error of whoever has waited too long to write."""
        return BusyError(
            f"The store's writer did not become free within {self._options.lock_timeout:g} s.",
            hint="A transaction of this program is open: end it sooner, or raise lock_timeout.",
            code="writer",
        )

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.writer.close()
        while True:
            try:
                self._free.get_nowait().close()
            except queue.Empty:
                return


class SqlitePool:
    """Lends the connections of a file to threads.

    Args:
        file: The file.
        options: The store's.
    """

    def __init__(self, file: SqliteFile, options: StoreOptions) -> None:
        self._file = file
        self._patience = options.lock_timeout

    @contextmanager
    def connection(self, kind: Kind) -> Iterator[SqliteConnection]:
        """Lend the writing connection, in turn, or one that reads."""
        if kind is Kind.READ:
            reader = self._file.reader()
            try:
                yield reader
            finally:
                self._file.give_back(reader)
            return
        if not self._file.lock.acquire(self._patience):
            raise self._file.refused()
        try:
            yield self._file.writer
        finally:
            try:
                self._file.writer.tidy()
            finally:
                self._file.lock.release()

    def close(self) -> None:
        """Close every connection."""
        self._file.close()


def _convert(_cursor: apsw.Cursor, _number: int, value: Any) -> str:
    if isinstance(value, datetime):
        return time_text(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _refuse_nul(values: Any) -> None:
    for value in values:
        if type(value) is str and "\0" in value:
            raise InvalidValueError(
                f"The text {value[:40]!r} holds U+0000, which PostgreSQL cannot store.",
                hint="Take the character out.",
                code="nul",
            )


def _exhausted(options: StoreOptions) -> BusyError:
    return BusyError(
        f"None of the {options.readers} reading connections became free within {options.pool_wait:g} s.",
        hint="Raise readers, or end what holds them.",
        code="readers",
    )
