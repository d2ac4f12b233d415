"""One consistent, read-only view of a SQLite file, shared by several connections.

Two copies of SQLite read the file: apsw's (schema, single rows) and the Arrow driver's (bulk). Locks belong to the
process, so either copy would drop the other's by closing a descriptor or ending its last read transaction. Therefore
all connections are opened first, all begin together, and all are closed together at the end.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from exuvia.engines.sqlite import header
from exuvia.engines.sqlite.adbc import ArrowConnection
from exuvia.engines.sqlite.chroma_files import Indexes, refuse_change
from exuvia.engines.sqlite.errors import is_busy, source_error
from exuvia.engines.sqlite.functions import register
from exuvia.engines.sqlite.handles import HANDLES, FileId
from exuvia.engines.sqlite.read import Reader
from exuvia.errors import ExuviaError, SourceError

_TOUCH = "SELECT 1 FROM sqlite_schema LIMIT 1"
_STEP_MS = 100
_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class _State:
    """What shows that somebody changed the file although it was locked, or read without a lock."""

    page: bytes
    size: int
    modified: int
    inode: int
    wal_bytes: int


class Snapshot:
    """A moment of a SQLite database, its WAL included.

    The file is opened with ``mode=ro`` and never written. In WAL mode writers go on meanwhile; in the other journal
    modes they wait (SQLITE_BUSY) until the snapshot is closed. SQLite needs a ``-wal`` and a ``-shm`` file to read a
    database in WAL mode and makes them where they are missing; they are removed again, by SQLite itself under its
    exclusive lock, when nobody else has opened the database in between. Only where they cannot be made (a folder
    that may not be written, so that nobody else writes there either) is the file read as ``immutable``, and its
    size, time and header are compared at the end.

    The process should not have the file open through a third library at the same time (Python's ``sqlite3``, say):
    closing that drops locks of this one and the reverse.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.label = str(path)
        self._timeout = timeout
        self._stop = threading.Event()
        self._rows: list[apsw.Connection] = []
        self._arrows: list[ArrowConnection] = []
        self._readers: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        self._closers: list[Callable[[], object]] = []
        self._indexes = Indexes(path.absolute())
        self._immutable = False
        self._closed = False
        status = header.look(path)
        self._file: FileId = (status.st_dev, status.st_ino)
        self._had_side_files = any(self._side(suffix).exists() for suffix in ("-wal", "-shm"))
        self._descriptor = -1
        self._begun: _State

    @classmethod
    def open(cls, path: Path, *, readers: int, timeout: float = 5.0) -> Self:
        """Open ``path`` and take the snapshot.

        Args:
            path: The database file.
            readers: How many readers can be lent at once.
            timeout: Seconds to wait for a writer that holds the file locked, or commits without a pause.

        Raises:
            SourceError: With the codes ``not_found``, ``is_directory``, ``not_a_file``, ``permission``, ``empty``,
                ``not_a_database``, ``too_new``, ``schema``, ``corrupt``, ``locked``, ``busy``, ``needs_recovery``.
        """
        snapshot = cls(Path(path), timeout)
        HANDLES.enter(snapshot._file)
        try:
            snapshot._open(readers)
        except BaseException as error:
            snapshot._release()
            if isinstance(error, Exception):
                raise source_error(error, snapshot.label) from error
            raise
        return snapshot

    @property
    def connection(self) -> apsw.Connection:
        """The connection for the schema, inside the snapshot; for one thread at a time."""
        return self._rows[0]

    @property
    def size_bytes(self) -> int:
        """The file's size, without its WAL."""
        return self._begun.size

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        """Lend a reader; waits until one is free. Any thread may ask."""
        reader = self._readers.get()
        try:
            yield reader
        finally:
            self._readers.put(reader)

    def check(self) -> list[str]:
        """Return what ``PRAGMA quick_check`` finds wrong (reads the whole file); an empty list when nothing."""
        try:
            found = [str(row[0]) for row in self.connection.execute("PRAGMA quick_check")]
        except apsw.Error as error:
            return [str(source_error(error, self.label))]
        return [] if found == ["ok"] else found

    def let_go(self) -> None:
        """End the moment, so that the WAL can be written back; nothing can be read until ``move_on``."""
        self._roll_back()

    def move_on(self) -> None:
        """Take a new moment, through the same connections. Every reader must be back.

        Raises:
            SourceError: ``locked``, ``busy`` and the like, as in ``open``.
        """
        self._roll_back()
        try:
            self._begin()
        except apsw.Error as error:
            raise source_error(error, self.label) from error
        self._begun = self._state()

    def interrupt(self) -> None:
        """Make running and later readings end with CancelledError, at the latest with their next batch."""
        self._stop.set()
        for connection in self._rows:
            with contextlib.suppress(apsw.Error):
                connection.interrupt()

    def close(self) -> None:
        """Let go of the file. A second call does nothing.

        Raises:
            SourceError: ``changed``: somebody changed the file although it was locked, so that what was read may
                mix two moments; or an index file of ChromaDB's, which has no lock.
        """
        if self._closed:
            return
        changed = self._has_changed()
        try:
            refuse_change(self._indexes)
        finally:
            self._release()
        if changed:
            raise SourceError(
                f"{self.label} was changed by another program while it was read.",
                hint="Its folder may be on a network share without locks. Copy the file and move the copy.",
                code="changed",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except ExuviaError:
            if error is None:
                raise

    def _open(self, readers: int) -> None:
        self._descriptor = header.open_file(self.path)
        self._closers.append(lambda: os.close(self._descriptor))
        page = os.pread(self._descriptor, header.PAGE, 0)
        header.check_header(page, self.path)
        try:
            self._connect(readers, "mode=ro")
            self._begin()
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            if not self._cannot_be_live(page):
                raise
            self._immutable = True
            self._connect(readers, "mode=ro&immutable=1")
            self._begin()
        self._begun = self._state()
        encoding = str(self._value("PRAGMA encoding"))
        for arrow, rows in zip(self._arrows, self._rows[2:], strict=True):
            self._readers.put(Reader(arrow, rows, encoding, self.label))

    def _connect(self, readers: int, options: str) -> None:
        uri = f"{self.path.absolute().as_uri()}?{options}"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        self._rows, self._arrows = [], []
        for _ in range(readers + 2):  # the schema's connection, the observer, and one for each reader
            connection = apsw.Connection(uri, flags=flags)
            self._closers.append(connection.close)
            self._rows.append(connection)
            connection.set_busy_timeout(_STEP_MS)
            connection.execute("PRAGMA trusted_schema = OFF").fetchall()
            register(connection, self._indexes)
        for _ in range(readers):
            arrow = ArrowConnection(uri, self.label, self._stop)
            self._closers.append(arrow.close)
            self._arrows.append(arrow)
            arrow.execute(f"PRAGMA busy_timeout = {_STEP_MS}")
            arrow.execute("PRAGMA trusted_schema = OFF")

    def _begin(self) -> None:
        """Begin everywhere at one moment: the observer sees no commit between before and after.

        A writer in a rollback journal mode that waits for readers lets no new ones in, so on a lock all let go.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            busy: Exception | None = None
            try:
                before = self._data_version()
                for execute in self._each():
                    execute("BEGIN")
                for execute in self._each():
                    execute(_TOUCH)
                if self._data_version() == before:
                    return
            except Exception as error:
                if not is_busy(error):
                    raise
                busy = error
            self._roll_back()
            if time.monotonic() > deadline:
                raise self._gave_up(busy)
            time.sleep(_PAUSE)

    def _each(self) -> Iterator[Callable[[str], object]]:
        for connection in (self._rows[0], *self._rows[2:]):
            yield lambda sql, connection=connection: connection.execute(sql).fetchall()  # type: ignore[misc]
        for arrow in self._arrows:
            yield arrow.execute

    def _roll_back(self) -> None:
        for connection in (self._rows[0], *self._rows[2:]):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        for arrow in self._arrows:
            with contextlib.suppress(Exception):  # not every one had begun
                arrow.execute("ROLLBACK")

    def _gave_up(self, busy: Exception | None) -> SourceError:
        if busy is not None:
            locked = source_error(busy, self.label)
            if isinstance(locked, SourceError):
                return locked
        return SourceError(
            f"A program commits to {self.label} so often that no single moment could be read in {self._timeout:g} s.",
            hint="Try again when it is quieter, or raise the timeout.",
            code="busy",
        )

    def _data_version(self) -> object:
        return self._rows[1].execute("PRAGMA data_version").fetchone()

    def _value(self, sql: str) -> object:
        row = self.connection.execute(sql).fetchone()
        return row[0] if row else None

    def _side(self, suffix: str) -> Path:
        real = self.path.resolve()
        return real.with_name(real.name + suffix)

    def _cannot_be_live(self, page: bytes) -> bool:
        return (
            header.is_wal(page)
            and _size(self._side("-wal")) == 0
            and not os.access(self.path.resolve().parent, os.W_OK)
        )

    def _state(self) -> _State:
        status = os.fstat(self._descriptor)
        page = os.pread(self._descriptor, header.PAGE, 0)
        try:
            inode = self.path.stat().st_ino
        except OSError:
            inode = status.st_ino
        return _State(page, status.st_size, status.st_mtime_ns, inode, _size(self._side("-wal")))

    def _has_changed(self) -> bool:
        now, begun = self._state(), self._begun
        if self._immutable:
            return now != begun
        if header.is_wal(begun.page):
            return False
        return header.change_counter(now.page) != header.change_counter(begun.page)

    def _release(self) -> None:
        """Close everything; a descriptor of Python's goes last, after both libraries have let go."""
        self._closed = True
        self._indexes.close()
        last = HANDLES.leave(self._file, self._closers[::-1])
        self._closers = []
        if last and not self._had_side_files and not self._immutable:
            self._remove_side_files()

    def _remove_side_files(self) -> None:
        """Remove the empty -wal and the -shm that reading made, as SQLite does it: the last connection that may
        write takes the exclusive lock, or leaves them to whoever has the database open now."""
        if not self._side("-wal").exists() or _size(self._side("-wal")) or not os.access(self.path, os.W_OK):
            return
        with contextlib.suppress(apsw.Error):
            connection = apsw.Connection(str(self.path.absolute()), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.execute(_TOUCH).fetchall()
            finally:
                connection.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
