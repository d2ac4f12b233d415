"""What was read is put on disk before it is relied upon.

A writer with ``synchronous = NORMAL`` leaves its last commits in the system's memory until the next checkpoint
(https://sqlite.org/pragma.html#pragma_synchronous). If the machine lost its power then, the source would go back behind
a target that has them already, and later changes would take the same numbers in the log.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def put_on_disk(path: Path) -> None:
    """Wait until every commit of a file in WAL mode would survive a loss of power.

    Closing the log's descriptor takes no lock away: SQLite has its locks on the other files.

    Args:
        path: The database file.
    """
    with suppress(FileNotFoundError):
        descriptor = os.open(f"{path}-wal", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
