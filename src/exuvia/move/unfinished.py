"""Moves that were interrupted: which there are, and how to be rid of one."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from exuvia.engines.postgres import ledger, staging
from exuvia.engines.postgres.connect import connect
from exuvia.engines.postgres.live import state
from exuvia.errors import TargetError
from exuvia.location import Location


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A move on its way, or one that was interrupted.

    Args:
        sources: The sources, as they were named; empty when another version of exuvia began the move.
        schemas: The target schemas.
        started: When it began, ISO 8601 in UTC.
        running: Whether a process is at work on it now.
        chunks_done: Chunks that are committed.
        chunks: Chunks in all.
        rows_done: Rows that are committed.
        rows: Rows in all.
    """

    sources: tuple[str, ...]
    schemas: tuple[str, ...]
    started: str
    running: bool
    chunks_done: int
    chunks: int
    rows_done: int
    rows: int


def unfinished(target: Location) -> tuple[Unfinished, ...]:
    """Return the moves into a database that are not finished, the oldest first.

    Raises:
        TargetError: The target cannot be reached.
    """
    with connect(target, autocommit=True) as connection:
        return tuple(_described(connection, header) for header in ledger.unfinished(connection))


def abort(target: Location, schema: str | None = None) -> tuple[Unfinished, ...]:
    """Remove interrupted moves with all they have copied so far, and return what they were.

    Args:
        target: The database.
        schema: Only the move into this schema; None for every one.

    Raises:
        TargetError: The target cannot be reached, nothing is unfinished there, or the move is running.
    """
    with connect(target, autocommit=True) as connection:
        found = [one for one in ledger.unfinished(connection) if schema is None or schema in one.schemas]
        if not found:
            where = f" into schema {schema!r}" if schema else ""
            raise TargetError(
                f"No move{where} is unfinished in {target}.", hint="exuvia status lists them.", code="none"
            )
        described = tuple(_described(connection, header) for header in found)
        for header in found:
            with staging.lock(connection, header.schemas):
                for name in header.schemas:
                    state.refuse(connection, name)
                for name in header.schemas:
                    staging.discard(connection, name)
    return described


def _described(connection: psycopg.Connection, header: ledger.Header) -> Unfinished:
    entries = ledger.entries(connection, header) if header.version == ledger.VERSION else []
    return Unfinished(
        sources=tuple(one.source for one in header.sources),
        schemas=header.schemas,
        started=header.started,
        running=staging.is_locked(connection, header.schemas[0]),
        chunks_done=len(entries),
        chunks=header.chunks,
        rows_done=sum(entry.rows + entry.rejected for entry in entries),
        rows=header.rows,
    )
