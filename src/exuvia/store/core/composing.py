"""Methods that do slow work, such as computing embeddings, between operations: written once, as generators of steps.

No connection is held during the work, and the event loop is not held up by it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator
from functools import update_wrapper
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from exuvia.store.core.operations import Method

P = ParamSpec("P")
T = TypeVar("T")


class Ask(NamedTuple):
    """Call an operation of the store: in a transaction of its own, or as a part of the caller's."""

    call: Callable[[], Any]


class Outside(NamedTuple):
    """Do work that needs no connection; asynchronous code has it done in a thread."""

    call: Callable[[], Any]


Steps = Generator[Ask | Outside, Any, T]
"""A piece of work: yields steps, is sent what each returns, and returns its result."""


class composed(Method[P, T]):  # noqa: N801 - used as a decorator
    """A method of a subsystem that is written as a generator of steps; called or awaited as an operation is."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self.steps = steps
        update_wrapper(self, steps)  # type: ignore[arg-type]

    def _bound(self, instance: Any) -> Callable[P, Any]:
        steps = self.steps
        walk = _walk_async if inspect.iscoroutinefunction(type(instance._runner).run) else _walk

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return walk(steps(instance, *args, **kwargs))

        return call


def _walk(steps: Steps[T]) -> T:
    try:
        step = next(steps)
        while True:
            try:
                found = step.call()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(found)
    except StopIteration as end:
        result: T = end.value
        return result


async def _walk_async(steps: Steps[T]) -> T:
    try:
        step = next(steps)
        while True:
            try:
                found = await (step.call() if isinstance(step, Ask) else asyncio.to_thread(step.call))
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(found)
    except StopIteration as end:
        result: T = end.value
        return result
