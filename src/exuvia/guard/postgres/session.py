"""PostgreSQL databases under a policy. They are connected to when they are first asked for something, and again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from exuvia.errors import TargetError
from exuvia.guard.leaving import attended
from exuvia.guard.policy import Level, Policy
from exuvia.guard.postgres import facts
from exuvia.guard.postgres.failures import unreachable
from exuvia.guard.postgres.judge import check
from exuvia.guard.postgres.run import run, run_async
from exuvia.guard.result import WHOLE, Bounds, Json, Result
from exuvia.guard.session import AsyncSession, Session
from exuvia.guard.verdict import Verdict
from exuvia.location import PostgresLocation

_NAME: Final = "exuvia guard"
_CONNECT_SECONDS: Final = 10
_CANCEL_SECONDS: Final = 10.0  # for the server to end the statement of a caller who left
_VERDICTS: Final = 256
_MENDABLE: Final = ("type", "index")  # reasons against a statement that the catalog may take away
_LONGEST: Final = 10_000  # characters of a text whose verdict is kept


@dataclass(slots=True)
class Judging:
    """Verdicts, with what the server's catalog told a moment ago.

    Args:
        policy: What is allowed.
    """

    policy: Policy
    memory: facts.Memory = field(default_factory=facts.Memory)
    _verdicts: OrderedDict[tuple[str, Level | None], Verdict] = field(default_factory=OrderedDict)

    def offline(self, text: str, level: Level | None) -> Verdict | None:
        """Return a verdict for which the server need not be asked; None where it has to be."""
        if self.memory.is_fresh:
            return self.verdict(text, level)
        verdict = check(text, self.policy, level)
        mendable = all(denial.code in _MENDABLE for denial in verdict.denials)
        return None if mendable else verdict

    def verdict(self, text: str, level: Level | None) -> Verdict:
        """Return the verdict by what is remembered of the catalog."""
        found = self._verdicts.get((text, level))
        if found is not None:
            self._verdicts.move_to_end((text, level))
            return found
        verdict = check(text, self.policy, level, self.memory.facts)
        if len(text) <= _LONGEST:
            self._verdicts[text, level] = verdict
            if len(self._verdicts) > _VERDICTS:
                self._verdicts.popitem(last=False)
        return verdict

    def learn(self, found: Result) -> None:
        """Remember what the catalog told."""
        self.memory.keep(found)
        self._verdicts.clear()

    def forget(self, level: Level) -> None:
        """Ask the catalog again after a statement that may have changed it."""
        if level == "ddl":
            self.memory.at = None

    def question(self) -> tuple[str, Policy, Level, Sequence[Json]]:
        """Return what to ask the catalog: the statement, its limits, its level and its values."""
        return facts.QUERY, facts.asking(self.policy), "read", facts.values(self.policy)


class PostgresSession(Session):
    """A PostgreSQL database; a lost connection is made anew for the next statement."""

    def __init__(self, location: PostgresLocation, policy: Policy) -> None:
        self._location = location
        self._judging = Judging(policy)
        self._connection: psycopg.Connection[Any] | None = None

    def check(self, text: str, level: Level | None = None) -> Verdict:
        verdict = self._judging.offline(text, level)
        if verdict is None:
            self._judging.learn(self._unjudged(*self._judging.question()))
            verdict = self._judging.verdict(text, level)
        return verdict

    def run(self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE) -> Result:
        verdict = self.check(text, level)
        verdict.require()
        self._judging.forget(verdict.needs)
        return self._unjudged(text, self._judging.policy, verdict.needs, values, bounds)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _unjudged(
        self, text: str, policy: Policy, level: Level, values: Sequence[Json], bounds: Bounds = WHOLE
    ) -> Result:
        return run(self._connected(), text, policy, level=level, values=values, bounds=bounds, judged=False)

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is not None and not _is_free(self._connection):
            self._connection.close()  # lost, or interrupted in the middle of a statement
            self._connection = None
        if self._connection is None:
            with _connecting(self._location):
                self._connection = psycopg.connect(**_parameters(self._location))
        return self._connection


class AsyncPostgresSession(AsyncSession):
    """A PostgreSQL database with a few connections, which are made when they are needed."""

    def __init__(self, location: PostgresLocation, policy: Policy, size: int) -> None:
        self._location = location
        self._judging = Judging(policy)
        self._slots = asyncio.Semaphore(size)
        self._free: list[psycopg.AsyncConnection[Any]] = []
        self._asking = asyncio.Lock()

    async def check(self, text: str, level: Level | None = None) -> Verdict:
        verdict = self._judging.offline(text, level)
        if verdict is None:
            async with self._asking:
                if not self._judging.memory.is_fresh:
                    self._judging.learn(await self._unjudged(*self._judging.question()))
            verdict = self._judging.verdict(text, level)
        return verdict

    async def run(
        self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE
    ) -> Result:
        verdict = await self.check(text, level)
        verdict.require()
        try:
            return await self._unjudged(text, self._judging.policy, verdict.needs, values, bounds)
        finally:
            self._judging.forget(verdict.needs)

    async def inspect(self, text: str, values: Sequence[Json] = ()) -> Result:
        """Run a read of the program's own, never somebody else's text: nobody judges it, and its answer is whole.

        Raises:
            TargetError: The database refuses it, or it takes too long.
        """
        return await self._unjudged(text, facts.asking(self._judging.policy), "read", values)

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()

    async def _unjudged(
        self, text: str, policy: Policy, level: Level, values: Sequence[Json], bounds: Bounds = WHOLE
    ) -> Result:
        async def on_connection() -> Result:
            async with self._connection() as connection:
                return await run_async(
                    connection, text, policy, level=level, values=values, bounds=bounds, judged=False
                )

        running = asyncio.ensure_future(on_connection())
        return await attended(running, running.cancel, _CANCEL_SECONDS)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            await asyncio.wait_for(self._slots.acquire(), self._judging.policy.timeout_s + _CONNECT_SECONDS)
        except TimeoutError:
            raise TargetError(
                f"No connection to {self._location} became free in time.",
                hint="Wait until other statements have ended.",
                code="connections",
            ) from None
        try:
            connection = await self._taken()
            try:
                yield connection
            finally:
                await self._give(connection)
        finally:
            self._slots.release()

    async def _taken(self) -> psycopg.AsyncConnection[Any]:
        while self._free:
            connection = self._free.pop()
            if _is_free(connection):
                return connection
            await connection.close()
        with _connecting(self._location):
            return await psycopg.AsyncConnection.connect(**_parameters(self._location))

    async def _give(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if _is_free(connection):
            self._free.append(connection)
            return
        await connection.close()
        if connection.broken:
            await self.close()  # the others are most likely lost, too


def _is_free(connection: psycopg.BaseConnection[Any]) -> bool:
    return not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE


@contextmanager
def _connecting(location: PostgresLocation) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        # The driver's error object holds the password, so it is not chained.
        raise unreachable(error, location) from None


def _parameters(location: PostgresLocation) -> dict[str, Any]:
    defaults = {"application_name": _NAME, "connect_timeout": str(_CONNECT_SECONDS), "client_encoding": "utf8"}
    return {**defaults, **location.connection_parameters(), "autocommit": True, "prepare_threshold": None}
