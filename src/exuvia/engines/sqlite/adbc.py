"""Connections of ADBC's SQLite driver: SQL and Arrow record batches in and out, without Python's lock."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement

from exuvia.engines.sqlite.errors import source_error, stopped

_BATCH_ROWS = "adbc.sqlite.query.batch_rows"
_MISMATCH = re.compile(r"Type mismatch in column (\d+)")


class ClassMismatch(Exception):  # noqa: N818 - a signal to read again, not an error that a person sees
    """A value has another storage class than the reader was told. ``column`` counts result columns from 0."""

    def __init__(self, column: int) -> None:
        super().__init__(f"result column {column}")
        self.column = column


class BulkConnection:
    """A connection that runs one statement at a time for one thread; its errors are the driver's own.

    Args:
        uri: A path, or a ``file:`` URI.
    """

    def __init__(self, uri: str) -> None:
        self._database = AdbcDatabase(driver=adbc_driver_sqlite._driver_path(), uri=uri)
        try:
            self._connection = AdbcConnection(self._database)
        except BaseException:
            self._database.close()
            raise

    def execute(self, sql: str) -> pa.Table:
        """Run a statement and return its rows."""
        with AdbcStatement(self._connection) as statement:
            statement.set_sql_query(sql)
            handle, _ = statement.execute_query()
            with pa.RecordBatchReader._import_from_c(handle.address) as reader:
                return reader.read_all()

    def execute_many(self, sql: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Run a statement with every row of batches as its parameters."""
        with AdbcStatement(self._connection) as statement:
            statement.set_sql_query(sql)
            for batch in batches:
                statement.bind(batch)
                statement.execute_update()

    def close(self) -> None:
        """Close the connection and the driver's handle."""
        self._connection.close()
        self._database.close()


class ArrowConnection(BulkConnection):
    """A connection that reads.

    The driver infers a column's type from the first batch and converts silently what does not fit later, so every
    query begins with a row of known types, which is taken out again, and the types are checked.

    Args:
        uri: A ``file:`` URI; ``mode=ro`` keeps the driver from making a file.
        label: The database's name for people.
        stop: Set to end a running reading at its next batch.
    """

    def __init__(self, uri: str, label: str, stop: threading.Event) -> None:
        super().__init__(uri)
        self.label = label
        self._stop = stop

    def stream(
        self, select: str, types: Sequence[pa.DataType], batch_rows: int, table: str = ""
    ) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows of ``select`` in batches of ``batch_rows``, the first one a row shorter.

        Args:
            select: A SELECT without a semicolon.
            types: The type of each result column: int64, float64, string or binary.
            batch_rows: Rows per batch.
            table: The table to name in errors.

        Raises:
            ClassMismatch: A value does not have its column's type. Text in a binary column and anything in a string
                column pass unseen, as do integers in a float64 column: the SELECT has to rule them out.
            SourceError: SQLite cannot read.
            CancelledError: The reading was stopped.
        """
        typed = ", ".join(_EXAMPLES[kind] for kind in types)
        batches = self._batches(f"SELECT {typed} UNION ALL SELECT * FROM ({select})", batch_rows, table)
        first = next(batches)
        _check_types(first.schema.types, types)
        if first.num_rows > 1:
            yield first.slice(1)
        del first
        yield from batches

    def _batches(self, sql: str, batch_rows: int, table: str) -> Generator[pa.RecordBatch, None, None]:
        where = f"{self.label}, table {table!r}" if table else self.label
        with AdbcStatement(self._connection) as statement:
            try:
                statement.set_options(**{_BATCH_ROWS: batch_rows})
                statement.set_sql_query(sql)
                handle, _ = statement.execute_query()
                with pa.RecordBatchReader._import_from_c(handle.address) as reader:
                    while not self._stop.is_set():
                        try:
                            yield reader.read_next_batch()  # no name keeps the last batch while the next is read
                        except StopIteration:
                            return
            except Exception as error:
                mismatch = _MISMATCH.search(str(error))
                if mismatch:
                    raise ClassMismatch(int(mismatch[1])) from None
                raise source_error(error, self.label, table) from error
        raise stopped(where)


_EXAMPLES: dict[Any, str] = {pa.int64(): "0", pa.float64(): "0.0", pa.string(): "''", pa.binary(): "x''"}


def _check_types(found: Sequence[pa.DataType], expected: Sequence[pa.DataType]) -> None:
    for number, (kind, wanted) in enumerate(zip(found, expected, strict=True)):
        if kind != wanted:
            raise ClassMismatch(number)
