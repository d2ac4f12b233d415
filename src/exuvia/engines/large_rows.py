"""Rows of many megabytes: one thread at a time, so that memory depends on the largest row and not on the threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LARGE_ROW = 4 << 20

_TURN = threading.Lock()


def are_large(row_bytes: int) -> bool:
    """Return whether rows of this size are large."""
    return row_bytes > LARGE_ROW


@contextmanager
def turn(row_bytes: int) -> Iterator[None]:
    """Where rows are large, wait until no other thread of the process is at large rows; else do nothing.

    Not to be nested. It has to be left before the thread waits for another one.

    Args:
        row_bytes: The size of the largest row in bytes.
    """
    if not are_large(row_bytes):
        yield
        return
    with _TURN:
        yield
