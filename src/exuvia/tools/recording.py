"""What tools change in the database, recorded in the audit of the store that is served beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from exuvia.ops.heal import AuditRecord, Sink
from exuvia.ops.heal.audit import PROJECT, record_in

if TYPE_CHECKING:
    from exuvia.store import AsyncStore


def sink_into(store: Callable[[], Awaitable[AsyncStore]]) -> Sink:
    """Return what records in a store. It is called in threads, while the event loop that runs now goes on.

    Args:
        store: Opens the store.
    """
    loop = asyncio.get_running_loop()

    def record(entry: AuditRecord) -> None:
        asyncio.run_coroutine_threadsafe(_record(store, entry), loop).result()

    return record


async def _record(store: Callable[[], Awaitable[AsyncStore]], entry: AuditRecord) -> None:
    opened = await store()
    await opened.projects.ensure(PROJECT)
    await record_in(opened, entry)
