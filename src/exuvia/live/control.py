"""Looking at live moves and steering them from another process."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from exuvia.engines.postgres import staging
from exuvia.engines.postgres.connect import connect
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, Request, State
from exuvia.engines.sqlite.capture.install import installed, remove
from exuvia.engines.sqlite.capture.log import position
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.errors import ExuviaError, TargetError
from exuvia.live.beginning import discard
from exuvia.live.handover import DONE, settle
from exuvia.location import Location
from exuvia.move.ends import source_of
from exuvia.move.options import Source

_POLL = 0.1
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Status:
    """A live move, looked at from outside.

    Args:
        schema: The target schema.
        source: The database file.
        phase: Where it stands: copying, following, paused, stopped, cutting over, published or moved.
        running: Whether a process carries it on now.
        host: The machine that the process runs on, or ran on last.
        pid: The process there.
        begun: When the move began.
        heartbeat: Seconds since the follower last said that it lives.
        pending: Changes that are logged and not in the target yet; counted in the source where it is on this machine,
            else as the follower said last.
        lag: Seconds that the target was behind when the follower last said so; 0 when nothing waited.
        rate: Changes applied per second.
        remaining: Seconds until nothing waits at this rate, None where that cannot be told.
        rounds: Rounds since the move began.
        changes: Changes applied.
        rows: Rows written by rounds.
        rejected: Rows in quarantine.
        misfits: Columns that need a wider type, since values came that do not fit theirs.
        proved: Seconds since every value was last compared, None if that has not been done.
        message: Why it does not go on; empty if it does.
    """

    schema: str
    source: str
    phase: str
    running: bool
    host: str
    pid: int
    begun: datetime
    heartbeat: float
    pending: int
    lag: float
    rate: float
    remaining: float | None
    rounds: int
    changes: int
    rows: int
    rejected: int
    misfits: tuple[str, ...]
    proved: float | None
    message: str


def status(target: Location, schema: str | None = None) -> tuple[Status, ...]:
    """Return the live moves into a database.

    Args:
        target: The database.
        schema: Only the one into this schema; None for all.

    Raises:
        TargetError: The target cannot be reached.
    """
    with connect(target, autocommit=True) as connection:
        schemas = state.every(connection) if schema is None else (schema,)
        found = [_settled(connection, one) for name in schemas if (one := state.find(connection, name)) is not None]
        now = _now(connection)
        return tuple(_status(one, now, running=staging.is_locked(connection, one.schema)) for one in found)


def pause(target: Location, schema: str = "public") -> None:
    """Ask the follower to rest, and wait until it does. Its process stays; the source is left alone meanwhile.

    Args:
        target: The database.
        schema: The schema that is moved into.

    Raises:
        TargetError: Nothing is moved live into the schema, or no process is following.
    """
    with connect(target, autocommit=True) as connection:
        found = _running(connection, schema)
        if found.phase is Phase.PAUSED:
            return
        state.ask(connection, schema, Request.PAUSE)
        _await(connection, schema, Phase.PAUSED)


def resume(target: Location, schema: str = "public") -> None:
    """Ask a resting follower to go on, and wait until it does.

    Args:
        target: The database.
        schema: The schema that is moved into.

    Raises:
        TargetError: Nothing is moved live into the schema, or no process is there to go on.
    """
    with connect(target, autocommit=True) as connection:
        _running(connection, schema)
        state.ask(connection, schema, Request.NOTHING)
        _await(connection, schema, Phase.FOLLOWING)


def stop(source: Source, target: Location, schema: str = "public") -> bool:
    """End a live move and remove every trace of it from both sides. A follower that runs does it, else this process.

    After a cut-over nothing is removed but what the target knows of the move: the source stays fenced.

    Args:
        source: The SQLite file.
        target: The database.
        schema: The schema that was moved into.

    Returns:
        Whether both sides are as they were; not so after a cut-over.

    Raises:
        TargetError: Nothing is moved live into the schema, or from another file; or the follower is copying.
        SourceError: The file cannot be written.
    """
    path = source_of(source).path
    with connect(target, autocommit=True) as connection:
        found = _found(connection, schema)
        _refuse_another(found, path)
        if found.phase in DONE:
            state.drop(connection, schema)
            return False
        if staging.is_locked(connection, schema):
            if found.phase is Phase.COPYING:
                raise _copying(found)
            state.ask(connection, schema, Request.STOP)
            _await(connection, schema, None)
            return True
        with staging.lock(connection, [schema]):
            discard(connection, schema, path, found.move_id)
    return True


def remove_log(source: Source) -> bool:
    """Take the change log and its triggers out of a file whose target is gone, and return whether there were any.

    Args:
        source: The SQLite file.

    Raises:
        SourceError: The file cannot be written.
    """
    return remove(source_of(source).path)


def _settled(connection: psycopg.Connection, found: State) -> State:
    """Finish or undo a cut-over whose process was killed, where the source is on this machine."""
    path = Path(found.source)
    if found.phase is not Phase.CUTTING or found.host != socket.gethostname() or not path.exists():
        return found
    if not staging.take(connection, found.schema):
        return found
    try:
        return settle(connection, path, state.find(connection, found.schema) or found)
    finally:
        staging.let_go(connection, found.schema)


def _status(found: State, now: datetime, *, running: bool) -> Status:
    pending = _pending(found)
    rate = found.rate if running else 0.0
    return Status(
        schema=found.schema,
        source=found.source,
        phase=found.phase.value,
        running=running,
        host=found.host,
        pid=found.pid,
        begun=found.begun,
        heartbeat=(now - found.heartbeat).total_seconds(),
        pending=pending,
        lag=found.lag,
        rate=rate,
        remaining=0.0 if not pending else pending / rate if rate else None,
        rounds=found.rounds,
        changes=found.changes,
        rows=found.rows,
        rejected=found.rejected,
        misfits=found.misfits,
        proved=(now - found.proved).total_seconds() if found.proved else None,
        message=found.message,
    )


def _pending(found: State) -> int:
    if found.phase in DONE:
        return 0
    path = Path(found.source)
    is_here = found.host == socket.gethostname() and found.pid != os.getpid()
    if not is_here or found.phase is Phase.COPYING or not path.exists():
        return found.pending
    try:
        captured = installed(path)
        if captured is None or captured.move_id != found.move_id or captured.fence is not None:
            return found.pending
        with SourceWriter(path) as writer:
            return max(position(writer.connection) - found.position, 0)
    except ExuviaError:
        return found.pending


def _now(connection: psycopg.Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    return row[0] if row else datetime.now(UTC)


def _found(connection: psycopg.Connection, schema: str) -> State:
    found = state.find(connection, schema)
    if found is None:
        raise TargetError(
            f"Nothing is moved live into schema {schema!r}.",
            hint="exuvia live status lists live moves. A change log that was left in a file goes with:"
            " exuvia live stop --source-only.",
            code="live_none",
        )
    return found


def _running(connection: psycopg.Connection, schema: str) -> State:
    found = _found(connection, schema)
    if not staging.is_locked(connection, schema):
        why = f" ({found.message})" if found.message else ""
        raise TargetError(
            f"No process is following into schema {schema!r}; it is {found.phase.value}{why}.",
            hint="Go on with: exuvia live start, as it was begun.",
            code="live_idle",
        )
    if found.phase is Phase.COPYING:
        raise _copying(found)
    return found


def _copying(found: State) -> TargetError:
    return TargetError(
        f"Process {found.pid} on {found.host} is still copying.",
        hint="Wait until it follows, or interrupt it there with Ctrl-C.",
        code="live_copying",
    )


def _refuse_another(found: State, path: Path) -> None:
    if found.source != str(path.resolve()) and path.exists():
        captured = installed(path)
        if captured is None or captured.move_id != found.move_id:
            raise TargetError(
                f"What is moved live into schema {found.schema!r} is {found.source}, not {path}.",
                hint="Name that file.",
                code="live",
            )


def _await(connection: psycopg.Connection, schema: str, phase: Phase | None) -> None:
    """Wait until the move is in a phase, or with None until it is gone."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = state.find(connection, schema)
        if (found.phase if found else None) is phase:
            return
        if found is None or not staging.is_locked(connection, schema):
            raise TargetError(
                f"The process that followed into schema {schema!r} has ended.",
                hint="See where it stands: exuvia live status.",
                code="live_idle",
            )
        if time.monotonic() > deadline:
            raise TargetError(
                f"Process {found.pid} on {found.host} has not answered for {_PATIENCE:g} s.",
                hint="It does when its round is done; see exuvia live status.",
                code="live_slow",
            )
        time.sleep(_POLL)
