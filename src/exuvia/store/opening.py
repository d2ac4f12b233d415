"""Opening a store: by ``with`` for synchronous code, by ``async with`` for asynchronous code."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from exuvia.errors import ConfigError
from exuvia.location import EmbeddedLocation, Location, PostgresLocation, SqliteLocation
from exuvia.location import parse as parse_location
from exuvia.store.core import postgres, sqlite
from exuvia.store.core.confining import Confinement
from exuvia.store.core.dialect import POSTGRES, SQLITE
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.postgres_async import AsyncPostgresConnection, AsyncPostgresPool, connect_async
from exuvia.store.core.runners import AsyncRunner, Context, SyncRunner
from exuvia.store.core.scope import Scope
from exuvia.store.core.session import Session
from exuvia.store.core.sqlite_async import AsyncSqlitePool
from exuvia.store.memory import AsyncStore, Store
from exuvia.store.preparing import Prepared, prepare


class Opening:
    """A store that is about to be opened.

    ``with`` opens a ``Store``, ``async with`` an ``AsyncStore``; both close it at the end. ``sync()`` and ``wait()``
    open it for as long as the program likes.

    Args:
        location: A SQLite file, which is made where it is missing, or a PostgreSQL server.
        options: How to open it.

    Raises:
        ConfigError: The location is something else.
    """

    def __init__(self, location: Location, options: StoreOptions) -> None:
        if not isinstance(location, SqliteLocation | PostgresLocation | EmbeddedLocation):
            raise ConfigError(
                f"{location} cannot be a store.",
                hint="Name a SQLite file (sqlite:///memory.db) or a PostgreSQL server (postgresql://user@host/database).",
                code="store",
            )
        self._location = location
        self.options = options
        self._sync: Store | None = None
        self._async: AsyncStore | None = None

    def sync(self) -> Store:
        """Open the store for synchronous code; close it by ``close()``.

        Raises:
            StoreError: It cannot be reached, or its tables do not fit.
        """
        options = self.options
        if isinstance(self._location, SqliteLocation):
            file = sqlite.SqliteFile(self._location.path, options)
            return Store(SyncRunner(sqlite.SqlitePool(file, options), _look_at(file, options), Scope()))
        server = _server(self._location, options)
        connection = postgres.connect(server, options)
        try:
            prepared = postgres.PostgresConnection(connection).drive(prepare(POSTGRES, options))
        finally:
            connection.close()
        session = Session(options, prepared.capabilities)
        return Store(SyncRunner(postgres.PostgresPool(server, options, session), _served(prepared, session), Scope()))

    async def wait(self) -> AsyncStore:
        """Open the store for asynchronous code; close it by ``await close()``.

        Raises:
            StoreError: It cannot be reached, or its tables do not fit.
        """
        options = self.options
        if isinstance(self._location, SqliteLocation):
            file = await asyncio.to_thread(sqlite.SqliteFile, self._location.path, options)
            context = await asyncio.to_thread(_look_at, file, options)
            return AsyncStore(AsyncRunner(AsyncSqlitePool(file, options), context, Scope()))
        server = await asyncio.to_thread(_server, self._location, options)
        connection = await connect_async(server, options)
        try:
            prepared = await AsyncPostgresConnection(connection).drive(prepare(POSTGRES, options))
        finally:
            await connection.close()
        session = Session(options, prepared.capabilities)
        pool = await AsyncPostgresPool(server, options, session).open()
        return AsyncStore(AsyncRunner(pool, _served(prepared, session), Scope()))

    def __enter__(self) -> Store:
        self._sync = self.sync()
        return self._sync

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._sync is not None:
            self._sync.close()

    async def __aenter__(self) -> AsyncStore:
        self._async = await self.wait()
        return self._async

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._async is not None:
            await self._async.close()


def open_store(url: str | Path, options: StoreOptions | None = None, **changes: object) -> Opening:
    """Open the store at a location; see ``exuvia.open``."""
    return Opening(parse_location(url), replace(options or StoreOptions(), **changes))  # type: ignore[arg-type]


def _look_at(file: sqlite.SqliteFile, options: StoreOptions) -> Context:
    """Prepare a file, and return what its runners have to know."""
    try:
        connection = file.writer() if options.create else file.reader()
        prepared = connection.drive(prepare(SQLITE, options))
        file.tables = prepared.tables
        capabilities = replace(prepared.capabilities, read_only=connection.is_read_only)
        if not options.create:
            file.give_back(connection)
    except BaseException:
        file.close()
        raise
    confinement = Confinement(prepared.tables)
    return Context(SQLITE, capabilities, sqlite.SqliteManners(), confinement, options.clock, options.retry)


def _served(prepared: Prepared, session: Session) -> Context:
    """Return what the runners of a prepared server have to know."""
    confinement = None if prepared.capabilities.row_security else Confinement(prepared.tables)
    options = session.options
    return Context(POSTGRES, prepared.capabilities, session, confinement, options.clock, options.retry)


def _server(location: PostgresLocation | EmbeddedLocation, options: StoreOptions) -> PostgresLocation:
    if isinstance(location, PostgresLocation):
        return location
    from exuvia.engines.postgres.connect import resolve

    return resolve(location, data_dir=options.data_dir)
