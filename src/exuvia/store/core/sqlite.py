"""SQLite for the store: one connection that writes, in turn, and several that read."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import apsw

from exuvia.store.core import failures, word_counts
from exuvia.store.core.dialect import SQLITE
from exuvia.store.core.driving import drive
from exuvia.store.core.fair_lock import FairLock
from exuvia.store.core.guarding import Guard
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.requests import Operation, Request, Row, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.core.tenants import Tables
from exuvia.store.core.values import time_text
from exuvia.store.errors import BusyError, StateError, StoreError, UnavailableError

T = TypeVar("T")

_LOOK_EVERY: Final = 20_000  # instructions of SQLite's virtual machine, some milliseconds
_STATEMENTS: Final = 300  # prepared and kept, for each connection
_OPEN: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX  # a reader of a WAL file makes its -shm file


class Entrant(Protocol):
    """A connection that can be given a scope."""

    def enter(self, scope: Scope) -> None:
        """Refuse, from now on, rows that are written outside of a scope."""


class SqliteManners:
    """How SQLite's transactions begin."""

    def begin(self, kind: Kind, _scope: Scope) -> str | None:
        """Return what opens the transaction of an operation, if it needs one."""
        return SQLITE.begin if kind in (Kind.WRITE, Kind.WRITE_TOGETHER) else None

    def enter(self, connection: Entrant, scope: Scope) -> str | None:
        """Give an open transaction another scope."""
        connection.enter(scope)
        return None


class SqliteConnection:
    """One connection to a file, used by one thread at a time.

    Args:
        path: The file.
        options: The store's; ``create`` allows a writing connection to make the file.
        writes: Whether it may write.

    Raises:
        StoreError: The file cannot be opened, or is something else.
    """

    def __init__(self, path: Path, options: StoreOptions, *, writes: bool) -> None:
        self.writes = writes
        self.tables = Tables()
        self._limit = options.statement_timeout or float("inf")
        self._deadline = float("inf")
        self._guard: Guard | None = None
        flags = _OPEN | (apsw.SQLITE_OPEN_CREATE if writes and options.create else 0)
        try:
            self._database = apsw.Connection(str(path), flags=flags, statementcachesize=_STATEMENTS)
            self._set_up(options)
        except apsw.Error as error:
            raise failures.of_sqlite(error) from error

    def _set_up(self, options: StoreOptions) -> None:
        self._database.set_busy_timeout(int(options.lock_timeout * 1000))
        self._database.convert_binding = _convert
        if self.writes:
            _use_wal(self._database, options.lock_timeout)
        self._database.pragma("synchronous", "normal")
        self._database.execute("PRAGMA foreign_keys = on")
        self._database.execute("PRAGMA temp_store = memory")
        _load_vectors(self._database)
        self._database.register_fts5_function(word_counts.NAME, word_counts.count_words)
        if not self.writes:
            self._database.execute("PRAGMA query_only = on")
        # Without it Python would not see Ctrl-C until a statement has ended
        self._database.set_progress_handler(self._is_late, _LOOK_EVERY)

    @property
    def is_read_only(self) -> bool:
        """Whether the file cannot be written."""
        return self._database.readonly("main")

    def enter(self, scope: Scope) -> None:
        """Refuse, from now on, rows that are written outside of a scope."""
        if self._guard is None:
            if scope.project is None or not self.writes:
                return
            self._guard = Guard(self._database, self.tables)
        self._guard.enter(scope)

    @property
    def database(self) -> apsw.Connection:
        """The driver's connection."""
        return self._database

    def drive(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""
        return drive(self, operation)

    def perform(self, request: Request) -> list[Row]:
        """Run a request and return its rows."""
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

    Raises:
        UnavailableError: Its directory, or the file when it is not to be made, does not exist.
    """

    def __init__(self, path: Path, options: StoreOptions) -> None:
        _check_place(path, create=options.create)
        self.tables = Tables()
        self.lock = FairLock()
        self._path = path
        self._options = options
        self._writer: SqliteConnection | None = None
        self._free: queue.LifoQueue[SqliteConnection] = queue.LifoQueue()
        self._unopened = threading.Semaphore(options.readers)
        self._closed = False

    def writer(self) -> SqliteConnection:
        """Return the writing connection; only for whoever holds the lock."""
        self._check_open()
        if self._writer is None:
            self._writer = SqliteConnection(self._path, self._options, writes=True)
        self._writer.tables = self.tables
        return self._writer

    def writer_in(self, scope: Scope) -> SqliteConnection:
        """Return the writing connection, set to a scope; for whoever holds the lock, which an error gives back."""
        try:
            writer = self.writer()
            writer.enter(scope)
        except BaseException:
            self.lock.release()
            raise
        return writer

    def reader(self) -> SqliteConnection:
        """Take a reading connection; the caller gives it back by ``give_back``."""
        self._check_open()
        try:
            return self._free.get_nowait()
        except queue.Empty:
            pass
        if self._unopened.acquire(blocking=False):
            return self._opened()
        try:
            return self._free.get(timeout=self._options.pool_wait)
        except queue.Empty:
            raise _exhausted(self._options) from None

    def _opened(self) -> SqliteConnection:
        try:
            return SqliteConnection(self._path, self._options, writes=False)
        except BaseException:
            self._unopened.release()
            raise

    def give_back(self, reader: SqliteConnection) -> None:
        """Take a reading connection back."""
        if self._closed:
            reader.close()
            return
        reader.tidy()
        self._free.put(reader)

    def release(self) -> None:
        """Take the writing connection back, and hand it to whoever waits."""
        try:
            if self._writer is not None and not self._closed:
                self._writer.tidy()
        finally:
            self.lock.release()

    def refused(self) -> BusyError:
        """Return the error of whoever has waited too long to write."""
        return BusyError(
            f"The store's writer did not become free within {self._options.lock_timeout:g} s.",
            hint="A transaction of this program is open: end it sooner, or raise lock_timeout.",
            code="writer",
        )

    def close(self) -> None:
        """Close every connection that is not in use; the others are closed when they come back."""
        self._closed = True
        if self._writer is not None:
            self._writer.close()
        while True:
            try:
                self._free.get_nowait().close()
            except queue.Empty:
                return

    def _check_open(self) -> None:
        if self._closed:
            raise StateError("The store is closed.", hint="Open it again.", code="closed")


class SqlitePool:
    """Lends the connections of a file to threads.

    Args:
        file: The file.
        options: The store's.
    """

    def __init__(self, file: SqliteFile, options: StoreOptions) -> None:
        self._file = file
        self._patience = options.lock_timeout

    def take(self, kind: Kind, scope: Scope) -> SqliteConnection:
        """Lend the writing connection, in turn, or one that reads."""
        if kind is Kind.READ:
            return self._file.reader()
        if not self._file.lock.acquire(self._patience):
            raise self._file.refused()
        return self._file.writer_in(scope)

    def give(self, connection: SqliteConnection) -> None:
        """Take a connection back."""
        if connection.writes:
            self._file.release()
        else:
            self._file.give_back(connection)

    def close(self) -> None:
        """Close every connection."""
        self._file.close()


def _check_place(path: Path, *, create: bool) -> None:
    if not path.parent.is_dir():
        raise UnavailableError(
            f"The directory of {path} does not exist.", hint="Make it, or correct the path.", code="directory"
        )
    if path.is_dir():
        raise UnavailableError(f"{path} is a directory.", hint="Name a file in it.", code="file")
    if not create and not path.exists():
        raise UnavailableError(
            f"The file {path} does not exist.",
            hint=f"Correct the path; or make a store there: exuvia store init {path}, or create=True in Python.",
            code="file",
        )


def _use_wal(database: apsw.Connection, patience: float) -> None:
    """Switch to the write-ahead log; SQLite's own patience does not cover several processes that do it at once."""
    deadline = time.monotonic() + patience
    while True:
        try:
            if database.pragma("journal_mode") != "wal" and not database.readonly("main"):
                database.pragma("journal_mode", "wal")
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@lru_cache(maxsize=1)
def _vector_extension() -> str | None:
    """Return where sqlite-vec is, if it was installed by pip."""
    if find_spec("sqlite_vec") is None:
        return None
    import sqlite_vec

    found: str = sqlite_vec.loadable_path()
    return found


def _load_vectors(database: apsw.Connection) -> None:
    path = _vector_extension()
    if path is None:
        return
    database.enable_load_extension(True)
    try:
        database.load_extension(path)
    except apsw.ExtensionLoadingError:
        return  # made for another machine: the store does without
    finally:
        database.enable_load_extension(False)


def _convert(_cursor: apsw.Cursor, _number: int, value: Any) -> str:
    if isinstance(value, datetime):
        return time_text(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _refuse_nul(values: Iterable[Any]) -> None:
    for value in values:
        if type(value) is str and "\0" in value:
            raise failures.refused_nul(value)


def _exhausted(options: StoreOptions) -> StoreError:
    return BusyError(
        f"None of the {options.readers} reading connections became free within {options.pool_wait:g} s.",
        hint="Raise readers, or end what holds them.",
        code="readers",
    )
