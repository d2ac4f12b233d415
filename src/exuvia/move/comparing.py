"""The two sides of a moved table as batches that can be compared value by value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.read import Reader as TargetReader
from exuvia.engines.postgres.read import is_compared_as_wire
from exuvia.engines.postgres.wire import wire_form
from exuvia.engines.sqlite.read import Reader as SourceReader
from exuvia.move.plan import ColumnPlan, TablePlan
from exuvia.move.rows import Rows, column_reads, convert_rows
from exuvia.values.jsontext import canonical_json_array
from exuvia.values.profile import Chunk

_INTEGERS = (Base.SMALLINT, Base.INTEGER, Base.BIGINT)


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a table that both sides can read: chunks of the source, and conditions of the target whose rows
    together are the same rows."""

    chunks: tuple[Chunk, ...]
    conditions: tuple[str, ...]


def key_column(table: TablePlan) -> ColumnPlan | None:
    """Return the column that holds the rowid on both sides, by which chunks can be found in the target."""
    for column in table.columns:
        if column.source.name == table.source.rowid_column and column.rule.type.base in _INTEGERS:
            return column
    return None


def ranges(table: TablePlan, pages: int, pages_per_piece: int) -> tuple[Range, ...]:
    """Cut a table into ranges.

    Args:
        table: The table's plan.
        pages: Size of the target table in pages.
        pages_per_piece: Pages that one task should read where rows cannot be found by key.
    """
    key = key_column(table)
    if key is None or not table.profile.chunks:
        return (Range(table.profile.chunks, _page_conditions(pages, pages_per_piece)),)
    return tuple(Range((chunk,), (_bounds(quote(key.target.name), chunk),)) for chunk in table.profile.chunks)


def _bounds(key: str, chunk: Chunk) -> str:
    parts = []
    if chunk.lower is not None:
        parts.append(f"{key} > {chunk.lower[0]!r}")
    if chunk.upper is not None:
        parts.append(f"{key} <= {chunk.upper[0]!r}")
    return " AND ".join(parts)


def _page_conditions(pages: int, pages_per_piece: int) -> tuple[str, ...]:
    starts = range(0, max(pages, 1), pages_per_piece)
    return tuple(
        f"ctid >= '({start},0)'" + (f" AND ctid < '({start + pages_per_piece},0)'" if start != starts[-1] else "")
        for start in starts
    )


def source_rows(reader: SourceReader, table: TablePlan, chunk: Chunk) -> Iterator[Rows]:
    """Read a chunk of the source as it ought to be in the target, comparable."""
    start = 0
    for cells in reader.batches(table.source, chunk, column_reads(table.columns)):
        rows = convert_rows(table.columns, cells, start)
        start += rows.read
        yield replace(rows, arrays=comparable(table.columns, rows.arrays))


def target_rows(reader: TargetReader, table: TablePlan, condition: str) -> Iterator[list[pa.Array]]:
    """Read rows of the target, comparable."""
    columns = [column.target for column in table.columns]
    for arrays in reader.batches(table.target.schema, table.target.name, columns, condition):
        yield [_normal(column.type, array) for column, array in zip(columns, arrays, strict=True)]


def comparable(columns: Sequence[ColumnPlan], arrays: Sequence[pa.Array]) -> list[pa.Array]:
    """Return converted values in the form in which the two sides are compared."""
    types = [column.rule.type for column in columns]
    return [
        wire_form(type_, array) if is_compared_as_wire(type_) else _normal(type_, array)
        for type_, array in zip(types, arrays, strict=True)
    ]


def _normal(type_: SqlType, array: pa.Array) -> pa.Array:
    return canonical_json_array(array) if type_.base is Base.JSONB else array


def place(table: TablePlan) -> str:
    """Return the target table's qualified name."""
    return qualify(table.target.schema, table.target.name)


def lengths(columns: Sequence[pa.Array]) -> int:
    """Return how many rows a batch has."""
    return len(columns[0]) if columns else 0
