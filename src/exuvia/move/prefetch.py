"""Reading ahead in a thread of its own, so that reading and sending overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from exuvia.engines.large_rows import are_large, turn

T = TypeVar("T")

_PATIENCE = 0.05  # seconds until a waiting reader looks whether anybody still wants its items


class _End:
    """The end of the source, and the error it ended with."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _ReadAhead(Generic[T]):
    """A thread that reads a generator into a bounded queue."""

    def __init__(self, source: Iterator[T], depth: int) -> None:
        self._source = source
        self._items: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="exuvia-read", daemon=True)
        self._thread.start()

    def items(self) -> Iterator[T]:
        while not isinstance(item := self._items.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _read(self) -> None:
        error: BaseException | None = None
        try:
            while self._put(next(self._source)):
                pass
        except StopIteration:
            pass
        except BaseException as caught:
            error = caught
        finally:
            _close(self._source)
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False


def _close(source: Iterator[T]) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()


@contextmanager
def prefetch(source: Iterator[T], depth: int, row_bytes: int = 0) -> Iterator[Iterator[T]]:
    """Run an iterator in another thread, at most ``depth`` items ahead.

    Large rows are not read ahead but when they are asked for, and by one thread of the process at a time.

    Leaving the context closes the iterator if it is a generator, in its own thread, also when not all items were
    taken. An error of the iterator is raised where its next item would have come.

    Args:
        source: What to read; from now on only the new thread touches it.
        depth: How many items may wait.
        row_bytes: The size of the largest row in bytes, when known.
    """
    if are_large(row_bytes):
        with turn(row_bytes):
            try:
                yield source
            finally:
                _close(source)
        return
    ahead = _ReadAhead(source, depth)
    try:
        yield ahead.items()
    finally:
        ahead.stop()
