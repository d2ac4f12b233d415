"""Runners: operations on connections of a pool, or on the one connection of an open transaction."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.confining import Confinement, confined
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.driving import Retry, transact
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.errors import StateError, StoreError, UnavailableError, UnknownOutcomeError

T = TypeVar("T")
C = TypeVar("C")


class Driver(Protocol):
    """A connection that runs operations."""

    def drive(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""


class AsyncDriver(Protocol):
    """A connection that runs operations without holding up the event loop."""

    async def drive(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""


class Pool(Protocol):
    """Connections of one engine."""

    def take(self, kind: Kind, scope: Scope) -> Driver:
        """Lend a connection that is fit for an operation of this kind in this scope."""

    def give(self, connection: Any) -> None:
        """Take a connection back, and roll back what was left open on it."""

    def close(self) -> None:
        """Close every connection."""


class AsyncPool(Protocol):
    """Connections of one engine, for an event loop."""

    async def take(self, kind: Kind, scope: Scope) -> AsyncDriver:
        """Lend a connection that is fit for an operation of this kind in this scope."""

    async def give(self, connection: Any) -> None:
        """Take a connection back, and roll back what was left open on it."""

    async def close(self) -> None:
        """Close every connection."""


class Manners(Protocol):
    """How an engine's transactions begin, and how they change their scope."""

    def begin(self, kind: Kind, scope: Scope) -> str | None:
        """Return what opens the transaction that an operation needs, or None where it needs none."""

    def enter(self, connection: Any, scope: Scope) -> str | None:
        """Give an open transaction another scope; return what has to be said for it, if anything."""


P = TypeVar("P", Pool, AsyncPool)


@dataclass(frozen=True, slots=True)
class Context:
    """What every runner of a store knows.

    Args:
        dialect: The engine's.
        capabilities: What the engine can do here.
        manners: How its transactions begin.
        confinement: Holds the statements of bound stores to their scope, where the engine does not.
        clock: Tells the time.
        retry: When an operation is tried again.
    """

    dialect: Dialect
    capabilities: Capabilities
    manners: Manners
    confinement: Confinement | None
    clock: Callable[[], datetime]
    retry: Retry

    def held(self, operation: Operation[T], scope: Scope) -> Operation[T]:
        """Hold an operation to its scope."""
        if scope.project is None or self.confinement is None:
            return operation
        return confined(operation, self.confinement.holder(scope))


class Knowing(Protocol):
    """A runner that knows its store's context."""

    @property
    def context(self) -> Context:
        """What it knows."""


class Informed:
    """What every runner tells of its store."""

    __slots__ = ()

    @property
    def dialect(self: Knowing) -> Dialect:
        """The engine's way of saying things."""
        return self.context.dialect

    @property
    def capabilities(self: Knowing) -> Capabilities:
        """What the engine can do here."""
        return self.context.capabilities

    @property
    def clock(self: Knowing) -> Callable[[], datetime]:
        """Tells the time, in UTC."""
        return self.context.clock


@dataclass(frozen=True, slots=True)
class PoolRunner(Informed, Generic[P]):
    """What both runners over a pool know.

    Args:
        pool: Lends connections.
        context: The store's.
        scope: What may be seen.
    """

    pool: P
    context: Context
    scope: Scope

    def framed(self, operation: Operation[T], kind: Kind) -> Operation[T]:
        """Put an operation into the transaction that it needs."""
        operation = self.context.held(operation, self.scope)
        begin = self.context.manners.begin(kind, self.scope)
        if begin is not None:
            return transact(operation, begin)
        return operation if kind is Kind.READ else _alone(operation)


class SyncRunner(PoolRunner[Pool]):
    """Runs operations on a pool, in the calling thread."""

    __slots__ = ()

    def run(self, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        """Run an operation, and again after an error that another try may not meet."""
        pool = self.pool
        for attempt in itertools.count():
            connection = pool.take(kind, self.scope)  # has waited as long as it may, so it is not tried again
            try:
                try:
                    return connection.drive(self.framed(make(), kind))
                finally:
                    pool.give(connection)
            except StoreError as error:
                wait = self.context.retry.wait(error, attempt, kind=kind, idempotent=idempotent)
                if wait is None:
                    raise
            time.sleep(wait)
        raise AssertionError


class AsyncRunner(PoolRunner[AsyncPool]):
    """Runs operations on a pool, in an event loop."""

    __slots__ = ()

    async def run(self, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        """Run an operation, and again after an error that another try may not meet."""
        pool = self.pool
        for attempt in itertools.count():
            connection = await pool.take(kind, self.scope)
            try:
                try:
                    return await connection.drive(self.framed(make(), kind))
                finally:
                    await pool.give(connection)
            except StoreError as error:
                wait = self.context.retry.wait(error, attempt, kind=kind, idempotent=idempotent)
                if wait is None:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError


class Course:
    """How an open transaction fares: after an error nothing more can be done in it, on either engine.

    Args:
        scope: What its connection is set to.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope | None = scope
        self._failed = False
        self._ended = False
        self._names: Iterator[int] = itertools.count(1)

    def check(self) -> None:
        """Make sure that the transaction is open and sound.

        Raises:
            StateError: It has ended, or an operation in it has failed.
        """
        if self._ended:
            raise StateError("The transaction has ended.", hint="Use the store itself.", code="transaction_ended")
        if self._failed:
            raise StateError(
                "An operation of this transaction has failed, so nothing more can be done in it.",
                hint="Leave the block; or put what may fail in a block of its own: with tx.transaction() as inner.",
                code="transaction_failed",
            )

    def fail(self) -> None:
        """Note that an operation has failed."""
        self._failed = True

    def recover(self) -> None:
        """Note that what has failed was rolled back to a savepoint, and with it the settings made since."""
        self._failed = False
        self.scope = None

    def end(self) -> None:
        """Note that the transaction has ended."""
        self._ended = True

    def savepoint(self) -> str:
        """Return a new savepoint's name."""
        return f"exuvia_{next(self._names)}"


@dataclass(frozen=True, slots=True)
class OpenRunner(Informed, Generic[C]):
    """What both runners in an open transaction know.

    Args:
        connection: The transaction's.
        course: How it fares.
        context: The store's.
        scope: What may be seen.
    """

    connection: C
    course: Course
    context: Context
    scope: Scope

    def framed(self, operation: Operation[T]) -> Operation[T]:
        """Hold an operation to its scope, which the transaction is given first where it has another."""
        operation = self.context.held(operation, self.scope)
        return operation if self.course.scope == self.scope else self._entering(operation)

    def _entering(self, operation: Operation[T]) -> Operation[T]:
        words = self.context.manners.enter(self.connection, self.scope)
        if words is not None:
            yield Statement(words)
        self.course.scope = self.scope
        return (yield from operation)


class SyncOpenRunner(OpenRunner[Driver]):
    """Runs operations in an open transaction."""

    __slots__ = ()

    def run(self, make: Callable[[], Operation[T]], _kind: Kind, *, idempotent: bool) -> T:
        """Run an operation as a part of the transaction."""
        del idempotent
        self.course.check()
        try:
            return self.connection.drive(self.framed(make()))
        except BaseException:
            self.course.fail()
            raise


class AsyncOpenRunner(OpenRunner[AsyncDriver]):
    """Runs operations in an open transaction, in an event loop."""

    __slots__ = ()

    async def run(self, make: Callable[[], Operation[T]], _kind: Kind, *, idempotent: bool) -> T:
        """Run an operation as a part of the transaction."""
        del idempotent
        self.course.check()
        try:
            return await self.connection.drive(self.framed(make()))
        except BaseException:
            self.course.fail()
            raise


def _alone(operation: Operation[T]) -> Operation[T]:
    """Run one writing statement outside of a transaction: when the connection is lost it may have been done."""
    try:
        return (yield from operation)
    except UnavailableError as error:
        if not error.code.endswith(".connection"):
            raise
        raise UnknownOutcomeError(
            error.message, hint="Look whether it was done, then try again.", code="write"
        ) from error
