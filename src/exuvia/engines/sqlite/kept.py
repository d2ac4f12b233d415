"""A table of a fenced file that is kept up to date: finding rows by key, taking them out, putting rows in.

Everything runs on one connection inside the fence, with temporary tables. Rows that are taken out are set aside as
they are stored, and values are put back from there without passing through anything but SQLite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import apsw

from exuvia.catalog.model import Column, Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.fulltext import FullText
from exuvia.engines.sqlite.load import refused
from exuvia.engines.sqlite.order import balanced, quote
from exuvia.engines.sqlite.read import BATCH_BYTES
from exuvia.engines.sqlite.rows import row_batches
from exuvia.engines.sqlite.utf16 import codec_of, value_to_utf8
from exuvia.values.cells import Cells

_BATCH_ROWS = 10_000
_LAST_ROWID = 2**63 - 1
_NUMBER = "n"

Value = None | int | float | str | bytes
Row = Sequence[Value]
Numbered = tuple[list[int], list[Cells]]


@dataclass(frozen=True, slots=True)
class Put:
    """How a value gets into a column: the SQL of the value, with one ``?``."""

    column: str
    sql: str


class KeptTable:
    """One table during one round.

    Args:
        connection: A connection inside the fence, in a transaction.
        table: The table as the file declares it; a virtual table's as it is read.
        key: The columns of its key; none where rows have no key.
        encoding: The file's text encoding.

    Raises:
        apsw.Error: SQLite refuses.
    """

    def __init__(self, connection: apsw.Connection, table: Table, key: Sequence[str], encoding: str) -> None:
        self._connection = connection
        self._table = table
        self._place = f"main.{quote(table.name)}"
        self._key = [table.column(name) for name in key]
        self._columns = [column.name for column in table.columns]
        self._codec = codec_of(encoding)
        self._hidden_rowid = table.rowid_name if table.rowid_column is None else None
        self._next = self._next_rowid()
        self.drop()
        kinds = ", ".join(f"k{number} {column.affinity.value}" for number, column in enumerate(self._key)) or "k0"
        connection.execute(f"CREATE TEMP TABLE exuvia_keys({kinds})")
        stored = ", ".join(f"c{number}" for number in range(len(self._columns)))
        connection.execute(f"CREATE TEMP TABLE exuvia_old({_NUMBER} INTEGER PRIMARY KEY, a, {stored})")
        connection.execute("CREATE TEMP TABLE exuvia_picked(n INTEGER PRIMARY KEY)")

    def drop(self) -> None:
        """Drop the temporary tables."""
        for name in ("keys", "old", "picked"):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.exuvia_{name}")

    def forget_keys(self) -> None:
        """Take back the keys that were named."""
        self._connection.execute("DELETE FROM temp.exuvia_keys")

    def name_keys(self, puts: Sequence[Put], rows: Iterable[Row]) -> None:
        """Name keys of rows.

        Args:
            puts: How each column of the key is written.
            rows: The values, a row at a time.
        """
        sql = f"INSERT INTO temp.exuvia_keys VALUES ({', '.join(put.sql for put in puts)})"
        self._connection.executemany(sql, rows)

    def name_all(self) -> None:
        """Name the keys of all rows, as they are spelled."""
        self._connection.execute(f"INSERT INTO temp.exuvia_keys SELECT {self._names(self._key)} FROM {self._place}")

    def named(self) -> Iterator[Numbered]:
        """Yield the keys that were named, with their numbers."""
        names = [f"k{number}" for number in range(len(self._key))]
        for cells in self._read(["rowid", *names], "FROM temp.exuvia_keys"):
            yield _numbers(cells["rowid"]), [cells[name] for name in names]

    def unname(self, numbers: Iterable[int]) -> None:
        """Take back keys by their numbers."""
        sql = "DELETE FROM temp.exuvia_keys WHERE rowid = ?"
        self._connection.executemany(sql, ((number,) for number in numbers))

    def has_others(self) -> bool:
        """Return whether there is a row whose key is not among those named, to the letter."""
        keys = ", ".join(f"k{number}" for number in range(len(self._key)))
        self._connection.execute(f"CREATE INDEX temp.exuvia_by_key ON exuvia_keys({keys})")
        equal = self._equal()
        query = f"SELECT EXISTS (SELECT 1 FROM {self._place} AS t WHERE NOT EXISTS"
        row = self._connection.execute(f"{query} (SELECT 1 FROM temp.exuvia_keys AS k WHERE {equal}))").fetchone()
        self._connection.execute("DROP INDEX temp.exuvia_by_key")
        return bool(row and row[0])

    def is_all(self, kind: str) -> bool:
        """Return whether every value of the key has a storage class, ``integer`` or ``text``."""
        other = balanced([f"typeof({quote(column.name)}) <> '{kind}'" for column in self._key], "OR")
        row = self._connection.execute(f"SELECT EXISTS (SELECT 1 FROM {self._place} WHERE {other})").fetchone()
        return not (row and row[0])

    def set_aside(self, *, everything: bool = False) -> None:
        """Copy the rows at the keys that were named, or all rows."""
        self._connection.execute("DELETE FROM temp.exuvia_old")
        address = f"t.{self._table.rowid_name}" if self._table.rowid_name else "NULL"
        names = ", ".join(f"t.{quote(name)}" for name in self._columns)
        source = f"{self._place} AS t"
        if not everything:
            # CROSS JOIN fixes the order: from the few keys to the rows
            source = f"(SELECT DISTINCT * FROM temp.exuvia_keys) AS k CROSS JOIN {source} ON {self._equal()}"
        self._connection.execute(f"INSERT INTO temp.exuvia_old SELECT NULL, {address}, {names} FROM {source}")

    def aside(self, columns: Sequence[str], numbers: Iterable[int] | None = None) -> Iterator[Numbered]:
        """Yield rows that were set aside, with their numbers.

        Args:
            columns: What to read of them.
            numbers: Which; None for all.
        """
        which = ""
        if numbers is not None:
            self._connection.execute("DELETE FROM temp.exuvia_picked")
            self._connection.executemany("INSERT INTO temp.exuvia_picked VALUES (?)", ((one,) for one in numbers))
            which = " WHERE n IN (SELECT n FROM temp.exuvia_picked)"
        names = [self._aside(column) for column in columns]
        for cells in self._read([_NUMBER, *names], f"FROM temp.exuvia_old{which} ORDER BY n"):
            yield _numbers(cells[_NUMBER]), [cells[name] for name in names]

    def rows(self, columns: Sequence[str], after: int | None = None) -> Iterator[Numbered]:
        """Yield rows of a table that has a rowid, with their rowids.

        Args:
            columns: What to read of them.
            after: Only those whose rowid is greater.
        """
        rowid = self._table.rowid_name or "rowid"
        # A column may have the name by which the rowid is read
        inner = ", ".join(f"{quote(name)} AS c{number}" for number, name in enumerate(columns))
        where = f" WHERE {rowid} > {after}" if after is not None else ""
        tail = f"FROM (SELECT {rowid} AS n, {inner} FROM {self._place}{where})"
        names = [f"c{number}" for number in range(len(columns))]
        for cells in self._read([_NUMBER, *names], tail):
            yield _numbers(cells[_NUMBER]), [cells[name] for name in names]

    def delete_aside(self) -> None:
        """Delete the rows that were set aside."""
        if self._table.rowid_name is not None:
            where = f"{self._table.rowid_name} IN (SELECT a FROM temp.exuvia_old)"
        else:
            names = [quote(column.name) for column in self._key]
            left = names[0] if len(names) == 1 else f"({', '.join(names)})"
            columns = ", ".join(self._aside(column.name) for column in self._key)
            where = f"{left} IN (SELECT {columns} FROM temp.exuvia_old)"
        self._connection.execute(f"DELETE FROM {self._place} WHERE {where}")

    def delete_all(self) -> None:
        """Delete every row."""
        self._connection.execute(f"DELETE FROM {self._place}")

    def delete_at(self, rowids: Iterable[int]) -> None:
        """Delete rows by their rowids."""
        sql = f"DELETE FROM {self._place} WHERE {self._table.rowid_name} = ?"
        self._connection.executemany(sql, ((rowid,) for rowid in rowids))

    def unindex(self, searches: Iterable[FullText]) -> None:
        """Take the rows that were set aside, and are in the table still, out of full-text indexes of FTS5."""
        for one in searches:
            rowids = f"SELECT {self._kept_as(one.content_rowid, 'a')} FROM temp.exuvia_old"
            self._connection.execute(f"DELETE FROM main.{quote(one.name)} WHERE rowid IN ({rowids})")

    def index(self, searches: Iterable[FullText]) -> None:
        """Put the rows that were set aside, and are in the table again, into full-text indexes of FTS5."""
        for one in searches:
            names = ", ".join(quote(column) for column in one.columns)
            values = ", ".join(self._kept_as(column, column) for column in one.columns)
            rows = f"SELECT {self._kept_as(one.content_rowid, 'a')}, {values} FROM temp.exuvia_old"
            self._connection.execute(f"INSERT INTO main.{quote(one.name)}(rowid, {names}) {rows}")

    @property
    def last_rowid(self) -> int:
        """The highest rowid that a row had when the round began, of a table whose rowid no column holds."""
        return self._next - 1

    def insert(self, puts: Sequence[Put], rows: Iterable[Row]) -> None:
        """Insert rows.

        Args:
            puts: How each column is written.
            rows: The values, a row at a time.

        Raises:
            RefusedError: SQLite does not take a row.
        """
        names = ", ".join(quote(put.column) for put in puts)
        values = ", ".join(put.sql for put in puts)
        if self._hidden_rowid is None:
            self._many(f"INSERT INTO {self._place} ({names}) VALUES ({values})", rows)
            return
        sql = f"INSERT INTO {self._place} ({self._hidden_rowid}, {names}) VALUES (?, {values})"
        self._many(sql, ((self._new_rowid(), *row) for row in rows))

    def insert_again(self, puts: Sequence[Put], rows: Iterable[tuple[int, Row, Sequence[bool]]]) -> None:
        """Insert rows that were set aside, changed.

        Args:
            puts: How each column is written.
            rows: The number of the row that was set aside, the values, and for each whether the old one stays.

        Raises:
            RefusedError: SQLite does not take a row.
        """
        names = [quote(put.column) for put in puts]
        values = [f"iif(?, {self._aside(put.column)}, {put.sql})" for put in puts]
        if self._hidden_rowid is not None:
            names, values = [self._hidden_rowid, *names], ["a", *values]
        selected = f"SELECT {', '.join(values)} FROM temp.exuvia_old WHERE n = ?"
        bound = (
            (*(part for pair in zip(stays, row, strict=True) for part in pair), number) for number, row, stays in rows
        )
        self._many(f"INSERT INTO {self._place} ({', '.join(names)}) {selected}", bound)

    def count_on(self, position: int) -> None:
        """Let AUTOINCREMENT go on after a position, if it is not further already."""
        self._connection.execute(
            "INSERT INTO main.sqlite_sequence (name, seq) SELECT ?1, 0 WHERE NOT EXISTS"
            " (SELECT 1 FROM main.sqlite_sequence WHERE name = ?1)",
            (self._table.name,),
        )
        raised = "UPDATE main.sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1"
        self._connection.execute(raised, (self._table.name, position))

    def _many(self, sql: str, rows: Iterable[Row]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except apsw.Error as error:
            raise refused(self._table.name, error) from error

    def _read(self, names: Sequence[str], tail: str) -> Iterator[Mapping[str, Cells]]:
        return row_batches(self._connection, names, tail, (_BATCH_ROWS, BATCH_BYTES), self._to_utf8)

    def _to_utf8(self, value: bytes) -> bytes:
        return value_to_utf8(value, self._codec) if self._codec else value

    def _equal(self) -> str:
        terms = []
        for number, column in enumerate(self._key):
            name = f"t.{quote(column.name)}"
            terms.append(f"{name} = k.k{number}")
            if column.collation.upper() != "BINARY":
                terms.append(f"{name} COLLATE BINARY = k.k{number}")
        return balanced(terms, "AND")

    def _names(self, columns: Iterable[Column]) -> str:
        return ", ".join(quote(column.name) for column in columns)

    def _aside(self, column: str) -> str:
        return f"c{self._columns.index(column)}"

    def _kept_as(self, name: str, otherwise: str) -> str:
        """Return where rows that were set aside have a column that somebody has named in another spelling."""
        found = next((column for column in self._columns if fold(column) == fold(name)), None)
        return otherwise if found is None else self._aside(found)

    def _next_rowid(self) -> int:
        if self._hidden_rowid is None:
            return 0
        row = self._connection.execute(f"SELECT max({self._hidden_rowid}) FROM {self._place}").fetchone()
        return int(str(row[0] or 0)) + 1 if row else 1

    def _new_rowid(self) -> int | None:
        if self._next > _LAST_ROWID:
            return None
        self._next += 1
        return self._next - 1


def _numbers(cells: Cells) -> list[int]:
    return cells.integers.to_pylist() if cells.integers is not None else []
