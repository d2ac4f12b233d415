"""Loading rows into a SQLite file in bulk: Arrow arrays through one prepared INSERT, without Python's lock.

Values keep their storage class: a column of several classes is several parameters of which one is not NULL, and
``coalesce`` passes it on as it is. What the column's own affinity makes of it then is what SQLite always does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import apsw
import pyarrow as pa

from exuvia.engines.sqlite.adbc import BulkConnection
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.rows import stand_in
from exuvia.engines.sqlite.utf16 import value_from_utf8
from exuvia.errors import TargetError
from exuvia.values.cells import Cells, StorageClass

SETUP = (
    "PRAGMA journal_mode = MEMORY",
    "PRAGMA synchronous = OFF",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cache_size = -65536",
)
"""For a file that nobody else sees yet and that is thrown away if anything fails."""

_CODECS = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


class Loader:
    """A connection that only inserts. Indexes and triggers are better made afterwards.

    Args:
        path: The file; it exists.
        encoding: Its text encoding.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self._codec = _CODECS.get(encoding)
        self._connection = BulkConnection(f"{path.absolute().as_uri()}?mode=rw")
        for sql in SETUP:
            self._connection.execute(sql)

    def insert(self, table: str, columns: Sequence[str], batches: Iterable[Sequence[Cells]]) -> None:
        """Insert rows in one transaction.

        Args:
            table: The table.
            columns: The columns to fill, the rowid by one of its names included.
            batches: Each batch's columns, in the same order.

        Raises:
            RefusedError: SQLite does not take a row.
        """
        self._connection.execute("BEGIN")
        try:
            for batch in batches:
                parameters: list[pa.Array] = []
                terms = [self._term(cells, parameters) for cells in batch]
                names = ", ".join(map(quote, columns))
                sql = f"INSERT INTO main.{quote(table)} ({names}) VALUES ({', '.join(terms)})"
                self._run(table, sql, parameters)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _term(self, cells: Cells, parameters: list[pa.Array]) -> str:
        """Add a column's values to the parameters, and return the SQL of its value."""
        marks = []
        for kind, array in cells.parts().items():
            if kind is not StorageClass.TEXT:
                marks.append("?")
                parameters.append(array)
            elif self._codec is None:
                marks.append("?")
                parameters.append(array.view(pa.string()))
            else:  # SQLite's own conversion replaces U+FFFE and U+FFFF and joins lone surrogates
                marks.append("CAST(? AS TEXT)")
                parameters.append(_as_utf16(array, self._codec))
        if not marks:
            marks.append("?")
            parameters.append(pa.nulls(cells.length, pa.int64()))
        return marks[0] if len(marks) == 1 else f"coalesce({', '.join(marks)})"

    def _run(self, table: str, sql: str, parameters: Sequence[pa.Array]) -> None:
        batch = pa.RecordBatch.from_arrays(list(parameters), names=[f"p{number}" for number in range(len(parameters))])
        try:
            self._connection.execute_many(sql, [batch])
        except Exception as error:
            raise refused(table, error) from error


def insert_row_by_row(
    connection: apsw.Connection, table: str, columns: Sequence[str], batches: Iterable[Sequence[Cells]], encoding: str
) -> None:
    """Insert rows into a table that needs a collation of the application's, which only apsw can be given a
    stand-in for. See ``exuvia.engines.sqlite.rows``.

    Raises:
        RefusedError: SQLite does not take a row.
    """
    stand_in(connection)
    codec = _CODECS.get(encoding, "utf-8")
    names = ", ".join(map(quote, columns))
    # A text that may be malformed goes in as bytes; the second parameter says that it is one
    marks = ", ".join(["iif(?, CAST(? AS TEXT), ?)"] * len(columns))
    sql = f"INSERT INTO main.{quote(table)} ({names}) VALUES ({marks})"
    try:
        with connection:
            for batch in batches:
                rows = zip(*(_triples(cells, codec) for cells in batch), strict=True)
                connection.executemany(sql, ([value for triple in row for value in triple] for row in rows))
    except apsw.Error as error:
        raise refused(table, error) from error


class RefusedError(TargetError):
    """SQLite does not take a row."""


def refused(table: str, error: BaseException) -> RefusedError:
    """Return the error of a row that SQLite does not take."""
    said = " ".join(str(error).split("\nquery:")[0].split())
    return RefusedError(
        f"SQLite refuses a row of table {table!r}: {said}.",
        hint="The source holds a row that its own schema forbids today. Mend it there and export again.",
        code="refused",
    )


def _triples(cells: Cells, codec: str) -> list[tuple[bool, bytes | None, object]]:
    values: list[tuple[bool, bytes | None, object]] = [(False, None, None)] * cells.length
    for kind, array in cells.parts().items():
        for row, value in enumerate(array.to_pylist()):
            if value is None:
                continue
            if kind is StorageClass.TEXT:
                values[row] = (True, value if codec == "utf-8" else value_from_utf8(value, codec), None)
            else:
                values[row] = (False, None, value)
    return values


def _as_utf16(array: pa.Array, codec: str) -> pa.Array:
    values = (None if value is None else value_from_utf8(value, codec) for value in array.to_pylist())
    return pa.array(values, pa.binary())
