"""Putting capture into a database and taking it out again."""

from __future__ import annotations

import psycopg

from exuvia.catalog.names import quote
from exuvia.engines.postgres.capture import state
from exuvia.engines.postgres.capture.own import own_schema
from exuvia.engines.postgres.capture.plan import CapturePlan
from exuvia.engines.postgres.capture.shape import shapes_query
from exuvia.engines.postgres.capture.state import Installed
from exuvia.engines.postgres.capture.triggers import definitions, log_definitions, truncated_function
from exuvia.errors import TargetError


def install(connection: psycopg.Connection, plan: CapturePlan, move_id: str) -> Installed:
    """Make the logs and their triggers, inside the caller's transaction: every later change is logged.

    Each table is locked against writers until the transaction ends (SHARE ROW EXCLUSIVE, as CREATE TRIGGER needs).

    Args:
        connection: A connection in a transaction.
        plan: What to log.
        move_id: The move that the log is for; it does not matter what it looks like.

    Raises:
        TargetError: ``captured``: the schema is under capture or fenced already; ``name_taken``: somebody else has a
            schema of capture's name.
        psycopg.Error: The server refuses; the caller rolls back.
    """
    _check_free(connection, plan.schema)
    statements = [*definitions(plan.schema), truncated_function(plan.schema)]
    for table in plan.tables:
        statements += log_definitions(table)
    connection.execute("; ".join(statements).encode())  # one round trip: writers may be waiting
    found = {int(oid): str(shape) for oid, shape in connection.execute(shapes_query(plan.tables).encode())}
    shapes = tuple((table.name, found[table.oid]) for table in plan.tables)
    installed = Installed(move_id, plan.tables, shapes)
    state.write(connection, plan.schema, installed)
    return installed


def remove(connection: psycopg.Connection, schema: str) -> bool:
    """Take out everything that capture or the fence made, inside the caller's transaction.

    Args:
        connection: A connection in a transaction.
        schema: The schema of the tables.

    Returns:
        Whether there was any.

    Raises:
        psycopg.Error: The server refuses.
    """
    if not state.has(connection, schema):
        return False
    # Triggers depend on their functions, which are in the schema
    connection.execute(f"DROP SCHEMA {quote(own_schema(schema))} CASCADE".encode())
    return True


def installed(connection: psycopg.Connection, schema: str) -> Installed | None:
    """Return what a database says of a schema's capture or fence, None without one."""
    return state.read(connection, schema)


def _check_free(connection: psycopg.Connection, schema: str) -> None:
    found = state.read(connection, schema)
    if found is not None:
        what = "is fenced" if found.fence is not None else "is followed already"
        raise TargetError(
            f"Schema {schema!r} {what}, by move {found.move_id}.",
            hint="End that move first: exuvia live stop.",
            code="captured",
        )
    taken = connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (own_schema(schema),)).fetchone()
    if taken is not None:
        raise TargetError(
            f"There is a schema {own_schema(schema)!r} that exuvia has not made.",
            hint="Rename it: the log of changes would be kept there.",
            code="name_taken",
        )
