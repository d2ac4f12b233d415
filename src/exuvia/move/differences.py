"""Finding the rows behind two digests that differ.

Row hashes of both sides are compared as multisets; rows whose hash stands alone are paired by the hash of their key,
and only those that are named are read again. Of a part with very many rows, keys are first dealt into buckets whose
sums are compared, so that only buckets that differ have to be held: memory grows neither with the table nor with the
number of differences. The sums are the first layer of an invertible Bloom lookup table (Goodrich and Mitzenmacher,
"Invertible Bloom Lookup Tables", Allerton 2011).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from exuvia.engines.postgres.quarantine import storable
from exuvia.engines.postgres.read import Reader as TargetReader
from exuvia.engines.sqlite.read import Reader as SourceReader
from exuvia.move.comparing import Range, conditions, lengths, primary_key, source_rows, target_rows
from exuvia.move.naming_differences import Row, differences, row_of
from exuvia.move.plan import TablePlan
from exuvia.move.results import Difference, DifferingRows
from exuvia.values.digest import Hashes, hash_rows, hash_values

ROWS_HELD = 2_000_000
_BUCKETS = 1 << 20
_EXCUSED = 100_000
_NAMED = 100

_Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Located:
    """What differs in a range: how many rows, quarantined ones apart; how many of the source's rows are in quarantine
    instead of the target; and the first differences."""

    rows: DifferingRows
    quarantined: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Hashed:
    """Rows as hashes: of all their values, and of their key (of all values again where there is no key)."""

    rows: Hashes
    keys: Hashes

    def where(self, mask: _Mask) -> _Hashed:
        return _Hashed(self.rows[mask], self.keys[mask])

    def among(self, keys: Hashes) -> _Mask:
        return np.isin(self.keys, keys)


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds what differs in ranges of one table.

    Args:
        source: Reads the source.
        target: Reads the target.
        table: The table's plan.
        quarantined: Names of rows that were put into quarantine.
    """

    source: SourceReader
    target: TargetReader
    table: TablePlan
    quarantined: frozenset[str]

    def locate(self, part: Range) -> Located:
        """Find the rows that differ in a range.

        Raises:
            SourceError: The source cannot be read.
            TargetError: The target cannot be read.
        """
        wanted, unread = self._buckets(part)
        held = self._held(self._ours(part), wanted), self._held(self._theirs(part), wanted)
        ours, theirs = _alone(*held), _alone(*held[::-1])
        del held
        keys = np.intersect1d(ours.keys, theirs.keys) if self._key else np.zeros(0, np.uint64)
        missing, excused = self._excuse(part, ours.where(~ours.among(keys)))
        additional = theirs.where(~theirs.among(keys))
        named = keys[:_NAMED]
        here = np.concatenate([ours.where(ours.among(named)).rows, missing.rows[:_NAMED]])
        there = np.concatenate([theirs.where(theirs.among(named)).rows, additional.rows[:_NAMED]])
        found = differences(self.table, self._key, self._read_ours(part, here), self._read_theirs(part, there))
        rows = DifferingRows(len(keys), len(missing.rows), len(additional.rows), unread)
        return Located(rows, excused, tuple(islice(found, _NAMED)))

    @property
    def _key(self) -> tuple[int, ...]:
        return primary_key(self.table)

    def _hash(self, arrays: Sequence[pa.Array]) -> _Hashed:
        columns = [hash_values(array) for array in arrays]
        rows = hash_rows(columns, lengths(arrays))
        return _Hashed(rows, hash_rows([columns[one] for one in self._key], lengths(arrays)) if self._key else rows)

    def _ours(self, part: Range) -> Iterator[_Hashed]:
        for chunk in part.chunks:
            for rows in source_rows(self.source, self.table, chunk):
                yield self._hash(rows.arrays)

    def _theirs(self, part: Range) -> Iterator[_Hashed]:
        for condition in conditions(self.source, self.table, part):
            for arrays in target_rows(self.target, self.table, condition):
                yield self._hash(arrays)

    def _buckets(self, part: Range) -> tuple[_Mask | None, int]:
        """Return which buckets to look into, None for all, and about how many rows are in others that differ."""
        rows = sum(chunk.rows for chunk in part.chunks)
        if rows <= ROWS_HELD:
            return None, 0
        sums = np.zeros(_BUCKETS, np.uint64)
        for hashed in self._ours(part):
            np.add.at(sums, _bucket(hashed), hashed.rows)
        for hashed in self._theirs(part):
            np.subtract.at(sums, _bucket(hashed), hashed.rows)
        differing = np.flatnonzero(sums)
        in_each = rows / (-math.expm1(-rows / _BUCKETS) * _BUCKETS)  # on average, of those that are not empty
        wanted = np.zeros(_BUCKETS, bool)
        wanted[differing[: int(ROWS_HELD / in_each)]] = True
        return wanted, round((len(differing) - int(wanted.sum())) * in_each)

    @staticmethod
    def _held(batches: Iterator[_Hashed], wanted: _Mask | None) -> _Hashed:
        parts = [hashed if wanted is None else hashed.where(wanted[_bucket(hashed)]) for hashed in batches]
        nothing = np.zeros(0, np.uint64)
        return _Hashed(
            np.concatenate([nothing, *(part.rows for part in parts)]),
            np.concatenate([nothing, *(part.keys for part in parts)]),
        )

    def _excuse(self, part: Range, missing: _Hashed) -> tuple[_Hashed, int]:
        """Take out the rows that are in quarantine; return the others, and how many were taken out."""
        if not self.quarantined or not len(missing.rows):
            return missing, 0
        excused: list[int] = []
        looked = missing.rows[:_EXCUSED]
        for chunk in part.chunks:
            hits: dict[int, int] = {}
            for rows in source_rows(self.source, self.table, chunk):
                hashes = self._hash(rows.arrays).rows
                found = np.flatnonzero(np.isin(hashes, looked))
                hits |= dict(zip(rows.positions[found].tolist(), hashes[found].tolist(), strict=True))
            names = self.source.keys(self.table.source, chunk, list(hits)) if hits else {}
            excused += [hits[position] for position, name in names.items() if storable(name) in self.quarantined]
        alone = _alone(missing, _Hashed(*(np.array(excused, np.uint64),) * 2))
        return alone, len(missing.rows) - len(alone.rows)

    def _read_ours(self, part: Range, wanted: Hashes) -> list[Row]:
        found: list[Row] = []
        for chunk in part.chunks:
            if len(found) >= len(wanted):
                break
            hits: list[tuple[int, Row]] = []
            for rows in source_rows(self.source, self.table, chunk):
                hashed = self._hash(rows.arrays)
                at = np.flatnonzero(np.isin(hashed.rows, wanted))[: len(wanted)].tolist()
                hits += [(int(rows.positions[one]), row_of(rows.arrays, one, int(hashed.keys[one]))) for one in at]
            names = (
                {} if self._key or not hits else self.source.keys(self.table.source, chunk, [one for one, _ in hits])
            )
            found += [row.called(names.get(one, "")) for one, row in hits]
        return found[: len(wanted)]

    def _read_theirs(self, part: Range, wanted: Hashes) -> list[Row]:
        found: list[Row] = []
        if not len(wanted):
            return found
        for condition in conditions(self.source, self.table, part):
            for arrays in target_rows(self.target, self.table, condition):
                hashed = self._hash(arrays)
                hits = np.flatnonzero(np.isin(hashed.rows, wanted)).tolist()
                found += [row_of(arrays, hit, int(hashed.keys[hit])) for hit in hits[: len(wanted) - len(found)]]
        return found


def _bucket(hashed: _Hashed) -> np.ndarray[Any, np.dtype[np.int64]]:
    return (hashed.keys & np.uint64(_BUCKETS - 1)).astype(np.int64)


def _alone(some: _Hashed, others: _Hashed) -> _Hashed:
    """Return the rows of ``some`` that ``others`` has not, each as often as it has more of it."""
    rows, first, counts = np.unique(some.rows, return_index=True, return_counts=True)
    there, there_counts = np.unique(others.rows, return_counts=True)
    at = np.searchsorted(there, rows)
    paired = np.zeros(len(rows), np.int64)
    known = at < len(there)
    known[known] = there[at[known]] == rows[known]
    paired[known] = there_counts[at[known]]
    more = np.maximum(counts - paired, 0)
    return _Hashed(np.repeat(rows, more), np.repeat(some.keys[first], more))
