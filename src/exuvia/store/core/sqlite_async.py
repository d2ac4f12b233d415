"""SQLite in an event loop: an operation runs in a thread, from its first statement to its last."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.requests import Operation
from exuvia.store.core.scope import Scope
from exuvia.store.core.sqlite import SqliteConnection, SqliteFile

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ThreadedConnection:
    """A connection whose operations run in a thread.

    Args:
        connection: The connection.
        threads: Where they run.
    """

    connection: SqliteConnection
    threads: ThreadPoolExecutor

    def enter(self, scope: Scope) -> None:
        """Refuse, from now on, rows that are written outside of a scope."""
        self.connection.enter(scope)

    async def drive(self, operation: Operation[T]) -> T:
        """Run an operation to its end; when the task is cancelled, stop it and wait until it has been undone."""
        running = asyncio.get_running_loop().run_in_executor(self.threads, self.connection.drive, operation)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            while not running.done():
                self.connection.interrupt()
                await asyncio.wait([running], timeout=0.01)
            running.exception() if not running.cancelled() else None
            raise


class AsyncSqlitePool:
    """Lends the connections of a file to tasks. One thread writes, so that tasks never hold up each other's threads.

    Args:
        file: The file.
        options: The store's.
    """

    def __init__(self, file: SqliteFile, options: StoreOptions) -> None:
        self._file = file
        self._patience = options.lock_timeout
        self._seats = asyncio.Semaphore(options.readers)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="exuvia-writer")
        self._reading = ThreadPoolExecutor(options.readers, thread_name_prefix="exuvia-reader")

    async def take(self, kind: Kind, scope: Scope) -> ThreadedConnection:
        """Lend the writing connection, in turn, or one that reads."""
        if kind is Kind.READ:
            return await self._take_reader()
        if not await self._file.lock.acquire_async(self._patience):
            raise self._file.refused()
        return ThreadedConnection(self._file.writer_in(scope), self._writing)

    async def _take_reader(self) -> ThreadedConnection:
        await self._seats.acquire()
        try:
            return ThreadedConnection(self._file.reader(), self._reading)
        except BaseException:
            self._seats.release()
            raise

    async def give(self, connection: ThreadedConnection) -> None:
        """Take a connection back."""
        if connection.connection.writes:
            self._file.release()
            return
        try:
            self._file.give_back(connection.connection)
        finally:
            self._seats.release()

    async def close(self) -> None:
        """Close every connection."""
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        self._file.close()
