"""The fence: tables that have moved back refuse every write and say where they are now."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.capture import state
from exuvia.engines.postgres.capture.install import remove
from exuvia.engines.postgres.capture.state import Installed
from exuvia.engines.postgres.capture.triggers import definitions, fence_function, fence_triggers


def fence(connection: psycopg.Connection, schema: str, names: Iterable[str], message: str, move_id: str) -> None:
    """Put the fence up, inside the caller's transaction.

    Every table gets a trigger that raises ``message`` (SQLSTATE 25006), whoever writes and however many rows;
    rows that a foreign key would change by itself are refused likewise. No trigger refuses a change of the schema.

    Capture stays where it was, without anything to log: to take its triggers out would wait for whoever reads a
    table, and make the next readers wait.

    Args:
        connection: A connection in a transaction.
        schema: The schema of the tables.
        names: The tables.
        message: What a writer is told, free of secrets.
        move_id: The move that the fence belongs to.

    Raises:
        psycopg.Error: The server refuses; the caller rolls back.
    """
    statements = [] if state.has(connection, schema) else [*definitions(schema)]
    statements.append(fence_function(schema))
    for name in names:
        statements += fence_triggers(schema, qualify(schema, name), message)
    connection.execute("; ".join(statements).encode())
    state.write(connection, schema, Installed(move_id, fence=message))


def is_fenced(connection: psycopg.Connection, schema: str) -> str | None:
    """Return what the fence tells writers, None without a fence."""
    found = state.read(connection, schema)
    return found.fence if found else None


def lift(connection: psycopg.Connection, schema: str) -> bool:
    """Take the fence away, inside the caller's transaction; return whether there was one."""
    return is_fenced(connection, schema) is not None and remove(connection, schema)
