"""Slow statements: told to a callback, logged without their values, and counted by fingerprint."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine

from exuvia.integrations.sqlalchemy.fingerprints import fingerprint, normalize, redact

logger = logging.getLogger("exuvia.integrations.sqlalchemy")

_STARTED: Final = "_exuvia_started"
_LONGEST_LOGGED: Final = 2000
_MOST_COUNTED: Final = 1000


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """One slow execution of a statement. Nothing in it is a value of the application.

    Args:
        fingerprint: Stands for the statement whatever its values are.
        statement: The statement with ``?`` for its values.
        parameters: The kinds and lengths of its parameters; for ``executemany`` those of the first set.
        seconds: How long it took; on SQLite, where ``sqlite3`` reads rows when they are asked for, up to the first.
        at: When it ended, in UTC.
        failed: Whether it ended by an error, as at a timeout.
    """

    fingerprint: str
    statement: str
    parameters: Any
    seconds: float
    at: datetime
    failed: bool


@dataclass(frozen=True, slots=True)
class SlowCount:
    """How often a statement was slow.

    Args:
        fingerprint: Stands for the statement whatever its values are.
        statement: The statement with ``?`` for its values.
        count: How often it was slow.
        seconds: How long those executions took together.
        longest: How long the longest took, in seconds.
    """

    fingerprint: str
    statement: str
    count: int
    seconds: float
    longest: float


class SlowQueries:
    """Watches the statements of engines.

    Args:
        threshold: Seconds from which a statement is slow.
        callback: Called with each slow statement, in the thread that ran it; its errors are logged and go no further.
    """

    def __init__(self, threshold: float = 1.0, callback: Callable[[SlowQuery], object] | None = None) -> None:
        self.threshold = threshold
        self._callback = callback
        self._lock = threading.Lock()
        self._counts: dict[str, SlowCount] = {}

    def watch(self, engine: Engine | AsyncEngine) -> None:
        """Watch an engine from now on; ``engine()`` and ``async_engine()`` do it for theirs."""
        target = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        event.listen(target, "before_cursor_execute", self._before)
        event.listen(target, "after_cursor_execute", self._after)
        event.listen(target, "handle_error", self._failed)

    def counts(self) -> tuple[SlowCount, ...]:
        """Return how often each statement was slow, those that took most time first; at most 1,000 are counted."""
        with self._lock:
            found = tuple(self._counts.values())
        return tuple(sorted(found, key=lambda each: (-each.seconds, each.fingerprint)))

    def reset(self) -> None:
        """Forget the counts."""
        with self._lock:
            self._counts.clear()

    def _before(
        self, _connection: Connection, _cursor: Any, _sql: str, _parameters: Any, context: Any, _: bool
    ) -> None:
        if context is not None:
            vars(context)[_STARTED] = time.perf_counter()

    def _after(
        self, _connection: Connection, _cursor: Any, sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        self._ended(context, sql, _first(parameters, many), failed=False)

    def _failed(self, error: ExceptionContext) -> None:
        context = error.execution_context
        if context is not None and error.statement is not None:
            many = bool(getattr(context, "executemany", False))
            self._ended(context, error.statement, _first(error.parameters, many), failed=True)

    def _ended(self, context: Any, sql: str, parameters: Any, *, failed: bool) -> None:
        started = vars(context).pop(_STARTED, None) if context is not None else None
        if started is None:
            return
        seconds = time.perf_counter() - started
        if seconds >= self.threshold:
            at = datetime.now(UTC)
            self._tell(SlowQuery(fingerprint(sql), normalize(sql), redact(parameters), seconds, at, failed))

    def _tell(self, query: SlowQuery) -> None:
        self._count(query)
        logger.warning(
            "slow statement %s, %.3f s%s: %s; parameters: %s",
            query.fingerprint,
            query.seconds,
            ", failed" if query.failed else "",
            query.statement[:_LONGEST_LOGGED],
            query.parameters,
        )
        if self._callback is not None:
            try:
                self._callback(query)
            except Exception:
                logger.exception("the callback for slow statements has failed")

    def _count(self, query: SlowQuery) -> None:
        with self._lock:
            known = self._counts.pop(query.fingerprint, None)
            if known is None and len(self._counts) >= _MOST_COUNTED:
                self._counts.pop(next(iter(self._counts)))  # the one that has not been slow for longest
            known = known or SlowCount(query.fingerprint, query.statement, 0, 0.0, 0.0)
            self._counts[query.fingerprint] = replace(
                known,
                count=known.count + 1,
                seconds=known.seconds + query.seconds,
                longest=max(known.longest, query.seconds),
            )


def _first(parameters: Any, many: bool) -> Any:
    return parameters[0] if many and parameters else parameters
