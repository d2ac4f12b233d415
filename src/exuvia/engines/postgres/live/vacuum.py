"""Autovacuum is kept off tables that will have to be locked in a moment.

Publishing waits for autovacuum's lock, and the server ends autovacuum only when somebody has waited for
``deadlock_timeout``, as a rule a second: https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg.pq import TransactionStatus

_PATIENCE = "5s"  # more than deadlock_timeout


def keep_off(connection: psycopg.Connection, tables: Iterable[str]) -> None:
    """Begin a transaction in which autovacuum leaves tables alone, once it is ended where it is at them; others may
    read and write them. Where something else holds such a lock for longer the transaction is not begun.

    Args:
        connection: A connection in autocommit mode, outside a transaction.
        tables: The tables, as SQL names them.
    """
    names = ", ".join(sorted(tables))
    if not names:
        return
    connection.execute("BEGIN")
    try:
        connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'".encode())
        connection.execute(f"LOCK TABLE {names} IN SHARE UPDATE EXCLUSIVE MODE".encode())
    except psycopg.errors.LockNotAvailable:
        let_on(connection)


def let_on(connection: psycopg.Connection) -> None:
    """End what ``keep_off`` has begun, if it has."""
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        connection.execute("ROLLBACK")
