"""The ledger of a move on its way: which chunks are committed, each recorded in the transaction that copied it.

The ledger lives in the staging schema of the move's first target schema and vanishes with it. The comment on the
staging schema says what is moving, so that an unfinished move can be told from what anything else may have left.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.staging import staging_name
from exuvia.values.digest import Digest

VERSION = 2

_MARK = "exuvia: tables on their way; see exuvia status, exuvia abort\n"


@dataclass(frozen=True, slots=True)
class Moving:
    """One source of a move.

    Args:
        source: The source, as it was named.
        plan: Fingerprint of its plan, the source's chunks included.
        plain: Its tables whose generated columns were made ordinary ones.
    """

    source: str
    plan: str
    plain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """What is moving.

    Args:
        version: The ledger's format.
        sources: The sources; empty when the ledger has another format.
        started: When the move began, ISO 8601 in UTC.
        chunks: How many chunks there are.
        rows: How many rows.
        schemas: The target schemas.
        name: The ledger's table.
    """

    version: int
    sources: tuple[Moving, ...]
    started: str
    chunks: int
    rows: int
    schemas: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A committed chunk of a table of a source: rows copied, rows rejected, bytes sent, and the digest of what was
    copied."""

    source: str
    table: str
    chunk: int
    rows: int
    rejected: int
    bytes: int
    digest: Digest


def free_name(taken: Collection[str]) -> str:
    """Return a name for the ledger's table that is not taken."""
    name = "exuvia_ledger"
    while name in taken:
        name += "_"
    return name


def begin(connection: psycopg.Connection, header: Header) -> None:
    """Make the ledger and mark the staging schemas; call it in the transaction that made them."""
    text = literal(_MARK + json.dumps(asdict(header)))
    for schema in header.schemas:
        connection.execute(f"COMMENT ON SCHEMA {quote(staging_name(schema))} IS {text}".encode())
    connection.execute(
        f"""
        CREATE TABLE {_place(header)} (
            source text NOT NULL,
            source_table text NOT NULL,
            chunk bigint NOT NULL,
            rows bigint NOT NULL,
            rejected bigint NOT NULL,
            bytes bigint NOT NULL,
            digest json NOT NULL,
            PRIMARY KEY (source, source_table, chunk)
        )
        """
    )


def find(connection: psycopg.Connection, schema: str) -> Header | None:
    """Return what is moving into a target schema, None if nothing is that exuvia began."""
    row = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", (staging_name(schema),)
    ).fetchone()
    return _read(row[0]) if row else None


def unfinished(connection: psycopg.Connection) -> list[Header]:
    """Return every unfinished move in this database, the oldest first."""
    rows = connection.execute("SELECT DISTINCT obj_description(oid, 'pg_namespace') FROM pg_namespace")
    found = [header for (comment,) in rows if (header := _read(comment)) is not None]
    return sorted(found, key=lambda header: header.started)


def record(connection: psycopg.Connection, header: Header, entry: Entry) -> None:
    """Record a chunk, in the transaction that copies it."""
    digest = json.dumps([entry.digest.rows, entry.digest.low, entry.digest.high, list(entry.digest.columns)])
    connection.execute(
        f"INSERT INTO {_place(header)} VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (entry.source, entry.table, entry.chunk, entry.rows, entry.rejected, entry.bytes, digest),
    )


def entries(connection: psycopg.Connection, header: Header) -> list[Entry]:
    """Return the committed chunks."""
    found = connection.execute(
        f"SELECT source, source_table, chunk, rows, rejected, bytes, digest FROM {_place(header)}"
    )
    return [
        Entry(source, table, chunk, copied, rejected, size, Digest(rows, low, high, tuple(columns)))
        for source, table, chunk, copied, rejected, size, (rows, low, high, columns) in found
    ]


def _place(header: Header) -> str:
    return qualify(staging_name(header.schemas[0]), header.name)


def _read(comment: str | None) -> Header | None:
    if comment is None or not comment.startswith(_MARK):
        return None
    fields: Mapping[str, Any] = json.loads(comment.removeprefix(_MARK))
    sources = tuple(Moving(one["source"], one["plan"], tuple(one["plain"])) for one in fields.get("sources", ()))
    return Header(
        version=fields["version"],
        sources=sources if fields["version"] == VERSION else (),
        started=fields["started"],
        chunks=fields["chunks"],
        rows=fields["rows"],
        schemas=tuple(fields["schemas"]),
        name=fields["name"],
    )
