"""Closing files without losing locks.

POSIX locks belong to the process: closing any descriptor of a file drops every lock that the process holds on it, also
those of another SQLite library (https://sqlite.org/howtocorrupt.html, section 2.2). So nothing that belongs to a file
is closed until the last user of that file in this process is done.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

FileId = tuple[int, int]


@dataclass(slots=True)
class _Uses:
    count: int = 0
    closers: list[Callable[[], object]] = field(default_factory=list)


class Handles:
    """The users of each file, and what is to be closed after the last of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[FileId, _Uses] = {}

    def enter(self, file: FileId) -> None:
        """Announce a user of ``file`` (device and inode) before it is opened."""
        with self._lock:
            self._files.setdefault(file, _Uses()).count += 1

    def leave(self, file: FileId, closers: list[Callable[[], object]]) -> bool:
        """Close what the user opened, in the given order; with other users left, keep it open for them.

        Returns:
            Whether this was the last user.
        """
        with self._lock:
            uses = self._files[file]
            uses.count -= 1
            uses.closers += closers
            if uses.count:
                return False
            del self._files[file]
            for close in uses.closers:
                with contextlib.suppress(Exception):
                    close()
            return True


HANDLES = Handles()
