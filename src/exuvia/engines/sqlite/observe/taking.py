"""Trying the write lock itself, where the system does not tell who holds it: BEGIN IMMEDIATE, and at once ROLLBACK."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from exuvia.engines.sqlite import header
from exuvia.engines.sqlite.errors import is_busy, source_error
from exuvia.engines.sqlite.handles import HANDLES
from exuvia.engines.sqlite.observe.glance import in_wal_mode


def why_not(path: Path) -> str:
    """Return why the write lock of a database cannot be tried without changing anything, empty when it can.

    Args:
        path: The database.
    """
    real = path.resolve()
    if not (os.access(real, os.W_OK) and os.access(real.parent, os.W_OK)):
        return "the file or its folder may not be written"
    if in_wal_mode(path) and not real.with_name(f"{real.name}-shm").exists():
        return "no process has the database open"
    return ""


class LockTaker:
    """A connection that does nothing but try the write lock, for the microseconds until ROLLBACK.

    A writer without a busy timeout that comes in those microseconds gets SQLITE_BUSY, as from any other writer. Nothing
    is written: no checkpoint on closing (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE), and no try while a rollback journal is hot,
    which SQLite would play back.
    """

    def __init__(self, path: Path) -> None:
        """Open the database for writing.

        Args:
            path: The database, for which ``why_not`` has nothing to say.

        Raises:
            SourceError: It cannot be opened.
        """
        self.path = path
        real = path.resolve()
        self._journal = real.with_name(f"{real.name}-journal")
        status = header.look(path)
        self._file = (status.st_dev, status.st_ino)
        HANDLES.enter(self._file)
        try:
            self._connection = apsw.Connection(str(path.absolute()), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.Error as error:
            HANDLES.leave(self._file, [])
            raise source_error(error, str(path)) from error
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.set_busy_timeout(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        HANDLES.leave(self._file, [self._connection.close])

    def is_busy(self) -> bool:
        """Try the write lock once; True when a writer would have had to wait.

        Raises:
            SourceError: The database cannot be read.
        """
        if self._in_use():
            return True
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("ROLLBACK")
        except apsw.Error as error:
            if is_busy(error):
                return True
            raise source_error(error, str(self.path)) from error
        return False

    def _in_use(self) -> bool:
        """Whether a rollback journal has a header: a transaction is being written, or was when a process died."""
        try:
            with self._journal.open("rb") as file:
                return file.read(1) not in (b"", b"\0")
        except OSError:
            return False
