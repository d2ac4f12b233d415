"""Generators that become methods: written once, called from synchronous and asynchronous code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from enum import Enum
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Operation
from exuvia.store.core.scope import Scope

P = ParamSpec("P")
T = TypeVar("T")


class Sync:
    """Marks what is called from synchronous code."""


class Async:
    """Marks what is awaited."""


M = TypeVar("M", Sync, Async)


class Kind(Enum):
    """What an operation does to the database, and so on which connection and in what transaction it runs."""

    READ = "read"
    WRITE = "write"
    WRITE_ONCE = "write once"
    WRITE_TOGETHER = "write together"


class Runner(Protocol):
    """Runs operations: on a pool of connections, or on the one connection of an open transaction."""

    @property
    def dialect(self) -> Dialect:
        """The engine's way of saying things."""

    @property
    def scope(self) -> Scope:
        """What the caller may see."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Tells the time, in UTC."""

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do here."""

    def run(self, make: Callable[[], Operation[Any]], kind: Kind, *, idempotent: bool) -> Any:
        """Run the operation that ``make`` makes, anew for each try; asynchronous runners return a coroutine."""


class Subsystem(Generic[M]):
    """A part of the store: methods that are operations, over one runner.

    Args:
        runner: Runs the operations.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    @property
    def dialect(self) -> Dialect:
        """The engine's way of saying what the two say differently."""
        return self._runner.dialect

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do here, such as whether it has vectors."""
        return self._runner.capabilities

    @property
    def scope(self) -> Scope:
        """What the caller may see."""
        return self._runner.scope

    def now(self) -> datetime:
        """Return the time, in UTC, to the microsecond."""
        return self._runner.clock().astimezone(UTC)


class Method(ABC, Generic[P, T]):
    """A method of a subsystem that is called on ``Store`` and awaited on ``AsyncStore``."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Subsystem[Sync], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Subsystem[Async], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self._bound(instance)

    @abstractmethod
    def _bound(self, instance: Any) -> Callable[P, Any]:
        """Return the method of one subsystem."""


class operation(Method[P, T]):  # noqa: N801 - used as a decorator
    """A method of a subsystem that is written as a generator of requests.

    On ``Store`` the method returns the generator's result, on ``AsyncStore`` a coroutine of it. Another operation
    embeds it by ``yield from Subsystem.method.steps(self, …)``.
    """

    def __init__(
        self, steps: Callable[Concatenate[Any, P], Operation[T]], kind: Kind, *, idempotent: bool = False
    ) -> None:
        self.steps = steps
        self._kind = kind
        self._idempotent = idempotent
        update_wrapper(self, steps)  # type: ignore[arg-type]

    def _bound(self, instance: Any) -> Callable[P, Any]:
        steps, kind, idempotent, runner = self.steps, self._kind, self._idempotent, instance._runner

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return runner.run(lambda: steps(instance, *args, **kwargs), kind, idempotent=idempotent)

        return call


def reading(steps: Callable[Concatenate[Any, P], Operation[T]]) -> operation[P, T]:
    """Make a method that only reads. It is tried again when the connection is lost."""
    return operation(steps, Kind.READ, idempotent=True)


def writing(steps: Callable[Concatenate[Any, P], Operation[T]]) -> operation[P, T]:
    """Make a method whose requests are one transaction: all of it or nothing. Tried again after a deadlock."""
    return operation(steps, Kind.WRITE)


def writing_once(steps: Callable[Concatenate[Any, P], Operation[T]]) -> operation[P, T]:
    """Make a method that writes by a single statement, which needs no transaction around it."""
    return operation(steps, Kind.WRITE_ONCE)


def writing_together(steps: Callable[Concatenate[Any, P], Operation[T]]) -> operation[P, T]:
    """Make a method that writes what may be written twice without harm, by ``Dialect.together``: one statement on
    PostgreSQL, which needs no transaction around it, and on SQLite a transaction, which costs no round trips."""
    return operation(steps, Kind.WRITE_TOGETHER, idempotent=True)


def idempotent(steps: Callable[Concatenate[Any, P], Operation[T]]) -> operation[P, T]:
    """Make a method that writes, in one transaction, and may be done twice without harm: tried again after a lost
    connection even if that came in the middle of the commit."""
    return operation(steps, Kind.WRITE, idempotent=True)
