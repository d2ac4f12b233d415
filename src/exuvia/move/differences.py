"""Finding the rows behind two digests that differ.

Row hashes of both sides are compared as multisets, eight bytes a row; only rows whose hash stands alone are read
again. Very large ranges are compared in several passes, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from exuvia.engines.postgres.quarantine import storable
from exuvia.engines.postgres.read import Reader as TargetReader
from exuvia.engines.sqlite.read import Reader as SourceReader
from exuvia.move.comparing import Range, lengths, source_rows, target_rows
from exuvia.move.plan import TablePlan
from exuvia.move.results import Difference
from exuvia.values.digest import hash_rows, hash_values

_ROWS_PER_PASS = 20_000_000
_NAMED = 10_000
_SHOWN = 100
_WIDTH = 120

Hashes = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Located:
    """What differs in a range.

    Args:
        count: How many rows differ, quarantined rows apart.
        quarantined: How many rows of the source are in quarantine instead of the target.
        differences: The first differences.
    """

    count: int
    quarantined: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that one side has and the other has not: its name (source only) and its values as text."""

    name: str
    values: tuple[str, ...]


def locate(
    source: SourceReader, target: TargetReader, table: TablePlan, part: Range, quarantined: frozenset[str]
) -> Located:
    """Find the rows that differ in a range.

    Args:
        source: Reads the source.
        target: Reads the target.
        table: The table's plan.
        part: The range.
        quarantined: Names of rows that were put into quarantine.
    """
    only_source, only_target = _unpaired(source, target, table, part)
    here = [row for row in _source_named(source, table, part, only_source) if storable(row.name) not in quarantined]
    there = list(_target_named(target, table, part, only_target))
    excused = min(len(only_source), _NAMED) - len(here)
    count = max(len(only_source) - excused, len(only_target))
    return Located(count, excused, tuple(_paired(table, here, there))[:_SHOWN])


def _unpaired(source: SourceReader, target: TargetReader, table: TablePlan, part: Range) -> tuple[Hashes, Hashes]:
    """Return the row hashes that only the source and only the target has."""
    rows = sum(chunk.rows for chunk in part.chunks)
    passes = rows // _ROWS_PER_PASS + 1
    ours: list[Hashes] = []
    theirs: list[Hashes] = []
    for number in range(passes):
        left = _collect(_source_hashes(source, table, part), passes, number)
        right = _collect(_target_hashes(target, table, part), passes, number)
        hashes = np.concatenate([left, right])
        signs = np.concatenate([np.ones(len(left), np.int64), np.full(len(right), -1, np.int64)])
        unique, inverse = np.unique(hashes, return_inverse=True)
        net = np.bincount(inverse, signs, len(unique)).astype(np.int64) if len(unique) else np.zeros(0, np.int64)
        ours.append(np.repeat(unique[net > 0], net[net > 0]))
        theirs.append(np.repeat(unique[net < 0], -net[net < 0]))
    return np.concatenate(ours), np.concatenate(theirs)


def _collect(batches: Iterator[Hashes], passes: int, number: int) -> Hashes:
    parts = [hashes[hashes % np.uint64(passes) == np.uint64(number)] for hashes in batches]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _hash(arrays: Sequence[pa.Array]) -> Hashes:
    return hash_rows([hash_values(array) for array in arrays], lengths(arrays))


def _source_hashes(reader: SourceReader, table: TablePlan, part: Range) -> Iterator[Hashes]:
    for chunk in part.chunks:
        for rows in source_rows(reader, table, chunk):
            yield _hash(rows.arrays)


def _target_hashes(reader: TargetReader, table: TablePlan, part: Range) -> Iterator[Hashes]:
    for condition in part.conditions:
        for arrays in target_rows(reader, table, condition):
            yield _hash(arrays)


def _source_named(reader: SourceReader, table: TablePlan, part: Range, wanted: Hashes) -> Iterator[_Row]:
    left = min(len(wanted), _NAMED)
    for chunk in part.chunks:
        found: list[tuple[int, tuple[str, ...]]] = []
        for rows in source_rows(reader, table, chunk):
            if left <= len(found):
                break
            hits = np.flatnonzero(np.isin(_hash(rows.arrays), wanted)).tolist()
            found += [(int(rows.positions[hit]), _texts(rows.arrays, hit)) for hit in hits]
        if found:
            names = reader.keys(table.source, chunk, [position for position, _ in found])
            yield from (_Row(names[position], values) for position, values in found[:left])
            left -= len(found)
        if left <= 0:
            return


def _target_named(reader: TargetReader, table: TablePlan, part: Range, wanted: Hashes) -> Iterator[_Row]:
    left = min(len(wanted), _NAMED)
    for condition in part.conditions:
        for arrays in target_rows(reader, table, condition):
            hits = np.flatnonzero(np.isin(_hash(arrays), wanted)).tolist()[: max(left, 0)]
            yield from (_Row("", _texts(arrays, hit)) for hit in hits)
            left -= len(hits)
            if left <= 0:
                return


def _texts(arrays: Sequence[pa.Array], row: int) -> tuple[str, ...]:
    return tuple(_shown(array[row].as_py()) for array in arrays)


def _shown(value: object) -> str:
    text = "NULL" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}… ({len(text):,} characters)"


def _paired(table: TablePlan, here: list[_Row], there: list[_Row]) -> Iterator[Difference]:
    """Pair rows by primary key and yield what differs, row by row."""
    names = [column.target.name for column in table.columns]
    key = table.target.primary_key.columns if table.target.primary_key else ()
    numbers = [names.index(column) for column in key if column in names]

    def key_of(row: _Row) -> tuple[str, ...]:
        return tuple(row.values[number] for number in numbers)

    unpaired = {key_of(row): row for row in there} if numbers else {}
    for row in here:
        other = unpaired.pop(key_of(row), None) if numbers else None
        if other is None:
            yield Difference(table.source.name, row.name, "", _row_text(names, row), "(no such row)")
            continue
        for name, ours, theirs in zip(names, row.values, other.values, strict=True):
            if ours != theirs:
                yield Difference(table.source.name, row.name, name, ours, theirs)
    for row in unpaired.values() if numbers else there:
        name = ", ".join(f"{names[number]}={row.values[number]}" for number in numbers)
        yield Difference(table.source.name, name, "", "(no such row)", _row_text(names, row))


def _row_text(names: Sequence[str], row: _Row) -> str:
    return _shown(", ".join(f"{name}={value}" for name, value in zip(names, row.values, strict=True)))
