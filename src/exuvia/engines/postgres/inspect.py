"""What tables of the target look like now."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg


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
