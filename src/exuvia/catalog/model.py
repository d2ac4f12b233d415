"""What a database is: frozen values that describe a schema, without I/O and without an engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Affinity(StrEnum):
    """SQLite's type affinity of a column (https://sqlite.org/datatype3.html, section 3.1)."""

    INTEGER = "INTEGER"
    TEXT = "TEXT"
    BLOB = "BLOB"
    REAL = "REAL"
    NUMERIC = "NUMERIC"


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated column: its SQL expression, and whether the value is stored or computed on read."""

    expression: str
    stored: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its table declares it.

    ``declared_type`` and ``default`` are the declaration's own text, ``''`` and ``None`` when absent.
    """

    name: str
    declared_type: str = ""
    affinity: Affinity = Affinity.BLOB
    not_null: bool = False
    default: str | None = None
    collation: str = "BINARY"
    generated: Generated | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key or a UNIQUE constraint over table columns."""

    columns: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key. ``target_columns`` is resolved to the target's primary key where the SQL leaves it out,
    and empty when the target table or its key does not exist."""

    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"
    deferrable: bool = False
    initially_deferred: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint: the text between its parentheses."""

    expression: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class IndexPart:
    """One part of an index: a column or an expression (exactly one is set)."""

    column: str | None = None
    expression: str | None = None
    descending: bool = False
    collation: str = "BINARY"


@dataclass(frozen=True, slots=True)
class Index:
    """An index made by CREATE INDEX; those that SQLite makes for keys are not listed. ``where`` is the partial
    index's condition."""

    name: str
    parts: tuple[IndexPart, ...]
    unique: bool = False
    where: str | None = None
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """An ordinary table.

    ``rowid_column`` is the column that aliases the rowid (INTEGER PRIMARY KEY), if any. ``rowid_name`` is a name by
    which the rowid can be read (``rowid``, ``_rowid_`` or ``oid``), None for WITHOUT ROWID tables and where columns
    take all three names. ``sequence`` is sqlite_sequence's position for an AUTOINCREMENT table. ``query`` is the SELECT
    that gives the rows of a table that is not stored as such, such as a virtual table; empty for ordinary ones.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: Key | None = None
    uniques: tuple[Key, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    rowid_column: str | None = None
    rowid_name: str | None = "rowid"
    autoincrement: bool = False
    sequence: int | None = None
    without_rowid: bool = False
    strict: bool = False
    sql: str = ""
    query: str = ""

    def column(self, name: str) -> Column:
        """Return the column called ``name`` (exact spelling); KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class View:
    """A view: its CREATE VIEW text, and its column names where the engine can tell them (else empty)."""

    name: str
    sql: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger and the table or view it belongs to."""

    name: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class VirtualTable:
    """A virtual table: module name, its text, and the shadow tables that belong to it."""

    name: str
    module: str
    sql: str
    shadows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object of the schema that could not be described, and why."""

    kind: Literal["table", "view", "index", "trigger"]
    name: str
    reason: str
    sql: str = ""


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """A collection's index of vectors in files beside the database: the distance by which it is searched ('cosine',
    'l2' or 'inner'), why it cannot be read (empty where it can be), how many vectors are lost with it, and how many
    changes are still to be made to the collection's documents."""

    collection: str
    distance: str
    fault: str = ""
    lost: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything a source database declares. ``derived`` are tables that are not stored as such: the rows of
    virtual tables, under the same names and read from their shadow tables, and the documents of a ChromaDB file, whose
    index files are ``vector_indexes``."""

    label: str
    encoding: Literal["UTF-8", "UTF-16le", "UTF-16be"] = "UTF-8"
    size_bytes: int = 0
    journal_mode: str = "delete"
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    virtual_tables: tuple[VirtualTable, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    application_id: int = 0
    user_version: int = 0
    notes: tuple[str, ...] = field(default=())
    derived: tuple[Table, ...] = ()
    vector_indexes: tuple[VectorIndex, ...] = ()

    def table(self, name: str) -> Table:
        """Return the table called ``name``; KeyError if there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)
