"""Trying conversions without writing: checks of an edited plan, and estimates."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from exuvia.engines.postgres.write import CopyTarget
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.plan import ColumnPlan, Plan, Problem, TablePlan
from exuvia.move.results import Estimate
from exuvia.move.rows import column_reads, convert_rows, copied_columns
from exuvia.move.workers import run
from exuvia.values.facts import Example
from exuvia.values.profile import Chunk

_SHOWN = 3
_SAMPLED_BYTES = 16 * 2**20
_SERVER_BYTES_PER_SECOND = 100 * 2**20  # what one backend takes in by COPY on ordinary hardware
_HEAP_OVERHEAD = 28  # bytes of tuple header and item pointer per row
_INDEX_BYTES = 24  # bytes of an ordinary B-tree entry per row and index


@dataclass(frozen=True, slots=True)
class _Misfits:
    """Values of one column in one chunk that its rule cannot convert."""

    table: TablePlan
    column: ColumnPlan
    count: int
    rows: tuple[Example, ...]


def misfits(snapshot: Snapshot, columns: Sequence[tuple[TablePlan, ColumnPlan]], jobs: int) -> tuple[Problem, ...]:
    """Convert all values of some columns and report those that do not fit.

    Args:
        snapshot: The source.
        columns: The columns, each with its table.
        jobs: Chunks read at once.

    Returns:
        One problem of level 'error' per column with misfits, naming the first rows.
    """
    found: dict[tuple[str, str], _Misfits] = {}
    for part in run(_tasks(snapshot, columns), jobs=jobs, stop=snapshot.interrupt):
        if part.count:
            key = (part.table.source.name, part.column.source.name)
            earlier = found.get(key)
            found[key] = part if earlier is None else _added(earlier, part)
    return tuple(_problem(one) for one in found.values())


def _tasks(snapshot: Snapshot, columns: Sequence[tuple[TablePlan, ColumnPlan]]) -> Sequence[Callable[[], _Misfits]]:
    def task(table: TablePlan, column: ColumnPlan, chunk: Chunk) -> Callable[[], _Misfits]:
        return lambda: _try(snapshot, table, column, chunk)

    return [task(table, column, chunk) for table, column in columns for chunk in table.profile.chunks if chunk.rows]


def _try(snapshot: Snapshot, table: TablePlan, column: ColumnPlan, chunk: Chunk) -> _Misfits:
    strict = replace(column, on_misfit="quarantine")
    count, start = 0, 0
    first: list[tuple[int, str]] = []
    with snapshot.reader() as reader:
        for cells in reader.batches(table.source, chunk, column_reads([column])):
            rows = convert_rows([strict], cells, start)
            start += rows.read
            count += len(rows.rejected)
            first += [(one.position, one.reason) for one in rows.rejected[: _SHOWN - len(first)]]
        names = reader.keys(table.source, chunk, [position for position, _ in first]) if first else {}
    return _Misfits(table, column, count, tuple(Example(at, reason, names[at]) for at, reason in first))


def _added(first: _Misfits, second: _Misfits) -> _Misfits:
    return replace(first, count=first.count + second.count, rows=(first.rows + second.rows)[:_SHOWN])


def _problem(found: _Misfits) -> Problem:
    where = f"{found.table.source.name}.{found.column.source.name}"
    return Problem(
        "error",
        where,
        f"{found.count:,} values do not fit {found.column.rule.type}, the type that the plan file gives it.",
        found.rows,
        found.count,
        ('on_misfit = "quarantine"', 'on_misfit = "null"', "another type"),
    )


def estimate(snapshot: Snapshot, plan: Plan) -> Estimate:
    """Estimate a move from a sample of each table, converted and encoded as the copy would.

    Args:
        snapshot: The source.
        plan: The plan.
    """
    rows, size, seconds = 0, 0.0, 0.0
    for table in plan.tables:
        sampled, encoded, spent = _sample(snapshot, table)
        share = table.profile.rows / sampled if sampled else 0.0
        indexes = len(table.target.indexes) + len(table.target.uniques) + (table.target.primary_key is not None)
        rows += table.profile.rows
        size += encoded * share + table.profile.rows * (_HEAP_OVERHEAD + _INDEX_BYTES * indexes)
        seconds += max(spent * share, encoded * share / _SERVER_BYTES_PER_SECOND)
    return Estimate(rows, round(size), seconds)


def _sample(snapshot: Snapshot, table: TablePlan) -> tuple[int, int, float]:
    """Return rows sampled, their encoded bytes, and the seconds that reading and encoding took."""
    columns = copied_columns(table)
    target = CopyTarget(table.target.schema, table.target.name, tuple(column.target for column in columns))
    rows, size, started = 0, 0, time.perf_counter()
    with snapshot.reader() as reader:
        for chunk in table.profile.chunks[:1]:
            for cells in reader.batches(table.source, chunk, column_reads(columns)):
                converted = convert_rows(columns, cells, rows)
                rows += converted.read
                size += sum(part.size for part in target.encode(converted.arrays))
                if size > _SAMPLED_BYTES:
                    break
    return rows, size, time.perf_counter() - started
