"""The two sides of a moved table as batches that can be compared value by value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetColumn
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
_TEXTS = (Base.TEXT, Base.VARCHAR)


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a table that both sides can read: chunks of the source, and conditions of the target whose rows
    together are the same rows. ``by_key`` says that there are none but the keys of the source's rows, one by one."""

    chunks: tuple[Chunk, ...]
    conditions: tuple[str, ...]
    by_key: bool = False


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


def sampled_ranges(table: TablePlan, pages: int, pages_per_piece: int) -> tuple[Range, ...]:
    """Return the ranges of a table of which only some chunks are to be compared: none where neither ranges of a key nor
    single keys can be looked up in the target, unless the table is one chunk.

    Args:
        table: The table's plan; its profile has the chunks.
        pages: Size of the target table in pages.
        pages_per_piece: Pages that one task should read of a table that is one chunk.
    """
    chunks = table.profile.chunks
    if key_column(table) is not None or all(chunk.lower is None and chunk.upper is None for chunk in chunks):
        return ranges(table, pages, pages_per_piece) if chunks else ()
    if not primary_key(table) or not all(_is_written(table.columns[one]) for one in primary_key(table)):
        return ()
    return tuple(Range((chunk,), (), by_key=True) for chunk in chunks)


def primary_key(table: TablePlan) -> tuple[int, ...]:
    """Return the positions of the target's key among a table's columns; empty where it has none that is compared."""
    key = table.target.primary_key.columns if table.target.primary_key else ()
    names = [column.target.name for column in table.columns]
    return tuple(names.index(column) for column in key) if set(key) <= set(names) else ()


def conditions(reader: SourceReader, table: TablePlan, part: Range) -> tuple[str, ...]:
    """Return the conditions of the target's rows of a range; where there are none but keys, these are read."""
    if not part.by_key:
        return part.conditions
    columns = [table.columns[one] for one in primary_key(table)]
    return tuple(
        _one_of(columns, convert_rows(columns, cells, 0).arrays)
        for chunk in part.chunks
        for cells in reader.batches(table.source, chunk, column_reads(columns))
    )


def _is_written(column: ColumnPlan) -> bool:
    return column.rule.type.base in (*_INTEGERS, *_TEXTS, Base.UUID, Base.BYTEA, Base.BOOLEAN)


def _one_of(columns: Sequence[ColumnPlan], keys: Sequence[pa.Array]) -> str:
    names = ", ".join(f"({one.target.read_as})" if one.target.read_as else quote(one.target.name) for one in columns)
    lists = [
        f"ARRAY[{', '.join(_literal(base, value) for value in array.to_pylist())}]::{base.value}[]"
        for base, array in zip((column.rule.type.base for column in columns), keys, strict=True)
    ]
    if len(lists) == 1:
        return f"{names} = ANY({lists[0]})"
    return f"({names}) IN (SELECT * FROM unnest({', '.join(lists)}))"


def _literal(base: Base, value: object) -> str:
    if isinstance(value, bytes):
        return f"'{value.hex()}'" if base is Base.UUID else f"'\\x{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else str(value)


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
        del cells, rows


def target_rows(reader: TargetReader, table: TablePlan, condition: str) -> Iterator[list[pa.Array]]:
    """Read rows of the target, comparable."""
    columns = [column.target for column in table.columns]
    for arrays in reader.batches(table.target.schema, table.target.name, columns, condition):
        yield comparable_read(columns, arrays)
        del arrays  # not held while the next ones are read


def comparable_read(columns: Sequence[TargetColumn], arrays: Sequence[pa.Array]) -> list[pa.Array]:
    """Return values that were read from the target in the form in which the two sides are compared."""
    return [_normal(column.type, array) for column, array in zip(columns, arrays, strict=True)]


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
