"""Databases opened under a policy, by their locations."""

from __future__ import annotations

from pathlib import Path

from exuvia.engines.postgres.connect import resolve
from exuvia.guard.policy import Policy
from exuvia.guard.postgres.session import AsyncPostgresSession, PostgresSession
from exuvia.guard.session import AsyncSession, Session
from exuvia.guard.sqlite.session import AsyncSqliteSession, SqliteSession
from exuvia.location import Location, SqliteLocation


def open_session(location: Location, policy: Policy, *, data_dir: Path | None = None) -> Session:
    """Open a database for statements one after the other. A server need not be there until it is asked something.

    Args:
        location: A SQLite file, a PostgreSQL server, or the embedded one, which is started if need be.
        policy: What is allowed.
        data_dir: Where the embedded server lives; None for the default.

    Raises:
        ConfigError: The location is a portable copy.
        TargetError: The embedded server cannot be started.
    """
    if isinstance(location, SqliteLocation):
        return SqliteSession(location.path, policy)
    return PostgresSession(resolve(location, data_dir=data_dir), policy)


def open_async_session(
    location: Location, policy: Policy, *, size: int = 4, data_dir: Path | None = None
) -> AsyncSession:
    """Return a database for up to ``size`` statements at a time, to be closed or used by ``async with``.

    Args:
        location: As for ``open_session``.
        policy: What is allowed.
        size: How many connections there may be at most; a statement that finds none free waits.
        data_dir: As for ``open_session``.

    Raises:
        ConfigError: The location is a portable copy.
        TargetError: The embedded server cannot be started.
    """
    if isinstance(location, SqliteLocation):
        return AsyncSqliteSession(location.path, policy, size)
    return AsyncPostgresSession(resolve(location, data_dir=data_dir), policy, size)
