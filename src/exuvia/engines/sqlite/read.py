"""Reading a table's values in bulk: key order, one Arrow array per storage class, batches bounded in bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import apsw
import pyarrow as pa

from exuvia.catalog.model import Table
from exuvia.engines.sqlite import utf16
from exuvia.engines.sqlite.adbc import ArrowConnection, ClassMismatch
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.order import ReadOrder, from_clause, literal, order_of, quote, row_bytes
from exuvia.engines.sqlite.rows import groups, row_batches, stand_in, unexpected, value_items
from exuvia.errors import SourceError
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.profile import Chunk, KeyValue

MAX_BATCH_ROWS = 65_536
BATCH_BYTES = 2 << 20

_MAX_RESULT_COLUMNS = 1800  # SQLite's limit is 2,000
_ALL = tuple(StorageClass)
_Piece = tuple[int, list[pa.Array]]  # rows, and one array per result column
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """A column to read and the storage classes that occur in it, NULL apart; without one, every value is NULL."""

    name: str
    classes: frozenset[StorageClass]


@dataclass(frozen=True, slots=True)
class _Field:
    """One result column: a storage class of a column, its SQL and the type in which the driver delivers it."""

    column: str
    kind: StorageClass
    sql: str
    type: pa.DataType


class WrongClassError(SourceError):
    """A column holds a storage class that its ``ColumnRead`` does not name."""

    def __init__(self, label: str, table: str, column: str) -> None:
        super().__init__(
            f"Column {column!r} of table {table!r} in {label} holds a value of a storage class that was not expected.",
            hint="The file is not the one that was profiled: plan again.",
            code="changed",
        )
        self.column = column


class Reader:
    """Reads tables through one connection of a snapshot; for one thread at a time.

    Args:
        arrow: The bulk connection.
        rows: A connection of apsw to the same moment of the same file, for the few rows that people see.
        encoding: The database's text encoding.
        label: The database's name for people.
    """

    def __init__(self, arrow: ArrowConnection, rows: apsw.Connection, encoding: str, label: str) -> None:
        self._arrow = arrow
        self._rows = rows
        stand_in(rows)
        self._codec = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(encoding, "utf-8")
        self._label = label
        self._orders: dict[str, ReadOrder] = {}
        self._lock = threading.Lock()

    @property
    def sql(self) -> apsw.Connection:
        """The row connection, inside the snapshot."""
        return self._rows

    @property
    def sorts_text_by_code_point(self) -> bool:
        """Whether SQLite's BINARY order of text is the order of its UTF-8 bytes: not so in UTF-16 databases."""
        return self._codec == "utf-8"

    def batches(
        self,
        table: Table,
        chunk: Chunk,
        columns: Sequence[ColumnRead],
        *,
        batch_rows: int | None = None,
        order_by: Sequence[str] = (),
        condition: str = "",
    ) -> Iterator[dict[str, Cells]]:
        """Yield the rows of ``chunk`` in key order.

        A batch holds at most 65,536 rows and about 1 MB of values; a row that is larger comes alone, and is in
        memory twice while it is read, besides the batch before it if the caller still holds that. Texts are the raw
        bytes, as UTF-8, never validated.

        Args:
            table: The table.
            chunk: Its range; ``max_row_bytes`` bounds memory (0: it is measured first, from the rows' headers).
            columns: What to read, in any order.
            batch_rows: A smaller limit of rows per batch.
            order_by: Columns to sort by instead of the key, by their bytes (COLLATE BINARY).
            condition: SQL that rows must also meet; the caller answers for it.

        Raises:
            WrongClassError: A value has a class that ``columns`` does not name, where the driver can tell: always for
                integers, and for reals when the value is text or a BLOB.
            SourceError: SQLite cannot read.
            CancelledError: The snapshot was interrupted.
        """
        tail = self._tail(table, chunk, order_by, condition)
        if self.order(table).row_by_row:
            yield from self._row_batches(table, columns, tail, min(batch_rows or MAX_BATCH_ROWS, MAX_BATCH_ROWS))
            return
        fields = [field for column in columns for field in self._fields(column)]
        numbers = 8 * (len(fields) + 1)
        largest = (
            max(chunk.max_row_bytes, 1) if chunk.max_row_bytes else self._measure(table, chunk, columns, condition)
        )
        limit = min(batch_rows or MAX_BATCH_ROWS, MAX_BATCH_ROWS)
        # Numbers are in memory fewer times than texts and BLOBs on their way
        rows = max(1, min(limit, BATCH_BYTES // (largest + numbers // 2)))
        try:
            pieces = self._pieces(fields, tail, rows, table.name)
            # map() keeps no hold of a batch while the next is read, as a loop's variables would
            yield from map(partial(self._cells, columns, fields), _coalesced(pieces, rows, limit))
        except ClassMismatch as mismatch:
            raise WrongClassError(self._label, table.name, fields[mismatch.column].column) from None

    def _row_batches(
        self, table: Table, columns: Sequence[ColumnRead], tail: str, limit: int
    ) -> Iterator[dict[str, Cells]]:
        names = [column.name for column in columns]
        if self.order(table).calls_functions:
            # The limit keeps SQLite from computing a value as often as it is named
            tail = f"FROM (SELECT {', '.join(map(quote, names))} {tail} LIMIT -1)"
        try:
            for batch in row_batches(self._rows, names, tail, (limit, BATCH_BYTES), self._to_utf8):
                for column in columns:
                    if unexpected(batch[column.name], column.classes):
                        raise WrongClassError(self._label, table.name, column.name)
                yield batch
        except apsw.Error as error:
            raise source_error(error, self._label, table.name) from error

    def keys(self, table: Table, chunk: Chunk, positions: Sequence[int], condition: str = "") -> dict[int, str]:
        """Name rows for people: ``rowid=17``, or ``id='a', lang='en'`` where there is no rowid.

        Args:
            table: The table.
            chunk: The range that the positions count in, from 0 and in key order.
            positions: Which rows.
            condition: SQL that the counted rows meet, as in ``batches``.
        """
        order = self.order(table)
        if order.by_rowid:
            rowids = self._rowids(table, chunk, positions, condition)
            return {position: f"{order.names[0]}={rowid}" for position, rowid in rowids.items()}
        named: dict[int, str] = {}
        for position in sorted(set(positions)):
            tail = self._at(table, chunk, position, condition)
            values = self._row(table, order.names, tail) if order.names else None
            named[position] = (
                ", ".join(f"{name}={_shown(value)}" for name, value in values.items())
                if values
                else f"row {position + 1}"
            )
        return named

    def rows_at(
        self, table: Table, chunk: Chunk, positions: Sequence[int], condition: str = ""
    ) -> list[dict[str, KeyValue]]:
        """Return whole rows with their original values, in the order of ``positions``; arguments as for ``keys``.

        Text comes as its UTF-8, in which bytes that are none are lone surrogates (``surrogateescape``, PEP 383).
        """
        names = [column.name for column in table.columns]
        order = self.order(table)
        rowids = self._rowids(table, chunk, positions, condition) if order.by_rowid else {}
        found: list[dict[str, KeyValue]] = []
        for position in positions:
            if position in rowids:
                tail = f"{from_clause(table)} WHERE {order.terms[0]} = {rowids[position]}"
            else:
                tail = self._at(table, chunk, position, condition)
            found.append(self._row(table, names, tail))
        return found

    def order(self, table: Table) -> ReadOrder:
        """Return the table's reading order, looked up once."""
        with self._lock:
            if table.name not in self._orders:
                try:
                    self._orders[table.name] = order_of(self._rows, table)
                except apsw.Error as error:
                    raise source_error(error, self._label, table.name) from error
            return self._orders[table.name]

    def _fields(self, column: ColumnRead) -> list[_Field]:
        name = quote(column.name)
        kinds = [kind for kind in _ALL if kind in column.classes]
        fields = []
        for kind in kinds:
            value = name
            result = _TYPES[kind]
            if kind is StorageClass.TEXT and self._codec != "utf-8":
                value, result = f"CAST({name} AS BLOB)", pa.binary()
            if len(kinds) > 1:
                value = f"CASE WHEN typeof({name}) = '{kind.value}' THEN {value} END"
            fields.append(_Field(column.name, kind, value, result))
        return fields

    def _tail(self, table: Table, chunk: Chunk, order_by: Sequence[str], condition: str) -> str:
        order = self.order(table)
        where = order.where(chunk) + ([f"({condition})"] if condition else [])
        source = f"FROM main.{quote(table.name)}" if order_by and not table.query else from_clause(table)
        by = ", ".join(f"{quote(name)} COLLATE BINARY" for name in order_by)
        return (
            source
            + (f" WHERE {' AND '.join(where)}" if where else "")
            + (f" ORDER BY {by}" if by else order.order_by())
        )

    def _measure(self, table: Table, chunk: Chunk, columns: Sequence[ColumnRead], condition: str) -> int:
        size = row_bytes([column.name for column in columns])
        where = self.order(table).where(chunk) + ([f"({condition})"] if condition else [])
        sql = f"SELECT max({size}) {from_clause(table)}" + (f" WHERE {' AND '.join(where)}" if where else "")
        return int(self._query(table, sql)[0] or 0)

    def _pieces(self, fields: Sequence[_Field], tail: str, rows: int, table: str) -> Iterator[_Piece]:
        """Yield rows as they come; more result columns than SQLite allows are read side by side."""
        streams = []
        for start in range(0, max(len(fields), 1), _MAX_RESULT_COLUMNS):
            part = fields[start : start + _MAX_RESULT_COLUMNS]
            # An explicit collation keeps SQLite from looking for the column's own, which the application may hold
            items = [f"{field.sql} COLLATE BINARY AS c{number}" for number, field in enumerate(part)] or ["0 AS c0"]
            types = [field.type for field in part] or [pa.int64()]
            streams.append(self._arrow.stream(f"SELECT {', '.join(items)} {tail}", types, rows, table))
        try:
            while True:
                batches = [batch for stream in streams if (batch := next(stream, None)) is not None]
                if not batches:
                    return
                yield batches[0].num_rows, [array for batch in batches for array in batch.columns]
                del batches
        finally:
            for stream in streams:
                stream.close()

    def _cells(self, columns: Sequence[ColumnRead], fields: Sequence[_Field], piece: _Piece) -> dict[str, Cells]:
        length, arrays = piece
        parts: dict[str, dict[str, pa.Array]] = {column.name: {} for column in columns}
        for field, array in zip(fields, arrays, strict=False):
            parts[field.column][_PARTS[field.kind]] = self._values(field, array)
        return {name: Cells(length, **found) for name, found in parts.items()}

    def _values(self, field: _Field, array: pa.Array) -> pa.Array:
        if field.kind is not StorageClass.TEXT:
            return array
        if field.type == pa.string():
            return array.view(pa.binary())
        return utf16.to_utf8(array, self._codec == "utf-16-be")

    def _rowids(self, table: Table, chunk: Chunk, positions: Sequence[int], condition: str) -> dict[int, int]:
        if not positions:
            return {}
        tail = self._tail(table, chunk, (), condition) + f" LIMIT {max(positions) + 1}"
        sql = f"SELECT {self.order(table).terms[0]} AS c0 {tail}"
        wanted = sorted(set(positions))
        if self.order(table).row_by_row:
            found = pa.chunked_array([pa.array((row[0] for row in self._rows.execute(sql)), pa.int64())])
        else:
            batches = list(self._arrow.stream(sql, [pa.int64()], MAX_BATCH_ROWS, table.name))
            found = pa.chunked_array([batch.column(0) for batch in batches], pa.int64())
        rowids = found.take(pa.array(wanted, pa.int64()))
        return dict(zip(wanted, rowids.to_pylist(), strict=True))

    def _at(self, table: Table, chunk: Chunk, position: int, condition: str) -> str:
        return self._tail(table, chunk, (), condition) + f" LIMIT 1 OFFSET {position}"

    def _row(self, table: Table, names: Sequence[str], tail: str) -> dict[str, KeyValue]:
        row: dict[str, KeyValue] = {}
        for part in groups(names):
            found = self._query(table, f"SELECT {value_items(part)} {tail}")
            for number, name in enumerate(part):
                is_text, value = found[2 * number : 2 * number + 2]
                row[name] = self._text(value) if is_text else value
        return row

    def _to_utf8(self, value: bytes) -> bytes:
        return value if self._codec == "utf-8" else utf16.value_to_utf8(value, self._codec)

    def _text(self, value: KeyValue) -> KeyValue:
        return self._to_utf8(value).decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value

    def _query(self, table: Table, sql: str) -> tuple[KeyValue, ...]:
        try:
            row = self._rows.execute(sql).fetchone()
        except apsw.Error as error:
            raise source_error(error, self._label, table.name) from error
        if row is None:
            raise SourceError(f"A row of table {table.name!r} in {self._label} is gone.", code="changed")
        return tuple(row)


_TYPES = {
    StorageClass.INTEGER: pa.int64(),
    StorageClass.REAL: pa.float64(),
    StorageClass.TEXT: pa.string(),
    StorageClass.BLOB: pa.binary(),
}
_PARTS = {
    StorageClass.INTEGER: "integers",
    StorageClass.REAL: "reals",
    StorageClass.TEXT: "texts",
    StorageClass.BLOB: "blobs",
}


def _coalesced(pieces: Iterator[_Piece], rows: int, limit: int) -> Iterator[_Piece]:
    """Join small pieces to batches of at most ``limit`` rows and about ``BATCH_BYTES`` bytes."""
    waiting: list[list[pa.Array]] = []
    length = size = 0
    for piece in pieces:
        count, arrays = piece
        more = sum(array.nbytes for array in arrays)
        alone = rows * 2 > limit or more > BATCH_BYTES // 2
        if waiting and (alone or length + count > limit or size + more > BATCH_BYTES):
            yield length, _joined(waiting)
            waiting, length, size = [], 0, 0
        if alone:
            yield piece
        else:
            waiting.append(arrays)
            length += count
            size += more
        del piece, arrays
    if waiting:
        yield length, _joined(waiting)


def _joined(pieces: list[list[pa.Array]]) -> list[pa.Array]:
    if len(pieces) == 1:
        return pieces[0]
    return [pa.concat_arrays(arrays) for arrays in zip(*pieces, strict=True)]


def _shown(value: KeyValue) -> str:
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        value = value.encode("utf-8", "surrogateescape")
    text = literal(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
