"""From one database's outbox into the other database, batch by batch."""

from __future__ import annotations

import time
from typing import Final

from exuvia.store.core.requests import Operation, Statement
from exuvia.store.dual import outbox
from exuvia.store.dual.applying import Carrier
from exuvia.store.dual.side import Side
from exuvia.store.dual.tables import common
from exuvia.store.errors import BusyError, ConflictError, MissingReferenceError, StateError

CARRYING: Final = "hashtextextended('exuvia dual ' || current_schema(), 0)"
"""The lock of PostgreSQL that whoever writes to a secondary holds; on SQLite it is the file's own."""
BATCH: Final = 500
_GROWTH: Final = 8
_PAUSE: Final = 0.01
_TRY: Final = f"SELECT pg_try_advisory_xact_lock({CARRYING})"


class Carriage:
    """Carries changes over. Of any number of them, in any processes, one works at a time: whoever holds the secondary.

    The rows are read only then, so that nobody can overwrite newer ones by older ones.

    Args:
        source: The primary.
        target: The secondary.

    Raises:
        StoreError: One of them cannot be reached.
    """

    def __init__(self, source: Side, target: Side) -> None:
        self.source = source
        self.target = target
        self.tables, self.excluded = common(source.connect(), target.connect())
        self.carrier = Carrier(self.tables, source.dialect, target.dialect)
        self._limit = BATCH

    def round(self) -> int | None:
        """Carry over a batch; return how many entries it had, None while somebody else is at it.

        Raises:
            StoreError: One of the databases cannot be reached, or refuses.
            StateError: The source is no primary, or the target no secondary, any more.
        """
        if self.source.run(_nothing_to_do()):
            return 0
        try:
            batch = self.target.transact(self._carry())
        except (MissingReferenceError, ConflictError):
            # what a row needs may come later in the outbox
            if self._limit > self.source.run(outbox.pending())[0]:
                raise
            self._limit *= _GROWTH
            return None
        self._limit = BATCH
        if batch is None:
            return None
        if batch.numbers:
            self.source.transact(outbox.drop(batch, self.source.dialect))
        return len(batch.numbers)

    def drain(self, patience: float) -> None:
        """Carry over all that waits now; what is added meanwhile may be left.

        Raises:
            BusyError: Somebody else is at it, and did not end in time.
            StoreError: One of the databases cannot be reached, or refuses.
        """
        deadline = time.monotonic() + patience
        last = self.source.run(outbox.last())
        while self.source.run(outbox.has_any(last)):
            moved = self.round()
            if not moved:
                if time.monotonic() > deadline:
                    raise BusyError(
                        "Changes are still being carried over by another process.",
                        hint="Try it again, or raise lock_timeout.",
                        code="carrying",
                    )
                time.sleep(_PAUSE)

    def _carry(self) -> Operation[outbox.Batch | None]:
        if self.target.dialect.is_postgres and not (yield Statement(_TRY))[0][0]:
            return None
        rows = yield Statement("SELECT role FROM dual_role")
        if rows != [("secondary",)]:
            raise StateError(
                "The other database is no secondary any more.",
                hint="Open both again: which is the primary is seen then.",
                code="promoted",
            )
        batch = self.source.run(outbox.take(self._limit))
        if batch.numbers:
            yield from self.carrier.apply(batch.keys, self.source.run)
            self.source.sync()
        return batch


def _nothing_to_do() -> Operation[bool]:
    if (yield Statement("SELECT role FROM dual_role")) == [("secondary",)]:
        raise StateError(
            "The other database was made the primary.",
            hint="Open both again: which is the primary is seen then.",
            code="promoted",
        )
    return (yield from outbox.is_empty())
