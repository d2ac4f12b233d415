"""PostgreSQL for the store: pooled connections, set up alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.adapt import AdaptersMap, Buffer, Loader
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from exuvia.location import PostgresLocation
from exuvia.store.core import failures
from exuvia.store.core.dialect import POSTGRES
from exuvia.store.core.driving import drive
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.parameters import numbered
from exuvia.store.core.requests import Operation, Request, Row, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.errors import BusyError, StoreError, UnavailableError, UnknownOutcomeError

T = TypeVar("T")

PING_AFTER: Final = 5.0  # seconds of idleness, after which a connection is tried before it is lent


class _Json(Loader):
    """Leaves a document as it came: the store's own shapes decode it, as they do SQLite's."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def adapters() -> AdaptersMap:
    """Return how values come and go."""
    found = AdaptersMap(psycopg.adapters)
    found.register_loader("json", _Json)
    found.register_loader("jsonb", _Json)
    return found


@dataclass(frozen=True, slots=True)
class Session:
    """The settings of every session, and what begins a transaction.

    Args:
        options: The store's.
    """

    options: StoreOptions

    @property
    def settings(self) -> dict[str, str]:
        """PostgreSQL's settings by name."""
        return {
            "search_path": f'"{self.options.schema}", public',
            "statement_timeout": str(int(self.options.statement_timeout * 1000)),
            "lock_timeout": str(int(self.options.lock_timeout * 1000)),
            "idle_in_transaction_session_timeout": "0",
            "TimeZone": "UTC",
            "default_transaction_isolation": "read committed",
        }

    def set_up(self) -> sql.Composed:
        """Return the statement that sets a new connection up."""
        return _set_all(self.settings, local=False)

    def begin(self, kind: Kind, scope: Scope) -> str | None:
        """Return what opens the transaction of an operation, if it needs one."""
        settings = self.settings if self.options.pgbouncer else {}
        if scope.project is not None:
            settings = settings | {"exuvia.project_id": scope.project}
        if settings:
            return f"{POSTGRES.begin}; {_set_all(settings, local=True).as_string()}"
        return POSTGRES.begin if kind is Kind.WRITE else None

    def connection_parameters(self) -> dict[str, Any]:
        """Return psycopg's arguments for a connection."""
        given: dict[str, Any] = {"autocommit": True, "context": adapters()}
        if self.options.pgbouncer:
            given["prepare_threshold"] = None
        return given

    def pool_arguments(self, location: PostgresLocation) -> dict[str, Any]:
        """Return psycopg_pool's arguments."""
        server = {"keepalives": "1", "keepalives_idle": "30", "client_encoding": "utf8", "application_name": "exuvia"}
        return {
            "conninfo": "",
            "kwargs": server | location.connection_parameters() | self.connection_parameters(),
            "min_size": 1,
            "max_size": self.options.pool_size + self.options.pool_overflow,
            "max_lifetime": self.options.pool_recycle,
            "timeout": self.options.pool_wait,
            "open": False,
        }


class Idle:
    """Since when connections have not been used.

    Trying each connection before it is lent would cost every call a round trip.
    """

    def __init__(self) -> None:
        self._since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def note(self, connection: Any) -> None:
        """Note that a connection was just used."""
        self._since[connection] = time.monotonic()

    def is_stale(self, connection: Any) -> bool:
        """Tell whether a connection has to be tried before it is lent."""
        return time.monotonic() - self._since.get(connection, 0) > PING_AFTER


@dataclass(frozen=True, slots=True)
class PostgresConnection:
    """One connection.

    Args:
        connection: The driver's.
    """

    connection: psycopg.Connection[Any]

    def drive(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""
        return drive(self, operation)

    def perform(self, request: Request) -> list[Row]:
        """Run a request and return its rows."""
        try:
            text, names = numbered(request.sql)
            cursor = psycopg.RawCursor(self.connection)
            if isinstance(request, Statement):
                given = request.parameters
                cursor.execute(text, [given[name] for name in names] if names else None)
                return cursor.fetchall() if cursor.description else []
            cursor.executemany(text, [[given[name] for name in names] for given in request.sets])
        except (psycopg.Error, UnicodeError, OverflowError) as error:
            raise explained(error, request) from error
        return []


def explained(error: Exception, request: Request) -> StoreError:
    """Return the error to raise instead of the driver's."""
    found = failures.of_postgres(error)
    if isinstance(found, UnavailableError) and request.sql == "COMMIT":
        return UnknownOutcomeError(found.message, hint="Look whether it was done, then try again.", code="commit")
    return found


class PostgresPool:
    """Lends connections to threads.

    Args:
        location: The server.
        options: The store's.

    Raises:
        StoreError: No connection can be made.
    """

    def __init__(self, location: PostgresLocation, options: StoreOptions) -> None:
        session = Session(options)
        arguments = session.pool_arguments(location)
        self._idle = Idle()
        self._set_up = session.set_up()
        self._on_connect = not options.pgbouncer
        self._pool: ConnectionPool[Any] = ConnectionPool(**arguments, configure=self._configure, check=self._check)
        try:
            with psycopg.connect(**arguments["kwargs"]):  # the pool itself would try for long, and tell less
                pass
            self._pool.open()
        except psycopg.Error as error:
            raise failures.of_postgres(error) from error

    @contextmanager
    def connection(self, _kind: Kind) -> Iterator[PostgresConnection]:
        """Lend a connection."""
        try:
            connection = self._pool.getconn()
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise exhausted(error) from error
        try:
            yield PostgresConnection(connection)
        finally:
            self._idle.note(connection)
            self._pool.putconn(connection)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        if self._on_connect:
            connection.execute(self._set_up)
        self._idle.note(connection)

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        if self._idle.is_stale(connection):
            ConnectionPool.check_connection(connection)


def exhausted(error: Exception) -> StoreError:
    """Return the error of a pool that had no connection to lend."""
    return BusyError(
        f"No connection of the pool became free: {error}.",
        hint="Close what holds them, raise pool_size and pool_overflow, or check that the server can be reached.",
        code="pool",
    )


def _set_all(settings: dict[str, str], *, local: bool) -> sql.Composed:
    calls = (
        sql.SQL("set_config({}, {}, {})").format(sql.Literal(name), sql.Literal(value), sql.Literal(local))
        for name, value in settings.items()
    )
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls))
