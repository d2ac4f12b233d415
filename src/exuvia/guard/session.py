"""Databases opened under a policy: statements go in, verdicts and answers come out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import apsw
import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from exuvia.engines.postgres.connect import resolve
from exuvia.engines.postgres.failures import explain_error
from exuvia.errors import TargetError
from exuvia.guard.policy import Level, Policy
from exuvia.guard.postgres import facts
from exuvia.guard.postgres import judge as postgres_judge
from exuvia.guard.postgres import run as postgres_run
from exuvia.guard.postgres.facts import Facts, Memory
from exuvia.guard.result import WHOLE, Bounds, Json, Result
from exuvia.guard.sqlite import run as sqlite_run
from exuvia.guard.verdict import Verdict
from exuvia.location import Location, PostgresLocation, SqliteLocation

T = TypeVar("T")

_NAME: Final = "exuvia guard"
_CONNECT_SECONDS: Final = 10


def open_session(location: Location, policy: Policy, *, data_dir: Path | None = None) -> Session:
    """Open a database for statements one after the other.

    Args:
        location: A SQLite file, a PostgreSQL server, or the embedded one, which is started if need be.
        policy: What is allowed.
        data_dir: Where the embedded server lives; None for the default.

    Raises:
        ConfigError: The location is a portable copy.
        TargetError: It cannot be opened.
    """
    if isinstance(location, SqliteLocation):
        return SqliteSession(location.path, policy)
    return PostgresSession(resolve(location, data_dir=data_dir), policy)


def open_async_session(
    location: Location, policy: Policy, *, size: int = 4, data_dir: Path | None = None
) -> AsyncSession:
    """Return a database for up to ``size`` statements at a time, to be opened by ``async with``.

    Raises:
        ConfigError: The location is a portable copy.
        TargetError: The embedded server cannot be started.
    """
    if isinstance(location, SqliteLocation):
        return AsyncSqliteSession(location.path, policy, size)
    return AsyncPostgresSession(resolve(location, data_dir=data_dir), policy, size)


class Session:
    """A database under a policy, for one caller at a time."""

    def check(self, text: str, level: Level | None = None) -> Verdict:
        """Judge a statement and do not run it.

        Args:
            text: Any text.
            level: What the caller meant to do; None for whatever the statement takes.
        """
        raise NotImplementedError

    def run(self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE) -> Result:
        """Judge one statement and run it.

        Args:
            text: The statement.
            level: What the caller means to do; reading is always possible, and runs as reading.
            values: Of its parameters: ``$1`` and so on in PostgreSQL, ``?1`` and so on in SQLite.
            bounds: Which part of the answer is wanted, and how many rows have to be changed.

        Raises:
            DeniedError: The policy does not allow it.
            TargetError: The database refuses it, it takes too long, or it changes another number of rows.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the database's connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncSession:
    """A database under a policy, for several callers at a time. Cancelling a caller stops its statement."""

    async def check(self, text: str, level: Level | None = None) -> Verdict:
        """Judge a statement and do not run it; see ``Session.check``."""
        raise NotImplementedError

    async def run(
        self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE
    ) -> Result:
        """Judge one statement and run it; see ``Session.run``."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the database's connections."""


class PostgresSession(Session):
    """A PostgreSQL database; a lost connection is made anew for the next statement."""

    def __init__(self, location: PostgresLocation, policy: Policy) -> None:
        self._location = location
        self._policy = policy
        self._connection: psycopg.Connection[Any] | None = None
        self._memory = Memory()

    def check(self, text: str, level: Level | None = None) -> Verdict:
        if not self._memory.is_fresh:
            verdict = postgres_judge.check(text, self._policy, level)
            if not verdict.allowed:
                return verdict  # the server need not be asked
        return postgres_judge.check(text, self._policy, level, self._facts())

    def run(self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE) -> Result:
        verdict = self.check(text, level)
        verdict.require()
        connection = self._connected()
        return postgres_run.run(
            connection, text, self._policy, level=verdict.needs, values=values, bounds=bounds, judged=False
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _facts(self) -> Facts:
        if self._memory.is_fresh:
            return self._memory.facts
        asking, values = facts.asking(self._policy), [sorted(self._policy.functions)]
        return self._memory.keep(postgres_run.run(self._connected(), facts.QUERY, asking, values=values, judged=False))

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is not None and self._connection.info.transaction_status != TransactionStatus.IDLE:
            self._connection.close()  # lost, or interrupted in the middle of a statement
        if self._connection is None or self._connection.closed:
            try:
                self._connection = psycopg.connect(**_parameters(self._location))
            except psycopg.Error as error:
                # The driver's error object holds the password, so it is not chained.
                raise explain_error(error, location=self._location) from None
        return self._connection


class AsyncPostgresSession(AsyncSession):
    """A PostgreSQL database behind a pool of connections."""

    def __init__(self, location: PostgresLocation, policy: Policy, size: int) -> None:
        self._policy = policy
        self._location = location
        self._memory = Memory()
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            kwargs=_parameters(location), min_size=1, max_size=size, open=False, timeout=_CONNECT_SECONDS, name=_NAME
        )

    async def __aenter__(self) -> Self:
        try:
            # Its own connection tells why it fails, which the pool does not.
            connection = await psycopg.AsyncConnection.connect(**_parameters(self._location))
        except psycopg.Error as error:
            raise explain_error(error, location=self._location) from None
        await connection.close()
        await self._pool.open()
        return self

    async def check(self, text: str, level: Level | None = None) -> Verdict:
        if not self._memory.is_fresh:
            verdict = postgres_judge.check(text, self._policy, level)
            if not verdict.allowed:
                return verdict  # the server need not be asked
        return postgres_judge.check(text, self._policy, level, await self._facts())

    async def run(
        self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE
    ) -> Result:
        verdict = await self.check(text, level)
        verdict.require()
        return await self._unjudged(text, self._policy, verdict.needs, values, bounds)

    async def inspect(self, text: str, values: Sequence[Json] = ()) -> Result:
        """Run a read of the program's own, never somebody else's text: nobody judges it, and its answer is whole.

        Raises:
            TargetError: The database refuses it, or it takes too long.
        """
        return await self._unjudged(text, facts.asking(self._policy), "read", values)

    async def _facts(self) -> Facts:
        if self._memory.is_fresh:
            return self._memory.facts
        asking, values = facts.asking(self._policy), [sorted(self._policy.functions)]
        return self._memory.keep(await self._unjudged(facts.QUERY, asking, "read", values))

    async def _unjudged(
        self, text: str, policy: Policy, level: Level, values: Sequence[Json], bounds: Bounds = WHOLE
    ) -> Result:
        try:
            async with self._pool.connection() as connection:
                return await postgres_run.run_async(
                    connection, text, policy, level=level, values=values, bounds=bounds, judged=False
                )
        except PoolTimeout:
            raise TargetError(
                f"No connection to {self._location} was free or could be made within {_CONNECT_SECONDS} seconds.",
                hint="Check that the server runs; or wait until other statements have ended.",
                code="connections",
            ) from None

    async def close(self) -> None:
        await self._pool.close()


class SqliteSession(Session):
    """A SQLite file, with one connection for each level."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._connections = _Connections(path, policy)
        self._policy = policy

    def check(self, text: str, level: Level | None = None) -> Verdict:
        connection = self._connections.take("read")
        try:
            return sqlite_run.check(connection, text, self._policy, level)
        finally:
            self._connections.give("read", connection)

    def run(self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE) -> Result:
        verdict = self.check(text, level)
        verdict.require()
        connection = self._connections.take(verdict.needs)
        try:
            return sqlite_run.run(connection, text, self._policy, level=verdict.needs, values=values, bounds=bounds)
        finally:
            self._connections.give(verdict.needs, connection)

    def close(self) -> None:
        self._connections.close()


class AsyncSqliteSession(AsyncSession):
    """A SQLite file, whose statements run in threads."""

    def __init__(self, path: Path, policy: Policy, size: int) -> None:
        self._connections = _Connections(path, policy)
        self._policy = policy
        self._slots = asyncio.Semaphore(size)

    async def check(self, text: str, level: Level | None = None) -> Verdict:
        async with self._slots:
            connection = self._connections.take("read")
            try:
                return await sqlite_run.check_async(connection, text, self._policy, level)
            finally:
                self._connections.give("read", connection)

    async def run(
        self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE
    ) -> Result:
        verdict = await self.check(text, level)
        verdict.require()
        async with self._slots:
            connection = self._connections.take(verdict.needs)
            try:
                return await sqlite_run.run_async(
                    connection, text, self._policy, level=verdict.needs, values=values, bounds=bounds
                )
            finally:
                self._connections.give(verdict.needs, connection)

    async def inspect(self, work: Callable[[apsw.Connection], T]) -> T:
        """Let a piece of the program's own read the file: nobody judges what it asks.

        Raises:
            TargetError: SQLite refuses it, or it takes too long.
        """
        async with self._slots:
            connection = self._connections.take("read")
            try:
                return await sqlite_run.inspect_async(connection, self._policy, work)
            finally:
                self._connections.give("read", connection)

    async def close(self) -> None:
        self._connections.close()


@dataclass(slots=True)
class _Connections:
    """Connections to a file that are free, by their level."""

    path: Path
    policy: Policy
    free: dict[Level, list[apsw.Connection]] = field(default_factory=dict)

    def take(self, level: Level) -> apsw.Connection:
        free = self.free.get(level)
        return free.pop() if free else sqlite_run.connect(self.path, self.policy, level)

    def give(self, level: Level, connection: apsw.Connection) -> None:
        self.free.setdefault(level, []).append(connection)

    def close(self) -> None:
        for connections in self.free.values():
            while connections:
                connections.pop().close()


def _parameters(location: PostgresLocation) -> dict[str, Any]:
    defaults = {"application_name": _NAME, "connect_timeout": str(_CONNECT_SECONDS), "client_encoding": "utf8"}
    return {**defaults, **location.connection_parameters(), "autocommit": True, "prepare_threshold": None}
