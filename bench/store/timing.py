"""Two ways to do the same, timed in turn, so that whatever else the machine does meets both."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

Call = Callable[[Any], object]
Task = Callable[[Any], Awaitable[object]]
_WARMING = 2


@dataclass(frozen=True, slots=True)
class Question:
    """The same work through the store and without it.

    Args:
        name: What is done.
        store: Does it by the store.
        other: Does it without.
        limit: Milliseconds that the requirements allow with a million events on PostgreSQL.
        prepare: Makes what a call is given of the number of its turn; not timed.
    """

    name: str
    store: Call
    other: Call
    limit: float | None = None
    prepare: Callable[[int], Any] = int


@dataclass(frozen=True, slots=True)
class AsyncQuestion:
    """A question to be asked from asynchronous code."""

    name: str
    store: Task
    other: Task
    prepare: Callable[[int], Any] = int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question took: seconds of each call."""

    name: str
    limit: float | None
    store: tuple[float, ...]
    other: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to ask: until there are enough calls, or the time is over and there are a few.

    Args:
        seconds: For each question.
        least: Calls at least.
        most: Calls at most.
    """

    seconds: float = 2
    least: int = 10
    most: int = 400

    def turns(self) -> Iterator[int]:
        """Count the turns until it is over, after some to warm up, which are negative."""
        yield from range(-_WARMING, 0)
        begun = time.perf_counter()
        for turn in range(self.most):
            if turn >= self.least and time.perf_counter() - begun > self.seconds:
                return
            yield turn


def compared(question: Question, patience: Patience) -> Answer:
    """Time a question's two ways, a call of each in turn."""
    ours: list[float] = []
    others: list[float] = []
    for turn in patience.turns():
        pairs = [(question.store, ours), (question.other, others)]
        for call, seconds in pairs if turn % 2 else reversed(pairs):
            given = question.prepare(abs(turn))
            started = time.perf_counter()
            call(given)
            if turn >= 0:
                seconds.append(time.perf_counter() - started)
    return Answer(question.name, question.limit, tuple(ours), tuple(others))


async def compared_async(question: AsyncQuestion, patience: Patience) -> Answer:
    """Time a question's two ways in an event loop, a call of each in turn."""
    ours: list[float] = []
    others: list[float] = []
    for turn in patience.turns():
        pairs = [(question.store, ours), (question.other, others)]
        for call, seconds in pairs if turn % 2 else reversed(pairs):
            given = question.prepare(abs(turn))
            started = time.perf_counter()
            await call(given)
            if turn >= 0:
                seconds.append(time.perf_counter() - started)
    return Answer(question.name, None, tuple(ours), tuple(others))


def middle(seconds: Sequence[float]) -> float:
    """Return the median, in milliseconds."""
    return 1000 * median(seconds)


def percentile(seconds: Sequence[float], rank: int) -> float:
    """Return a percentile, in milliseconds."""
    if len(seconds) < 2:
        return 1000 * max(seconds, default=0.0)
    return 1000 * quantiles(seconds, n=100, method="inclusive")[rank - 1]
