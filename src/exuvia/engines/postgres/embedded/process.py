"""What postmaster.pid says, checked against the processes that really exist."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psutil

_PID_FILE: Final = "postmaster.pid"
_ORPHAN_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A running postmaster. ``ready`` is False while it starts, recovers or shuts down."""

    pid: int
    socket_dir: str
    ready: bool


def read_postmaster(data: Path) -> Postmaster | None:
    """Return the postmaster of the cluster in ``data`` (a resolved path), None if none runs.

    The pid in the file counts only if that process works in this directory: after a crash or in a new container the
    number may belong to a zombie or to somebody else, which PostgreSQL itself cannot tell and then refuses to start
    (miscinit.c, CreateLockFile).

    Raises:
        PermissionError: The cluster belongs to another user.
    """
    lines = _lines(data)
    if len(lines) < 5 or not _works_in(int(lines[0]), data):
        return None
    return Postmaster(int(lines[0]), lines[4].strip(), len(lines) > 7 and lines[7].strip() == "ready")


def clear_stale(data: Path) -> None:
    """Make way for a new postmaster where one died: end its orphaned backends, remove its lock files.

    Backends keep the shared memory of a dead postmaster, and no new one can start until they are gone. They cannot
    commit anything any more; SIGQUIT makes them leave at once.
    """
    lines = _lines(data)
    if not lines:
        return
    import psutil

    orphans = [process for process in psutil.process_iter() if _works_in(process.pid, data)]
    for orphan in orphans:
        with suppress(psutil.Error):
            orphan.send_signal(signal.SIGQUIT)
    _, alive = psutil.wait_procs(orphans, timeout=_ORPHAN_SECONDS)
    if alive:
        return
    (data / _PID_FILE).unlink(missing_ok=True)
    if len(lines) > 4 and lines[4].strip():
        (Path(lines[4].strip()) / f".s.PGSQL.{lines[3].strip()}.lock").unlink(missing_ok=True)


def _lines(data: Path) -> list[str]:
    try:
        lines = (data / _PID_FILE).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    return lines if lines and lines[0].strip().isdigit() else []


def _works_in(pid: int, data: Path) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return _is_postgres(process) and process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(data)
    except psutil.Error:
        return False


def _is_postgres(process: psutil.Process) -> bool:
    return "postgres" in process.name()
