"""Which tables are written to both databases, and how their rows hang together: read from the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Operation, Statement

COLLECTIONS: Final = "vector_collections"
VECTORS: Final = "vector_items"
_NOT_CARRIED: Final = re.compile(
    r"search_.*|exuvia_schema|outbox|outbox_applying|dual_role|vector_items_[0-9a-f]{16}|sqlite_.*"
)
_VECTOR_KEY: Final = ("project_id", "collection_id", "id")
# What each engine's layout of vectors has of its own
_OF_LAYOUT: Final = {VECTORS: {"item", "code"}, COLLECTIONS: {"storage"}}
_KINDS: Final = {
    "text": "text",
    "timestamp with time zone": "time",
    "jsonb": "json",
    "boolean": "bool",
    "bigint": "int",
    "integer": "int",
    "double precision": "float",
    "bytea": "bytes",
}
KEY_KINDS: Final = frozenset({"text", "int", "plain"})

_POSTGRES_COLUMNS: Final = """
SELECT relname, attname, format_type(atttypid, NULL), attidentity <> ''
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = :schema
JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
WHERE relkind = 'r' ORDER BY relname, attnum
"""
_POSTGRES_KEYS: Final = """
SELECT pg_class.relname, contype, other.relname,
  ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS part (number, place)
    JOIN pg_attribute ON attrelid = conrelid AND attnum = part.number ORDER BY place)
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = :schema
LEFT JOIN pg_class AS other ON other.oid = confrelid
WHERE contype IN ('p', 'u', 'f') ORDER BY pg_class.relname, conname
"""
_POSTGRES_KEPT: Final = """
SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = :schema
WHERE NOT tgisinternal AND tgtype & 2 = 2 AND tgtype & 16 = 16
"""
_SQLITE_COLUMNS: Final = """
SELECT list.name, own.name, own.pk FROM pragma_table_list AS list, pragma_table_xinfo(list.name) AS own
WHERE list.schema = 'main' AND list.type = 'table' AND own.hidden = 0 ORDER BY list.name, own.cid
"""
_SQLITE_PARENTS: Final = """
SELECT list.name, own.id, own."table", own."from"
FROM pragma_table_list AS list, pragma_foreign_key_list(list.name) AS own
WHERE list.schema = 'main' AND list.type = 'table' ORDER BY list.name, own.id, own.seq
"""
_SQLITE_UNIQUE: Final = """
SELECT list.name, one.name, own.name
FROM pragma_table_list AS list, pragma_index_list(list.name) AS one, pragma_index_info(one.name) AS own
WHERE list.schema = 'main' AND list.type = 'table' AND one.origin = 'u' ORDER BY list.name, one.name, own.seqno
"""
_SQLITE_KEPT: Final = (
    "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%BEFORE UPDATE ON%'"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Args:
        name: Its name.
        kind: What its values are: text, time, json, bool, int, float or bytes; ``plain`` where no engine tells.
    """

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Parent:
    """A foreign key.

    Args:
        table: The table that is referred to.
        columns: The columns that refer to its key, in the key's order.
    """

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is written to both databases.

    Args:
        name: Its name, the same in both.
        key: Its primary key.
        columns: What is carried over, the key included.
        parents: Its foreign keys to tables that are carried over.
        unique: Its other unique keys.
        is_kept: Its rows are never updated, which a trigger sees to.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    parents: tuple[Parent, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    is_kept: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)

    def places(self, columns: Iterable[str]) -> tuple[int, ...]:
        """Return where columns stand in a row."""
        return tuple(self.names.index(name) for name in columns)

    def kind(self, name: str) -> str:
        """Return what a column's values are."""
        return next(column.kind for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Found:
    """A database's tables.

    Args:
        tables: Those that can be carried over, by name.
        excluded: Those that cannot, with the reason.
        identities: PostgreSQL's identity columns, as table and column.
    """

    tables: Mapping[str, Table]
    excluded: Mapping[str, str]
    identities: tuple[tuple[str, str], ...] = ()


def find(dialect: Dialect, schema: str) -> Operation[Found]:
    """Read a database's catalogue."""
    return (yield from (_of_postgres(schema) if dialect.is_postgres else _of_sqlite()))


def common(first: Found, second: Found) -> tuple[tuple[Table, ...], dict[str, str]]:
    """Return the tables that both databases have, parents before children, and those that stay out, with the reason.

    The kinds of values are told by PostgreSQL, if one of the two is.
    """
    excluded = {**first.excluded, **second.excluded}
    chosen: dict[str, Table] = {}
    for name in sorted(first.tables.keys() | second.tables.keys()):
        mine, other = first.tables.get(name), second.tables.get(name)
        if mine is None or other is None:
            excluded.setdefault(name, "only one of the databases has it")
        elif sorted(mine.names) != sorted(other.names) or mine.key != other.key:
            excluded[name] = "its columns differ"
        else:
            chosen[name] = other if all(column.kind == "plain" for column in mine.columns) else mine
    return _ordered({name: table for name, table in chosen.items() if name not in excluded}), excluded


def _ordered(tables: Mapping[str, Table]) -> tuple[Table, ...]:
    placed: dict[str, Table] = {}

    def place(table: Table) -> None:
        for parent in table.parents:
            if parent.table in tables and parent.table != table.name and parent.table not in placed:
                place(tables[parent.table])
        placed.setdefault(table.name, table)

    for table in tables.values():
        place(table)
    return tuple(placed.values())


@dataclass(slots=True)
class _Parts:
    """What the catalogue tells, by table."""

    columns: dict[str, list[Column]] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parents: dict[str, list[Parent]] = field(default_factory=dict)
    unique: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    excluded: dict[str, str] = field(default_factory=dict)

    def add_column(self, table: str, column: Column) -> None:
        if not _NOT_CARRIED.fullmatch(table) and column.name not in _OF_LAYOUT.get(table, ()):
            self.columns.setdefault(table, []).append(column)

    def add_parent(self, table: str, parent: Parent) -> None:
        if not _NOT_CARRIED.fullmatch(parent.table):
            self.parents.setdefault(table, []).append(parent)

    def found(self, identities: Iterable[tuple[str, str]] = ()) -> Found:
        made = {}
        for name, own in self.columns.items():
            key = _VECTOR_KEY if name == VECTORS else self.keys.get(name, ())
            kinds = {column.name: column.kind for column in own}
            if not key or any(kinds.get(part) not in KEY_KINDS for part in key):
                self.excluded.setdefault(name, "its key is not of texts and integers")
                continue
            others = tuple(names for names in self.unique.get(name, ()) if names != key)
            parents = tuple(self.parents.get(name, ()))
            made[name] = Table(name, key, tuple(own), parents, others, name in self.kept)
        return Found(made, self.excluded, tuple(identities))


def _of_postgres(schema: str) -> Operation[Found]:
    parts, identities = _Parts(), []
    for table, name, form, identity in (yield Statement(_POSTGRES_COLUMNS, {"schema": schema})):
        if identity and not _NOT_CARRIED.fullmatch(table):
            identities.append((table, name))
        if form not in _KINDS and not _NOT_CARRIED.fullmatch(table):
            parts.excluded[table] = f"{name} is of the type {form}"
        parts.add_column(table, Column(name, _KINDS.get(form, "plain")))
    for table, kind, other, own in (yield Statement(_POSTGRES_KEYS, {"schema": schema})):
        if kind == "p":
            parts.keys[table] = tuple(own)
        elif kind == "u":
            parts.unique.setdefault(table, []).append(tuple(own))
        else:
            parts.add_parent(table, Parent(other, tuple(own)))
    parts.kept = {table for (table,) in (yield Statement(_POSTGRES_KEPT, {"schema": schema}))}
    return parts.found(identities)


def _of_sqlite() -> Operation[Found]:
    parts = _Parts()
    keys: dict[str, dict[int, str]] = {}
    for table, name, place in (yield Statement(_SQLITE_COLUMNS)):
        parts.add_column(table, Column(name, "plain"))
        if place:
            keys.setdefault(table, {})[place] = name
    parts.keys = {table: tuple(name for _, name in sorted(found.items())) for table, found in keys.items()}
    referring: dict[tuple[str, int], Parent] = {}
    for table, number, other, own in (yield Statement(_SQLITE_PARENTS)):
        before = referring.get((table, number), Parent(other, ()))
        referring[table, number] = Parent(other, (*before.columns, own))
    for (table, _), parent in referring.items():
        parts.add_parent(table, parent)
    together: dict[tuple[str, str], tuple[str, ...]] = {}
    for table, index, name in (yield Statement(_SQLITE_UNIQUE)):
        together[table, index] = (*together.get((table, index), ()), name)
    for (table, _), names in together.items():
        parts.unique.setdefault(table, []).append(names)
    parts.kept = {table for (table,) in (yield Statement(_SQLITE_KEPT))}
    return parts.found()
