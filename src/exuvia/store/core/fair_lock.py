"""A lock that is given in the order in which it was asked for, by threads and by tasks of event loops alike."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError


class FairLock:
    """First come, first served. Not reentrant.

    A waiter is a future that the lock's holder sets when it hands the lock over, so no thread has to wait for a task
    and nobody can be overtaken.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[Future[None]] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait in the calling thread, ``timeout`` seconds at most; return whether the lock is held now."""
        ticket = self._enter()
        if ticket is None:
            return True
        try:
            ticket.result(timeout)
        except FutureTimeoutError:
            return self._leave(ticket)
        except BaseException:
            self._withdraw(ticket)
            raise
        return True

    async def acquire_async(self, timeout: float) -> bool:
        """Wait in the running task, ``timeout`` seconds at most; return whether the lock is held now."""
        ticket = self._enter()
        if ticket is None:
            return True
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(ticket)), timeout)
        except TimeoutError:
            return self._leave(ticket)
        except BaseException:
            self._withdraw(ticket)
            raise
        return True

    def release(self) -> None:
        """Hand the lock to whoever has waited longest."""
        with self._mutex:
            if not self._waiting:
                self._held = False
                return
            next_one = self._waiting.popleft()
        next_one.set_result(None)

    def _enter(self) -> Future[None] | None:
        with self._mutex:
            if not self._held:
                self._held = True
                return None
            ticket: Future[None] = Future()
            self._waiting.append(ticket)
            return ticket

    def _leave(self, ticket: Future[None]) -> bool:
        """Stop waiting; return whether the lock was handed over at the last moment."""
        with self._mutex:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return False
        return True

    def _withdraw(self, ticket: Future[None]) -> None:
        if self._leave(ticket):
            self.release()
