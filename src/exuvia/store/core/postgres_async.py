"""PostgreSQL for the store, in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from exuvia.location import PostgresLocation
from exuvia.store.core import failures
from exuvia.store.core.driving import drive_async
from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.parameters import numbered
from exuvia.store.core.postgres import Idle, Session, exhausted, explained
from exuvia.store.core.requests import Operation, Request, Row, Statement

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AsyncPostgresConnection:
    """One connection.

    Args:
        connection: The driver's.
    """

    connection: psycopg.AsyncConnection[Any]

    async def drive(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""
        return await drive_async(self, operation)

    async def perform(self, request: Request) -> list[Row]:
        """Run a request and return its rows."""
        try:
            text, names = numbered(request.sql)
            cursor = psycopg.AsyncRawCursor(self.connection)
            if isinstance(request, Statement):
                given = request.parameters
                await cursor.execute(text, [given[name] for name in names] if names else None)
                return await cursor.fetchall() if cursor.description else []
            await cursor.executemany(text, [[given[name] for name in names] for given in request.sets])
        except (psycopg.Error, UnicodeError, OverflowError) as error:
            raise explained(error, request) from error
        return []


class AsyncPostgresPool:
    """Lends connections to tasks. Made by ``open``.

    Args:
        location: The server.
        options: The store's.
    """

    def __init__(self, location: PostgresLocation, options: StoreOptions) -> None:
        session = Session(options)
        arguments = session.pool_arguments(location)
        self._parameters = arguments["kwargs"]
        self._idle = Idle()
        self._set_up = session.set_up()
        self._on_connect = not options.pgbouncer
        self._pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            **arguments, configure=self._configure, check=self._check
        )

    async def open(self) -> Self:
        """Connect.

        Raises:
            StoreError: No connection can be made.
        """
        try:
            async with await psycopg.AsyncConnection.connect(**self._parameters):
                pass
            await self._pool.open()
        except psycopg.Error as error:
            raise failures.of_postgres(error) from error
        return self

    @asynccontextmanager
    async def connection(self, _kind: Kind) -> AsyncIterator[AsyncPostgresConnection]:
        """Lend a connection."""
        try:
            connection = await self._pool.getconn()
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise exhausted(error) from error
        try:
            yield AsyncPostgresConnection(connection)
        finally:
            self._idle.note(connection)
            await self._pool.putconn(connection)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def _configure(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if self._on_connect:
            await connection.execute(self._set_up)
        self._idle.note(connection)

    async def _check(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if self._idle.is_stale(connection):
            await AsyncConnectionPool.check_connection(connection)
