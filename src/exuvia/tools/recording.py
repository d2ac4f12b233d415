"""What tools change in the database, recorded in the audit of the store that is served beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from exuvia.ops.heal import AuditRecord, Sink
from exuvia.ops.heal.audit import PROJECT
from exuvia.store.errors import NotFoundError

if TYPE_CHECKING:
    from exuvia.store import AsyncStore

CALLER: Final[ContextVar[str]] = ContextVar("exuvia_caller")
"""Who calls, wherever a call is carried out: threads that asyncio starts for it see it, too."""


def sink_into(store: Callable[[], Awaitable[AsyncStore]]) -> Sink:
    """Return what records in a store. It is called in threads, while the event loop that runs now goes on.

    Args:
        store: Opens the store.
    """
    loop = asyncio.get_running_loop()

    def record(entry: AuditRecord) -> None:
        actor = CALLER.get(entry.actor)
        asyncio.run_coroutine_threadsafe(_record(store, entry, actor), loop).result()

    return record


async def _record(store: Callable[[], Awaitable[AsyncStore]], entry: AuditRecord, actor: str) -> None:
    opened = await store()
    try:
        await opened.projects.get(PROJECT)
    except NotFoundError:
        await opened.projects.put(PROJECT)
    await opened.audit.record(
        entry.action, actor=actor, subject=entry.subject, row_id=entry.proposal_id, data=entry.data, project=PROJECT
    )
