"""What the same rows would cost in PostgreSQL: disk by its page layout, memory by its settings.

Disk: https://www.postgresql.org/docs/current/storage-page-layout.html (a page of 8,192 bytes has a header of 24; a row
has a line pointer of 4 bytes and a header of 23, with a bitmap where a value is NULL, rounded up to 8) and
https://www.postgresql.org/docs/current/btree.html (an index page keeps 16 bytes for itself and is filled to 90 %; an
entry has a line pointer of 4 bytes and a header of 8). Text and BLOBs up to 126 bytes have a length of 1 byte and no
alignment, longer ones 4 bytes and an alignment of 4; a row over 2,000 bytes has its largest values moved to chunks of
1,996 bytes. A table of several pages has a free space map of 24 kB and a visibility map of 8 kB. A full-text index (a
tsvector and its GIN index) is counted with the bytes of its text. Compression, deduplication in indexes and vector
indexes are not counted.

Memory: shared_buffers (128 MB), maintenance_work_mem (64 MB) and work_mem (4 MB) are PostgreSQL's own defaults
(https://www.postgresql.org/docs/current/runtime-config-resource.html); shared_buffers are counted as large as the
database where that is more, up to 4 GB, so that it is served from memory. A connection is counted with 10 MB, the upper
end of what is measured (2 MB in "Measuring the Memory Overhead of a Postgres Connection", blog.anarazel.de, 2020; up to
10 MB in "PostgreSQL Connections Memory Usage", PGConf.DE 2025), and one work_mem.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exuvia.catalog.model import IndexPart, Key, Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.observe.sampling import Cell, Sample

_PAGE: Final = 8192
_PAGE_HEADER: Final = 24
_INDEX_SPECIAL: Final = 16
_LINE_POINTER: Final = 4
_ROW_HEADER: Final = 23
_INDEX_HEADER: Final = 8
_INDEX_FILL: Final = 0.9
_SHORT: Final = 126
_TOAST: Final = 2000
_TOAST_CHUNK: Final = 1996
_TOAST_ROW: Final = 2048
_POINTER: Final = 18
_MAPS: Final = 32_768

_MB: Final = 1_000_000
_SHARED_BUFFERS: Final = 128 * _MB
_LARGEST_BUFFERS: Final = 4000 * _MB
_MAINTENANCE: Final = 64 * _MB
_WORK: Final = 4 * _MB
_CONNECTION: Final = 10 * _MB


@dataclass(frozen=True, slots=True)
class Cost:
    """What PostgreSQL would take.

    Args:
        table_bytes: Disk for rows.
        index_bytes: Disk for keys and indexes.
        search_bytes: Disk for full-text search.
        connections: The connections that are counted with.
        shared_buffers: Memory that all share.
        memory_bytes: Memory in all: shared_buffers, maintenance, and 14 MB for each connection.
        unknown: Tables that are not in it.
    """

    table_bytes: int
    index_bytes: int
    search_bytes: int
    connections: int
    shared_buffers: int
    memory_bytes: int
    unknown: tuple[str, ...] = ()

    @property
    def disk_bytes(self) -> int:
        """Disk in all."""
        return self.table_bytes + self.index_bytes + self.search_bytes


def cost_of(
    tables: Sequence[tuple[Table, int, Sample]], searched: Mapping[str, Collection[str]], connections: int
) -> Cost:
    """Estimate what PostgreSQL would take.

    Args:
        tables: The tables, their numbers of rows, and rows of each.
        searched: The columns of each table that a full-text index covers, all names case-folded.
        connections: How many connections there would be.
    """
    unknown = tuple(table.name for table, rows, sample in tables if rows and not sample.rows)
    known = [(table, rows, sample) for table, rows, sample in tables if sample.rows]
    heap = sum(_heap(rows, sample) for _, rows, sample in known)
    indexes = sum(_index(rows, sample, columns) for table, rows, sample in known for columns in _indexes(table))
    search = sum(_text(rows, sample, searched.get(fold(table.name), ())) for table, rows, sample in known)
    buffers = min(max(_SHARED_BUFFERS, heap + indexes + search), _LARGEST_BUFFERS)
    memory = buffers + _MAINTENANCE + connections * (_CONNECTION + _WORK)
    return Cost(heap, indexes, search, connections, buffers, memory, unknown)


def _heap(rows: int, sample: Sample) -> int:
    """Pages of a table and of the TOAST table beside it."""
    sizes = [_row(cells) for cells in sample.rows]
    inline = sum(size for size, _ in sizes) / len(sizes)
    outside = sum(size for _, size in sizes) / len(sizes)
    per_page = max(1, int((_PAGE - _PAGE_HEADER) // (inline + _LINE_POINTER)))
    pages = math.ceil(rows / per_page)
    return pages * _PAGE + round(rows * outside) + (_MAPS if pages > 1 else 0)


def _row(cells: Sequence[Cell]) -> tuple[int, int]:
    """Return the bytes of a row in its page, and of those values that are moved out of it."""
    sizes = [_stored(cell) for cell in cells]
    outside = 0
    while _laid_out(sizes) > _TOAST and max(size for size, _ in sizes) > _POINTER:
        largest = max(range(len(sizes)), key=lambda place: sizes[place][0])
        outside += math.ceil(sizes[largest][0] / _TOAST_CHUNK) * _TOAST_ROW
        sizes[largest] = (_POINTER, 1)
    bitmap = math.ceil(len(cells) / 8) if any(cell.kind == "null" for cell in cells) else 0
    return _aligned(_ROW_HEADER + bitmap, 8) + _aligned(_laid_out(sizes), 8), outside


def _laid_out(sizes: Sequence[tuple[int, int]]) -> int:
    end = 0
    for size, alignment in sizes:
        end = _aligned(end, alignment) + size
    return end


def _stored(cell: Cell) -> tuple[int, int]:
    """Return a value's bytes with its length, and its alignment."""
    if cell.kind == "null":
        return 0, 1
    if cell.kind in ("integer", "real"):
        return 8, 8
    return (cell.bytes + 1, 1) if cell.bytes <= _SHORT else (cell.bytes + 4, 4)


def _indexes(table: Table) -> list[tuple[str, ...]]:
    keys: list[Key] = [key for key in (table.primary_key, *table.uniques) if key is not None]
    made = [_named(index.parts) for index in table.indexes if index.where is None]
    return [*(key.columns for key in keys), *made]


def _named(parts: Sequence[IndexPart]) -> tuple[str, ...]:
    return tuple(part.column for part in parts if part.column is not None)


def _index(rows: int, sample: Sample, columns: Sequence[str]) -> int:
    places = [place for place, name in enumerate(sample.columns) if fold(name) in set(map(fold, columns))]
    keys = [_aligned(_laid_out([_stored(row[place]) for place in places]), 8) for row in sample.rows]
    entry = _LINE_POINTER + _INDEX_HEADER + sum(keys) / len(keys)
    room = (_PAGE - _PAGE_HEADER - _INDEX_SPECIAL) * _INDEX_FILL
    leaves = math.ceil(rows / max(1, room // entry))
    inner = math.ceil(leaves * entry / room) if leaves > 1 else 0
    return (1 + max(leaves, 1) + inner) * _PAGE


def _text(rows: int, sample: Sample, columns: Collection[str]) -> int:
    places = [place for place, name in enumerate(sample.columns) if fold(name) in columns]
    return round(rows * sum(row[place].bytes for row in sample.rows for place in places) / len(sample.rows))


def _aligned(size: int, to: int) -> int:
    return -(-size // to) * to
