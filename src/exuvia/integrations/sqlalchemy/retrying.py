"""Trying a transaction again after an error that a second try may not meet."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, TypeVar, cast, overload

import psycopg
from sqlalchemy.exc import DBAPIError

logger = logging.getLogger("exuvia.integrations.sqlalchemy")

P = ParamSpec("P")
T = TypeVar("T")

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONFLICTS: Final = {"40001": "serialization failure", "40P01": "deadlock"}
_SQLITE_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@overload
def retry(function: Callable[P, T], /) -> Callable[P, T]: ...


@overload
def retry(
    *, tries: int = ..., base: float = ..., longest: float = ..., idempotent: bool = ...
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def retry(
    function: Callable[..., Any] | None = None,
    /,
    *,
    tries: int = 5,
    base: float = 0.05,
    longest: float = 2.0,
    idempotent: bool = False,
) -> Any:
    """Try a function again, from its beginning, when its transaction has failed for a passing reason.

    The function, or coroutine function, has to be one whole transaction: it opens its own session or connection and
    does nothing outside of the database. Then it is tried again after a serialization failure, a deadlock, SQLite's
    "busy", a connection that could not be made, and one that was lost while a statement ran: nothing of it was stored.
    A connection that is lost during COMMIT leaves open whether it was; only ``idempotent`` functions are tried again
    then. Statements outside of a transaction (``AUTOCOMMIT``) are each on their own and need ``idempotent``, too.

    A function that is given a session or connection in the middle of a transaction is not tried again: the
    transaction is its caller's.

    Args:
        function: The function, when the decorator is used without arguments.
        tries: How often at most, the first included.
        base: Seconds of the first wait at most; it doubles each time and is chosen at random up to that ("full
            jitter", Brooker, AWS Architecture Blog 2015).
        longest: Seconds of any wait at most.
        idempotent: Whether it does no harm to do the function twice.
    """
    policy = _Policy(tries, base, longest, idempotent)
    if function is not None:
        return policy.around(function)
    return policy.around


@dataclass(frozen=True, slots=True)
class _Policy:
    tries: int
    base: float
    longest: float
    idempotent: bool

    def around(self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} is a generator: what it has yielded cannot be taken back")
        if inspect.iscoroutinefunction(function):
            return cast(Callable[P, T], self._around_coroutine(function))
        return self._around_function(function)

    def _around_function(self, function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def again(*args: P.args, **kwargs: P.kwargs) -> T:
            given = (*args, *kwargs.values())
            tries = 1 if _in_transaction(given) else self.tries
            for attempt in range(1, tries):
                try:
                    return function(*args, **kwargs)
                except DBAPIError as error:
                    time.sleep(self._wait(error, attempt, given))
            return function(*args, **kwargs)

        return again

    def _around_coroutine(self, function: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any]]:
        @functools.wraps(function)
        async def again(*args: P.args, **kwargs: P.kwargs) -> Any:
            given = (*args, *kwargs.values())
            tries = 1 if _in_transaction(given) else self.tries
            for attempt in range(1, tries):
                try:
                    return await function(*args, **kwargs)
                except DBAPIError as error:
                    await asyncio.sleep(self._wait(error, attempt, given))
            return await function(*args, **kwargs)

        return again

    def _wait(self, error: DBAPIError, attempt: int, given: tuple[object, ...]) -> float:
        """Return the seconds to wait before the next try; raise the error where there should be none."""
        reason = _reason(error, idempotent=self.idempotent)
        if reason is None or _in_transaction(given):
            raise error
        seconds = random.uniform(0, min(self.longest, self.base * 2.0 ** (attempt - 1)))  # noqa: S311 - not a secret
        logger.info("%s: try %d of %d in %.3f s", reason, attempt + 1, self.tries, seconds)
        return seconds


def _reason(error: DBAPIError, *, idempotent: bool) -> str | None:
    """Return why a second try is safe and may succeed, or None."""
    cause = error.orig
    if error.connection_invalidated:
        # SQLAlchemy knows of no statement when COMMIT itself has met the error.
        return "lost connection" if idempotent or error.statement is not None else None
    if isinstance(cause, sqlite3.OperationalError):
        return "busy" if getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_BUSY else None
    if isinstance(cause, psycopg.Error) and cause.sqlstate is not None:
        return _CONFLICTS.get(cause.sqlstate)
    never_began = isinstance(cause, psycopg.OperationalError) and error.statement is None
    return "no connection" if never_began else None


def _in_transaction(given: tuple[object, ...]) -> bool:
    return any(asked() for each in given if callable(asked := getattr(each, "in_transaction", None)))
