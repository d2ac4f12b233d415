"""What the drivers raise, as the store's own errors: the same for the same mistake on both engines."""

from __future__ import annotations

from typing import Final

import apsw
import psycopg

from exuvia.store.errors import (
    BusyError,
    CapabilityError,
    ConcurrencyError,
    ConflictError,
    DeniedError,
    InvalidValueError,
    MissingReferenceError,
    SchemaError,
    SlowStatementError,
    StoreError,
    TenantError,
    UnavailableError,
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


def of_postgres(error: Exception) -> StoreError:
    """Return the error to raise instead of one of psycopg's, whose text may quote values but no secrets."""
    state = getattr(error, "sqlstate", None) or ""
    diagnostics = error.diag if isinstance(error, psycopg.Error) else None
    said = (diagnostics.message_primary if diagnostics else None) or str(error)
    if "row-level security" in said:
        return _error(_TENANT, said)
    for known in (state, state[:3], state[:2]):
        if known in _BY_SQLSTATE:
            return _error(_BY_SQLSTATE[known], said)
    if isinstance(error, psycopg.OperationalError) and not state:
        return _error(_LOST, said.splitlines()[0] if said else type(error).__name__)
    if isinstance(error, psycopg.DataError | UnicodeError | OverflowError):
        return _error(_SHAPE, said)
    return StoreError(f"PostgreSQL refused the statement: {said} [{state}].", code="refused")


def of_sqlite(error: Exception) -> StoreError:
    """Return the error to raise instead of one of apsw's."""
    if isinstance(error, OverflowError | UnicodeError | TypeError):
        return _error(_SHAPE, str(error))
    said = str(error)
    extended = getattr(error, "extendedresult", 0)
    if "no such table" in said or "no such column" in said:
        return _error(_SCHEMA, said)
    for known in (extended, extended & 0xFF):
        if known in _BY_RESULT:
            return _error(_BY_RESULT[known], said)
    if isinstance(error, apsw.NotADBError):
        return SchemaError("The file is not a SQLite database.", hint="Check the path.", code="not_a_database")
    return StoreError(f"SQLite refused the statement: {said}.", code="refused")


def _error(case: _Case, said: str) -> StoreError:
    kind, code, what, hint = case
    return kind(f"{what}: {said.rstrip('.')}.", hint=hint, code=code)
