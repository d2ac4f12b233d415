"""What tables of the target look like now."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from exuvia.catalog.names import qualify


def column_types(connection: psycopg.Connection, schema: str, table: str) -> Mapping[str, str]:
    """Return the columns of a table and their types as ``format_type`` prints them; empty if there is no table."""
    rows = connection.execute(
        """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
        """,
        (schema, table),
    )
    return dict(rows.fetchall())


def count_rows(connection: psycopg.Connection, schema: str, table: str) -> int:
    """Return how many rows a table has; 0 if there is no table."""
    if not column_types(connection, schema, table):
        return 0
    row = connection.execute(f"SELECT count(*) FROM {qualify(schema, table)}".encode()).fetchone()
    return int(row[0]) if row else 0


def estimate_rows(connection: psycopg.Connection, schema: str, table: str) -> int:
    """Return about how many rows a table has, by what the server keeps for its planner; 0 if it does not know."""
    row = connection.execute(
        "SELECT greatest(c.reltuples, 0)::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s",
        (schema, table),
    ).fetchone()
    return int(row[0]) if row else 0
