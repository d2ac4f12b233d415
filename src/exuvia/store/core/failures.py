"""What the drivers raise, as the store's own errors: the same for the same mistake on both engines."""

from __future__ import annotations

from typing import Final

import apsw
import psycopg

from exuvia.location import HIDDEN, PostgresLocation
from exuvia.store.core.requests import Request, Statement
from exuvia.store.errors import (
    BusyError,
    CapabilityError,
    ConcurrencyError,
    ConflictError,
    DemotedError,
    DeniedError,
    InvalidValueError,
    MissingReferenceError,
    SchemaError,
    SlowStatementError,
    StoreError,
    TenantError,
    UnavailableError,
)

_ALIKE: Final = (
    BusyError,
    ConcurrencyError,
    ConflictError,
    InvalidValueError,
    MissingReferenceError,
    SlowStatementError,
    TenantError,
)

_Case = tuple[type[StoreError], str, str, str]
"""The error's class, its code, what has happened, and what to do."""

_DUPLICATE: Final[_Case] = (ConflictError, "exists", "A row with this key is there already", "Choose another id.")
_DANGLING: Final[_Case] = (
    MissingReferenceError,
    "missing",
    "A row that this one names is not there, or is still named by others",
    "Make the row that is named first, and delete it last.",
)
_CHECK: Final[_Case] = (InvalidValueError, "value", "A value breaks a rule of its column", "")
_SHAPE: Final[_Case] = (InvalidValueError, "value", "A value does not fit its column", "")
_SCHEMA: Final[_Case] = (
    SchemaError,
    "missing",
    "The store's tables are missing or older than this exuvia",
    "Open the store with create=True, as a user who may create tables.",
)
_DENIED: Final[_Case] = (DeniedError, "rights", "The database user lacks a right", "Grant it, or connect as the owner.")
_READ_ONLY: Final[_Case] = (
    DeniedError,
    "read_only",
    "The database is read only",
    "Open the primary, or a writable file.",
)
_RACE: Final[_Case] = (ConcurrencyError, "conflict", "Two transactions got in each other's way", "Try it again.")
_LOCKED: Final[_Case] = (
    BusyError,
    "lock",
    "A lock did not become free in time",
    "Another program holds it: end its transaction, or raise the store's lock_timeout.",
)
_SLOW: Final[_Case] = (
    SlowStatementError,
    "statement",
    "The statement took too long and was stopped",
    "Narrow the question, or raise the store's statement_timeout.",
)
_LOST: Final[_Case] = (UnavailableError, "connection", "The database cannot be reached", "Check that the server runs.")
# Said where the server looks for interrupts, which it does not while it commits: what was under way was rolled back.
_ENDED: Final[_Case] = (UnavailableError, "terminated", "The server has ended the session", "Check that it runs.")
_FULL: Final[_Case] = (UnavailableError, "disk_full", "The disk is full", "Make room; nothing of the call was stored.")
_FULL_CONNECTIONS: Final[_Case] = (
    UnavailableError,
    "connections",
    "The server takes no more connections",
    "Lower pool_size and pool_overflow, or raise the server's max_connections.",
)
_TENANT: Final[_Case] = (
    TenantError,
    "row_security",
    "The row belongs to another project than the one this store is bound to",
    "Open a store that is bound to that project.",
)
_NOT_A_DATABASE: Final[_Case] = (
    SchemaError,
    "not_a_database",
    "The file is not a SQLite database, or is damaged",
    "Check the path; a damaged file needs its backup.",
)
DEMOTED_WORDS: Final = "it is a secondary, the primary is "
"""What the triggers of a secondary say, before the primary's location."""
_DEMOTED: Final[_Case] = (
    DemotedError,
    "secondary",
    "The store takes no writes",
    "Write to the primary; or open both, exuvia.open(primary=…, secondary=…), which finds it by itself.",
)
_UNSUPPORTED: Final[_Case] = (CapabilityError, "unsupported", "The server lacks what the statement needs", "")

# https://www.postgresql.org/docs/current/errcodes-appendix.html; a class stands for its codes that are not listed.
_BY_SQLSTATE: Final[dict[str, _Case]] = {
    "08": _LOST,
    "0A000": _UNSUPPORTED,
    "22": _SHAPE,
    "23502": _CHECK,
    "23503": _DANGLING,
    "23505": _DUPLICATE,
    "23514": _CHECK,
    "25006": _READ_ONLY,
    "28": _DENIED,
    "3F000": _SCHEMA,
    "40": _RACE,
    "42501": _DENIED,
    "42704": _UNSUPPORTED,
    "42883": _UNSUPPORTED,
    "42P01": _SCHEMA,
    "42703": _SCHEMA,
    "53100": _FULL,
    "53300": _FULL_CONNECTIONS,
    "55P03": _LOCKED,
    "57014": _SLOW,
    "57P01": _ENDED,
    "57P": _LOST,
}
# https://sqlite.org/rescode.html
_BY_RESULT: Final[dict[int, _Case]] = {
    apsw.SQLITE_CONSTRAINT_UNIQUE: _DUPLICATE,
    apsw.SQLITE_CONSTRAINT_PRIMARYKEY: _DUPLICATE,
    apsw.SQLITE_CONSTRAINT_ROWID: _DUPLICATE,
    apsw.SQLITE_CONSTRAINT_FOREIGNKEY: _DANGLING,
    apsw.SQLITE_CONSTRAINT_TRIGGER: _CHECK,
    apsw.SQLITE_CONSTRAINT: _CHECK,
    apsw.SQLITE_MISMATCH: _SHAPE,
    apsw.SQLITE_TOOBIG: _SHAPE,
    apsw.SQLITE_READONLY: _READ_ONLY,
    apsw.SQLITE_PERM: _DENIED,
    apsw.SQLITE_BUSY_SNAPSHOT: _RACE,
    apsw.SQLITE_BUSY: _LOCKED,
    apsw.SQLITE_LOCKED: _LOCKED,
    apsw.SQLITE_INTERRUPT: _SLOW,
    apsw.SQLITE_FULL: _FULL,
    apsw.SQLITE_CANTOPEN: _LOST,
    apsw.SQLITE_IOERR: _LOST,
}

_BY_ANY_WORDS: Final = {"row-level security": _TENANT, DEMOTED_WORDS: _DEMOTED}
_BY_WORDS: Final = {**_BY_ANY_WORDS, "no such table": _SCHEMA, "no such column": _SCHEMA}


def of_postgres(error: Exception, request: Request | None = None) -> StoreError:
    """Return the error to raise instead of one of psycopg's."""
    if request is not None and (text := _unstorable(request)) is not None:
        return refused_nul(text)
    state = getattr(error, "sqlstate", None) or ""
    diagnostics = error.diag if isinstance(error, psycopg.Error) else None
    said = (diagnostics.message_primary if diagnostics else None) or str(error)
    if (case := next((case for words, case in _BY_ANY_WORDS.items() if words in said), None)) is not None:
        return _error(case, said)
    for known in (state, state[:3], state[:2]):
        if known in _BY_SQLSTATE:
            return _error(_BY_SQLSTATE[known], said)
    if isinstance(error, psycopg.OperationalError) and not state:
        return _error(_LOST, said.splitlines()[0] if said else type(error).__name__)
    if isinstance(error, psycopg.DataError | UnicodeError | OverflowError):
        return _error(_SHAPE, said)
    return StoreError(f"PostgreSQL refused the statement: {said} [{state}].", code="refused")


def of_connecting(error: psycopg.Error, location: PostgresLocation) -> StoreError:
    """Return the error to raise when no connection can be made, with no secret in it."""
    from exuvia.engines.postgres.failures import explain_error  # what it imports is only needed here

    found, explained = of_postgres(error), explain_error(error, location=location)
    message = found.message
    for secret in location.secrets:
        message = message.replace(secret, HIDDEN)
    where = f"{message.rstrip('.')} (at {location})."
    code = explained.code.removeprefix("target.") if explained.hint else found.code.removeprefix(f"{found.family}.")
    return type(found)(where, hint=explained.hint or found.hint, code=code)


def of_sqlite(error: Exception, request: Request | None = None) -> StoreError:
    """Return the error to raise instead of one of apsw's."""
    if request is not None and (text := _unstorable(request)) is not None:
        return refused_nul(text)
    said = str(error)
    if isinstance(error, OverflowError | UnicodeError | TypeError):
        return _error(_SHAPE, said)
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return _error(_NOT_A_DATABASE, said)
    extended = getattr(error, "extendedresult", 0)
    by_result = next((_BY_RESULT[known] for known in (extended, extended & 0xFF) if known in _BY_RESULT), None)
    case = next((case for words, case in _BY_WORDS.items() if words in said), by_result)
    return _error(case, said) if case else StoreError(f"SQLite refused the statement: {said}.", code="refused")


def refused_nul(text: str) -> InvalidValueError:
    """Return the error for a text with U+0000, which SQLite would take and PostgreSQL not."""
    return InvalidValueError(
        f"The text {text[:40]!r} holds U+0000, which PostgreSQL cannot store.",
        hint="Take the character out.",
        code="nul",
    )


def _unstorable(request: Request) -> str | None:
    sets = [request.parameters] if isinstance(request, Statement) else request.sets
    texts = (value for one in sets for value in one.values() if type(value) is str)
    return next((text for text in texts if "\0" in text), None)


def _error(case: _Case, said: str) -> StoreError:
    """Say the same on both engines where it is the caller's mistake: the driver's own words are the error's cause."""
    kind, code, what, hint = case
    own = issubclass(kind, _ALIKE)
    return kind(f"{what}." if own else f"{what}: {said.rstrip('.')}.", hint=hint, code=code)
