"""Reads what SQLite's schema table and PRAGMAs say: for all tables at once, or table by table where that fails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import apsw

Row = tuple[Any, ...]

_DECODERS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}
# These concern the file or the process, not the object that is being described.
ENDS = (apsw.InterruptError, apsw.BusyError, apsw.LockedError, apsw.IOError, apsw.NoMemError, apsw.CantOpenError)
FAILURES = (apsw.Error, UnicodeDecodeError)


class Entry(NamedTuple):
    """A row of the schema table. ``named`` is False when its name is not valid in the database's encoding, ``intact``
    when its text is not; U+FFFD then stands for what is malformed."""

    kind: str
    name: str
    table: str
    root_page: int
    sql: str
    named: bool = True
    intact: bool = True


class ColumnRow(NamedTuple):
    """A row of PRAGMA table_xinfo; ``hidden`` is 2 for a virtual and 3 for a stored generated column."""

    name: str
    type: str
    not_null: int
    default: str | None
    key_position: int
    hidden: int


class KeyRow(NamedTuple):
    """A key part of an index, from PRAGMA index_list and index_xinfo; ``column`` is None for an expression.

    ``origin`` is ``pk``, ``u`` (UNIQUE constraint) or ``c`` (CREATE INDEX).
    """

    index_name: str
    unique: int
    origin: str
    partial: int
    column: str | None
    descending: int
    collation: str


class ReferenceRow(NamedTuple):
    """A row of PRAGMA foreign_key_list, where the table's last foreign key has number 0."""

    number: int
    target_table: str
    column: str
    target_column: str | None
    on_update: str
    on_delete: str


class SchemaReader:
    """Reads one database's schema.

    ``failures`` collects, by table, why something about it could not be read.

    Args:
        connection: An open connection; only SELECT and reading PRAGMAs run on it.
        encoding: The database's encoding, as PRAGMA encoding names it.
    """

    def __init__(self, connection: apsw.Connection, encoding: str) -> None:
        self._connection = connection
        self._decoder = _DECODERS[encoding]
        self._listed: dict[str, Row] | None = None
        self.failures: dict[str, str] = {}

    def entries(self) -> list[Entry]:
        """Return the schema table in its order, internal objects (``sqlite_…``) included."""
        fields = ("type", "name", "tbl_name", "coalesce(rootpage, 0)", "coalesce(sql, '')")
        query = "SELECT {} FROM main.sqlite_schema ORDER BY rowid"
        try:
            return [Entry(*row) for row in self._connection.execute(query.format(", ".join(fields)))]
        except UnicodeDecodeError:
            rows = self._connection.execute(query.format(", ".join(map(_as_blob, fields))))
            return [self._decoded_entry(row) for row in rows]

    def columns(self, tables: Sequence[str]) -> dict[str, list[ColumnRow]]:
        """Return the columns of each table, hidden ones included."""
        source = "pragma_table_xinfo(t.name, 'main') p"
        rows = self._rows(
            tables, ("p.name", "p.type", '"notnull"', "dflt_value", "pk", "hidden"), source, lenient=(1, 3)
        )
        return {table: [ColumnRow(*row) for row in found] for table, found in rows.items()}

    def keys(self, tables: Sequence[str]) -> dict[str, list[KeyRow]]:
        """Return the key parts of each table's indexes, the implicit indexes of constraints included."""
        source = "pragma_index_list(t.name, 'main') l, pragma_index_xinfo(l.name, 'main') x WHERE x.key"
        fields = ("l.name", 'l."unique"', "l.origin", "l.partial", "x.name", 'x."desc"', "x.coll")
        rows = self._rows(tables, fields, source)
        return {table: [KeyRow(*row) for row in found] for table, found in rows.items()}

    def references(self, tables: Sequence[str]) -> dict[str, list[ReferenceRow]]:
        """Return the columns of each table's foreign keys, by number and position."""
        source = "pragma_foreign_key_list(t.name, 'main') f"
        fields = ("f.id", 'f."table"', 'f."from"', 'f."to"', "f.on_update", "f.on_delete")
        rows = self._rows(tables, fields, source)
        return {table: [ReferenceRow(*row) for row in found] for table, found in rows.items()}

    def table_list(self) -> dict[str, Row]:
        """Return kind ('table', 'shadow', …), WITHOUT ROWID and STRICT of each table that SQLite could load."""
        if self._listed is None:
            query = "SELECT {}, type, wr, strict FROM pragma_table_list WHERE schema = 'main'"
            rows = self._connection.execute(query.format(_as_blob("name")))
            self._listed = {self._decode(row[0], "replace"): row[1:] for row in rows}
        return self._listed

    def sequences(self) -> dict[str, int]:
        """Return sqlite_sequence: the largest rowid ever given, by table."""
        exists = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'sqlite_sequence'"
        if not list(self._connection.execute(exists)):
            return {}
        name = _as_blob("name")
        query = f"SELECT {name}, max(CAST(seq AS INTEGER)) FROM main.sqlite_sequence GROUP BY 1"
        rows = list(self._connection.execute(query))
        return {
            self._decode(row[0], "replace"): row[1] for row in rows if isinstance(row[0], bytes) and row[1] is not None
        }

    def view_columns(self, view: str) -> tuple[str, ...]:
        """Return a view's columns.

        Raises:
            apsw.Error: The view refers to something that does not exist.
            UnicodeDecodeError: A name is not valid in the database's encoding.
        """
        rows = self._connection.execute("SELECT name FROM pragma_table_info(?1, 'main')", (view,))
        return tuple(str(row[0]) for row in rows)

    def _rows(
        self, tables: Sequence[str], fields: Sequence[str], source: str, *, lenient: Iterable[int] = ()
    ) -> dict[str, list[Row]]:
        """The rows of a table-valued PRAGMA over ``t.name``, by table. ``lenient`` fields may hold malformed text."""
        wanted = set(tables)
        found: dict[str, list[Row]] = defaultdict(list)
        of_all = "(SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0)"
        try:
            for name, *row in self._connection.execute(f"SELECT t.name, {', '.join(fields)} FROM {of_all} t, {source}"):
                if name in wanted:
                    found[name].append(tuple(row))
        except ENDS:
            raise
        except FAILURES:
            return self._rows_by_table(tables, fields, source, frozenset(lenient))
        return found

    def _rows_by_table(
        self, tables: Sequence[str], fields: Sequence[str], source: str, lenient: frozenset[int]
    ) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        query = f"SELECT {', '.join(map(_as_blob, fields))} FROM (SELECT ?1 AS name) t, {source}"
        errors = ["replace" if number in lenient else "strict" for number in range(len(fields))]
        for table in tables:
            try:
                found[table] = [
                    tuple(map(self._decode, row, errors)) for row in self._connection.execute(query, (table,))
                ]
            except ENDS:
                raise
            except UnicodeDecodeError:
                self.failures.setdefault(table, "a name in it is not valid text")
            except apsw.Error as error:
                self.failures.setdefault(table, str(error))
        return found

    def _decoded_entry(self, row: Sequence[Any]) -> Entry:
        kind, name, table, root_page, sql = (self._decode(value, "replace") for value in row)
        named = self._is_valid(row[1]) and self._is_valid(row[2])
        return Entry(kind, name, table, root_page, sql, named, self._is_valid(row[4]))

    def _is_valid(self, value: bytes) -> bool:
        try:
            value.decode(self._decoder)
        except UnicodeDecodeError:
            return False
        return True

    def _decode(self, value: Any, errors: str) -> Any:
        return value.decode(self._decoder, errors) if isinstance(value, bytes) else value


def _as_blob(field: str) -> str:
    """``field`` with its text as bytes, which the driver does not decode."""
    return f"iif(typeof({field}) = 'text', CAST({field} AS BLOB), {field})"
