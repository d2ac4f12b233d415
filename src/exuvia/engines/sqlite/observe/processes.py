"""Which processes have a file open."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class FileUser:
    """A process that has the database open.

    Args:
        pid: Its number.
        name: Its command, as far as it can be read.
        connections: Its descriptors of the file: about as many as it has connections. 0 where that cannot be told.
        may_write: Whether one of them is open for writing; None where that cannot be told.
    """

    pid: int
    name: str
    connections: int = 0
    may_write: bool | None = None


@dataclass(frozen=True, slots=True)
class FileUsers:
    """The processes that have the database open.

    Args:
        known: Those that could be seen; this process is left out.
        hidden: How many processes could not be looked into: they belong to other users.
        reason: Why nothing could be seen at all, empty when it could.
    """

    known: tuple[FileUser, ...] = ()
    hidden: int = 0
    reason: str = ""


def users_of(path: Path) -> FileUsers:
    """Look for the processes that have a file open, by device and inode, so that other names of it count too.

    Args:
        path: The file.
    """
    if (_PROC / "self" / "fd").is_dir():
        return _by_proc(path)
    return _by_psutil(path)


def name_of(pid: int) -> str:
    """Return a process's command, empty where it cannot be read."""
    try:
        return (_PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def _by_proc(path: Path) -> FileUsers:
    status = path.stat()
    wanted = (status.st_dev, status.st_ino)
    known: list[FileUser] = []
    hidden = 0
    for pid in (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()):
        if pid == os.getpid():
            continue
        try:
            found = _descriptors(pid, wanted)
        except PermissionError:
            hidden += 1
            continue
        except OSError:
            continue
        if found:
            known.append(FileUser(pid, name_of(pid), len(found), any(found)))
    return FileUsers(tuple(known), hidden)


def _descriptors(pid: int, wanted: tuple[int, int]) -> list[bool]:
    """Return, for each descriptor that a process has of a file, whether it may write."""
    found = []
    for descriptor in (_PROC / str(pid) / "fd").iterdir():
        try:
            status = descriptor.stat()
            if (status.st_dev, status.st_ino) == wanted:
                found.append(_may_write(_PROC / str(pid) / "fdinfo" / descriptor.name))
        except OSError:
            continue
    return found


def _may_write(info: Path) -> bool:
    flags = next(line for line in info.read_text().splitlines() if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _by_psutil(path: Path) -> FileUsers:
    try:
        import psutil
    except ImportError:
        return FileUsers(reason="this system has no /proc, and psutil is not installed (pip install psutil)")
    known: list[FileUser] = []
    hidden = 0
    for process in psutil.process_iter(["name"]):
        if process.pid == os.getpid():
            continue
        try:
            count = sum(_is_same(Path(opened.path), path) for opened in process.open_files())
        except psutil.AccessDenied:
            hidden += 1
        except psutil.Error:
            continue
        else:
            if count:
                known.append(FileUser(process.pid, str(process.info["name"] or ""), count))
    return FileUsers(tuple(known), hidden)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
