"""Builds the description of ordinary tables from PRAGMAs and, where these are silent, from the CREATE text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import apsw

from exuvia.catalog.model import Column, ForeignKey, Generated, Index, IndexPart, Key, Table, Unreadable
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.affinity import affinity
from exuvia.engines.sqlite.ddl import ReferenceClause, TableClauses, parse_table
from exuvia.engines.sqlite.index_ddl import PartClause, parse_index
from exuvia.engines.sqlite.schema import ColumnRow, Entry, KeyRow, ReferenceRow, SchemaReader
from exuvia.engines.sqlite.tokens import Kind, tokenize

_SPACE = re.compile(r"(?:[ \t\n\f\r\ufeff]|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_BUILT_IN_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})
_DEFAULT_WORDS = frozenset({"NULL", "TRUE", "FALSE", "CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"})


@dataclass(frozen=True, slots=True)
class _Facts:
    """Everything that was read about one table."""

    entry: Entry
    columns: Sequence[ColumnRow]
    keys: Sequence[KeyRow]
    references: Sequence[ReferenceRow]
    clauses: TableClauses
    sequence: int | None
    without_rowid: bool
    strict: bool


class TableReader:
    """Describes ordinary tables.

    ``unreadable`` and ``notes`` are filled by ``tables``, and ``unique_keys`` with the sets of columns that a
    primary key, a UNIQUE constraint or a unique index covers, by table.
    """

    def __init__(
        self, connection: apsw.Connection, schema: SchemaReader, tables: Sequence[Entry], indexes: Sequence[Entry]
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._entries = tables
        self._indexes = {entry.name: entry for entry in indexes}
        self.unreadable: list[Unreadable] = []
        self.notes: list[str] = []
        self.unique_keys: dict[str, set[frozenset[str]]] = defaultdict(set)

    def tables(self) -> list[Table]:
        """Describe the tables, in the order of their entries; foreign keys name their targets as the SQL does."""
        tables = [self._table(facts) for facts in self._read()]
        self._refuse_unseen_indexes(tables)
        return tables

    def _refuse_unseen_indexes(self, tables: Sequence[Table]) -> None:
        """List the indexes of ordinary tables that no PRAGMA has shown."""
        ordinary = {fold(entry.name) for entry in self._entries}
        described = {index.name for table in tables for index in table.indexes}
        described.update(item.name for item in self.unreadable if item.kind == "index")
        for entry in self._indexes.values():
            if entry.name not in described and fold(entry.table) in ordinary:
                reason = f"index of {entry.table}: SQLite cannot load its definition, or its table's"
                self.unreadable.append(Unreadable("index", entry.name, reason, entry.sql))

    def _read(self) -> Iterator[_Facts]:
        names = [entry.name for entry in self._entries]
        listed = self._schema.table_list()
        columns, keys = self._schema.columns(names), self._schema.keys(names)
        references, sequences = self._schema.references(names), self._schema.sequences()
        for entry in self._entries:
            name = entry.name
            problem = self._schema.failures.get(name)
            if problem is None and (name not in listed or not columns.get(name)):
                problem = "SQLite cannot load its definition"
            if problem is not None:
                self.unreadable.append(Unreadable("table", name, problem, entry.sql))
                continue
            _, without_rowid, strict = listed[name]
            yield _Facts(
                entry,
                columns[name],
                keys.get(name, ()),
                references.get(name, ()),
                self._clauses(entry, columns[name]),
                sequences.get(name),
                bool(without_rowid),
                bool(strict),
            )

    def _clauses(self, entry: Entry, columns: Sequence[ColumnRow]) -> TableClauses:
        reason = "its definition is not understood"
        try:
            clauses = parse_table(entry.sql)
        except ValueError as error:
            reason = str(error)
        else:
            if clauses.columns == [row.name for row in columns]:
                return clauses
        self.notes.append(f"Checks, expressions and constraint names of {entry.name} are not known: {reason}.")
        return TableClauses()

    def _table(self, facts: _Facts) -> Table:
        name = facts.entry.name
        columns = tuple(self._columns(facts))
        in_key = sorted((row for row in facts.columns if row.key_position), key=lambda row: row.key_position)
        primary = tuple(row.name for row in in_key)
        clause = facts.clauses.primary_key
        has_key_index = any(row.origin == "pk" for row in facts.keys)
        rowid_column = primary[0] if len(primary) == 1 and not has_key_index and not facts.without_rowid else None
        if rowid_column is not None:
            self.unique_keys[name].add(frozenset(primary))
        uniques, indexes = self._keys(facts, {column.name: column.collation for column in columns}, rowid_column)
        taken = {fold(column.name) for column in columns}
        free = next((rowid for rowid in _ROWID_NAMES if rowid not in taken), None)
        autoincrement = rowid_column is not None and self._metadata(name, rowid_column)[4]
        return Table(
            name=name,
            columns=columns,
            primary_key=Key(primary, clause.name if clause else None) if primary else None,
            uniques=uniques,
            foreign_keys=tuple(_foreign_keys(facts.references, facts.clauses.references)),
            checks=tuple(facts.clauses.checks),
            indexes=indexes,
            rowid_column=rowid_column,
            rowid_name=None if facts.without_rowid else free,
            autoincrement=autoincrement,
            sequence=facts.sequence if autoincrement else None,
            without_rowid=facts.without_rowid,
            strict=facts.strict,
            sql=facts.entry.sql,
        )

    def _columns(self, facts: _Facts) -> Iterator[Column]:
        expressions = {fold(name): expression for name, expression in facts.clauses.generated.items()}
        for row in facts.columns:
            generated = None
            if row.hidden in (2, 3):
                generated = Generated(expressions.get(fold(row.name), ""), row.hidden == 3)
            yield Column(
                name=row.name,
                declared_type=_SPACE.sub(" ", row.type).strip(),
                affinity=affinity(row.type, strict=facts.strict),
                not_null=bool(row.not_null),
                default=None if row.default is None else _default(row.default),
                collation=_collation(self._metadata(facts.entry.name, row.name)[1]),
                generated=generated,
            )

    def _metadata(self, table: str, column: str) -> tuple[str, str, bool, bool, bool]:
        """Declared type, collation, NOT NULL, in the primary key, AUTOINCREMENT."""
        return self._connection.column_metadata("main", table, column)

    def _keys(
        self, facts: _Facts, collations: Mapping[str, str], rowid_column: str | None
    ) -> tuple[tuple[Key, ...], tuple[Index, ...]]:
        """UNIQUE constraints and indexes; a key whose collation is not its columns' is (also) told as an index.

        As SQLite drops a UNIQUE constraint that repeats the primary key, so is one that repeats the rowid column.
        """
        uniques: list[Key] = []
        indexes: list[Index] = []
        names = {tuple(map(fold, clause.columns)): clause.name for clause in reversed(facts.clauses.uniques)}
        for index, rows in _by_index(facts.keys):
            first = rows[0]
            columns = tuple(row.column for row in rows if row.column is not None)
            own_collation = any(
                row.column is None or _collation(row.collation) != collations[row.column] for row in rows
            )
            if first.unique and not first.partial and not own_collation:
                self.unique_keys[facts.entry.name].add(frozenset(columns))
            if first.origin == "c":
                described = self._index(facts.entry.name, index, rows)
                indexes += [described] if described else []
            elif own_collation:
                indexes.append(Index(index, tuple(_part(row) for row in rows), unique=True))
            elif first.origin == "u" and columns != (rowid_column,):
                uniques.append(Key(columns, names.get(tuple(map(fold, columns)))))
        return tuple(uniques), tuple(indexes)

    def _index(self, table: str, name: str, rows: Sequence[KeyRow]) -> Index | None:
        entry = self._indexes.get(name)
        sql = entry.sql if entry else ""
        try:
            clauses = parse_index(sql)
            parts = tuple(_part(row, clause) for row, clause in zip(rows, clauses.parts, strict=True))
        except ValueError as error:
            self.unreadable.append(Unreadable("index", name, f"index of {table}: {error}", sql))
            return None
        return Index(name, parts, bool(rows[0].unique), clauses.where, sql)


def _by_index(rows: Sequence[KeyRow]) -> list[tuple[str, list[KeyRow]]]:
    """Key parts by index in the order of declaration: constraints by the number in their index's name, then others.

    PRAGMA index_list begins with the newest index, but puts those with ON CONFLICT REPLACE last.
    """
    grouped = [(name, list(group)) for name, group in groupby(rows, key=lambda row: row.index_name)]
    automatic = [item for item in grouped if item[1][0].origin != "c"]
    others = [item for item in grouped if item[1][0].origin == "c"]
    return sorted(automatic, key=lambda item: _number(item[0])) + others[::-1]


def _number(index_name: str) -> int:
    """The 3 of ``sqlite_autoindex_orders_3``."""
    digits = index_name.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0


def _part(row: KeyRow, clause: PartClause | None = None) -> IndexPart:
    expression = clause.expression(row.collation) if clause and row.column is None else None
    return IndexPart(row.column, expression, bool(row.descending), _collation(row.collation))


def _foreign_keys(rows: Sequence[ReferenceRow], clauses: Sequence[ReferenceClause]) -> Iterator[ForeignKey]:
    """Foreign keys in the order of the text, from which come their names and deferral."""
    grouped = [list(group) for _, group in groupby(rows, key=lambda row: row.number)][::-1]
    read = [[fold(part.column) for part in parts] for parts in grouped]
    if read != [[fold(column) for column in clause.columns] for clause in clauses]:
        clauses = [ReferenceClause(()) for _ in grouped]
    for parts, clause in zip(grouped, clauses, strict=True):
        first = parts[0]
        yield ForeignKey(
            columns=tuple(part.column for part in parts),
            target_table=first.target_table,
            target_columns=tuple(part.target_column for part in parts if part.target_column is not None),
            on_update=first.on_update,
            on_delete=first.on_delete,
            deferrable=clause.deferrable,
            initially_deferred=clause.initially_deferred,
            name=clause.name,
        )


def _collation(name: str | None) -> str:
    return name.upper() if name and name.upper() in _BUILT_IN_COLLATIONS else name or "BINARY"


def _default(text: str) -> str:
    """The default as an expression: SQLite takes a bare or double-quoted word here for a string."""
    tokens = list(tokenize(text))
    if len(tokens) != 1:
        return text
    token = tokens[0]
    if token.kind is Kind.QUOTED or (token.kind is Kind.WORD and token.word not in _DEFAULT_WORDS):
        return "'" + token.value.replace("'", "''") + "'"
    return text
