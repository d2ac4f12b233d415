"""Runners: operations on connections of a pool, or on the one connection of an open transaction."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.driving import Retry, transact
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation
from exuvia.store.core.scope import Scope
from exuvia.store.errors import StateError, StoreError, UnavailableError, UnknownOutcomeError

T = TypeVar("T")
C = TypeVar("C")
Begin = Callable[[Kind, Scope], str | None]
"""Returns what opens the transaction that an operation needs, or None where it needs none."""


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

    def connection(self, kind: Kind) -> AbstractContextManager[Driver]:
        """Lend a connection that is fit for an operation of this kind."""

    def close(self) -> None:
        """Close every connection."""


class AsyncPool(Protocol):
    """Connections of one engine, for an event loop."""

    def connection(self, kind: Kind) -> AbstractAsyncContextManager[AsyncDriver]:
        """Lend a connection that is fit for an operation of this kind."""

    async def close(self) -> None:
        """Close every connection."""


P = TypeVar("P", Pool, AsyncPool)


@dataclass(frozen=True, slots=True)
class PoolRunner(Generic[P]):
    """What both runners over a pool know.

    Args:
        pool: Lends connections.
        dialect: The engine's.
        begin: Opens transactions.
        retry: When an operation is tried again.
        clock: Tells the time.
        scope: What may be seen.
    """

    pool: P
    dialect: Dialect
    begin: Begin
    retry: Retry
    clock: Callable[[], datetime]
    scope: Scope

    def framed(self, operation: Operation[T], kind: Kind) -> Operation[T]:
        """Put an operation into the transaction that it needs."""
        begin = self.begin(kind, self.scope)
        if begin is not None:
            return transact(operation, begin)
        return _alone(operation) if kind is Kind.WRITE_ONCE else operation


class SyncRunner(PoolRunner[Pool]):
    """Runs operations on a pool, in the calling thread."""

    __slots__ = ()

    def run(self, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        """Run an operation, and again after an error that another try may not meet."""
        for attempt in itertools.count():
            try:
                with self.pool.connection(kind) as connection:
                    return connection.drive(self.framed(make(), kind))
            except StoreError as error:
                wait = self.retry.wait(error, attempt, kind=kind, idempotent=idempotent)
                if wait is None:
                    raise
            time.sleep(wait)
        raise AssertionError


class AsyncRunner(PoolRunner[AsyncPool]):
    """Runs operations on a pool, in an event loop."""

    __slots__ = ()

    async def run(self, make: Callable[[], Operation[T]], kind: Kind, *, idempotent: bool) -> T:
        """Run an operation, and again after an error that another try may not meet."""
        for attempt in itertools.count():
            try:
                async with self.pool.connection(kind) as connection:
                    return await connection.drive(self.framed(make(), kind))
            except StoreError as error:
                wait = self.retry.wait(error, attempt, kind=kind, idempotent=idempotent)
                if wait is None:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError


class Course:
    """How an open transaction fares: after an error nothing more can be done in it, on either engine."""

    def __init__(self) -> None:
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
        """Note that what has failed was rolled back to a savepoint."""
        self._failed = False

    def end(self) -> None:
        """Note that the transaction has ended."""
        self._ended = True

    def savepoint(self) -> str:
        """Return a new savepoint's name."""
        return f"exuvia_{next(self._names)}"


@dataclass(frozen=True, slots=True)
class OpenRunner(Generic[C]):
    """What both runners in an open transaction know.

    Args:
        connection: The transaction's.
        course: How it fares.
        dialect: The engine's.
        clock: Tells the time.
        scope: What may be seen.
    """

    connection: C
    course: Course
    dialect: Dialect
    clock: Callable[[], datetime]
    scope: Scope


class SyncOpenRunner(OpenRunner[Driver]):
    """Runs operations in an open transaction."""

    __slots__ = ()

    def run(self, make: Callable[[], Operation[T]], _kind: Kind, *, idempotent: bool) -> T:
        """Run an operation as a part of the transaction."""
        del idempotent
        self.course.check()
        try:
            return self.connection.drive(make())
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
            return await self.connection.drive(make())
        except BaseException:
            self.course.fail()
            raise


def _alone(operation: Operation[Any]) -> Operation[Any]:
    """Run one writing statement outside of a transaction: when the connection is lost it may have been done."""
    try:
        return (yield from operation)
    except UnavailableError as error:
        if not error.code.endswith(".connection"):
            raise
        raise UnknownOutcomeError(
            error.message, hint="Look whether it was done, then try again.", code="write"
        ) from error
