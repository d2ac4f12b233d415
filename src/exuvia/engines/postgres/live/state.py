"""What a live move keeps about itself in the target: one row, in a schema of its own beside the staging schema.

The row's position is written in the transaction that writes the rows, so the two never differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg

from exuvia.catalog.names import fit, qualify, quote
from exuvia.engines.postgres.ddl import literal
from exuvia.errors import TargetError

FORMAT = 2
TABLE = "state"

_MARK = "exuvia: what is known of a live move; see exuvia live status\nInto schema "


class Phase(StrEnum):
    """Where a live move stands."""

    COPYING = "copying"
    FOLLOWING = "following"
    PAUSED = "paused"
    STOPPED = "stopped"  # following cannot go on; ``message`` says why
    CUTTING = "cutting over"  # the source may be fenced any moment; nothing is published yet
    PUBLISHED = "published"  # PostgreSQL has it; constraints are still to be validated
    MOVED = "moved"
    RETURNED = "rolled back"  # SQLite is written again, and PostgreSQL is fenced


class Warmth(StrEnum):
    """How SQLite is kept up to date after a cut-over."""

    NONE = ""  # it is not, or not any more
    PAUSED = "paused"
    FOLLOWING = "following"
    STOPPED = "stopped"  # it cannot go on; ``message`` says why
    RETURNING = "rolling back"  # PostgreSQL may be fenced any moment; SQLite is fenced still


class Request(StrEnum):
    """What another process asks of the follower."""

    NOTHING = ""
    PAUSE = "pause"
    STOP = "stop"
    HAND_OVER = "hand over"  # let a cut-over have the lock, and go on when it is free again


@dataclass(frozen=True, slots=True)
class State:
    """A live move, as its row says.

    Args:
        schema: The target schema.
        move_id: The same as in the source's change log.
        phase: Where it stands.
        warm: How SQLite is kept up to date after a cut-over; while one is going on, whether it will be.
        request: What another process has asked for.
        message: Why it has stopped; empty otherwise.
        source: The database file, absolute.
        host: The machine that the follower runs on, or ran on last.
        pid: The follower's process there.
        begun: When the move began.
        heartbeat: When the follower last said that it lives.
        position: The place in the source's change log up to which every change is in the target.
        pending: Changes that were logged and not applied at the last heartbeat.
        lag: Seconds by which the target was behind when the last round was committed.
        rate: Changes applied per second, over the last rounds.
        rounds: Rounds that were committed.
        changes: Changes that were applied.
        rows: Rows that were written by rounds.
        rejected: Rows in quarantine now.
        misfits: Columns whose values did not fit the planned type, such as ``orders.price``.
        proved: When every value was last compared, None before the first time.
        declared: What the source declares, as JSON.
        plan: The plan, as JSON.
    """

    schema: str
    move_id: str
    phase: Phase
    warm: Warmth
    request: Request
    message: str
    source: str
    host: str
    pid: int
    begun: datetime
    heartbeat: datetime
    position: int
    pending: int
    lag: float
    rate: float
    rounds: int
    changes: int
    rows: int
    rejected: int
    misfits: tuple[str, ...]
    proved: datetime | None
    declared: str = field(repr=False)
    plan: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Advance:
    """What a round changed.

    Args:
        position: The new position.
        lag: Seconds that the target was behind.
        rate: Changes applied per second.
        changes: Changes that this round applied.
        rows: Rows that it wrote.
        rejected: Rows in quarantine after it.
        misfits: Columns whose values did not fit, all that are known.
    """

    position: int
    lag: float
    rate: float
    changes: int
    rows: int
    rejected: int
    misfits: tuple[str, ...]


def schema_name(schema: str) -> str:
    """Return the name of the schema that holds the state of a live move into a target schema."""
    return fit(f"exuvia_live_{schema}")


def create(connection: psycopg.Connection, schema: str, *, move_id: str, source: str, host: str, pid: int) -> None:
    """Make the state of a live move that begins now.

    Args:
        connection: A connection in autocommit mode.
        schema: The target schema.
        move_id: The move.
        source: The database file, absolute.
        host: This machine.
        pid: This process.
    """
    with connection.transaction():
        connection.execute(f"CREATE SCHEMA {quote(schema_name(schema))}".encode())
        connection.execute(f"COMMENT ON SCHEMA {quote(schema_name(schema))} IS {literal(_MARK + schema)}".encode())
        connection.execute(
            f"""
            CREATE TABLE {_place(schema)} (
                single boolean PRIMARY KEY DEFAULT true CHECK (single),
                format integer NOT NULL,
                move_id text NOT NULL,
                phase text NOT NULL,
                warm text NOT NULL DEFAULT '',
                request text NOT NULL DEFAULT '',
                message text NOT NULL DEFAULT '',
                source text NOT NULL,
                host text NOT NULL,
                pid integer NOT NULL,
                begun timestamptz NOT NULL DEFAULT now(),
                heartbeat timestamptz NOT NULL DEFAULT now(),
                position bigint NOT NULL DEFAULT 0,
                pending bigint NOT NULL DEFAULT 0,
                lag double precision NOT NULL DEFAULT 0,
                rate double precision NOT NULL DEFAULT 0,
                rounds bigint NOT NULL DEFAULT 0,
                changes bigint NOT NULL DEFAULT 0,
                rows bigint NOT NULL DEFAULT 0,
                rejected bigint NOT NULL DEFAULT 0,
                misfits text[] NOT NULL DEFAULT '{{}}',
                proved timestamptz,
                declared text NOT NULL DEFAULT '',
                plan text NOT NULL DEFAULT ''
            ) WITH (fillfactor = 50)
            """.encode()
        )
        connection.execute(
            f"INSERT INTO {_place(schema)} (format, move_id, phase, source, host, pid)"
            " VALUES (%s, %s, %s, %s, %s, %s)".encode(),
            (FORMAT, move_id, Phase.COPYING, source, host, pid),
        )


def find(connection: psycopg.Connection, schema: str) -> State | None:
    """Return the live move into a target schema, None if there is none.

    Raises:
        TargetError: ``live_format``: another version of exuvia has begun it.
    """
    if not _is_ours(connection, schema):
        return None
    columns = [one.name for one in fields(State) if one.name != "schema"]
    row = connection.execute(f"SELECT format, {', '.join(columns)} FROM {_place(schema)}".encode()).fetchone()
    if row is None:
        return None
    if row[0] != FORMAT:
        raise TargetError(
            f"The live move into schema {schema!r} was begun by another version of exuvia.",
            hint="Go on with that version, or end the move with it: exuvia live stop.",
            code="live_format",
        )
    found: dict[str, Any] = dict(zip(columns, row[1:], strict=True))
    found["phase"], found["request"] = Phase(found["phase"]), Request(found["request"])
    found["warm"] = Warmth(found["warm"])
    found["misfits"] = tuple(found["misfits"])
    return State(schema, **found)


def every(connection: psycopg.Connection) -> tuple[str, ...]:
    """Return the target schemas of the live moves in this database, by name."""
    rows = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace"
        " WHERE starts_with(obj_description(oid, 'pg_namespace'), %s)",
        (_MARK,),
    )
    return tuple(sorted(comment.removeprefix(_MARK) for (comment,) in rows))


def refuse(connection: psycopg.Connection, schema: str) -> None:
    """Raise where a live move is on its way into a target schema: only its own commands may end it.

    Raises:
        TargetError: ``live``.
    """
    found = find(connection, schema)
    if found is not None:
        raise TargetError(
            f"{found.source} is moved live into schema {schema!r}, since {found.begun:%Y-%m-%d %H:%M:%S} UTC.",
            hint="Go on with that move, or end it: exuvia live stop; or choose another schema with --schema.",
            code="live",
        )


def drop(connection: psycopg.Connection, schema: str) -> None:
    """Drop the state; nothing happens if there is none."""
    if _is_ours(connection, schema):
        connection.execute(f"DROP SCHEMA {quote(schema_name(schema))} CASCADE".encode())


def change(connection: psycopg.Connection, schema: str, **values: object) -> None:
    """Set columns of the state by name, and say that the follower lives."""
    names = ", ".join(f"{quote(name)} = %s" for name in values)
    statement = f"UPDATE {_place(schema)} SET heartbeat = now(){', ' if names else ''}{names}"
    connection.execute(statement.encode(), list(values.values()))


def end_following(connection: psycopg.Connection, schema: str, phase: Phase, message: str = "") -> None:
    """Say that nobody follows any more, in whichever direction, and why; nothing happens where somebody has the move
    by now who cuts over or rolls back.

    Args:
        connection: A connection in autocommit mode.
        schema: The target schema.
        phase: ``PAUSED`` or ``STOPPED``.
        message: Why.
    """
    place, heartbeat = _place(schema), "heartbeat = now(), message = %s"
    connection.execute(
        f"UPDATE {place} SET {heartbeat}, phase = %s WHERE phase = %s".encode(), (message, phase, Phase.FOLLOWING)
    )
    connection.execute(
        f"UPDATE {place} SET {heartbeat}, warm = %s WHERE warm = %s".encode(),
        (message, Warmth(phase.value), Warmth.FOLLOWING),
    )


def warmed(connection: psycopg.Connection, schema: str, made: Advance) -> Request:
    """Record a round that brought changes to SQLite, where its position is; return what is asked of the follower.

    Args:
        connection: A connection in autocommit mode.
        schema: The target schema.
        made: What the round changed; ``position`` and ``rejected`` do not count.
    """
    row = connection.execute(
        f"""
        UPDATE {_place(schema)} SET
            pending = 0, lag = %s, rate = %s, misfits = %s, heartbeat = now(),
            rounds = rounds + 1, changes = changes + %s, rows = rows + %s
        RETURNING request
        """.encode(),
        (made.lag, made.rate, list(made.misfits), made.changes, made.rows),
    ).fetchone()
    return Request(row[0]) if row else Request.STOP


def set_proved(connection: psycopg.Connection, schema: str) -> None:
    """Record that every value was compared and found equal."""
    connection.execute(f"UPDATE {_place(schema)} SET proved = now()".encode())


def ask(connection: psycopg.Connection, schema: str, request: Request) -> None:
    """Ask something of the follower, which need not run."""
    connection.execute(f"UPDATE {_place(schema)} SET request = %s".encode(), (request,))


def requested(connection: psycopg.Connection, schema: str, pending: int, lag: float, rate: float) -> Request:
    """Say that the follower lives and how far behind it is, and return what is asked of it.

    Args:
        connection: A connection in autocommit mode.
        schema: The target schema.
        pending: Changes that wait.
        lag: Seconds that the target is behind.
        rate: Changes applied per second.
    """
    row = connection.execute(
        f"UPDATE {_place(schema)} SET heartbeat = now(), pending = %s, lag = %s, rate = %s RETURNING request".encode(),
        (pending, lag, rate),
    ).fetchone()
    return Request(row[0]) if row else Request.STOP


def advance(connection: psycopg.Connection, schema: str, after: int, made: Advance) -> Request:
    """Record a round, in the transaction that wrote its rows.

    Args:
        connection: The connection of that transaction.
        schema: The target schema.
        after: The position before.
        made: What the round changed.

    Returns:
        What is asked of the follower.

    Raises:
        TargetError: ``live_position``: somebody else has moved the position, or removed the state.
    """
    row = connection.execute(
        f"""
        UPDATE {_place(schema)} SET
            position = %s, lag = %s, rate = %s, rejected = %s, misfits = %s, heartbeat = now(),
            rounds = rounds + 1, changes = changes + %s, rows = rows + %s
        WHERE position = %s RETURNING request
        """.encode(),
        (
            made.position,
            made.lag,
            made.rate,
            made.rejected,
            list(made.misfits),
            made.changes,
            made.rows,
            after,
        ),
    ).fetchone()
    if row is None:
        raise TargetError(
            f"The live move into schema {schema!r} has been moved on or ended by somebody else.",
            hint="See where it stands: exuvia live status.",
            code="live_position",
        )
    return Request(row[0])


def _is_ours(connection: psycopg.Connection, schema: str) -> bool:
    row = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", (schema_name(schema),)
    ).fetchone()
    return row is not None and row[0] == _MARK + schema


def _place(schema: str) -> str:
    return qualify(schema_name(schema), TABLE)
