"""Calling the store from code that is synchronous in one place and asynchronous in another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from exuvia.store import AsyncStore, Store
from exuvia.store.errors import StateError


class Access:
    """A store for synchronous and for asynchronous callers.

    A synchronous caller of an ``AsyncStore`` waits in its own thread for the store's event loop; an asynchronous caller
    of a ``Store`` has a thread of its own.

    Args:
        store: The store.
        project: The project; not needed in a bound store.

    Raises:
        InvalidValueError: No project is given, and the store is not bound to one.
    """

    def __init__(self, store: Store | AsyncStore, project: str | None) -> None:
        self.project = store.scope.own(project)
        self.store = store
        self._loop = asyncio.get_running_loop() if isinstance(store, AsyncStore) else None

    def call(self, ask: Callable[[Any], Any]) -> Any:
        """Return what a synchronous caller asks of the store.

        Raises:
            StateError: The store is asynchronous, and this is its event loop's own thread.
        """
        if isinstance(self.store, Store):
            return ask(self.store)
        assert self._loop is not None
        if _running() is self._loop:
            raise StateError(
                "A synchronous method of an asynchronous store was called in the store's event loop.",
                hint="Await the asynchronous method (ainvoke, aget_tuple …), or open a synchronous store.",
                code="event_loop",
            )
        return asyncio.run_coroutine_threadsafe(ask(self.store), self._loop).result()

    async def wait(self, ask: Callable[[Any], Any]) -> Any:
        """Return what an asynchronous caller asks of the store."""
        if isinstance(self.store, Store):
            return await asyncio.to_thread(ask, self.store)
        if _running() is self._loop:
            return await ask(self.store)
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ask(self.store), self._loop))


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
