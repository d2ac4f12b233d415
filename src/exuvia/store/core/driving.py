"""Two short trampolines, and what stands around an operation: a transaction, and another try where that is safe."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol, TypeVar

from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Request, Row, Statement
from exuvia.store.errors import StoreError, UnknownOutcomeError

T = TypeVar("T")


class Connection(Protocol):
    """Answers requests, one at a time."""

    def perform(self, request: Request) -> list[Row]:
        """Run a request and return its rows.

        Raises:
            StoreError: The database refused it.
        """


class AsyncConnection(Protocol):
    """Answers requests, one at a time, without holding up the event loop."""

    async def perform(self, request: Request) -> list[Row]:
        """Run a request and return its rows; raises as ``Connection.perform`` does."""


def drive(connection: Connection, operation: Operation[T]) -> T:
    """Run an operation to its end on a connection."""
    try:
        request = next(operation)
        while True:
            try:
                rows = connection.perform(request)
            except BaseException as error:
                request = operation.throw(error)
            else:
                request = operation.send(rows)
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_async(connection: AsyncConnection, operation: Operation[T]) -> T:
    """Run an operation to its end on an asynchronous connection."""
    try:
        request = next(operation)
        while True:
            try:
                rows = await connection.perform(request)
            except BaseException as error:
                request = operation.throw(error)
            else:
                request = operation.send(rows)
    except StopIteration as end:
        result: T = end.value
        return result


def transact(operation: Operation[T], begin: str) -> Operation[T]:
    """Put an operation into a transaction: committed when it ends, rolled back when it fails."""
    yield Statement(begin)
    try:
        result = yield from operation
    except GeneratorExit:
        raise
    except BaseException:
        yield from undo("ROLLBACK")
        raise
    yield Statement("COMMIT")
    return result


def undo(sql: str) -> Operation[None]:
    """Roll back, as far as that is still possible."""
    try:
        yield Statement(sql)
    except StoreError:
        return  # the connection is gone or the engine has rolled back already: the first error is the one to tell


@dataclass(frozen=True, slots=True)
class Retry:
    """Tries an operation again after an error that a second try may not meet.

    The wait doubles each time and is chosen at random up to that ("full jitter", Brooker, AWS Architecture Blog 2015).

    Args:
        tries: How often at most, the first included.
        base: Seconds of the first wait at most.
        longest: Seconds of any wait at most.
    """

    tries: int = 5
    base: float = 0.02
    longest: float = 1.0

    def wait(self, error: StoreError, attempt: int, *, kind: Kind, idempotent: bool) -> float | None:
        """Return the seconds to wait before the next try, or None where there should be none.

        Args:
            error: What the last try met.
            attempt: How many tries there were before it.
            kind: What the operation does.
            idempotent: Whether the operation may be done twice.
        """
        again = error.retryable or (isinstance(error, UnknownOutcomeError) and (idempotent or kind is Kind.READ))
        if not again or attempt + 1 >= self.tries:
            return None
        return random.uniform(0, min(self.longest, self.base * 2**attempt))  # noqa: S311 - not a secret
