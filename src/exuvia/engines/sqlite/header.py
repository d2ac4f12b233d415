"""What a file is, judged by its directory entry and its first page, before SQLite opens it."""

from __future__ import annotations

import math
import os
import stat
from collections import Counter
from pathlib import Path

from exuvia.errors import SourceError

MAGIC = b"SQLite format 3\0"
PAGE = 4096

_WRITE_VERSION, _READ_VERSION = 18, 19
_CHANGE_COUNTER = slice(24, 28)
_SCHEMA_FORMAT = slice(44, 48)
_NEWEST_VERSION = 2
_NEWEST_SCHEMA_FORMAT = 4
_RANDOM_BITS = 7.0
_OTHER_FORMATS = {
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"PK\x03\x04": "a zip file: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file: unpack it first",
    b"BZh": "a bzip2 file: unpack it first",
    b"\xfd7zXZ": "an xz file: unpack it first",
    b"** This file contains an SQLite 2": "a database of SQLite 2: dump it with sqlite 2 and load the dump",
    b"PGDMP": "a dump of PostgreSQL: restore it with pg_restore",
}


def look(path: Path) -> os.stat_result:
    """Return the file's status; symbolic links are followed.

    Raises:
        SourceError: ``not_found``, ``is_directory``, ``permission``, ``not_a_file`` or ``empty``.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise SourceError(
            f"There is no file {path}.", hint="Check the path; exuvia makes no new source file.", code="not_found"
        ) from None
    except NotADirectoryError:
        raise SourceError(f"A part of the path {path} is not a directory.", code="not_found") from None
    except PermissionError:
        raise _forbidden(path) from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be looked up: {error}.", code="not_found") from None
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path} is a directory.", hint="Name the database file inside it.", code="is_directory")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path} is not a regular file.", hint="Copy it to a file first.", code="not_a_file")
    if status.st_size == 0:
        raise SourceError(
            f"{path} is an empty SQLite database: 0 bytes, no tables.",
            hint="Check the path: programs make such a file when they open a wrong one.",
            code="empty",
        )
    return status


def open_file(path: Path) -> int:
    """Open ``path`` for reading and return the descriptor; SourceError ``permission`` without the right to."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        raise _forbidden(path) from None


def check_header(page: bytes, path: Path) -> None:
    """Raise SourceError ``not_a_database`` or ``too_new`` unless ``page`` begins a database that SQLite 3 reads.

    Args:
        page: The file's first 4,096 bytes, or all of them.
        path: The file's name for people.
    """
    if not page.startswith(MAGIC):
        raise SourceError(f"{path} is not a SQLite database.", hint=_guess(page), code="not_a_database")
    if len(page) < 100:
        raise SourceError(f"{path} is cut off within its header.", hint="Take a fresh copy.", code="corrupt")
    newer = page[_READ_VERSION] > _NEWEST_VERSION
    if newer or int.from_bytes(page[_SCHEMA_FORMAT], "big") > _NEWEST_SCHEMA_FORMAT:
        raise SourceError(f"{path} has a file format newer than SQLite 3's.", hint="Update exuvia.", code="too_new")


def is_wal(page: bytes) -> bool:
    """Return whether the header says that the database is in WAL mode."""
    return page[_WRITE_VERSION] == 2 or page[_READ_VERSION] == 2


def change_counter(page: bytes) -> bytes:
    """Return the header's file change counter: every commit outside WAL mode raises it."""
    return page[_CHANGE_COUNTER]


def _guess(page: bytes) -> str:
    for magic, name in _OTHER_FORMATS.items():
        if page.startswith(magic):
            return f"It looks like {name}."
    if page[8:12] == b"DUCK":
        return "It looks like a DuckDB database."
    if _is_text(page):
        return "It is text. Load an SQL dump into a new database first: sqlite3 new.db < dump.sql"
    if len(page) >= 512 and _entropy(page) > _RANDOM_BITS:
        return (
            "Its bytes look random: it may be encrypted (SQLCipher, SEE). Decrypt it first, with the application's "
            "key: sqlcipher_export() in SQLCipher, PRAGMA rekey in SEE."
        )
    return "Check the path."


def _is_text(page: bytes) -> bool:
    try:
        return page.decode("utf-8", "strict").replace("\n", "").replace("\r", "").replace("\t", "").isprintable()
    except UnicodeDecodeError as error:
        return error.start > len(page) - 4 and len(page) > 4


def _entropy(page: bytes) -> float:
    counts = Counter(page).values()
    return -sum(count / len(page) * math.log2(count / len(page)) for count in counts)


def _forbidden(path: Path) -> SourceError:
    return SourceError(f"{path} may not be read.", hint="Give your user the right to read the file.", code="permission")
