"""The right to carry a live move on goes from one process to another; and a cut-over that was cut short is settled.

A cut-over fences the source first and publishes then. Killed in between, writers are told to go to the target, which
has every change but is not published yet; whoever takes the move up next publishes it. In the other order writers could
go on in the source after the target was published, and the two would part. A roll-back is the same in the other
direction: PostgreSQL is fenced first, and then SQLite's fence goes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from exuvia.engines.postgres import staging
from exuvia.engines.postgres.capture import state as capture
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, Request, State, Warmth
from exuvia.engines.sqlite.capture.install import installed, remove
from exuvia.engines.sqlite.sequences import largest
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import SourceError, TargetError
from exuvia.live.following import Following
from exuvia.live.publication import Publication, identities

_POLL = 0.05
_PATIENCE = 60.0

DONE = frozenset({Phase.PUBLISHED, Phase.MOVED})
"""The phases in which the target is the one that is written."""


def is_over(found: State) -> bool:
    """Tell whether there is nothing to follow any more, in neither direction."""
    return found.phase is Phase.RETURNED or (found.phase in DONE and found.warm is Warmth.NONE)


@contextmanager
def right_to_carry_on(connection: psycopg.Connection, schema: str) -> Iterator[None]:
    """Hold the right to carry a live move on for as long as the context lasts.

    Args:
        connection: A connection to the target in autocommit mode.
        schema: The target schema.

    Raises:
        TargetError: ``busy``: another process has it.
    """
    try:
        holding = staging.lock(connection, [schema])
        holding.__enter__()
    except TargetError as error:
        raise _followed(connection, schema) or error from error
    try:
        yield
    finally:
        holding.__exit__(None, None, None)


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


def take_whole(connection: psycopg.Connection, path: Path, schema: str) -> State:
    """Take the live move of a file over as ``take_over`` does, and settle what a killed process has left of it.

    Raises:
        TargetError: As ``take_over``; or it is the move of another file, or was rolled back.
        SourceError: It cannot go on, or the source cannot be read.
    """
    found = take_over(connection, schema)
    if found.source != str(path.resolve()):
        raise TargetError(
            f"What is moved live into schema {schema!r} is {found.source}, not {path}.",
            hint="Name that file, on the machine where it is.",
            code="live",
        )
    found = settle(connection, path, found)
    if found.phase is Phase.RETURNED:
        raise returned_already(found)
    if found.phase is Phase.STOPPED:
        raise stopped_already(found)
    return found


def hand_over(connection: psycopg.Connection, schema: str) -> None:
    """Let the process that asked for it have the right to carry the move on, and return when it is back.

    Args:
        connection: A connection to the target in autocommit mode that holds the right.
        schema: The target schema.
    """
    state.end_following(connection, schema, Phase.PAUSED)
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


def is_unsettled(found: State) -> bool:
    """Tell whether a cut-over or a roll-back was begun and not ended."""
    return found.phase is Phase.CUTTING or found.warm is Warmth.RETURNING


def settle(connection: psycopg.Connection, path: Path, found: State) -> State:
    """Finish or undo a cut-over or a roll-back that was cut short, and return the move as it stands then.

    Args:
        connection: A connection to the target in autocommit mode that holds the right to carry the move on.
        path: The source.
        found: The move.

    Raises:
        SourceError: The source cannot be read.
        psycopg.Error: The server refuses; it can be tried again.
    """
    if not is_unsettled(found):
        return found
    if found.warm is Warmth.RETURNING:
        _settle_rollback(connection, path, found)
    elif is_fenced(path, found.move_id):
        _publish(connection, path, found)
    else:
        state.change(connection, found.schema, phase=Phase.PAUSED)
    return _found(connection, found.schema)


def _publish(connection: psycopg.Connection, path: Path, found: State) -> None:
    following = Following.from_json(found.plan)
    with Snapshot.open(path, readers=1) as snapshot:
        numbers = largest(snapshot.connection, identities(following))
    reverse = found.move_id if found.warm is not Warmth.NONE else ""
    with connection.transaction():
        Publication(connection, found.schema, following, reverse).run(numbers)


def _settle_rollback(connection: psycopg.Connection, path: Path, found: State) -> None:
    """PostgreSQL is fenced first, and SQLite has every change by then; so its fence can go, now as well."""
    captured = capture.read(connection, found.schema)
    if captured is None or captured.move_id != found.move_id or captured.fence is None:
        state.change(connection, found.schema, warm=Warmth.PAUSED)
        return
    if is_fenced(path, found.move_id):
        remove(path, timeout=_PATIENCE)
    state.change(connection, found.schema, phase=Phase.RETURNED, warm=Warmth.NONE, message="")


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
    cold = "SQLite is not kept up to date, since the cut-over was made with --no-warm. " * (found.warm is Warmth.NONE)
    return TargetError(
        f"{found.source} has moved into schema {found.schema!r}; it is written there now.{more}",
        hint=f"{cold}To forget the live move, which leaves both sides as they are: exuvia live stop.",
        code="live_moved",
    )


def returned_already(found: State) -> TargetError:
    """Return the error for what cannot be done any more after a roll-back."""
    return TargetError(
        f"{found.source} was rolled back: it is written again, and schema {found.schema!r} is fenced.",
        hint="To move it once more, with its tables replaced: exuvia live start --restart. To forget the move: exuvia"
        " live stop, with --drop-tables also the tables.",
        code="live_returned",
    )


def stopped_already(found: State) -> SourceError:
    """Return the error for a move that cannot go on, for the reason that its state gives."""
    return SourceError(found.message, hint="Begin the move anew: exuvia live start --restart.", code="live")


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


def _followed(connection: psycopg.Connection, schema: str) -> TargetError | None:
    found = state.find(connection, schema)
    if found is None:
        return None
    return TargetError(
        f"{found.source} is followed into schema {schema!r} already, by process {found.pid} on {found.host},"
        f" {found.phase.value} since {found.begun:%Y-%m-%d %H:%M:%S} UTC.",
        hint="See how far it is: exuvia live status. To end it: exuvia live stop.",
        code="busy",
    )
