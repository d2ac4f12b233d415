"""The extensions that a plan needs in the target, and where their types and functions are found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from exuvia.catalog.names import quote
from exuvia.catalog.target import TargetTable
from exuvia.catalog.types import Base
from exuvia.errors import TargetError

VECTOR: Final = "vector"
TRIGRAMS: Final = "pg_trgm"

FIND: Final = """
SELECT set_config(
    'search_path', concat_ws(', ', current_setting('search_path'), string_agg(quote_ident(n.nspname), ', ')), false
)
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname IN ('vector', 'pg_trgm') AND n.nspname NOT IN ('public', 'pg_catalog')
"""
"""A statement after which a session finds the types of extensions that are installed in schemas of their own."""


def needed(tables: Iterable[TargetTable]) -> frozenset[str]:
    """Return the extensions without which these tables cannot be made, or not with their indexes."""
    found: set[str] = set()
    for table in tables:
        if any(column.type.base is Base.VECTOR for column in table.columns):
            found.add(VECTOR)
        if any("bit_hamming_ops" in part.sql for index in table.indexes for part in index.parts):
            found.add(VECTOR)
        if any("gin_trgm_ops" in part.sql for index in table.indexes for part in index.parts):
            found.add(TRIGRAMS)
    return frozenset(found)


def ensure(connection: psycopg.Connection, names: Iterable[str]) -> None:
    """Create the extensions that the database lacks.

    Args:
        connection: A connection in autocommit mode.
        names: Extensions.

    Raises:
        TargetError: The server does not have one, or the user may not create it.
    """
    for name in sorted(names):
        try:
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {quote(name)}".encode())
        except psycopg.DatabaseError as error:
            if connection.closed:
                raise
            raise TargetError(
                f"The extension {name}, which the plan needs, cannot be created: {error.diag.message_primary}.",
                hint=f"Let an administrator run CREATE EXTENSION {name}, or plan without it: vectors as real[].",
                code="extension",
            ) from error
