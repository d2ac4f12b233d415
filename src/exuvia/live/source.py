"""The source while it is followed: one moment after the other is read, and now and then the log is pruned."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from exuvia.engines.sqlite.capture import log, schema, state
from exuvia.engines.sqlite.capture.durable import put_on_disk
from exuvia.engines.sqlite.capture.install import missing_triggers
from exuvia.engines.sqlite.capture.schema import Declared
from exuvia.engines.sqlite.capture.state import Installed
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import SourceError

_PRUNE_EVERY = 5.0
_PRUNE_FROM = 10_000


class LiveSource:
    """A file under capture. Used with ``with``, from one thread.

    Args:
        path: The database file.
        move_id: The move that its change log has to belong to.

    Raises:
        SourceError: The file cannot be read or written, or ``not_captured``: it has no log of this move.
    """

    def __init__(self, path: Path, move_id: str) -> None:
        self.label = str(path)
        self._path = path
        self._inode = path.stat().st_ino if path.exists() else 0
        self._writer = SourceWriter(path)
        try:
            self.installed = self._read(move_id)
            self.snapshot = Snapshot.open(path, readers=1)
        except BaseException:
            self._writer.close()
            raise
        self.snapshot.let_go()
        self._pruned = -1
        self._pruned_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self.snapshot.close()

    @contextmanager
    def moment(self) -> Iterator[Snapshot]:
        """Take the state of the database now and hold it while the context lasts; writers go on."""
        self.snapshot.move_on()
        try:
            yield self.snapshot
        finally:
            self.snapshot.let_go()

    @contextmanager
    def apart(self) -> Iterator[Snapshot]:
        """Take the state of the database now through connections of its own, beside which others can be taken."""
        with Snapshot.open(self._path, readers=1) as snapshot:
            yield snapshot

    def refuse_replaced(self) -> None:
        """Make sure that the file of this name is still the one that is followed.

        Raises:
            SourceError: ``replaced``: it is another file, or gone.
        """
        try:
            same = self._path.stat().st_ino == self._inode
        except OSError:
            same = False
        if not same:
            raise SourceError(
                f"{self.label} has been replaced by another file, or removed, while it was followed.",
                hint="Begin the move anew, with the file as it is now: exuvia live start --restart.",
                code="replaced",
            )

    def version(self) -> int:
        """Return a number that is another one after somebody else has committed. Not inside a ``moment``."""
        return self._asked("PRAGMA main.data_version")

    def pending(self, position: int) -> int:
        """Return how many changes the log has after a position. Not inside a ``moment``."""
        try:
            return log.position(self._writer.connection) - position
        except apsw.Error as error:
            raise source_error(error, self.label) from error

    def prune(self, up_to: int, *, at_once: bool = False) -> None:
        """Delete what the log has up to a position, when that is worth a transaction. Not inside a ``moment``.

        Args:
            up_to: The position that has been committed in the target.
            at_once: Whether it is worth one in any case.
        """
        now = time.monotonic()
        worth = up_to - self._pruned >= _PRUNE_FROM or now - self._pruned_at >= _PRUNE_EVERY
        if up_to <= self._pruned or not (worth or at_once) or self._writer.connection.in_transaction:
            return
        if not log.prune(self._writer.connection, up_to, self.label):
            self._pruned = up_to
        self._pruned_at = now

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """A write transaction on the source: while it lasts nobody else can write, and rounds can be made.

        Raises:
            SourceError: ``locked``: another writer did not finish in time; or SQLite cannot write.
        """
        with self._writer.transaction() as connection:
            yield connection

    def put_on_disk(self) -> None:
        """Wait until what was read in the last ``moment`` would survive a loss of power."""
        put_on_disk(self._path)

    def forget_vacuum(self, cookie: int) -> None:
        """Take it that rowids are known again, unless the schema's cookie has changed or the file is busy."""
        try:
            with self._writer.transaction() as connection:
                if schema.cookie(connection) == cookie:
                    state.forget_vacuum(connection)
        except SourceError as error:
            if error.code not in ("source.locked", "source.disk_full"):
                raise

    def refuse_change(self, connection: apsw.Connection, before: Declared) -> Declared:
        """Return what the database declares in a moment.

        Args:
            connection: A connection inside that moment.
            before: What it declared last.

        Raises:
            SourceError: ``schema_changed``: that is not what it declared before, or a table has lost its triggers.
        """
        if schema.cookie(connection) == before.cookie:
            return before
        now = schema.declared(connection)
        told = schema.differences(before, now)
        told += [f"table {name} has lost its triggers" for name in missing_triggers(connection, self.installed)]
        if told:
            raise SourceError(
                f"The schema of {self.label} has changed: {'; '.join(told)}.",
                hint="Let exuvia live start follow that first: it plans and copies anew what has changed.",
                code="schema_changed",
            )
        return now

    def _read(self, move_id: str) -> Installed:
        try:
            found = state.read(self._writer.connection)
        except apsw.Error as error:
            raise source_error(error, self.label) from error
        if found is None or found.move_id != move_id:
            what = "has no change log" if found is None else f"has the change log of another move, {found.move_id}"
            raise SourceError(
                f"{self.label} {what}.",
                hint="It may have been restored or replaced. Begin the move anew: exuvia live start --restart.",
                code="not_captured",
            )
        return found

    def _asked(self, pragma: str) -> int:
        try:
            row = self._writer.connection.execute(pragma).fetchone()
        except apsw.Error as error:
            raise source_error(error, self.label) from error
        return int(str(row[0])) if row else 0
