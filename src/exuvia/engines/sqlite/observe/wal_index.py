"""The header of a ``-shm`` file: how far the write-ahead log has come (https://sqlite.org/walformat.html, 2.1)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

_HEADER = 48
_TRIES = 3
_VERSION = 3007000


@dataclass(frozen=True, slots=True)
class WalIndex:
    """A moment of a write-ahead log.

    Args:
        changes: A counter that every commit raises by one.
        frames: Pages that the log holds.
        backfilled: Those of them that a checkpoint has written into the database.
        marks: For each of the five reader locks, up to which frame its readers see the log.
    """

    changes: int
    frames: int
    backfilled: int
    marks: tuple[int, ...]


def read_wal_index(descriptor: int) -> WalIndex | None:
    """Read the header, as SQLite does: twice over, until both copies agree. No lock is taken.

    Args:
        descriptor: The ``-shm`` file, open for reading.

    Returns:
        None where the file is not initialised, or changes faster than it can be read.
    """
    for _ in range(_TRIES):
        data = os.pread(descriptor, 2 * _HEADER + 24, 0)
        if len(data) < 2 * _HEADER + 24:
            return None
        if data[:_HEADER] != data[_HEADER : 2 * _HEADER]:
            continue
        version, _, changes, initialised = struct.unpack_from("=IIIB", data)
        if version != _VERSION or not initialised:
            return None
        (frames,) = struct.unpack_from("=I", data, 16)
        backfilled, *marks = struct.unpack_from("=6I", data, 2 * _HEADER)
        return WalIndex(changes, frames, backfilled, tuple(marks))
    return None
