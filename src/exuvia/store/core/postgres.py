"""PostgreSQL for the store: pooled connections, set up alike."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg.adapt import AdaptersMap, Buffer, Loader
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from exuvia.location import PostgresLocation
from exuvia.store.core import failures
from exuvia.store.core.driving import drive
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.parameters import numbered
from exuvia.store.core.requests import Operation, Request, Row, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.core.session import Session
from exuvia.store.errors import BusyError, StateError, StoreError, UnavailableError, UnknownOutcomeError

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


class Pooled(psycopg.Connection[Any]):
    """A connection that knows when it was used last."""

    used = 0.0


def is_doubtful(used: float, descriptor: int) -> bool:
    """Tell whether a connection has to be tried before it is lent, which costs a round trip.

    One whose server has gone away is found without: what the server has said last, or the end of the stream, waits to
    be read. To ask the system for that takes a microsecond.

    Args:
        used: When it was used last, by ``time.monotonic``.
        descriptor: Its socket.
    """
    if time.monotonic() - used > PING_AFTER:
        return True
    heard = select.poll()
    heard.register(descriptor, select.POLLIN)
    return bool(heard.poll(0))


@dataclass(frozen=True, slots=True)
class PostgresConnection:
    """One connection.

    Args:
        connection: The driver's.
    """

    connection: Pooled

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
                if names:
                    values = [given[name] for name in names]
                    cursor.execute(text, values, prepare=None if request.prepared else False, binary=request.binary)
                else:
                    cursor.execute(text, prepare=False)  # several statements in one message cannot be prepared
                return cursor.fetchall() if (found := cursor.pgresult) and found.nfields else []
            cursor.executemany(text, [[given[name] for name in names] for given in request.sets])
        except (psycopg.Error, UnicodeError, OverflowError) as error:
            raise explained(error, request) from error
        return []


def explained(error: Exception, request: Request) -> StoreError:
    """Return the error to raise instead of the driver's."""
    found = failures.of_postgres(error, request)
    if isinstance(found, UnavailableError) and request.sql == "COMMIT":
        return UnknownOutcomeError(found.message, hint="Look whether it was done, then try again.", code="commit")
    return found


class PostgresPool:
    """Lends connections to threads.

    Args:
        location: The server.
        options: The store's.
        session: How connections are set up.
    """

    def __init__(self, location: PostgresLocation, options: StoreOptions, session: Session) -> None:
        self._location = location
        self._options = options
        self._set_up = session.set_up.encode()
        self._pool: ConnectionPool[Pooled] = ConnectionPool(
            **pool_arguments(location, options), connection_class=Pooled, configure=self._configure
        )
        self._pool.open()

    def take(self, _kind: Kind, _scope: Scope) -> PostgresConnection:
        """Lend a connection."""
        try:
            connection = self._pool.getconn()
            while not self._lives(connection):
                connection = self._pool.getconn()
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise self._explained(error) from error
        return PostgresConnection(connection)

    def _lives(self, connection: Pooled) -> bool:
        """Try a connection if need be; give back one that is dead, or whose trial was interrupted."""
        try:
            if is_doubtful(connection.used, connection.pgconn.socket):
                ConnectionPool.check_connection(connection)
        except psycopg.Error:
            connection.close()
            self._pool.putconn(connection)
            return False
        except BaseException:
            self._pool.putconn(connection)
            raise
        return True

    def give(self, connection: PostgresConnection) -> None:
        """Take a connection back."""
        connection.connection.used = time.monotonic()
        self._pool.putconn(connection.connection)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _configure(self, connection: Pooled) -> None:
        if not self._options.pgbouncer:
            connection.execute(self._set_up)
        connection.used = time.monotonic()

    def _explained(self, error: Exception) -> StoreError:
        if isinstance(error, PoolTimeout):
            try:
                connect(self._location, self._options).close()
            except StoreError as reason:
                return reason
        return exhausted(error)


def connect(location: PostgresLocation, options: StoreOptions) -> Pooled:
    """Open a connection outside of any pool, which would try for long, and tell less when it fails.

    Raises:
        StoreError: The server cannot be reached, or refuses.
    """
    try:
        return Pooled.connect(**connection_parameters(location, options))
    except psycopg.Error as error:
        raise failures.of_connecting(error, location) from None  # the driver's error holds the password


def connection_parameters(location: PostgresLocation, options: StoreOptions) -> dict[str, Any]:
    """Return psycopg's arguments for a connection."""
    given: dict[str, Any] = {
        "connect_timeout": "10",
        "keepalives": "1",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "30000",
        "application_name": "exuvia",
        **location.connection_parameters(),
        "client_encoding": "utf8",
        "autocommit": True,
        "context": adapters(),
    }
    if options.pgbouncer:
        given["prepare_threshold"] = None
    return given


def pool_arguments(location: PostgresLocation, options: StoreOptions) -> dict[str, Any]:
    """Return psycopg_pool's arguments."""
    return {
        "conninfo": "",
        "kwargs": connection_parameters(location, options),
        "min_size": 1,
        "max_size": options.pool_size + options.pool_overflow,
        "max_lifetime": options.pool_recycle,
        "timeout": options.pool_wait,
        "open": False,
    }


def exhausted(error: Exception) -> StoreError:
    """Return the error of a pool that had no connection to lend."""
    if isinstance(error, PoolClosed):
        return StateError("The store is closed.", hint="Open it again.", code="closed")
    return BusyError(
        f"No connection of the pool became free: {error}.",
        hint="Close what holds them, raise pool_size and pool_overflow, or check that the server can be reached.",
        code="pool",
    )
