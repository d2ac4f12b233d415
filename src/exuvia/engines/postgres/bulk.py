"""A connection of ADBC whose calls leave Ctrl-C to Python.

In the main thread adbc_driver_manager puts a SIGINT handler of its own in Python's place for as long as a call lasts.
It asks the server to cancel the statement; where the statement is done first, the interruption is lost, and where it is
not, an error comes instead of it. In other threads the handler stays as it is, so what waits is called in one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

_BATCH_BYTES = 2**20

_T = TypeVar("_T")


class BulkConnection:
    """A connection in autocommit mode whose queries deliver Arrow batches; for one thread at a time.

    Where that is interrupted, the server is asked to cancel what it is doing, and KeyboardInterrupt passes through.

    Args:
        url: A libpq connection URL.

    Raises:
        adbc_driver_manager.Error: The server cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._connection = adbc.connect(url, autocommit=True)
        self._thread = ThreadPoolExecutor(1, "exuvia-adbc")

    def close(self) -> None:
        """Close the connection."""
        self._call(self._connection.close)
        self._thread.shutdown()

    def execute(self, sql: str) -> None:
        """Run a statement.

        Raises:
            adbc_driver_manager.Error: The server refuses.
        """
        self._call(partial(_execute, self._connection, sql))

    def batches(self, query: str) -> Generator[pa.RecordBatch]:
        """Yield a query's rows.

        Args:
            query: A SELECT.

        Raises:
            adbc_driver_manager.Error, OSError, pyarrow.ArrowException: The query fails.
        """
        found = _batches(self._connection, query)
        try:
            while (batch := self._call(partial(next, found, None))) is not None:
                yield batch
                del batch  # not held while the next one is read
        finally:
            self._call(found.close)

    def _call(self, work: Callable[[], _T]) -> _T:
        """Call in another thread, always the same, where this is the main one: after an interruption, what tidies up
        comes after what was interrupted."""
        if threading.current_thread() is not threading.main_thread():
            return work()
        try:
            return self._thread.submit(work).result()
        except KeyboardInterrupt:
            with suppress(adbc_driver_manager.Error):
                self._connection.adbc_cancel()
            raise


def _execute(connection: adbc.Connection, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _batches(connection: adbc.Connection, query: str) -> Generator[pa.RecordBatch]:
    with connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
        cursor.execute(query)
        yield from cursor.fetch_record_batch()
