"""The rows of a sqlite-vec table, put together from its shadow tables, since SQLite cannot read it without the module.

The layout is that of sqlite-vec 0.1: ``<name>_chunks`` holds for each chunk its size, a bitmap of the slots in use and
the rowids of all slots as 64-bit integers; ``<name>_vector_chunksNN`` holds the vectors of all slots of the NNth vector
column, one after another (https://github.com/asg017/sqlite-vec, ARCHITECTURE.md).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

_MODULE = re.compile(r"USING\s+vec0\s*\((.*)\)", re.IGNORECASE | re.DOTALL)
_VECTOR = re.compile(r"\s*(\w+)\s+(float|f32)\s*\[\s*(\d+)\s*\]", re.IGNORECASE)

Select = Callable[[str], list[tuple[object, ...]]]


def vector_columns(declaration: str) -> list[tuple[str, int]] | None:
    """Return name and dimensions of each float column of a vec0 table; None for a table of another kind."""
    found = _MODULE.search(declaration)
    if found is None:
        return None
    columns = [_VECTOR.match(part) for part in found[1].split(",")]
    return [(column[1], int(column[3])) for column in columns if column]


def vector_rows(select: Select, name: str, columns: list[tuple[str, int]]) -> list[dict[str, object]]:
    """Return each row as a mapping of column to value; a vector is its bytes."""
    rows: list[dict[str, object]] = []
    for chunk, size, validity, rowids in select(f'SELECT chunk_id, size, validity, rowids FROM "{name}_chunks"'):
        assert isinstance(size, int)
        assert isinstance(validity, bytes)
        assert isinstance(rowids, bytes)
        slots = [slot for slot in range(size) if validity[slot // 8] >> slot % 8 & 1]
        keys = struct.unpack(f"<{size}q", rowids)
        found: list[dict[str, object]] = [{"rowid": keys[slot]} for slot in slots]
        for number, (column, dimensions) in enumerate(columns):
            [(vectors,)] = select(f'SELECT vectors FROM "{name}_vector_chunks{number:02d}" WHERE rowid = {chunk}')
            assert isinstance(vectors, bytes)
            width = 4 * dimensions
            for row, slot in zip(found, slots, strict=True):
                row[column] = vectors[slot * width : (slot + 1) * width]
        rows += found
    return rows
