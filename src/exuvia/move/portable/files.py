"""The files of a copy: written whole or not at all, with digests; found to be what the manifest says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from exuvia.errors import SourceError, TargetError
from exuvia.move.portable.manifest import NAME, SUFFIXES, File, Manifest

_BLOCK = 4 << 20
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 100
_DATA = tuple(SUFFIXES.values())
_TEMPORARY = ".tmp"


@dataclass(slots=True)
class DigestingFile:
    """A file to write to that digests what goes through it."""

    raw: Any
    size: int = 0
    closed: bool = False
    _state: Any = field(default_factory=xxhash.xxh3_128)

    def write(self, data: Any) -> int:
        """Write bytes or a buffer."""
        view = memoryview(data)
        self._state.update(view)
        self.size += view.nbytes
        self.raw.write(view)
        return view.nbytes

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.size

    def flush(self) -> None:
        """Hand what was written to the system."""
        self.raw.flush()

    def close(self) -> None:
        """Take no more; the file underneath is closed by whoever opened it."""
        self.closed = True

    def readable(self) -> bool:
        """It cannot be read."""
        return False

    def writable(self) -> bool:
        """It can be written."""
        return True

    def seekable(self) -> bool:
        """It is written from front to back."""
        return False

    def hex(self) -> str:
        """Return the xxh3-128 of what was written."""
        return str(self._state.hexdigest())


@contextmanager
def written(path: Path) -> Iterator[DigestingFile]:
    """Give a file to write to; it gets its name once it is whole and on the disk.

    Raises:
        TargetError: The disk is full, or the directory may not be written.
    """
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        with temporary.open("wb") as raw:
            yield DigestingFile(raw)
            raw.flush()
            os.fsync(raw.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise TargetError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Make room or rights for it and run the same command again: finished files are kept.",
            code="file",
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Make sure that the names in a directory are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_digest(path: Path) -> tuple[int, str]:
    """Return a file's size and xxh3-128; raises OSError."""
    state = xxhash.xxh3_128()
    size = 0
    with path.open("rb") as raw:
        while block := raw.read(_BLOCK):
            state.update(block)
            size += len(block)
    return size, str(state.hexdigest())


class Names:
    """Names of files for tables: readable, safe on every file system, each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def stem(self, table: str) -> str:
        """Return the beginning of the names of a table's files."""
        plain = _UNSAFE.sub("_", table)[:_LONGEST_NAME].strip("_-") or "table"
        stem, number = plain, 1
        while stem.casefold() in self._taken:
            number += 1
            stem = f"{plain}-{number}"
        self._taken.add(stem.casefold())
        return stem


def check_all_there(directory: Path, manifest: Manifest) -> None:
    """Compare the directory's files with the manifest, by name and size.

    Raises:
        SourceError: ``missing``, ``extra``, ``truncated`` or ``changed``.
    """
    listed = {file.name: file for table in manifest.tables for file in table.files}
    for file in listed.values():
        path = directory / file.name
        try:
            size = path.lstat().st_size
        except OSError:
            raise SourceError(
                f"{path} is missing: the manifest lists it with {file.rows:,} rows.", hint=_HINT, code="missing"
            ) from None
        if not path.is_file() or path.is_symlink():
            raise SourceError(f"{path} is not a regular file.", hint=_HINT, code="changed")
        if size != file.bytes:
            raise _wrong_size(path, size, file)
    extra = sorted(path.name for path in directory.iterdir() if path.name.endswith(_DATA) and path.name not in listed)
    if extra:
        raise SourceError(
            f"{directory / extra[0]} is not in {NAME}"
            + (f", nor are {len(extra) - 1} other files." if len(extra) > 1 else "."),
            hint="Remove it if it does not belong to this copy; " + _HINT[0].lower() + _HINT[1:],
            code="extra",
        )


def check_digest(directory: Path, file: File) -> None:
    """Compare a file's bytes with the manifest.

    Raises:
        SourceError: ``changed``, ``truncated`` or ``unreadable``.
    """
    path = directory / file.name
    try:
        size, found = file_digest(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", code="unreadable") from error
    if size != file.bytes:
        raise _wrong_size(path, size, file)
    if found != file.xxh3_128:
        raise SourceError(
            f"{path} was changed after it was written: its xxh3-128 is {found}, the manifest says {file.xxh3_128}.",
            hint=_HINT,
            code="changed",
        )


_HINT = "Copy the whole directory again, or export again."


def _wrong_size(path: Path, size: int, file: File) -> SourceError:
    short = size < file.bytes
    what = "is truncated" if short else "is longer than it was written"
    return SourceError(
        f"{path} {what}: {size:,} bytes instead of {file.bytes:,}.",
        hint=_HINT,
        code="truncated" if short else "changed",
    )
