"""SQLite in an event loop: an operation runs in a thread, from its first statement to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from exuvia.store.core.operations import Kind
from exuvia.store.core.options import StoreOptions
from exuvia.store.core.requests import Operation
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

    @asynccontextmanager
    async def connection(self, kind: Kind) -> AsyncIterator[ThreadedConnection]:
        """Lend the writing connection, in turn, or one that reads."""
        if kind is Kind.READ:
            async with self._seats:
                reader = self._file.reader()
                try:
                    yield ThreadedConnection(reader, self._reading)
                finally:
                    self._file.give_back(reader)
            return
        if not await self._file.lock.acquire_async(self._patience):
            raise self._file.refused()
        try:
            yield ThreadedConnection(self._file.writer, self._writing)
        finally:
            try:
                self._file.writer.tidy()
            finally:
                self._file.lock.release()

    async def close(self) -> None:
        """Close every connection."""
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        self._file.close()
