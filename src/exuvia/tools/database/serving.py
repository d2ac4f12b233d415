"""Which inspector tells of a database."""

from __future__ import annotations

from exuvia.errors import ConfigError
from exuvia.guard import AsyncSession, Policy
from exuvia.guard.postgres.session import AsyncPostgresSession
from exuvia.guard.sqlite.session import AsyncSqliteSession
from exuvia.tools.database.postgres.inspecting import PostgresInspector
from exuvia.tools.database.relations import Inspector
from exuvia.tools.database.sqlite.inspecting import SqliteInspector


def inspector(database: AsyncSession, policy: Policy) -> Inspector:
    """Return what tells of a database.

    Args:
        database: The database.
        policy: What may be read of it.

    Raises:
        ConfigError: It is of an engine that cannot be inspected.
    """
    if isinstance(database, AsyncPostgresSession):
        return PostgresInspector(database, policy)
    if isinstance(database, AsyncSqliteSession):
        return SqliteInspector(database, policy)
    raise ConfigError("This kind of database cannot be inspected.", hint="Serve PostgreSQL or SQLite.", code="engine")
