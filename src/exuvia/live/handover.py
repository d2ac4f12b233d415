"""The right to carry a live move on goes from one process to another; and a cut-over that was cut short is settled.

A cut-over fences the source first and publishes then. Killed in between, writers are told to go to the target, which
has every change but is not published yet; whoever takes the move up next publishes it. In the other order writers could
go on in the source after the target was published, and the two would part.
"""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from exuvia.engines.postgres import staging
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, Request, State
from exuvia.engines.sqlite.capture.install import installed
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.engines.sqlite.sequences import largest
from exuvia.errors import TargetError
from exuvia.live.following import Following
from exuvia.live.publication import Publication, identities

_POLL = 0.05
_PATIENCE = 60.0

DONE = frozenset({Phase.PUBLISHED, Phase.MOVED})
"""The phases in which the target is the one that is written."""


def take_over(connection: psycopg.Connection, schema: str) -> State:
    """Take the right to carry a live move on, from the follower if one runs, and return the move.

    Args:
        connection: A connection to the target in autocommit mode; it holds the right from now on.
        schema: The target schema.

    Raises:
        TargetError: Nothing is moved live into the schema, the first copy is not done yet, or the follower does not
            answer.
    """
    deadline = time.monotonic() + _PATIENCE
    found = _found(connection, schema)
    while not staging.take(connection, schema):
        found = _found(connection, schema)
        if found.phase is Phase.COPYING:
            raise _copying(found)
        if found.request is not Request.HAND_OVER:
            state.ask(connection, schema, Request.HAND_OVER)
        if time.monotonic() > deadline:
            state.ask(connection, schema, Request.NOTHING)
            raise TargetError(
                f"Process {found.pid} on {found.host} has not let go for {_PATIENCE:g} s.",
                hint="It does when its round is done; see exuvia live status.",
                code="live_slow",
            )
        time.sleep(_POLL)
    found = _found(connection, schema)
    if found.phase is Phase.COPYING:
        raise _copying(found)
    if found.request is Request.HAND_OVER:
        state.ask(connection, schema, Request.NOTHING)
    return found


def hand_over(connection: psycopg.Connection, schema: str) -> None:
    """Let the process that asked for it have the right to carry the move on, and return when it is back.

    Args:
        connection: A connection to the target in autocommit mode that holds the right.
        schema: The target schema.
    """
    state.change(connection, schema, phase=Phase.PAUSED)
    staging.let_go(connection, schema)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = state.find(connection, schema)
        if found is None or found.request is not Request.HAND_OVER:
            break
        time.sleep(_POLL)
    while not staging.take(connection, schema):
        time.sleep(_POLL)
    found = state.find(connection, schema)
    if found is not None and found.request is Request.HAND_OVER:
        state.ask(connection, schema, Request.NOTHING)


def settle(connection: psycopg.Connection, path: Path, found: State) -> State:
    """Finish or undo a cut-over that was cut short, and return the move as it stands then.

    Args:
        connection: A connection to the target in autocommit mode that holds the right to carry the move on.
        path: The source.
        found: The move.

    Raises:
        SourceError: The source cannot be read.
        psycopg.Error: The server refuses; it can be tried again.
    """
    if found.phase is not Phase.CUTTING:
        return found
    if is_fenced(path, found.move_id):
        following = Following.from_json(found.plan)
        with SourceWriter(path) as writer:
            numbers = largest(writer.connection, identities(following))
        with connection.transaction():
            Publication(connection, found.schema, following).run(numbers)
    else:
        state.change(connection, found.schema, phase=Phase.PAUSED)
    return _found(connection, found.schema)


def is_fenced(path: Path, move_id: str) -> bool:
    """Return whether a move has fenced a source.

    Raises:
        SourceError: The source cannot be read.
    """
    captured = installed(path)
    return captured is not None and captured.move_id == move_id and captured.fence is not None


def moved_already(found: State) -> TargetError:
    """Return the error for what cannot be done any more after a cut-over."""
    more = "" if found.phase is Phase.MOVED else " To validate its constraints: exuvia live cutover."
    return TargetError(
        f"{found.source} has moved into schema {found.schema!r}; it is written there now.{more}",
        hint="To forget the live move, which leaves both sides as they are: exuvia live stop.",
        code="live_moved",
    )


def _found(connection: psycopg.Connection, schema: str) -> State:
    found = state.find(connection, schema)
    if found is None:
        raise TargetError(
            f"Nothing is moved live into schema {schema!r}.", hint="Begin with: exuvia live start.", code="live_none"
        )
    return found


def _copying(found: State) -> TargetError:
    return TargetError(
        f"The first copy of {found.source} is not done: process {found.pid} on {found.host} makes it, or did.",
        hint="Wait until it follows, or begin anew with: exuvia live start.",
        code="live_copying",
    )
