"""Describes a SQLite database: everything that its schema declares, without reading a row of its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, cast

import apsw

from exuvia.catalog.model import Catalog, Trigger, Unreadable, View, VirtualTable
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.capture.own import is_own
from exuvia.engines.sqlite.derived import derived_tables, vector_indexes
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.references import resolve
from exuvia.engines.sqlite.schema import ENDS, FAILURES, Entry, SchemaReader
from exuvia.engines.sqlite.tables import TableReader
from exuvia.engines.sqlite.virtual import VirtualClauses, is_virtual, parse_virtual, shadow_owner

Encoding = Literal["UTF-8", "UTF-16le", "UTF-16be"]
Kind = Literal["table", "view", "index", "trigger"]


def inspect(connection: apsw.Connection, label: str) -> Catalog:
    """Describe the database ``main`` of an open connection.

    Names of tables and columns are in their declared spelling wherever the schema refers to them. What cannot be
    described is listed in ``unreadable`` with the reason; ``notes`` says what is odd about the rest. A default that
    is a bare or double-quoted word, which SQLite takes for a string, is given as a string literal.

    Args:
        connection: A connection inside a read transaction. Only SELECT and reading PRAGMAs run on it; where a part
            of the schema is malformed, PRAGMA writable_schema is switched on so that SQLite loads the other parts.
        label: The name of the source for people.

    Raises:
        SourceError: The schema as a whole cannot be read.
        CancelledError: The connection was interrupted.
    """
    try:
        return _Inspection(connection, label).catalog()
    except apsw.Error as error:
        raise source_error(error, label) from error


class _Inspection:
    def __init__(self, connection: apsw.Connection, label: str) -> None:
        self._connection = connection
        self._label = label
        self._notes: list[str] = []
        self._unreadable: list[Unreadable] = []
        self._load()
        self._encoding = cast("Encoding", self._pragma("encoding"))
        self._schema = SchemaReader(connection, self._encoding)

    def catalog(self) -> Catalog:
        entries = [entry for entry in self._schema.entries() if self._is_described(entry)]
        virtual, ordinary = self._virtual_tables([entry for entry in entries if entry.kind == "table"])
        reader = TableReader(self._connection, self._schema, ordinary, [e for e in entries if e.kind == "index"])
        tables, notes = resolve(reader.tables(), reader.unique_keys)
        views = tuple(self._views([entry for entry in entries if entry.kind == "view"]))
        derived = tuple(derived_tables(tables, virtual))
        return Catalog(
            label=self._label,
            encoding=self._encoding,
            size_bytes=int(self._pragma("page_count")) * int(self._pragma("page_size")),
            journal_mode=str(self._pragma("journal_mode")),
            tables=tables,
            views=views,
            triggers=tuple(_triggers(entries)),
            virtual_tables=virtual,
            unreadable=(*self._unreadable, *reader.unreadable),
            application_id=int(self._pragma("application_id")),
            user_version=int(self._pragma("user_version")),
            notes=(*self._notes, *reader.notes, *notes),
            derived=derived,
            vector_indexes=vector_indexes(self._connection, tables, derived),
        )

    def _load(self) -> None:
        """Make SQLite load the schema, if need be without its malformed parts."""
        try:
            self._pragma("schema_version")
            list(self._connection.execute("SELECT 1 FROM main.sqlite_schema LIMIT 1"))
        except apsw.Error as error:
            if "malformed database schema" not in str(error):
                raise
            self._connection.execute("PRAGMA writable_schema = ON")
            self._notes.append(f"SQLite loads the schema only in part: {error}")

    def _pragma(self, name: str) -> Any:
        return next(iter(self._connection.execute(f"PRAGMA main.{name}")))[0]

    def _is_described(self, entry: Entry) -> bool:
        """Whether an entry is one to describe: not SQLite's own or capture's, and with a name that can be reached."""
        if fold(entry.name).startswith("sqlite_") or is_own(entry.name, entry.sql):
            return False
        if not entry.named:
            self._refuse(entry, "its name is not valid text")
        elif not entry.intact:
            self._notes.append(f"The definition of {entry.name} holds malformed text; \ufffd stands for it.")
        return entry.named

    def _refuse(self, entry: Entry, reason: str) -> None:
        self._unreadable.append(Unreadable(cast("Kind", entry.kind), entry.name, reason, entry.sql))

    def _virtual_tables(self, entries: Sequence[Entry]) -> tuple[tuple[VirtualTable, ...], list[Entry]]:
        """Tell virtual tables, with the shadow tables that are theirs, from ordinary ones."""
        virtual: dict[str, VirtualClauses] = {}
        declared: list[Entry] = []
        candidates: list[Entry] = []
        for entry in entries:
            if not is_virtual(entry.sql):
                candidates.append(entry)
                continue
            try:
                virtual[fold(entry.name)] = parse_virtual(entry.sql)
                declared.append(entry)
            except ValueError as error:
                self._refuse(entry, str(error))
        marked = {name for name, row in self._schema.table_list().items() if row[0] == "shadow"}
        shadows: dict[str, list[str]] = defaultdict(list)
        ordinary: list[Entry] = []
        for entry in candidates:
            owner = shadow_owner(entry.name, virtual, marked=entry.name in marked)
            if owner is None:
                ordinary.append(entry)
            else:
                shadows[owner].append(entry.name)
        described = (
            VirtualTable(
                entry.name, virtual[fold(entry.name)].module, entry.sql, tuple(sorted(shadows[fold(entry.name)]))
            )
            for entry in declared
        )
        return tuple(described), ordinary

    def _views(self, entries: Iterable[Entry]) -> Iterator[View]:
        for entry in entries:
            try:
                columns = self._schema.view_columns(entry.name)
            except ENDS:
                raise
            except FAILURES as error:
                columns = ()
                self._notes.append(f"SQLite cannot open view {entry.name}: {error}")
            yield View(entry.name, entry.sql, columns)


def _triggers(entries: Sequence[Entry]) -> Iterator[Trigger]:
    spelling = {fold(entry.name): entry.name for entry in entries if entry.kind in ("table", "view")}
    for entry in entries:
        if entry.kind == "trigger":
            yield Trigger(entry.name, spelling.get(fold(entry.table), entry.table), entry.sql)
