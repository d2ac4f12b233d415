"""The order in which a table is read, and the SQL that says so: names, literals, key ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from exuvia.catalog.model import Table

if TYPE_CHECKING:
    from exuvia.values.profile import Chunk, KeyValue

FUNCTIONS = "exuvia_"  # what the names of the functions begin with that queries of derived tables call

_BUILT_IN = frozenset({"BINARY", "NOCASE", "RTRIM"})


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """A table's reading order.

    Args:
        terms: SQL expressions of the key, collation included; empty where the table cannot be cut and is scanned
            as it lies, which is the same order in every reading of one snapshot.
        names: The columns that name a row for people; empty when only a position can.
        by_rowid: Whether the key is the rowid.
        needs_collation: Whether SQLite opens the table only with a collation of the application's.
        calls_functions: Whether the table's query calls functions of `exuvia.engines.sqlite.functions`.
    """

    terms: tuple[str, ...]
    names: tuple[str, ...]
    by_rowid: bool = False
    needs_collation: bool = False
    calls_functions: bool = False

    @property
    def row_by_row(self) -> bool:
        """Whether only apsw can read the table, not the Arrow driver."""
        return self.needs_collation or self.calls_functions

    def where(self, chunk: Chunk) -> list[str]:
        """Return the conditions ``lower < key <= upper``."""
        bounds = ((">", chunk.lower), ("<=", chunk.upper))
        key = _row(self.terms)
        return [f"{key} {sign} {_row([literal(v) for v in bound])}" for sign, bound in bounds if bound is not None]

    def order_by(self) -> str:
        """Return the ORDER BY clause, empty for a scan."""
        return f" ORDER BY {', '.join(self.terms)}" if self.terms else ""


def order_of(connection: apsw.Connection, table: Table) -> ReadOrder:
    """Return the order in which ``table`` is read: by rowid, else by the primary key with the key's own collations
    (these need not be the columns', and two keys may be equal under the columns').

    A key with a collation of the application's cannot be compared here: such a table is scanned.
    """
    if table.rowid_name is not None:
        return ReadOrder((table.rowid_name,), ("rowid",), by_rowid=True)
    if table.rowid_column is not None:
        calls = FUNCTIONS in table.query
        return ReadOrder((quote(table.rowid_column),), (table.rowid_column,), by_rowid=True, calls_functions=calls)
    names = table.primary_key.columns if table.primary_key else ()
    if not table.without_rowid:
        return ReadOrder((), names)
    parts = _stored_parts(connection, table.name)
    foreign = [part for part in parts if part.collation.upper() not in _BUILT_IN]
    key = [part for part in parts if part.in_key]
    if any(part in foreign for part in key):
        return ReadOrder((), names, needs_collation=True)
    terms = tuple(f"{quote(part.column)} COLLATE {part.collation}" for part in key)
    return ReadOrder(terms, names, needs_collation=bool(foreign))


@dataclass(frozen=True, slots=True)
class _Part:
    """A column of the b-tree that is a WITHOUT ROWID table."""

    column: str
    collation: str
    in_key: bool


def _stored_parts(connection: apsw.Connection, table: str) -> list[_Part]:
    index = connection.execute("SELECT name FROM pragma_index_list(?, 'main') WHERE origin = 'pk'", (table,)).fetchone()
    if index is None:
        return []
    query = "SELECT name, coll, key FROM pragma_index_xinfo(?, 'main') ORDER BY seqno"
    return [_Part(str(name), str(coll), bool(key)) for name, coll, key in connection.execute(query, (index[0],))]


def quote(name: str) -> str:
    """Return ``name`` as an SQLite identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: KeyValue) -> str:
    """Return ``value`` as an SQLite literal. Text with U+0000 has none: see ``chunks``, which never cuts there."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ("9e999" if value > 0 else "-9e999")
    return str(value)


def balanced(terms: Sequence[str], operator: str) -> str:
    """Join ``terms`` by ``operator`` as a balanced tree: SQLite allows expressions only 1,000 levels deep."""
    if len(terms) <= 2:
        return f" {operator} ".join(terms)
    middle = len(terms) // 2
    return f"({balanced(terms[:middle], operator)}) {operator} ({balanced(terms[middle:], operator)})"


def from_clause(table: Table) -> str:
    """Return ``FROM`` the table itself, not one of its indexes: these have another order, and may be damaged."""
    if table.query:
        return f"FROM ({table.query})"
    return f"FROM main.{quote(table.name)} NOT INDEXED"


def row_bytes(columns: Sequence[str]) -> str:
    """Return the SQL of a row's size in bytes; SQLite finds it in the row's header without reading the values."""
    terms = [f"ifnull(octet_length({quote(name)}), 0)" for name in columns]
    return balanced(terms, "+") if terms else "0"


def _row(terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else f"({', '.join(terms)})"
