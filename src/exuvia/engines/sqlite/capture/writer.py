"""The connection by which exuvia writes an application's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from exuvia.engines.sqlite import header
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.handles import HANDLES
from exuvia.errors import SourceError

DURABLE = "FULL"
"""PostgreSQL's side relies on what was committed here, also after a loss of power; SQLite can be built otherwise."""


class SourceWriter:
    """A connection of apsw that may write the source. Used with ``with``; ``connection`` is for one thread.

    It is closed when no snapshot of the file is open in this process any more: see ``handles``.

    Args:
        path: The database file, which must exist.
        timeout: Seconds to wait for another writer.

    Raises:
        SourceError: The file is missing or is no database, or cannot be opened.
    """

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        self.label = str(path)
        status = header.look(path)
        self._file = (status.st_dev, status.st_ino)
        HANDLES.enter(self._file)
        try:
            self.connection = apsw.Connection(str(path.absolute()), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.Error as error:
            HANDLES.leave(self._file, [])
            raise source_error(error, self.label) from error
        self.connection.set_busy_timeout(int(timeout * 1000))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, rolling back what was not committed."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        HANDLES.leave(self._file, [self.connection.close])

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """A write transaction, which holds SQLite's write lock from its beginning and commits at its end.

        Raises:
            SourceError: ``locked``: another writer did not finish in time; ``permission``: the file may only be read;
                ``disk_full``; or SQLite cannot write for another reason.
        """
        if self.connection.readonly("main"):
            raise SourceError(
                f"{self.label} may not be written.",
                hint="Check the rights of the file and its folder.",
                code="permission",
            )
        try:
            self.connection.execute(f"PRAGMA synchronous = {DURABLE}")
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
        except apsw.Error as error:
            raise source_error(error, self.label) from error
