"""A healer for asyncio: each call runs in a thread, and cancelling it stops its statement on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from exuvia.errors import ExuviaError
from exuvia.ops.heal.healer import CHECK_UP, Healer
from exuvia.ops.heal.model import Complaint, Diagnosis, Examination, Outcome, Proposal

T = TypeVar("T")


class AsyncHealer:
    """A ``Healer`` whose calls are awaited. A call that is cancelled ends once what was half done is taken back.

    Args:
        healer: What does the work. Its sink is called in a thread.
    """

    def __init__(self, healer: Healer) -> None:
        self._healer = healer
        self._turn = asyncio.Lock()

    async def diagnose(self, complaint: Complaint = CHECK_UP) -> Examination:
        """Say what is wrong; see ``Healer.diagnose``."""
        return await self._run(self._healer.diagnose, complaint)

    async def propose(self, diagnosis: Diagnosis) -> tuple[Proposal, ...]:
        """Say what would mend it; see ``Healer.propose``."""
        return await self._run(self._healer.propose, diagnosis)

    def recall(self, made: str) -> Diagnosis | Proposal | None:
        """Return what the healer made lately, by its id; see ``Healer.recall``."""
        return self._healer.recall(made)

    async def apply(self, proposal: Proposal | str, *, actor: str | None = None) -> Outcome:
        """Do it, verify it, and undo it if it did not help; see ``Healer.apply``."""
        return await self._run(partial(self._healer.apply, proposal, actor=actor))

    async def close(self) -> None:
        """Close the connection."""
        await self._run(self._healer.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, call: Callable[..., T], *arguments: Any) -> T:
        async with self._turn:
            running = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                self._healer.cancel()
                with suppress(ExuviaError):
                    await running
                raise
