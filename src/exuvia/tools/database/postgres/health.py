"""How a PostgreSQL server is, as far as a role with few rights can see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exuvia.guard.policy import Policy
from exuvia.guard.postgres.session import AsyncPostgresSession
from exuvia.tools.database.conditions import DatabaseHealth
from exuvia.tools.database.relations import shown_in_postgres

_HEALTH: Final = """
SELECT current_setting('server_version') AS version, current_user AS role, pg_is_in_recovery() AS standby,
  pg_database_size(current_database()) AS bytes, current_setting('max_connections')::int AS most_connections,
  (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,
  (SELECT round(extract(epoch FROM max(clock_timestamp() - query_start)), 1)::float8 FROM pg_stat_activity
   WHERE state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()) AS longest,
  (SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted) AS waiting,
  round(extract(epoch FROM CASE WHEN pg_is_in_recovery() THEN now() - pg_last_xact_replay_timestamp()
    ELSE (SELECT max(replay_lag) FROM pg_stat_replication) END), 1)::float8 AS lag
"""
_INVALID: Final = """
SELECT n.nspname, c.relname, x.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class x ON x.oid = i.indexrelid WHERE NOT i.indisvalid AND x.relkind = 'i' ORDER BY 1, 3
"""
_NEVER_ANALYZED: Final = """
SELECT schemaname, relname FROM pg_stat_user_tables
WHERE coalesce(last_analyze, last_autoanalyze) IS NULL AND n_live_tup > 1000 ORDER BY 1, 2
"""
_FULL: Final = 0.8
_LONG_SECONDS: Final = 300
_FAR_BEHIND_SECONDS: Final = 60
_NAMED: Final = 10


async def examine(session: AsyncPostgresSession, policy: Policy) -> DatabaseHealth:
    """Return how the server is.

    Args:
        session: The database.
        policy: Tables that may not be read are not named.

    Raises:
        ExuviaError: It cannot be asked.
    """
    ping = await session.inspect("SELECT 1")
    found = await session.inspect(_HEALTH)
    row: dict[str, Any] = dict(zip(found.columns, found.rows[0], strict=True))
    indexes = (await session.inspect(_INVALID)).rows
    tables = (await session.inspect(_NEVER_ANALYZED)).rows
    invalid = [index for schema, table, index in indexes if policy.allows("read", schema, table)]
    unknown = [
        shown_in_postgres(policy, schema, name) for schema, name in tables if policy.allows("read", schema, name)
    ]
    attention = [*_attention(row), *_about(invalid, unknown)]
    return DatabaseHealth(
        state="attention" if attention else "ok",
        engine=f"PostgreSQL {row['version']}",
        ms=round(ping.duration_s * 1000, 2),
        role=row["role"],
        standby=row["standby"],
        bytes=row["bytes"],
        connections=f"{row['connections']} of {row['most_connections']}",
        longest_s=row["longest"],
        waiting=row["waiting"],
        replication_lag_s=row["lag"],
        invalid_indexes=invalid[:_NAMED],
        never_analyzed=unknown[:_NAMED],
        attention=attention,
    )


def _attention(row: dict[str, Any]) -> Iterator[str]:
    if row["connections"] >= row["most_connections"] * _FULL:
        yield "Most connections are taken: close clients, or use a pooler."
    if (row["longest"] or 0) >= _LONG_SECONDS:
        yield f"A statement has been running for {row['longest']:,.0f} seconds: pg_stat_activity tells which."
    if row["waiting"]:
        yield f"{row['waiting']} sessions wait for locks."
    if (row["lag"] or 0) >= _FAR_BEHIND_SECONDS:
        yield f"The standby is {row['lag']:,.0f} seconds behind."


def _about(invalid: list[str], unknown: list[str]) -> Iterator[str]:
    if invalid:
        yield "Invalid indexes are kept up and never used: REINDEX INDEX CONCURRENTLY, or drop them."
    if unknown:
        yield "Tables were never analyzed, so that plans are guessed: ANALYZE."
