"""Making writers wait: the locks of a roll-back, and who stands in their way."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer

import psycopg

from exuvia.catalog.names import qualify
from exuvia.errors import TargetError

_ASK_AT = 0.8  # of the time, so that the answer is there before the lock is given up
_BLOCKING = """
    SELECT pid, coalesce(application_name, ''), coalesce(usename::text, ''), coalesce(state, ''),
        coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8,
        coalesce(extract(epoch FROM clock_timestamp() - query_start), 0)::float8,
        backend_type = 'autovacuum worker'
    FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%s)) ORDER BY xact_start
"""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that holds a lock.

    Args:
        pid: Of the server's process.
        application: Its application_name.
        user: Its role; empty where this one may not know.
        state: Of pg_stat_activity, such as ``idle in transaction``.
        transaction_seconds: How long its transaction has been open.
        query_seconds: How long ago its last query began.
        autovacuum: Whether it is one of the server's own.
    """

    pid: int
    application: str
    user: str
    state: str
    transaction_seconds: float
    query_seconds: float
    autovacuum: bool = False

    def __str__(self) -> str:
        who = "autovacuum" if self.autovacuum else " ".join(filter(None, (self.application, self.user))) or "a session"
        ages = f"transaction open for {self.transaction_seconds:.1f} s, last query {self.query_seconds:.1f} s ago"
        return f"{who} (pid {self.pid}, {self.state or 'running'}, {ages})"


class LockedError(TargetError):
    """The tables could not be locked in time; ``blockers`` are those that held them."""

    def __init__(self, schema: str, timeout: float, blockers: tuple[Blocker, ...]) -> None:
        held = "; ".join(map(str, blockers)) or "a session that has ended since"
        super().__init__(
            f"The tables of schema {schema!r} could not be locked within {timeout:g} s. Held by {held}.",
            hint="Try again when it has finished, or end it: SELECT pg_terminate_backend(PID).",
            code="locked",
        )
        self.blockers = blockers


def lock_tables(
    connection: psycopg.Connection, observer: psycopg.Connection, schema: str, names: Iterable[str], timeout: float
) -> None:
    """Make writers of these tables wait until the caller's transaction ends; readers go on.

    Tables are locked in one order always, so that two who do this do not wait for each other. Keep ``timeout`` under
    the server's ``deadlock_timeout`` (1 s by default): then this gives up before a writer is chosen as the victim.

    Args:
        connection: A connection in a transaction, which has no ``statement_timeout`` of its own.
        observer: Another one, in autocommit mode, which asks who is in the way.
        schema: The schema of the tables.
        names: The tables.
        timeout: Seconds to wait, for all tables together.

    Raises:
        LockedError: Somebody holds a lock for longer; what was locked is free again, and the transaction goes on.
    """
    places = ", ".join(qualify(schema, name) for name in sorted(names))
    if not places:
        return
    found: list[Blocker] = []
    pid = connection.info.backend_pid

    def ask() -> None:
        with suppress(psycopg.Error):  # then nobody is named
            rows = observer.execute(_BLOCKING, (pid,)).fetchall()
            found.extend(Blocker(*row) for row in rows)

    timer = Timer(timeout * _ASK_AT, ask)
    timer.start()
    connection.execute("SAVEPOINT unlocked")
    try:
        # lock_timeout would count for each table anew
        connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{max(1, round(timeout * 1000))}",))
        connection.execute(f"LOCK TABLE {places} IN SHARE ROW EXCLUSIVE MODE".encode())
        connection.execute("SET LOCAL statement_timeout = 0")
    except (psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected):
        connection.execute("ROLLBACK TO unlocked")
        timer.join()
        raise LockedError(schema, timeout, tuple(found)) from None
    finally:
        timer.cancel()
        timer.join()
