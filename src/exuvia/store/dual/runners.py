"""Runners over two databases: writes and reads go to the primary, and reads to the secondary where that is allowed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Request
from exuvia.store.core.runners import AsyncRunner, Context, Informed, SyncRunner
from exuvia.store.core.scope import Scope
from exuvia.store.dual.pair import LAST_READ, Pair
from exuvia.store.dual.pairing import LOG
from exuvia.store.errors import DemotedError, UnavailableError

T = TypeVar("T")
R = TypeVar("R", SyncRunner, AsyncRunner)

# Which of the two an operation runs on, while one of its steps does; None stands for the primary
_ON: Final[ContextVar[int | None]] = ContextVar("exuvia_dual_on", default=None)
_PAUSE: Final = 0.01
_AWAY_FOR: Final = 1.0  # seconds for which a primary that could not be reached is not asked for reads


class Faces(Generic[R]):
    """The runners of both databases; the secondary's is opened when it is needed first.

    Args:
        pair: The databases.
        primary: The primary's runner.
        open_secondary: Opens the other database, unless that has been done; asynchronous ones return a coroutine.
        fallback: Whether the secondary may answer reads.
    """

    def __init__(self, pair: Pair, primary: R, open_secondary: Callable[[Faces[R]], Any], *, fallback: bool) -> None:
        self.pair = pair
        self._open_secondary: Callable[[Faces[R]], Any] = open_secondary
        self.fallback = fallback
        self.runners: dict[int, R] = {pair.primary: primary}
        self._away_until = 0.0

    @property
    def primary(self) -> R:
        """The primary's runner."""
        return self.runners[self.pair.primary]

    @property
    def here(self) -> R:
        """The runner that the operation of the moment runs on."""
        on = _ON.get()
        return self.primary if on is None else self.runners[on]

    def open_secondary(self) -> Any:
        """Open the other database, unless that has been done."""
        return self._open_secondary(self)

    def is_away(self, kind: Kind) -> bool:
        """Tell whether the primary need not be asked for a read: it could not be reached a moment ago."""
        return kind is Kind.READ and self.fallback and time.monotonic() < self._away_until

    def falls_back(self, kind: Kind) -> bool:
        """Tell whether the secondary may answer, now that the primary cannot be reached."""
        if kind is not Kind.READ or not self.fallback:
            return False
        self._away_until = time.monotonic() + _AWAY_FOR
        LOG.warning("The primary cannot be reached: reads are answered by the secondary.")
        return True

    def done(self, kind: Kind, *, fallback: bool) -> None:
        """Note by which of the two an operation was answered."""
        if kind is not Kind.READ:
            self.pair.worker.wake()
            return
        LAST_READ.set("secondary" if fallback else "primary")
        self.pair.fallback_reads += fallback


class DualPool:
    """The primary's pool, and a word to the worker whenever a connection comes back from writing."""

    def __init__(self, faces: Faces[SyncRunner]) -> None:
        self._faces = faces
        self._owners: dict[int, Any] = {}

    def take(self, kind: Kind, scope: Scope) -> Any:
        """Lend a connection to the primary."""
        pool = self._faces.primary.pool
        connection = pool.take(kind, scope)
        self._owners[id(connection)] = pool
        return connection

    def give(self, connection: Any) -> None:
        """Take a connection back."""
        self._owners.pop(id(connection)).give(connection)
        self._faces.pair.worker.wake()


class AsyncDualPool:
    """The same for an event loop."""

    def __init__(self, faces: Faces[AsyncRunner]) -> None:
        self._faces = faces
        self._owners: dict[int, Any] = {}

    async def take(self, kind: Kind, scope: Scope) -> Any:
        """Lend a connection to the primary."""
        pool = self._faces.primary.pool
        connection = await pool.take(kind, scope)
        self._owners[id(connection)] = pool
        return connection

    async def give(self, connection: Any) -> None:
        """Take a connection back."""
        await self._owners.pop(id(connection)).give(connection)
        self._faces.pair.worker.wake()


@dataclass(frozen=True, slots=True)
class DualRunner(Informed, Generic[R]):
    """What both runners over two databases know.

    Args:
        faces: The databases.
        pool: Lends connections for transactions.
        scope: What may be seen.
    """

    faces: Faces[R]
    pool: Any
    scope: Scope

    @property
    def context(self) -> Context:
        """What the runner of the moment knows."""
        return self.faces.here.context


class SyncDualRunner(DualRunner[SyncRunner]):
    """Runs operations on two databases, in the calling thread."""

    __slots__ = ()

    def run(self, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        """Run an operation on the primary; a read, where that is allowed, else on the secondary."""
        faces, number = self.faces, self.faces.pair.primary
        away = faces.is_away(kind)
        if not away:
            try:
                result = self._run_on(number, make, kind, idempotent=idempotent)
            except DemotedError:
                while (handed_over := faces.pair.is_handed_over(number)) is None:
                    time.sleep(_PAUSE)
                if not handed_over:
                    raise
                result = self._run_on(1 - number, make, kind, idempotent=idempotent)
            except UnavailableError:
                if not faces.falls_back(kind):
                    raise
                away = True
        if away:
            faces.open_secondary()
            result = self._run_on(1 - number, make, kind, idempotent=idempotent)
        faces.done(kind, fallback=away)
        return result

    def _run_on(self, number: int, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        runner = replace(self.faces.runners[number], scope=self.scope)
        return runner.run(lambda: _on(number, make()), kind, idempotent=idempotent)


class AsyncDualRunner(DualRunner[AsyncRunner]):
    """Runs operations on two databases, in an event loop."""

    __slots__ = ()

    async def run(self, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        """Run an operation, as ``SyncDualRunner`` does."""
        faces, number = self.faces, self.faces.pair.primary
        away = faces.is_away(kind)
        if not away:
            try:
                result = await self._run_on(number, make, kind, idempotent=idempotent)
            except DemotedError:
                while (handed_over := faces.pair.is_handed_over(number)) is None:
                    await asyncio.sleep(_PAUSE)
                if not handed_over:
                    raise
                result = await self._run_on(1 - number, make, kind, idempotent=idempotent)
            except UnavailableError:
                if not faces.falls_back(kind):
                    raise
                away = True
        if away:
            await faces.open_secondary()
            result = await self._run_on(1 - number, make, kind, idempotent=idempotent)
        faces.done(kind, fallback=away)
        return result

    async def _run_on(self, number: int, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        runner = replace(self.faces.runners[number], scope=self.scope)
        return await runner.run(lambda: _on(number, make()), kind, idempotent=idempotent)


def _on(number: int, operation: Operation[T]) -> Operation[T]:
    """Tell each step of an operation which database it runs on, whatever thread it is taken in."""
    resume: Callable[[Any], Request] = operation.send
    given: Any = None
    while True:
        token = _ON.set(number)
        try:
            request = resume(given)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            _ON.reset(token)
        try:
            given = yield request
        except BaseException as error:
            resume, given = operation.throw, error
        else:
            resume = operation.send
