"""What the locks of a database look like at one moment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from exuvia.engines.sqlite import header
from exuvia.engines.sqlite.handles import HANDLES
from exuvia.engines.sqlite.observe import locks
from exuvia.engines.sqlite.observe.wal_index import WalIndex, read_wal_index

_HEADER_BYTES = 100


def in_wal_mode(path: Path) -> bool:
    """Return whether a database's header says that it is in WAL mode.

    Args:
        path: The database.

    Raises:
        SourceError: As ``header.look`` and ``header.open_file`` do.
    """
    status = header.look(path)
    file = (status.st_dev, status.st_ino)
    HANDLES.enter(file)
    closers: list[Callable[[], object]] = []
    try:
        descriptor = header.open_file(path)
        closers.append(lambda: os.close(descriptor))
        return header.is_wal(os.pread(descriptor, _HEADER_BYTES, 0))
    finally:
        HANDLES.leave(file, closers)


@dataclass(frozen=True, slots=True)
class Glance:
    """One moment.

    Args:
        writer: Who holds the write lock; None when it is free, pid 0 when the kernel does not say who.
        pending: Whether a writer waits for readers to leave (outside WAL mode).
        readers: Who reads, by what they see: 0 outside WAL mode, else the number of the reader lock. One holder is
            named for each.
        commits: A counter that every commit raises; None where it cannot be read.
        wal: The write-ahead log, None without one.
        wal_bytes: The size of the ``-wal`` file.
    """

    writer: locks.Lock | None
    pending: bool
    readers: tuple[tuple[int, locks.Lock], ...]
    commits: tuple[str, int] | None
    wal: WalIndex | None
    wal_bytes: int


class LockView:
    """Looks at the locks of a database through descriptors that read. SQLite is not involved, and nothing is locked.

    The descriptors are closed once no other part of this process has the file open: closing one would drop the
    process's own locks on it (https://sqlite.org/howtocorrupt.html, section 2.2).
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Args:
            path: The database.

        Raises:
            SourceError: As ``header.look`` and ``header.open_file`` do.
        """
        status = header.look(path)
        self._file = (status.st_dev, status.st_ino)
        self._closers: list[Callable[[], object]] = []
        real = path.resolve()
        self._shm, self._wal = real.with_name(f"{real.name}-shm"), real.with_name(f"{real.name}-wal")
        self._shm_descriptor = -1
        self._shm_file: tuple[int, int] | None = None
        HANDLES.enter(self._file)
        try:
            self._descriptor = self._keep(header.open_file(path))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        HANDLES.leave(self._file, self._closers)

    def look(self) -> Glance:
        """Look once: a few system calls, some ten microseconds.

        Raises:
            OSError: The file system has no locks.
        """
        page = os.pread(self._descriptor, _HEADER_BYTES, 0)
        writer = locks.write_lock(self._descriptor, locks.PENDING, locks.FILE_BYTES)
        shm = self._open_shm() if header.is_wal(page) else -1
        if shm < 0:
            return self._outside_wal(page, writer)
        index = read_wal_index(shm)
        read = ((number, locks.any_lock(shm, byte)) for number, byte in enumerate(locks.WAL_READERS))
        return Glance(
            writer or locks.write_lock(shm, locks.WAL_WRITE),
            pending=False,
            readers=tuple((number, lock) for number, lock in read if lock),
            commits=("wal", index.changes) if index else None,
            wal=index,
            wal_bytes=_size(self._wal),
        )

    def commits(self) -> tuple[str, int] | None:
        """Return the counter of commits alone: no question about locks is asked."""
        page = os.pread(self._descriptor, _HEADER_BYTES, 0)
        shm = self._open_shm() if header.is_wal(page) else -1
        if shm < 0:
            return _change_counter(page)
        index = read_wal_index(shm)
        return ("wal", index.changes) if index else None

    def _outside_wal(self, page: bytes, writer: locks.Lock | None) -> Glance:
        reader = locks.any_lock(self._descriptor, locks.SHARED, locks.SHARED_BYTES) if not header.is_wal(page) else None
        return Glance(
            writer,
            pending=writer is not None and self._waits(),
            readers=((0, reader),) if reader and not reader.exclusive else (),
            commits=_change_counter(page),
            wal=None,
            wal_bytes=_size(self._wal),
        )

    def _waits(self) -> bool:
        """Whether a writer has closed the door to new readers and old ones are still inside."""
        reader = locks.any_lock(self._descriptor, locks.SHARED, locks.SHARED_BYTES)
        pending = locks.write_lock(self._descriptor, locks.PENDING)
        return pending is not None and reader is not None and not reader.exclusive

    def _open_shm(self) -> int:
        """Return a descriptor of the present ``-shm`` file, -1 without one."""
        try:
            status = self._shm.stat()
            if (status.st_dev, status.st_ino) != self._shm_file:
                self._shm_descriptor = self._keep(os.open(self._shm, os.O_RDONLY | os.O_CLOEXEC))
                self._shm_file = (status.st_dev, status.st_ino)
        except OSError:
            self._shm_file = None
            return -1
        return self._shm_descriptor

    def _keep(self, descriptor: int) -> int:
        self._closers.append(lambda: os.close(descriptor))
        return descriptor


def _change_counter(page: bytes) -> tuple[str, int]:
    return "journal", int.from_bytes(header.change_counter(page), "big")


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
