"""Asynchronous callers of a store of either kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from exuvia.store import AsyncStore, Store


async def ask(store: Store | AsyncStore, call: Callable[[Any], Any]) -> Any:
    """Return what a call of the store returns; a ``Store`` is called in a thread, so that any event loop may ask it."""
    if isinstance(store, Store):
        return await asyncio.to_thread(call, store)
    return await call(store)
