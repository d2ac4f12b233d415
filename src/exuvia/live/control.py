"""Looking at live moves and steering them from another process."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg

from exuvia.engines.postgres import staging
from exuvia.engines.postgres.capture import install as capture
from exuvia.engines.postgres.capture import log
from exuvia.engines.postgres.connect import connect
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import Phase, Request, State, Warmth
from exuvia.engines.sqlite.capture.install import installed, remove
from exuvia.engines.sqlite.capture.log import kept, position
from exuvia.engines.sqlite.capture.writer import SourceWriter
from exuvia.errors import ExuviaError, TargetError
from exuvia.live.beginning import discard
from exuvia.live.ending import forget
from exuvia.live.handover import DONE, is_unsettled, settle, take_over
from exuvia.live.warm import applied
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
        phase: Where it stands: copying, following, paused, stopped, cutting over, published, moved or rolled back.
        direction: The side that is brought up to date: postgresql, or after a cut-over sqlite.
        warm: How SQLite is kept up to date after a cut-over: following, paused, stopped, rolling back; empty where it
            is not.
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
        logged: Changes that the log in the source holds, which grows while nobody follows; 0 where the source is not on
            this machine.
        wal_bytes: Size of the source's WAL, which grows while somebody reads an old moment, such as a program with a
            transaction that stays open; 0 where the source is not on this machine.
    """

    schema: str
    source: str
    phase: str
    direction: str
    warm: str
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
    logged: int
    wal_bytes: int


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
        return tuple(_status(connection, one, now) for one in found)


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
        if _is_resting(found):
            return
        state.ask(connection, schema, Request.PAUSE)
        _await(connection, schema, _is_resting)


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
        _await(connection, schema, _is_following)


def stop(
    source: Source,
    target: Location,
    schema: str = "public",
    *,
    lift_fence: bool = False,
    drop_tables: bool = False,
) -> bool:
    """End a live move and remove every trace of it from both sides. A follower that runs ends.

    After a cut-over SQLite is not kept up to date any more, and it stays fenced unless wanted otherwise; after a
    roll-back the fence of PostgreSQL goes, and its tables stay unless wanted otherwise.

    Args:
        source: The SQLite file.
        target: The database.
        schema: The schema that was moved into.
        lift_fence: After a cut-over, let the file be written: what is written there is nowhere else.
        drop_tables: After a roll-back, drop the tables and views in PostgreSQL that the move has made.

    Returns:
        Whether the file is as it was; not so after a cut-over where the fence stays.

    Raises:
        TargetError: Nothing is moved live into the schema, or from another file; or the follower is copying.
        SourceError: The file cannot be written.
    """
    path = source_of(source).path
    with connect(target, autocommit=True) as connection:
        found = _found(connection, schema)
        _refuse_another(found, path)
        if found.phase in DONE or found.phase is Phase.RETURNED:
            return _end(connection, path, schema, lift_fence=lift_fence, drop_tables=drop_tables)
        if staging.is_locked(connection, schema):
            if found.phase is Phase.COPYING:
                raise _copying(found)
            state.ask(connection, schema, Request.STOP)
            _await(connection, schema, lambda one: one is None)
            return True
        with staging.lock(connection, [schema]):
            discard(connection, schema, path, found.move_id)
    return True


def _end(connection: psycopg.Connection, path: Path, schema: str, *, lift_fence: bool, drop_tables: bool) -> bool:
    """End a move after its cut-over or its roll-back."""
    found = take_over(connection, schema)
    if path.exists():
        found = settle(connection, path, found)
    returned = found.phase is Phase.RETURNED
    forget(connection, found, drop_tables=drop_tables and returned)
    if lift_fence and not returned:
        remove(path)
    return lift_fence or returned


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
    if not is_unsettled(found) or found.host != socket.gethostname() or not path.exists():
        return found
    if not staging.take(connection, found.schema):
        return found
    try:
        return settle(connection, path, state.find(connection, found.schema) or found)
    finally:
        staging.let_go(connection, found.schema)


def _status(connection: psycopg.Connection, found: State, now: datetime) -> Status:
    running = staging.is_locked(connection, found.schema)
    pending = _pending_back(connection, found) if found.phase in DONE else _pending(found)
    rate = found.rate if running else 0.0
    return Status(
        schema=found.schema,
        source=found.source,
        phase=found.phase.value,
        direction="sqlite" if found.phase in DONE else "postgresql",
        warm=found.warm.value if found.phase in DONE else "",
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
        logged=_logged(found),
        wal_bytes=_wal_bytes(found),
    )


def _logged(found: State) -> int:
    path = _source_here(found)
    if path is None or found.phase in DONE:
        return 0
    try:
        captured = installed(path)
        if captured is None or captured.move_id != found.move_id or captured.fence is not None:
            return 0
        with SourceWriter(path) as writer:
            return kept(writer.connection)
    except (ExuviaError, apsw.Error):
        return 0


def _wal_bytes(found: State) -> int:
    path = _source_here(found)
    wal = path.with_name(f"{path.name}-wal") if path is not None else None
    try:
        return wal.stat().st_size if wal is not None else 0
    except OSError:
        return 0


def _source_here(found: State) -> Path | None:
    """Return the source where it is on this machine; not in the process that follows it."""
    path = Path(found.source)
    is_here = found.host == socket.gethostname() and found.pid != os.getpid()
    return path if is_here and path.exists() else None


def _pending_back(connection: psycopg.Connection, found: State) -> int:
    """Count the changes that SQLite has not got yet, where it is on this machine."""
    path = Path(found.source)
    if found.warm is Warmth.NONE or found.host != socket.gethostname() or not path.exists():
        return found.pending
    try:
        captured = capture.installed(connection, found.schema)
        if captured is None or captured.move_id != found.move_id:
            return found.pending
        return log.pending(connection, captured, applied(path))
    except ExuviaError:
        return found.pending


def _pending(found: State) -> int:
    path = _source_here(found)
    if path is None or found.phase is Phase.COPYING:
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


def _is_resting(found: State | None) -> bool:
    if found is None:
        return False
    return found.warm is Warmth.PAUSED if found.phase in DONE else found.phase is Phase.PAUSED


def _is_following(found: State | None) -> bool:
    if found is None:
        return False
    return found.warm is Warmth.FOLLOWING if found.phase in DONE else found.phase is Phase.FOLLOWING


def _await(connection: psycopg.Connection, schema: str, condition: Callable[[State | None], bool]) -> None:
    """Wait until the move is as wanted."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = state.find(connection, schema)
        if condition(found):
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
