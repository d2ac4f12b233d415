"""Ending a live move after a cut-over or a roll-back: what it has left in the target goes."""

from __future__ import annotations

import time

import psycopg

from exuvia.engines.postgres import staging
from exuvia.engines.postgres.capture.install import remove
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import State
from exuvia.engines.postgres.staging import REPLACEABLE
from exuvia.errors import TargetError
from exuvia.live.following import Following
from exuvia.move.conflicts import conflicts

_LOCK_TIMEOUT = "500ms"  # less than deadlock_timeout, so that no writer is ended for the sake of this
_PATIENCE = 60.0
_POLL = 0.5


def forget(connection: psycopg.Connection, found: State, *, drop_tables: bool = False) -> None:
    """End a move after its cut-over or its roll-back: the log of changes or the fence goes, and the state.

    Args:
        connection: A connection in autocommit mode that holds the right to carry the move on.
        found: The move.
        drop_tables: Whether to drop the tables and views that the move has made, too.

    Raises:
        TargetError: ``locked``: a table could not be locked; ``dependents``: something else depends on a table.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'".encode())
                remove(connection, found.schema)
                if drop_tables:
                    _drop_tables(connection, found)
                state.drop(connection, found.schema)
        except psycopg.errors.LockNotAvailable as error:
            if time.monotonic() > deadline:
                raise TargetError(
                    f"A table of schema {found.schema!r} is in use without a pause: its triggers cannot be taken out.",
                    hint="Try again when its long transactions have ended.",
                    code="locked",
                ) from error
        else:
            return
        time.sleep(_POLL)


def _drop_tables(connection: psycopg.Connection, found: State) -> None:
    relations = conflicts(connection, [Following.from_json(found.plan).plan])
    staging.drop(connection, [relation for relation in relations if relation.kind in REPLACEABLE])
