"""Reading a database in short visits, so that its writers never wait long.

Outside WAL mode a reader keeps every writer from committing. So a visit ends after a while, writers get a pause to go
ahead, and a question that takes longer than a whole visit stays unanswered.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from exuvia.catalog.model import Catalog
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.observe.glance import in_wal_mode
from exuvia.engines.sqlite.snapshot import Snapshot

JOURNAL_HOLD: Final = 0.1
"""Seconds for which writers may have to wait, outside WAL mode."""

WAL_HOLD: Final = 10.0
"""Seconds for which a checkpoint may have to wait, in WAL mode; writers do not."""

_PAUSE: Final = 0.05
_AGAIN: Final = 0.005


class Visits:
    """Reads a database, one short snapshot after another.

    Args:
        path: The database.
        hold: Seconds that a visit lasts at most; None for 0.1, or 10 in WAL mode.
    """

    def __init__(self, path: Path, hold: float | None = None) -> None:
        self._path = path
        self._snapshot = Snapshot.open(path, readers=0)
        self._worker = ThreadPoolExecutor(1)
        self._until = 0.0
        self._left = False
        try:
            self.wal = in_wal_mode(path)
            self.hold = hold if hold is not None else WAL_HOLD if self.wal else JOURNAL_HOLD
            self._begin()
        except BaseException:
            self.close()
            raise

    @property
    def size_bytes(self) -> int:
        """The file's size, without its WAL."""
        return self._snapshot.size_bytes

    def ask(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Run a SELECT or a PRAGMA that reads.

        Args:
            sql: The statement.

        Returns:
            The rows; None where they take longer than a visit may last.

        Raises:
            SourceError: SQLite cannot answer.
        """
        self._enter()
        started = time.monotonic()
        fresh = started + self.hold - self._until < self.hold / 10
        answer = self._try(sql)
        if answer is None and not fresh:
            self.renew()
            answer = self._try(sql)
        if time.monotonic() >= self._until:
            self.renew()
        return answer

    def describe(self, label: str) -> Catalog:
        """Read the schema; however long that takes.

        Args:
            label: The database's name for people.

        Raises:
            SourceError: It cannot be read.
        """
        self._enter()
        found = inspect(self._snapshot.connection, label)
        if time.monotonic() >= self._until:
            self.renew()
        return found

    def renew(self) -> None:
        """End the visit, let writers go ahead, and begin another."""
        self._snapshot.close()
        self._left = True
        time.sleep(min(_PAUSE, self.hold))
        self._enter()

    def leave(self) -> None:
        """Let writers go ahead until the next question; does nothing in WAL mode, where they do."""
        if not self.wal:
            self._snapshot.close()
            self._left = True

    def close(self) -> None:
        """End the last visit."""
        self._worker.shutdown()
        self._snapshot.close()

    def _enter(self) -> None:
        if self._left:
            self._snapshot = Snapshot.open(self._path, readers=0)
            self._left = False
            self._begin()

    def _begin(self) -> None:
        self._until = time.monotonic() + self.hold

    def _try(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Ask within what is left of the visit. A thread of its own lets signals in while SQLite works; a progress
        handler would not do, since count(*) is one opcode."""
        left = None if math.isinf(self._until) else max(self._until - time.monotonic(), 0)
        answer = self._worker.submit(lambda: list(self._snapshot.connection.execute(sql)))
        try:
            wait([answer], left)
        finally:
            while not answer.done():  # it may not have begun yet
                self._snapshot.connection.interrupt()
                wait([answer], _AGAIN)
        try:
            return answer.result()
        except apsw.InterruptError:
            return None
        except apsw.Error as error:
            raise source_error(error, str(self._path)) from error


@contextmanager
def visiting(path: Path, hold: float | None = None) -> Iterator[Visits]:
    """Open a database for short visits; arguments and errors as for ``Visits`` and ``Snapshot.open``."""
    visits = Visits(path, hold)
    try:
        yield visits
    finally:
        visits.close()
