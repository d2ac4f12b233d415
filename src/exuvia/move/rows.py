"""One batch of a table: from the source's cells to the canonical values of the rows that can go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from exuvia.engines.sqlite.read import ColumnRead
from exuvia.move.plan import ColumnPlan, TablePlan
from exuvia.values.cells import Cells
from exuvia.values.convert import convert


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot go: its position in the chunk, the source column at fault (empty when the server refused the
    row as a whole) and the reason."""

    position: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one batch.

    Args:
        arrays: One canonical array per wanted column, without the rejected rows.
        length: How many rows the arrays have.
        read: How many rows the batch had.
        positions: For each remaining row its position in the chunk.
        rejected: The rows that were taken out.
    """

    arrays: Sequence[pa.Array]
    length: int
    read: int
    positions: np.ndarray[Any, Any]
    rejected: Sequence[Rejected]


def convert_rows(columns: Sequence[ColumnPlan], cells: Mapping[str, Cells], start: int) -> Rows:
    """Convert one batch by the plan.

    Args:
        columns: The planned columns that are wanted.
        cells: The source's values by source column.
        start: Position of the batch's first row in its chunk.
    """
    length = next(iter(cells.values())).length if cells else 0
    arrays: list[pa.Array] = []
    reasons: dict[int, Rejected] = {}
    for column in columns:
        converted = convert(cells[column.source.name], column.rule)
        arrays.append(converted.array)
        if column.on_misfit == "null":
            continue
        for position, reason in converted.rejected.items():
            reasons.setdefault(position, Rejected(start + position, column.source.name, reason))
    positions = np.arange(start, start + length)
    if reasons:
        keep = np.ones(length, bool)
        keep[list(reasons)] = False
        mask = pa.array(keep)
        arrays = [array.filter(mask) for array in arrays]
        positions = positions[keep]
    return Rows(arrays, len(positions), length, positions, tuple(reasons.values()))


def without(rows: Rows, rejected: Sequence[Rejected]) -> Rows:
    """Return the rows whose positions are not among the rejected ones."""
    positions = [one.position for one in rejected]
    if not positions:
        return rows
    keep = ~np.isin(rows.positions, positions)
    if keep.all():
        return rows
    arrays = [array.filter(pa.array(keep)) for array in rows.arrays]
    return replace(rows, arrays=arrays, length=int(keep.sum()), positions=rows.positions[keep])


def copied_columns(table: TablePlan) -> tuple[ColumnPlan, ...]:
    """Return the columns that COPY writes: all but those the target computes itself."""
    return tuple(column for column in table.columns if column.target.generated is None)


def column_reads(columns: Sequence[ColumnPlan]) -> tuple[ColumnRead, ...]:
    """Return what has to be read of the source for these columns."""
    return tuple(ColumnRead(column.source.name, column.classes) for column in columns)
