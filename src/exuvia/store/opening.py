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
from exuvia.store.core.dialect import POSTGRES, SQLITE, Dialect
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.postgres_async import AsyncPostgresPool
from exuvia.store.core.runners import AsyncPool, AsyncRunner, Begin, Pool, SyncRunner
from exuvia.store.core.scope import Scope
from exuvia.store.core.sqlite_async import AsyncSqlitePool
from exuvia.store.memory import AsyncStore, Store
from exuvia.store.schema import bring_up_to_date


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
        self._options = options
        self._sync: Store | None = None
        self._async: AsyncStore | None = None

    def sync(self) -> Store:
        """Open the store for synchronous code; close it by ``close()``.

        Raises:
            StoreError: It cannot be reached, or its tables do not fit.
        """
        options = self._options
        if isinstance(self._location, SqliteLocation):
            pool: Pool = sqlite.SqlitePool(sqlite.SqliteFile(self._location.path, options), options)
            dialect = SQLITE
        else:
            pool = postgres.PostgresPool(_server(self._location), options)
            dialect = POSTGRES
        runner = SyncRunner(pool, dialect, _begin(dialect, options), options.retry, options.clock, Scope())
        try:
            steps = lambda: bring_up_to_date(dialect, options.schema, create=options.create)  # noqa: E731
            runner.run(steps, Kind.WRITE, idempotent=True)
        except BaseException:
            pool.close()
            raise
        return Store(runner)

    async def wait(self) -> AsyncStore:
        """Open the store for asynchronous code; close it by ``await close()``.

        Raises:
            StoreError: It cannot be reached, or its tables do not fit.
        """
        options = self._options
        if isinstance(self._location, SqliteLocation):
            file = await asyncio.to_thread(sqlite.SqliteFile, self._location.path, options)
            pool: AsyncPool = AsyncSqlitePool(file, options)
            dialect = SQLITE
        else:
            server = await asyncio.to_thread(_server, self._location)
            pool = await AsyncPostgresPool(server, options).open()
            dialect = POSTGRES
        runner = AsyncRunner(pool, dialect, _begin(dialect, options), options.retry, options.clock, Scope())
        try:
            steps = lambda: bring_up_to_date(dialect, options.schema, create=options.create)  # noqa: E731
            await runner.run(steps, Kind.WRITE, idempotent=True)
        except BaseException:
            await pool.close()
            raise
        return AsyncStore(runner)

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


def _begin(dialect: Dialect, options: StoreOptions) -> Begin:
    return postgres.Session(options).begin if dialect.is_postgres else sqlite.begin


def _server(location: PostgresLocation | EmbeddedLocation) -> PostgresLocation:
    if isinstance(location, PostgresLocation):
        return location
    from exuvia.engines.postgres.connect import resolve

    return resolve(location)
