"""Lending connections to threads: as many as are used at once, opened when first needed, closed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Close it."""


T = TypeVar("T", bound=Closable)


class Lender(Generic[T]):
    """Lends things of one kind.

    Args:
        make: Opens one more.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._free: list[T] = []
        self._all: list[T] = []

    @contextmanager
    def lend(self) -> Iterator[T]:
        """Lend one to the calling thread for as long as the context lasts."""
        with self._lock:
            item = self._free.pop() if self._free else None
        if item is None:
            item = self._make()
            with self._lock:
                self._all.append(item)
        try:
            yield item
        finally:
            with self._lock:
                self._free.append(item)

    def each(self) -> tuple[T, ...]:
        """Return all that were opened, lent or not."""
        with self._lock:
            return tuple(self._all)

    def close(self) -> None:
        """Close all."""
        for item in self.each():
            item.close()
