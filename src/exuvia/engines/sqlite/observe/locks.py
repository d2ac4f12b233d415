"""Who holds SQLite's locks, asked of the kernel without taking one.

SQLite's locks are POSIX locks on fixed bytes: of the database file outside WAL mode (https://sqlite.org/lockingv3.html,
``os.h``), and of the ``-shm`` file in WAL mode (https://sqlite.org/walformat.html, section 2.3). ``F_OFD_GETLK`` and
``F_GETLK`` (fcntl(2)) tell whether a lock would be refused and who would refuse it; nothing is locked by the question,
so that no writer can meet it.
"""

from __future__ import annotations

import fcntl
import struct
import sys
from dataclasses import dataclass

PENDING = 0x40000000
SHARED, SHARED_BYTES = PENDING + 2, 510
FILE_BYTES = 2 + SHARED_BYTES
WAL_WRITE, WAL_READERS = 120, range(123, 128)

_BSD = sys.platform == "darwin" or "bsd" in sys.platform
_FORMAT = "qqihh" if _BSD else "hhqqi"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of another process, or of another library in this one.

    Args:
        pid: Who holds it; 0 where the kernel does not tell (a process in another PID namespace, a file server's
            client).
        exclusive: Whether it is a write lock.
    """

    pid: int
    exclusive: bool


def write_lock(descriptor: int, start: int, length: int = 1) -> Lock | None:
    """Return a write lock that somebody holds within the bytes, None without one.

    Args:
        descriptor: The file, open for reading.
        start: The first byte.
        length: How many bytes.

    Raises:
        OSError: The file system has no locks.
    """
    return _ask(descriptor, start, length, exclusive=False)


def any_lock(descriptor: int, start: int, length: int = 1) -> Lock | None:
    """Return a read or write lock that somebody holds within the bytes; arguments as for ``write_lock``."""
    return _ask(descriptor, start, length, exclusive=True)


def _ask(descriptor: int, start: int, length: int, *, exclusive: bool) -> Lock | None:
    wanted = fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK
    question = struct.pack(_FORMAT, *_ordered(wanted, start, length))
    kind, pid = _read(fcntl.fcntl(descriptor, getattr(fcntl, "F_OFD_GETLK", fcntl.F_GETLK), question))
    return None if kind == fcntl.F_UNLCK else Lock(max(pid, 0), kind == fcntl.F_WRLCK)


def _ordered(kind: int, start: int, length: int) -> tuple[int, ...]:
    return (start, length, 0, kind, 0) if _BSD else (kind, 0, start, length, 0)


def _read(answer: bytes) -> tuple[int, int]:
    fields = struct.unpack(_FORMAT, answer)
    return (fields[3], fields[2]) if _BSD else (fields[0], fields[4])
