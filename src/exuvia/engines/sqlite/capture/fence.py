"""The fence: a database that has moved refuses every write and says where it is now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from exuvia.catalog.model import Catalog
from exuvia.engines.sqlite.capture import state
from exuvia.engines.sqlite.capture.install import drop_everything
from exuvia.engines.sqlite.capture.own import MARK, STATE
from exuvia.engines.sqlite.capture.state import Installed
from exuvia.engines.sqlite.capture.triggers import fence_triggers
from exuvia.engines.sqlite.capture.writer import DURABLE


def fence(connection: apsw.Connection, catalog: Catalog, message: str, move_id: str) -> None:
    """Take capture out and put the fence up, inside the caller's transaction.

    Every table gets triggers that raise ``message``. Virtual tables cannot have any; a full-text table is kept from
    being written by those of the table where it keeps its texts. On its index tables they are not safe: FTS5 of
    SQLite 3.54 crashes when several of its own statements fail at once. No trigger can refuse a change of the schema.

    Args:
        connection: A writer's connection, in a transaction that holds the write lock.
        catalog: The database as it is now.
        message: What a writer is told, free of secrets.
        move_id: The move that the fence belongs to.

    Raises:
        apsw.Error: A table takes no trigger; the caller rolls back.
    """
    drop_everything(connection)
    connection.execute(f"CREATE TABLE {STATE}(key, value {MARK})")
    state.write(connection, Installed(move_id, fence=message))
    names = [table.name for table in catalog.tables]
    names += [
        shadow
        for virtual in catalog.virtual_tables
        for shadow in virtual.shadows
        if virtual.module.lower().startswith("fts") and shadow.lower() == f"{virtual.name}_content".lower()
    ]
    for number, name in enumerate(names, 1):
        for sql in fence_triggers(number, name, message).values():
            connection.execute(sql)


def is_fenced(connection: apsw.Connection) -> str | None:
    """Return what the fence tells writers, None without a fence."""
    found = state.read(connection)
    return found.fence if found else None


@contextmanager
def inside_fence(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    """A write transaction on a fenced database, for the one connection that keeps it up to date.

    No trigger fires on this connection meanwhile, the application's neither: what they did has been done where the
    rows come from. Foreign keys are not enforced either. For every other connection the fence stays.

    Args:
        connection: A writer's connection, outside a transaction.

    Raises:
        apsw.Error: SQLite cannot write; nothing is kept.
    """
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(f"PRAGMA synchronous = {DURABLE}")
    fired = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, int(fired))
