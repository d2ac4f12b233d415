"""Staged tables that were followed become the tables that are wanted: what following needed goes."""

from __future__ import annotations

from collections.abc import Collection

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetTable
from exuvia.engines.postgres.live.aside import KEY
from exuvia.engines.postgres.staging import staging_name


def strip(connection: psycopg.Connection, staged: TargetTable, final: TargetTable) -> None:
    """Drop the columns and indexes of a staged table that the final one has not, inside the caller's transaction.

    Args:
        connection: A connection inside a transaction.
        staged: The table as it is, in its staging schema.
        final: The table as it is to be.
    """
    wanted = {column.name for column in final.columns} | {search.name for search in final.searches}
    kept = {index.name for index in final.indexes}
    place = qualify(staged.schema, staged.name)
    indexes = [index.name for index in staged.indexes if index.name not in kept]
    columns = [column.name for column in staged.columns if column.name not in wanted]
    statements = [f"DROP INDEX IF EXISTS {qualify(staged.schema, name)}" for name in indexes]
    statements += [f"ALTER TABLE {place} DROP COLUMN {quote(name)}" for name in columns]
    if statements:
        connection.execute("; ".join(statements).encode())


def keep_quarantines(connection: psycopg.Connection, schema: str, names: Collection[str]) -> tuple[str, ...]:
    """Make the quarantines that hold rows as ``exuvia migrate`` makes them, and return their names.

    Args:
        connection: A connection inside a transaction.
        schema: The target schema.
        names: The names that quarantines have, where they exist.
    """
    kept = []
    for name in _tables(connection, schema):
        place = qualify(staging_name(schema), name)
        if name in names and connection.execute(f"SELECT FROM {place} LIMIT 1".encode()).fetchone() is not None:
            connection.execute(f"ALTER TABLE {place} DROP COLUMN IF EXISTS {quote(KEY)}".encode())
            kept.append(name)
    return tuple(kept)


def drop_others(connection: psycopg.Connection, schema: str, kept: Collection[str]) -> None:
    """Drop the tables of a staging schema that are not to be published, inside the caller's transaction."""
    gone = [qualify(staging_name(schema), name) for name in _tables(connection, schema) if name not in kept]
    if gone:
        connection.execute(f"DROP TABLE {', '.join(gone)}".encode())


def unvalidated(connection: psycopg.Connection, schema: str) -> frozenset[tuple[str, str]]:
    """Return table and name of the constraints of a schema that are NOT VALID."""
    rows = connection.execute(
        """
        SELECT c.relname, k.conname FROM pg_constraint k
        JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND NOT k.convalidated
        """,
        (schema,),
    )
    return frozenset((table, name) for table, name in rows)


def _tables(connection: psycopg.Connection, schema: str) -> list[str]:
    rows = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind = 'r' ORDER BY 1",
        (staging_name(schema),),
    )
    return [name for (name,) in rows]
