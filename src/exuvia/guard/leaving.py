"""Callers that leave: what they began is ended before they are gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def attended(running: asyncio.Future[T], stop: Callable[[], object], seconds: float) -> T:
    """Return what a piece of work answers; end it when its caller is cancelled.

    Args:
        running: The work, whose own cancelling is nobody else's.
        stop: Tells it to end.
        seconds: How long to wait for it to end, however often the caller is cancelled meanwhile: anyio does so at
            every await.
    """
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop()
        deadline = time.monotonic() + seconds
        while not running.done() and (left := deadline - time.monotonic()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.wait({running}, timeout=left)
        raise
    finally:
        running.add_done_callback(_look_at)


def _look_at(ended: asyncio.Future[Any]) -> None:
    """Take the error of work that nobody waits for, so that none is reported as forgotten."""
    if not ended.cancelled():
        ended.exception()
