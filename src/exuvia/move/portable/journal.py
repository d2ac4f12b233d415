"""What an unfinished export has written already, so that the next run need not write it again."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import xxhash
from pydantic import TypeAdapter, ValidationError

from exuvia.errors import TargetError
from exuvia.move.portable.files import file_digest
from exuvia.move.portable.manifest import File
from exuvia.values.digest import Digest
from exuvia.values.profile import Chunk

NAME: Final = "progress.jsonl"

_HEADER = 100
_WAL_HEADER = 32


@dataclass(frozen=True, slots=True)
class Part:
    """A finished file, the digest of its values, and the request it answers."""

    request: str
    file: File
    digest: Digest


_PART: TypeAdapter[Part] = TypeAdapter(Part)


def fingerprint(path: Path) -> str:
    """Return what changes whenever a SQLite file or its WAL is written: sizes, times and headers.

    Raises:
        OSError: The file cannot be read.
    """
    state = xxhash.xxh3_128()
    for suffix, length in (("", _HEADER), ("-wal", _WAL_HEADER)):
        file = path.resolve()
        file = file.with_name(file.name + suffix)
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        if not status.st_size:
            continue
        with file.open("rb") as raw:
            head = raw.read(length)
        state.update(f"{suffix} {status.st_size} {status.st_mtime_ns} {status.st_ino}".encode() + head)
    return str(state.hexdigest())


def request(table: str, columns: object, chunk: Chunk) -> str:
    """Return what identifies a file's contents, given the source: table, columns and key range."""
    bounds = [None if bound is None else list(map(repr, bound)) for bound in (chunk.lower, chunk.upper)]
    key = [table, columns, chunk.number, bounds, chunk.rows]
    return str(xxhash.xxh3_128_hexdigest(orjson.dumps(key)))


class Journal:
    """The record of one directory; held by one process at a time.

    Args:
        directory: The unfinished copy.
        source: The source's fingerprint; a record of another source, or form, is dropped with its files.
    """

    def __init__(self, directory: Path, source: str) -> None:
        self._directory = directory
        self._path = directory / NAME
        self._lock = threading.Lock()
        self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise TargetError(
                f"Another export is writing to {directory}.", hint="Wait for it or stop it.", code="busy"
            ) from None
        self._parts = self._load(source)
        if not self._parts:
            self._restart(source)

    def finished(self, wanted: str, name: str) -> Part | None:
        """Return the record of a file that is there, whole, and answers the request ``wanted``; else None."""
        part = self._parts.get(wanted)
        if part is None or part.file.name != name:
            return None
        try:
            same = file_digest(self._directory / name) == (part.file.bytes, part.file.xxh3_128)
        except OSError:
            return None
        return part if same else None

    def add(self, part: Part) -> None:
        """Record a finished file; from any thread."""
        with self._lock:
            self._file.write(orjson.dumps(_plain(part)) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let others at the directory."""
        self._file.close()

    def remove(self) -> None:
        """Remove the record: the copy is finished."""
        self._path.unlink()

    def _load(self, source: str) -> Mapping[str, Part]:
        self._file.seek(0)
        lines = self._file.read().splitlines()
        try:
            if not lines or orjson.loads(lines[0]) != {"source": source}:
                return {}
        except orjson.JSONDecodeError:
            return {}
        found: dict[str, Part] = {}
        for line in lines[1:]:
            try:
                part = _PART.validate_json(line)
            except ValidationError:  # the last line of a process that was killed
                break
            found[part.request] = part
        return found

    def _restart(self, source: str) -> None:
        for path in self._directory.iterdir():
            if path != self._path and path.is_file():
                path.unlink()
        self._file.truncate(0)
        self._file.write(orjson.dumps({"source": source}) + b"\n")
        self._file.flush()


def _plain(part: Part) -> dict[str, Any]:
    return asdict(part)
