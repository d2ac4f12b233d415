"""Everything that a SQLite file stores, so that an equal file can be made of it.

``inspect`` describes what an application sees. Here shadow tables of virtual tables and SQLite's own tables
(sqlite_sequence, sqlite_stat1) are tables like any other, and each object comes with its own SQL text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import apsw

from exuvia.catalog.model import Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.capture.own import is_own
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.order import from_clause, order_of
from exuvia.engines.sqlite.schema import Entry, SchemaReader
from exuvia.engines.sqlite.tables import TableReader
from exuvia.engines.sqlite.virtual import is_virtual

Kind = Literal["table", "index", "view", "trigger"]

INTERNAL = frozenset({"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"})
"""The tables of SQLite's own that have contents worth keeping."""


@dataclass(frozen=True, slots=True)
class Definition:
    """An object of the schema: its row of sqlite_schema. ``virtual`` marks a virtual table, which stores nothing."""

    kind: Kind
    name: str
    table: str
    sql: str
    virtual: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file's header says."""

    encoding: Literal["UTF-8", "UTF-16le", "UTF-16be"]
    page_size: int
    auto_vacuum: int
    journal_mode: str
    application_id: int
    user_version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What a file stores.

    Args:
        settings: Of the file.
        definitions: All objects in the schema's order, without those that SQLite makes by itself.
        tables: The tables that hold rows.
        unreadable: Kind, name and reason of each object that could not be described.
    """

    settings: Settings
    definitions: tuple[Definition, ...]
    tables: tuple[Table, ...]
    unreadable: tuple[tuple[str, str, str], ...]


def stored(connection: apsw.Connection, label: str) -> Stored:
    """Describe everything that the database ``main`` stores.

    Args:
        connection: A connection inside a read transaction.
        label: The database's name for people.

    Raises:
        SourceError: The schema cannot be read.
    """
    try:
        return _stored(connection)
    except apsw.Error as error:
        raise source_error(error, label) from error


def _stored(connection: apsw.Connection) -> Stored:
    settings = _settings(connection)
    schema = SchemaReader(connection, settings.encoding)
    entries = [entry for entry in schema.entries() if not is_own(entry.name, entry.sql)]
    own = [entry for entry in entries if not fold(entry.name).startswith("sqlite_")]
    sound = [entry for entry in own if entry.named and entry.intact]
    unreadable = [
        (entry.kind, entry.name, "its definition is not valid text")
        for entry in own
        if not (entry.named and entry.intact)
    ]
    definitions = tuple(_definition(entry) for entry in sound)
    holding = [
        entry
        for entry in entries
        if entry.kind == "table" and (fold(entry.name) in INTERNAL or (entry in sound and not is_virtual(entry.sql)))
    ]
    reader = TableReader(connection, schema, holding, [entry for entry in sound if entry.kind == "index"])
    tables = tuple(reader.tables())
    unreadable += [(item.kind, item.name, item.reason) for item in reader.unreadable]
    return Stored(settings, definitions, tables, tuple(unreadable))


def has_gapless_rowids(connection: apsw.Connection, table: Table) -> bool:
    """Return whether the rowids are 1, 2, 3 and so on, as they come by themselves.

    Args:
        connection: A connection to the database.
        table: A table with a rowid.

    Raises:
        apsw.Error: SQLite cannot read the table.
    """
    key = order_of(connection, table).terms[0]
    source = from_clause(table)
    low, high, count = (
        connection.execute(f"SELECT {what} {source}").fetchone() for what in (f"min({key})", f"max({key})", "count(*)")
    )
    return bool(count == (0,) or (low == (1,) and high == count))


def _definition(entry: Entry) -> Definition:
    kind = _KINDS[entry.kind]
    return Definition(kind, entry.name, entry.table, entry.sql, kind == "table" and is_virtual(entry.sql))


_KINDS: dict[str, Kind] = {"table": "table", "index": "index", "view": "view", "trigger": "trigger"}


def _settings(connection: apsw.Connection) -> Settings:
    def pragma(name: str) -> object:
        return next(iter(connection.execute(f"PRAGMA main.{name}")))[0]

    numbers: Sequence[int] = [
        int(str(pragma(name))) for name in ("page_size", "auto_vacuum", "application_id", "user_version")
    ]
    encoding = str(pragma("encoding"))
    if encoding not in ("UTF-8", "UTF-16le", "UTF-16be"):
        raise AssertionError(encoding)
    return Settings(
        encoding=encoding,  # type: ignore[arg-type]
        page_size=numbers[0],
        auto_vacuum=numbers[1],
        journal_mode=str(pragma("journal_mode")),
        application_id=numbers[2],
        user_version=numbers[3],
    )
