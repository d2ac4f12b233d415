"""Comparing every value of a live move at one moment, in whichever direction it goes, while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from exuvia.engines.postgres import staging
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.live import state
from exuvia.engines.postgres.live.state import State, Warmth
from exuvia.errors import TargetError
from exuvia.live.follower import Follower
from exuvia.live.handover import DONE, take_whole
from exuvia.live.returning import quarantined
from exuvia.live.source import LiveSource
from exuvia.live.warm import Warm
from exuvia.move.ends import Reached, reach, source_of
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.lending import Lender
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Source, Target
from exuvia.move.results import Proof


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison of both sides of a live move.

    Args:
        source: The database file.
        target: The PostgreSQL database, without secrets.
        schema: The target schema.
        direction: The side that was brought up to date before, and is after: ``postgresql``, or after a cut-over
            ``sqlite``. The other side is the source of the proof.
        proof: What the comparison gave.
    """

    source: str
    target: str
    schema: str
    direction: Literal["postgresql", "sqlite"]
    proof: Proof


def verify(
    source: Source,
    target: Target = DEFAULT_TARGET,
    schema: str = "public",
    *,
    data_dir: Path | None = None,
    listener: Listener = ignore,
) -> Compared:
    """Bring one side up to date and compare every value of both at that moment; both go on being used meanwhile.

    A running follower hands over: before a cut-over for as long as it takes, and this process follows; after it until
    the moment is taken.

    Args:
        source: The SQLite file.
        target: The PostgreSQL database.
        schema: The target schema.
        data_dir: Where the pip-installed server has its data.
        listener: Hears of progress.

    Raises:
        SourceError: The file cannot be read, or the schema of the side that is written has changed.
        TargetError: Nothing is moved live, or SQLite is not kept up to date after the cut-over.
    """
    path = source_of(source).path
    server = reach(target, MoveOptions(data_dir=data_dir))
    try:
        with server.connect() as connection:
            connection.execute("SET synchronous_commit = on")
            found = _taken_over(connection, path, schema)
            compare = _compare_back if found.phase in DONE else _compare
            proof = compare(connection, server, path, found, one_at_a_time(listener))
            if proof.equal:
                state.set_proved(connection, schema)
    except psycopg.Error as error:
        raise explain_error(error) from error
    return Compared(
        found.source, server.described.url, schema, "sqlite" if found.phase in DONE else "postgresql", proof
    )


def _taken_over(connection: psycopg.Connection, path: Path, schema: str) -> State:
    found = take_whole(connection, path, schema)
    if found.phase in DONE and found.warm is Warmth.NONE:
        raise TargetError(
            f"{found.source} is not kept up to date since the cut-over (--no-warm).",
            hint="It can be compared as it is with: exuvia verify.",
            code="live_cold",
        )
    return found


def _compare(connection: psycopg.Connection, server: Reached, path: Path, found: State, listener: Listener) -> Proof:
    connections = Lender(server.connect)
    try:
        with LiveSource(path, found.move_id) as source:
            return Follower(connection, source, found).verify(server.url, connections, listener)
    finally:
        connections.close()


def _compare_back(
    connection: psycopg.Connection, server: Reached, path: Path, found: State, listener: Listener
) -> Proof:
    aside = quarantined(connection, found)
    with Warm(server.location, found.schema, path) as warm:
        _, proof = warm.verify(listener, aside, held=lambda: staging.let_go(connection, found.schema))
    return proof
