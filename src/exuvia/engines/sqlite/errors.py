"""What SQLite says when it cannot read, in exuvia's words: where, why, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.errors import CancelledError, ExuviaError, SourceError


@dataclass(frozen=True, slots=True)
class _Case:
    """One kind of failure: the part of SQLite's message that tells it, and what it is called here."""

    needle: str
    code: str
    what: str
    hint: str


_RECOVERY_HINT = (
    "A program stopped while it was writing. Open the file once with a program that may write it (sqlite3 FILE "
    "'PRAGMA user_version'), or copy it together with its -journal or -wal file and open the copy."
)
_CORRUPT_HINT = "Run 'PRAGMA integrity_check' on a copy; 'sqlite3 FILE .recover' can save what is still readable."
_CASES = (
    _Case("malformed database schema", "schema", "The schema cannot be parsed", "A newer SQLite may be needed."),
    _Case("unsupported file format", "too_new", "The file has a format newer than this SQLite", "Update exuvia."),
    _Case("malformed", "corrupt", "A page is corrupt", _CORRUPT_HINT),
    _Case("not a database", "not_a_database", "This is not a SQLite database", "Check the path."),
    _Case("disk is full", "disk_full", "There is no room on the disk", "Make room and try again."),
    _Case(
        "locked",
        "locked",
        "Another program holds the file locked",
        "Wait until it has finished its transaction or close it, or raise the timeout.",
    ),
    _Case("readonly", "needs_recovery", "The file needs recovery and is open only for reading", _RECOVERY_HINT),
    _Case("no such collation", "collation", "A collation of the application is missing", "It is not part of SQLite."),
    _Case("no such function", "function", "A function of the application is missing", "It is not part of SQLite."),
    _Case("no such module", "module", "A module is not installed", "It is not part of SQLite."),
    _Case("unable to open", "permission", "The file cannot be opened", "Check the rights of the file and its folder."),
    _Case("disk i/o error", "io", "The file cannot be read", "Check the disk, and the kernel's log."),
    _Case("too big", "too_big", "A value is over SQLite's limit of 1,000,000,000 bytes", ""),
)


def source_error(error: BaseException, label: str, table: str = "") -> ExuviaError:
    """Return the error to raise instead of ``error``, which SQLite or its Arrow driver raised.

    Args:
        error: An exception of apsw, of ADBC or of an Arrow stream. One of exuvia's own comes back as it is.
        label: The database's name for people.
        table: The table that was being read, if any.
    """
    if isinstance(error, ExuviaError):
        return error
    said = " ".join(str(error).split("\nquery:")[0].split())
    where = f"{label}, table {table!r}" if table else label
    lower = said.lower()
    if "interrupted" in lower:
        return stopped(where)
    for case in _CASES:
        if case.needle in lower:
            return SourceError(f"{case.what}: {where} ({said}).", hint=case.hint, code=case.code)
    return SourceError(f"SQLite cannot read {where}: {said}.", hint=_CORRUPT_HINT, code="unreadable")


def is_busy(error: BaseException) -> bool:
    """Return whether SQLite only says that somebody else holds a lock now."""
    return "locked" in str(error).lower() and not isinstance(error, ExuviaError)


def stopped(where: str) -> CancelledError:
    """Return the error of a reading that was interrupted from outside."""
    return CancelledError(f"Reading {where} was interrupted.", code="read")
