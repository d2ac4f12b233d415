"""PostgreSQL for the store, in an event loop."""

from __future__ import annotations

import time
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
from exuvia.store.core.postgres import connection_parameters, exhausted, explained, is_doubtful, pool_arguments
from exuvia.store.core.requests import Operation, Request, Row, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.core.session import Session
from exuvia.store.errors import StoreError

T = TypeVar("T")


class AsyncPooled(psycopg.AsyncConnection[Any]):
    """A connection that knows when it was used last."""

    used = 0.0


@dataclass(frozen=True, slots=True)
class AsyncPostgresConnection:
    """One connection.

    Args:
        connection: The driver's.
    """

    connection: AsyncPooled

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
                if names:
                    values = [given[name] for name in names]
                    prepare = None if request.prepared else False
                    await cursor.execute(text, values, prepare=prepare, binary=request.binary)
                else:
                    await cursor.execute(text, prepare=False)  # as in PostgresConnection.perform
                return await cursor.fetchall() if (found := cursor.pgresult) and found.nfields else []
            await cursor.executemany(text, [[given[name] for name in names] for given in request.sets])
        except (psycopg.Error, UnicodeError, OverflowError) as error:
            raise explained(error, request) from error
        return []


class AsyncPostgresPool:
    """Lends connections to tasks. ``open`` has to be awaited first.

    Args:
        location: The server.
        options: The store's.
        session: How connections are set up.
    """

    def __init__(self, location: PostgresLocation, options: StoreOptions, session: Session) -> None:
        self._location = location
        self._options = options
        self._set_up = session.set_up.encode()
        self._pool: AsyncConnectionPool[AsyncPooled] = AsyncConnectionPool(
            **pool_arguments(location, options), connection_class=AsyncPooled, configure=self._configure
        )

    async def open(self) -> Self:
        """Begin to make connections."""
        await self._pool.open()
        return self

    async def take(self, _kind: Kind, _scope: Scope) -> AsyncPostgresConnection:
        """Lend a connection."""
        try:
            connection = await self._pool.getconn()
            while not await self._lives(connection):
                connection = await self._pool.getconn()
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise await self._explained(error) from error
        return AsyncPostgresConnection(connection)

    async def _lives(self, connection: AsyncPooled) -> bool:
        """Try a connection if need be; give back one that is dead, or whose trial was cancelled."""
        try:
            if is_doubtful(connection.used, connection.pgconn.socket):
                await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            await connection.close()
            await self._pool.putconn(connection)
            return False
        except BaseException:
            await self._pool.putconn(connection)
            raise
        return True

    async def give(self, connection: AsyncPostgresConnection) -> None:
        """Take a connection back."""
        connection.connection.used = time.monotonic()
        await self._pool.putconn(connection.connection)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def _configure(self, connection: AsyncPooled) -> None:
        if not self._options.pgbouncer:
            await connection.execute(self._set_up)
        connection.used = time.monotonic()

    async def _explained(self, error: Exception) -> StoreError:
        if isinstance(error, PoolTimeout):
            try:
                await (await connect_async(self._location, self._options)).close()
            except StoreError as reason:
                return reason
        return exhausted(error)


async def connect_async(location: PostgresLocation, options: StoreOptions) -> AsyncPooled:
    """Open a connection outside of any pool, as ``postgres.connect`` does."""
    try:
        return await AsyncPooled.connect(**connection_parameters(location, options))
    except psycopg.Error as error:
        raise failures.of_connecting(error, location) from None
