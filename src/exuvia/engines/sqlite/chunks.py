"""Cutting a table into ranges of its key that hold about the same number of rows."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from exuvia.catalog.model import Table
from exuvia.engines.sqlite.order import ReadOrder, from_clause, literal, order_of, row_bytes
from exuvia.values.profile import Chunk, KeyValue

CHUNK_ROWS = 250_000
CHUNK_BYTES = 96 << 20

_SAMPLE_ROWS = 40
_SAMPLE_PLACES = 8
_STEPS_PAST_A_BAD_KEY = 1000

Bound = tuple[KeyValue, ...]


def cut(
    connection: apsw.Connection,
    table: Table,
    *,
    chunk_rows: int = CHUNK_ROWS,
    chunk_bytes: int = CHUNK_BYTES,
    size_bytes: int | None = None,
) -> tuple[Chunk, ...]:
    """Cut ``table`` into chunks that cover it without gap or overlap; their ``rows`` are exact.

    Rowids without a gap are cut by arithmetic; other keys by stepping through the key with OFFSET, which reads no
    values. A table that has no usable key is one chunk.

    Args:
        connection: A connection inside the snapshot.
        table: The table; an empty one is one chunk of no rows.
        chunk_rows: Rows per chunk at most.
        chunk_bytes: Bytes of values per chunk, about; rows are sampled for it.
        size_bytes: Size of the database, when known: below ``chunk_bytes`` there is nothing to sample.

    Raises:
        apsw.Error: SQLite cannot read the table's key.
    """
    source = from_clause(table)
    count = integer(connection, f"SELECT count(*) {source}")
    order = order_of(connection, table)
    if not order.terms or count <= 1:
        return (Chunk(0, None, None, count),)
    rows = chunk_rows
    if size_bytes is None or size_bytes > chunk_bytes:
        average = _average_bytes(connection, table, order)
        if size_bytes is not None:  # one huge row among the sampled ones says little about the others
            average = min(average, size_bytes / count)
        rows = max(1, min(rows, int(chunk_bytes / max(average, 1.0))))
    if count <= rows:
        return (Chunk(0, None, None, count),)
    if order.by_rowid:
        key = order.terms[0]
        low = integer(connection, f"SELECT min({key}) {source}")
        high = integer(connection, f"SELECT max({key}) {source}")
        if high - low + 1 == count:
            return _from_bounds([(low - 1 + end,) for end in range(rows, count, rows)], rows, count)
    return Stepper(connection, table, order).cut(rows, count)


def _from_bounds(bounds: list[Bound], rows: int, count: int) -> tuple[Chunk, ...]:
    lowers: list[Bound | None] = [None, *bounds]
    uppers: list[Bound | None] = [*bounds, None]
    return tuple(
        Chunk(number, lower, upper, min(rows, count - number * rows))
        for number, (lower, upper) in enumerate(zip(lowers, uppers, strict=True))
    )


@dataclass(frozen=True, slots=True)
class Stepper:
    """Walks through a table's key."""

    connection: apsw.Connection
    table: Table
    order: ReadOrder

    def cut(self, rows: int, count: int) -> tuple[Chunk, ...]:
        """Cut the whole table into chunks of ``rows`` rows."""
        chunks: list[Chunk] = []
        lower: Bound | None = None
        left = count
        while left > rows:
            upper, taken = self.bound_after(lower, rows, left)
            if upper is None:
                break
            chunks.append(Chunk(len(chunks), lower, upper, taken))
            lower = upper
            left -= taken
        chunks.append(Chunk(len(chunks), lower, None, left))
        return tuple(chunks)

    def bound_after(self, lower: Bound | None, rows: int, left: int) -> tuple[Bound | None, int]:
        """Return the key of the row ``rows`` after ``lower``, and how many rows that is; a key that SQL cannot write
        down (malformed text, U+0000, a number that does not survive decimal) is passed over for the next."""
        conditions = self.order.where(Chunk(0, lower, None, 0))
        where = f" WHERE {conditions[0]}" if conditions else ""
        tail = f"{from_clause(self.table)}{where}{self.order.order_by()} LIMIT 1 OFFSET ?"
        for taken in range(rows, min(left, rows + _STEPS_PAST_A_BAD_KEY)):
            try:
                key = self.connection.execute(f"SELECT {', '.join(self.order.terms)} {tail}", (taken - 1,)).fetchone()
            except UnicodeDecodeError:
                continue
            if key is not None and self._can_be_written(key):
                return tuple(key), taken
        return None, left

    def _can_be_written(self, key: Bound) -> bool:
        if self.order.by_rowid:
            return True
        if any(isinstance(value, str) and "\0" in value for value in key):
            return False
        same = " AND ".join(f"{term} IS {literal(value)}" for term, value in zip(self.order.terms, key, strict=True))
        return integer(self.connection, f"SELECT count(*) {from_clause(self.table)} WHERE {same}") == 1


def _average_bytes(connection: apsw.Connection, table: Table, order: ReadOrder) -> float:
    size = row_bytes([column.name for column in table.columns])
    starts = [""]
    if order.by_rowid:
        key = order.terms[0]
        low = integer(connection, f"SELECT min({key}) {from_clause(table)}")
        high = integer(connection, f"SELECT max({key}) {from_clause(table)}")
        step = (high - low) // _SAMPLE_PLACES
        starts = [f" WHERE {key} >= {low + place * step}" for place in range(_SAMPLE_PLACES if step else 1)]
    total = rows = 0
    for start in starts:
        sample = f"SELECT {size} AS size {from_clause(table)}{start}{order.order_by()} LIMIT {_SAMPLE_ROWS}"
        found = connection.execute(f"SELECT total(size), count(*) FROM ({sample})").fetchone()
        total += found[0] if found else 0
        rows += found[1] if found else 0
    return total / rows if rows else 0.0


def integer(connection: apsw.Connection, sql: str) -> int:
    """Return the one integer that a query gives, 0 for NULL."""
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
