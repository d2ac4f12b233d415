"""Staying with a call while it runs: telling how far it is, and ending it when nobody waits for it any more."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
from mcp.server.session import ServerSession
from starlette.types import Scope as Connection

from exuvia.errors import CancelledError
from exuvia.tools.frame import Reply

_LEFT: Final = "exuvia.left"
_PATIENCE: Final = 1.0


class Telling:
    """Tells a client how far its call is: what the tool says at once, and from one second on how long it has taken.

    The protocol wants a number that grows with each message. It is the tool's own, or the seconds where a tool tells
    none. A client that sent no progress token is told nothing.

    Args:
        session: The client.
        doing: What is being done, until the tool says it.
    """

    def __init__(self, session: ServerSession, doing: str) -> None:
        self._session = session
        self._doing = doing
        self._total: float | None = None
        self._told = -math.inf
        self._began = anyio.current_time()

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        self._doing, self._total = message or self._doing, total
        await self._tell(done, self._doing)

    async def keep_on(self) -> None:
        """Tell how long the call has taken, now and then, until it is cancelled."""
        while True:
            await anyio.sleep(max(_PATIENCE, self._seconds / 10))
            done = self._seconds if self._total is None else self._told
            await self._tell(done, f"{self._doing}, {self._seconds:.0f} s")

    @property
    def _seconds(self) -> float:
        return anyio.current_time() - self._began

    async def _tell(self, done: float, message: str) -> None:
        self._told = done if done > self._told else self._told + 0.001
        await self._session.report_progress(self._told, self._total, message)


def watch_leaving(connection: Connection) -> anyio.Event:
    """Return an event, noted on an HTTP request, that is set when its client closes the connection."""
    left = anyio.Event()
    connection[_LEFT] = left
    return left


def leaving(connection: Connection) -> anyio.Event | None:
    """Return the event of ``watch_leaving``; None when nobody watches."""
    found: anyio.Event | None = connection.get(_LEFT)
    return found


async def attend(
    work: Callable[[], Awaitable[Reply]], *, telling: Telling, left: anyio.Event | None, stopping: anyio.Event
) -> Reply:
    """Run a call to its end, or until its client is gone or the server stops: then it is cancelled.

    Args:
        work: The call.
        telling: Tells the client how long it takes.
        left: Set when the client is gone, where the transport does not cancel the call itself.
        stopping: Set when the server stops.
    """
    replies: list[Reply] = []

    async def end_with(event: anyio.Event) -> None:
        await event.wait()
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(end_with, stopping)
        if left is not None:
            group.start_soon(end_with, left)
        group.start_soon(telling.keep_on)
        replies.append(await work())
        group.cancel_scope.cancel()
    return replies[0] if replies else _stopped()


def _stopped() -> Reply:
    error = CancelledError("The server is stopping, and the call was cancelled.", code="stopping")
    told: dict[str, Any] = {"error": error.code, "message": error.message, "hint": "Call again when it runs."}
    return Reply(told, failed=True)
