"""Staging schemas: a move fills tables that nobody sees and publishes them in one transaction.

Each target schema has one staging schema. Whoever holds its advisory lock is moving into the target schema; what an
earlier, dead move left there is discarded.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

import psycopg

from exuvia.catalog.names import fit, qualify, quote
from exuvia.errors import TargetError

_LOCK_SPACE = 0x65787576  # "exuv"
_DROPPED_AT_ONCE = 100  # each dropped table costs several entries of the server's lock table

REPLACEABLE = ("view", "materialized view", "table", "foreign table")

_KINDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "i": "index",
    "I": "index",
    "S": "sequence",
    "f": "foreign table",
    "c": "type",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that exists in the target: schema, name, kind, and the table it belongs to if it is an index."""

    schema: str
    name: str
    kind: str
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.schema}.{self.name}"


def staging_name(schema: str) -> str:
    """Return the name of the staging schema of a target schema."""
    return fit(f"exuvia_staging_{schema}")


@contextmanager
def lock(connection: psycopg.Connection, schemas: Iterable[str]) -> Iterator[None]:
    """Hold the right to move into these schemas for as long as the context lasts.

    Raises:
        TargetError: Another move into one of them is running.
    """
    keys = [(schema, _key(schema)) for schema in sorted(set(schemas))]
    held: list[int] = []
    try:
        for schema, key in keys:
            row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK_SPACE, key)).fetchone()
            if row is None or not row[0]:
                raise TargetError(
                    f"Another move into schema {schema!r} is running.",
                    hint="Wait until it ends, or choose another schema with --schema.",
                    code="busy",
                )
            held.append(key)
        yield
    finally:
        with suppress(psycopg.Error):  # a lock ends with its session anyway
            for key in held:
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCK_SPACE, key))


def take(connection: psycopg.Connection, schema: str) -> bool:
    """Take the right to move into a schema if it is free, and tell whether it was; ``let_go`` gives it back."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK_SPACE, _key(schema))).fetchone()
    return row is not None and bool(row[0])


def let_go(connection: psycopg.Connection, schema: str) -> None:
    """Give back the right to move into a schema that this connection holds."""
    connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCK_SPACE, _key(schema)))


def is_locked(connection: psycopg.Connection, schema: str) -> bool:
    """Tell whether somebody is moving into a schema of this database now."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s"
        " AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        (_LOCK_SPACE, _key(schema) % 2**32),
    ).fetchone()
    return bool(row and row[0])


def _key(schema: str) -> int:
    return zlib.crc32(staging_name(schema).encode()) - 2**31


def existing(connection: psycopg.Connection, names: Mapping[str, Iterable[str]]) -> tuple[Relation, ...]:
    """Return the relations that already exist under any of these names, by schema."""
    found: list[Relation] = []
    for schema, wanted in names.items():
        rows = connection.execute(
            """
            SELECT c.relname, c.relkind::text, coalesce(t.relname, '')
            FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_index i ON i.indexrelid = c.oid
            LEFT JOIN pg_class t ON t.oid = i.indrelid
            WHERE n.nspname = %s AND c.relname = ANY(%s)
            ORDER BY 1
            """,
            (schema, list(wanted)),
        )
        found += [Relation(schema, name, _KINDS.get(kind, "relation"), owner) for name, kind, owner in rows]
    return tuple(found)


def create(connection: psycopg.Connection, schema: str) -> str:
    """Make the empty staging schema of a target schema; return its name."""
    name = staging_name(schema)
    connection.execute(f"CREATE SCHEMA {quote(name)}")
    return name


def drop_table(connection: psycopg.Connection, schema: str, table: str) -> None:
    """Drop a table of a target schema's staging schema."""
    connection.execute(f"DROP TABLE {qualify(staging_name(schema), table)}")


def discard(connection: psycopg.Connection, schema: str) -> None:
    """Drop the staging schema of a target schema with all it holds; nothing happens if there is none."""
    name = staging_name(schema)
    tables = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind = 'r'",
        (name,),
    ).fetchall()
    remaining = iter(tables)
    while some := list(islice(remaining, _DROPPED_AT_ONCE)):
        names = ", ".join(qualify(name, table) for (table,) in some)
        connection.execute(f"DROP TABLE IF EXISTS {names} CASCADE")
    connection.execute(f"DROP SCHEMA IF EXISTS {quote(name)} CASCADE")


def publish(connection: psycopg.Connection, tables: Mapping[str, Sequence[str]], replaced: Sequence[Relation]) -> None:
    """Move staged tables into their schemas; call it inside a transaction.

    Args:
        connection: A connection inside a transaction.
        tables: Table names by target schema.
        replaced: Relations of the target that give way.

    Raises:
        TargetError: Something else in the target depends on a relation that was to give way.
    """
    drop(connection, replaced)
    for schema, names in tables.items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
        staged = staging_name(schema)
        for name in names:
            connection.execute(f"ALTER TABLE {qualify(staged, name)} SET SCHEMA {quote(schema)}")
        connection.execute(f"DROP SCHEMA {quote(staged)}")


# What the functions of translated triggers begin with; a function of the application's own stays.
_BEGINNING = "#variable_conflict use_column"
_FUNCTIONS = """
SELECT DISTINCT n.nspname, p.proname
FROM unnest(%s::text[], %s::text[]) gone (schema, name)
JOIN pg_namespace n ON n.nspname = gone.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = gone.name
JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
JOIN pg_proc p ON p.oid = t.tgfoid AND p.pronamespace = n.oid AND p.proname = t.tgname
WHERE starts_with(ltrim(p.prosrc, E'\\n'), %s)
  AND NOT EXISTS (SELECT FROM pg_trigger other WHERE other.tgfoid = p.oid AND other.oid <> t.oid)
"""


def drop(connection: psycopg.Connection, replaced: Sequence[Relation]) -> None:
    """Drop relations, and with them the functions of their translated triggers, inside the caller's transaction.

    Raises:
        TargetError: ``dependents``: something else depends on one of them.
    """
    places = ([relation.schema for relation in replaced], [relation.name for relation in replaced])
    functions = connection.execute(_FUNCTIONS, (*places, _BEGINNING)).fetchall()
    _drop_relations(connection, replaced)
    for schema, name in functions:
        connection.execute(f"DROP FUNCTION {qualify(schema, name)}()")


def _drop_relations(connection: psycopg.Connection, replaced: Sequence[Relation]) -> None:
    for kind in REPLACEABLE:
        names = [qualify(relation.schema, relation.name) for relation in replaced if relation.kind == kind]
        if not names:
            continue
        try:
            connection.execute(f"DROP {kind.upper()} {', '.join(names)}")
        except psycopg.errors.DependentObjectsStillExist as error:
            raise TargetError(
                f"An existing {kind} cannot be replaced: {error.diag.message_detail or error}",
                hint="Drop what depends on it first, or choose another schema with --schema.",
                code="dependents",
            ) from error
