"""SQLite files under a policy, with connections for each level."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import apsw

from exuvia.errors import TargetError
from exuvia.guard.leaving import attended
from exuvia.guard.policy import Level, Policy
from exuvia.guard.result import WHOLE, Bounds, Json, Result
from exuvia.guard.session import AsyncSession, Session
from exuvia.guard.sqlite.run import check, connect, inspect, run
from exuvia.guard.verdict import Verdict
from exuvia.location import FileIdentity, file_identity

_Answer = TypeVar("_Answer")
_GRACE_SECONDS: Final = 5.0  # for a statement to notice that its time is over


class SqliteSession(Session):
    """A SQLite file, for one caller at a time."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._connections = Connections(path, policy)
        self._policy = policy

    def check(self, text: str, level: Level | None = None) -> Verdict:
        connection = self._connections.take("read")
        try:
            return check(connection, text, self._policy, level)
        finally:
            self._connections.give("read", connection)

    def run(self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE) -> Result:
        needs = level
        if level != "read":
            verdict = self.check(text, level)
            verdict.require()
            needs = verdict.needs
        connection = self._connections.take(needs)
        try:
            return run(connection, text, self._policy, level=needs, values=values, bounds=bounds)
        finally:
            self._connections.give(needs, connection)

    def close(self) -> None:
        self._connections.close()


class AsyncSqliteSession(AsyncSession):
    """A SQLite file, whose statements run in threads."""

    def __init__(self, path: Path, policy: Policy, size: int) -> None:
        self._connections = Connections(path, policy)
        self._policy = policy
        self._slots = asyncio.Semaphore(size)

    async def check(self, text: str, level: Level | None = None) -> Verdict:
        return await self._in_thread("read", threading.Event(), partial(check, text=text, level=level))

    async def run(
        self, text: str, *, level: Level = "read", values: Sequence[Json] = (), bounds: Bounds = WHOLE
    ) -> Result:
        needs = level
        if level != "read":
            verdict = await self.check(text, level)
            verdict.require()
            needs = verdict.needs
        stop = threading.Event()
        work = partial(run, text=text, level=needs, values=values, bounds=bounds, stop=stop)
        return await self._in_thread(needs, stop, work)

    async def inspect(self, work: Callable[[apsw.Connection], _Answer]) -> _Answer:
        """Let a piece of the program's own read the file: nobody judges what it asks.

        Raises:
            TargetError: SQLite refuses it, or it takes too long.
        """
        stop = threading.Event()
        return await self._in_thread("read", stop, partial(inspect, work=work, stop=stop))

    async def close(self) -> None:
        self._connections.close()

    async def _in_thread(self, level: Level, stop: threading.Event, work: Callable[..., _Answer]) -> _Answer:
        """Do something with a connection in a thread, which is told to stop when nobody waits for it any more."""
        async with self._slots:
            connection = self._connections.take(level)
            # No task, which could be cancelled while the thread still has the connection
            working = partial(work, connection, policy=self._policy)
            running = asyncio.get_running_loop().run_in_executor(None, working)
            running.add_done_callback(lambda _: self._connections.give(level, connection))
            waiting = attended(running, stop.set, _GRACE_SECONDS)
            try:
                return await asyncio.wait_for(waiting, self._policy.timeout_s + _GRACE_SECONDS)
            except TimeoutError:
                raise TargetError(
                    "The statement did not end when its time was over, and is left behind.",
                    hint="Ask for less: texts that are compared or searched are too long.",
                    code="timeout",
                ) from None


@dataclass(slots=True)
class Connections:
    """Connections to a file that are free, by their level.

    Args:
        path: The file.
        policy: What is allowed.
    """

    path: Path
    policy: Policy
    _free: dict[Level, list[apsw.Connection]] = field(default_factory=dict)
    _files: dict[apsw.Connection, FileIdentity] = field(default_factory=dict)
    _closed: bool = False

    def take(self, level: Level) -> apsw.Connection:
        """Return a connection that nobody else uses until it is given back, to the file that is at the path now."""
        file, free = file_identity(self.path), self._free.get(level, [])
        while free:
            connection = free.pop()
            if self._files[connection] == file:
                return connection
            self._drop(connection)
        connection = connect(self.path, self.policy, level)
        self._files[connection] = file
        return connection

    def give(self, level: Level, connection: apsw.Connection) -> None:
        """Take a connection back."""
        if self._closed:
            self._drop(connection)
        else:
            self._free.setdefault(level, []).append(connection)

    def close(self) -> None:
        """Close those that are free, and each other one when it is given back."""
        self._closed = True
        for connections in self._free.values():
            while connections:
                self._drop(connections.pop())

    def _drop(self, connection: apsw.Connection) -> None:
        del self._files[connection]
        connection.close()
