"""PostgreSQL for the store: pooled connections, set up alike."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.adapt import AdaptersMap, Buffer, Loader
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from exuvia.location import PostgresLocation
from exuvia.store.core import failures
from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.detecting import APPLICATION_ROLE
from exuvia.store.core.dialect import POSTGRES
from exuvia.store.core.driving import drive
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.parameters import numbered
from exuvia.store.core.requests import Operation, Request, Row, Statement
from exuvia.store.core.scope import Scope
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


@dataclass(frozen=True, slots=True)
class Session:
    """The settings of every session, and what begins a transaction.

    Args:
        options: The store's.
        capabilities: What the server can do.
    """

    options: StoreOptions
    capabilities: Capabilities

    @property
    def settings(self) -> dict[str, str]:
        """PostgreSQL's settings by name."""
        schemas = (self.options.schema, "public", *self.capabilities.search_path)
        return {
            "search_path": ", ".join(f'"{schema}"' for schema in schemas),
            "statement_timeout": str(int(self.options.statement_timeout * 1000)),
            "lock_timeout": str(int(self.options.lock_timeout * 1000)),
            "idle_in_transaction_session_timeout": "0",
            "TimeZone": "UTC",
            "default_transaction_isolation": "read committed",
            **_vector_settings(self.capabilities.vector),
        }

    def set_up(self) -> sql.Composed:
        """Return the statement that sets a new connection up."""
        return _set_all(self.settings, local=False)

    def begin(self, kind: Kind, scope: Scope) -> str | None:
        """Return what opens the transaction of an operation, if it needs one: one message, one round trip."""
        settings = self.settings if self.options.pgbouncer else {}
        role = ""
        if scope.project is not None and self.capabilities.row_security:
            settings = settings | _scope_settings(scope)
            role = f"SET LOCAL ROLE {APPLICATION_ROLE}; "
        if settings:
            return f"{POSTGRES.begin}; {role}{_set_all(settings, local=True).as_string()}"
        return POSTGRES.begin if kind is Kind.WRITE else None

    def enter(self, _connection: Any, scope: Scope) -> str | None:
        """Return what gives an open transaction another scope."""
        if not self.capabilities.row_security:
            return None
        role = "NONE" if scope.project is None else APPLICATION_ROLE
        return f"SET LOCAL ROLE {role}; {_set_all(_scope_settings(scope), local=True).as_string()}"


class Idle:
    """Since when connections have not been used.

    Trying each connection before it is lent would cost every call a round trip. One whose server has gone away is
    found without: what the server has said last, or the end of the stream, waits to be read.
    """

    def __init__(self) -> None:
        self._since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def note(self, connection: Any) -> None:
        """Note that a connection was just used."""
        self._since[connection] = time.monotonic()

    def is_doubtful(self, connection: Any) -> bool:
        """Tell whether a connection has to be tried before it is lent."""
        if time.monotonic() - self._since.get(connection, 0) > PING_AFTER:
            return True
        heard = select.poll()
        heard.register(connection.fileno(), select.POLLIN)
        return bool(heard.poll(0))


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
                if names:
                    cursor.execute(text, [given[name] for name in names], prepare=None if request.prepared else False)
                else:
                    cursor.execute(text, prepare=False)  # several statements in one message cannot be prepared
                return cursor.fetchall() if cursor.description else []
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
        self._idle = Idle()
        self._set_up = session.set_up()
        self._pool: ConnectionPool[Any] = ConnectionPool(**pool_arguments(location, options), configure=self._configure)
        self._pool.open()

    def take(self, _kind: Kind, _scope: Scope) -> PostgresConnection:
        """Lend a connection."""
        try:
            connection = self._pool.getconn()
            while self._idle.is_doubtful(connection) and not self._lives(connection):
                connection = self._pool.getconn()
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise self._explained(error) from error
        return PostgresConnection(connection)

    def _lives(self, connection: psycopg.Connection[Any]) -> bool:
        """Try a connection; give back one that is dead, or whose trial was interrupted."""
        try:
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
        self._idle.note(connection.connection)
        self._pool.putconn(connection.connection)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        if not self._options.pgbouncer:
            connection.execute(self._set_up)
        self._idle.note(connection)

    def _explained(self, error: Exception) -> StoreError:
        if isinstance(error, PoolTimeout):
            try:
                connect(self._location, self._options).close()
            except StoreError as reason:
                return reason
        return exhausted(error)


def connect(location: PostgresLocation, options: StoreOptions) -> psycopg.Connection[Any]:
    """Open a connection outside of any pool, which would try for long, and tell less when it fails.

    Raises:
        StoreError: The server cannot be reached, or refuses.
    """
    try:
        return psycopg.connect(**connection_parameters(location, options))
    except psycopg.Error as error:
        raise failures.of_connecting(error, location) from None  # the driver's error holds the password


def connection_parameters(location: PostgresLocation, options: StoreOptions) -> dict[str, Any]:
    """Return psycopg's arguments for a connection."""
    given: dict[str, Any] = {
        "keepalives": "1",
        "keepalives_idle": "30",
        "connect_timeout": "10",
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


def _vector_settings(version: str | None) -> dict[str, str]:
    """Return how thoroughly pgvector's indexes are searched: on until enough rows have passed the filters (0.8)."""
    if version is None:
        return {}
    found = {"hnsw.ef_search": "100", "ivfflat.probes": "20"}
    if tuple(map(int, version.split(".")[:2])) >= (0, 8):
        found |= {"hnsw.iterative_scan": "relaxed_order", "ivfflat.iterative_scan": "relaxed_order"}
    return found


def _scope_settings(scope: Scope) -> dict[str, str]:
    return {"exuvia.project_id": scope.project or "", "exuvia.session_id": scope.session or ""}


def _set_all(settings: dict[str, str], *, local: bool) -> sql.Composed:
    calls = (
        sql.SQL("set_config({}, {}, {})").format(sql.Literal(name), sql.Literal(value), sql.Literal(local))
        for name, value in settings.items()
    )
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls))
