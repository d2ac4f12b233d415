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

_Mask = np.ndarray[Any, np.dtype[np.bool_]]
_Counts = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Located:
    """What differs in a range: how many rows, quarantined ones apart; how many of the source's rows are in quarantine
    instead of the target; and the first differences."""

    rows: DifferingRows
    quarantined: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Hashed:
    """Rows as hashes: of all their values, and of their key (of all values again where there is no key); and how often
    each is there."""

    rows: Hashes
    keys: Hashes
    counts: _Counts

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def where(self, mask: _Mask) -> _Hashed:
        return _Hashed(self.rows[mask], self.keys[mask], self.counts[mask])

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

    def locate(self, part: Range, rows: int, most: int) -> Located:
        """Find the rows that differ in a range.

        Args:
            part: The range.
            rows: How many rows it has, on the side that has more.
            most: How many differences to name.

        Raises:
            SourceError: The source cannot be read.
            TargetError: The target cannot be read.
        """
        wanted, unread = self._buckets(part, rows)
        held = self._held(self._ours(part), wanted), self._held(self._theirs(part), wanted)
        ours, theirs = _alone(*held), _alone(*held[::-1])
        del held
        keys = np.intersect1d(ours.keys, theirs.keys) if self._key else np.zeros(0, np.uint64)
        missing, excused = self._excuse(part, ours.where(~ours.among(keys)))
        additional = theirs.where(~theirs.among(keys))
        named = keys[:most]
        here = np.concatenate([ours.where(ours.among(named)).rows, missing.rows[:most]])
        there = np.concatenate([theirs.where(theirs.among(named)).rows, additional.rows[:most]])
        found = differences(self.table, self._key, self._read_ours(part, here), self._read_theirs(part, there))
        differing = DifferingRows(len(keys), missing.total, additional.total, unread)
        return Located(differing, excused, tuple(islice(found, most)))

    @property
    def _key(self) -> tuple[int, ...]:
        return primary_key(self.table)

    def _hash(self, arrays: Sequence[pa.Array]) -> _Hashed:
        columns = [hash_values(array) for array in arrays]
        rows = hash_rows(columns, lengths(arrays))
        keys = hash_rows([columns[one] for one in self._key], lengths(arrays)) if self._key else rows
        return _Hashed(rows, keys, np.ones(len(rows), np.int64))

    def _ours(self, part: Range) -> Iterator[_Hashed]:
        for chunk in part.chunks:
            for rows in source_rows(self.source, self.table, chunk):
                yield self._hash(rows.arrays)

    def _theirs(self, part: Range) -> Iterator[_Hashed]:
        for condition in conditions(self.source, self.table, part):
            for arrays in target_rows(self.target, self.table, condition):
                yield self._hash(arrays)

    def _buckets(self, part: Range, rows: int) -> tuple[_Mask | None, int]:
        """Return which buckets to look into, None for all, and about how many rows are in others that differ."""
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
        held: list[_Hashed] = []
        rows = 0
        for hashed in batches:
            held.append(hashed if wanted is None else hashed.where(wanted[_bucket(hashed)]))
            rows += len(held[-1].rows)
            if rows > ROWS_HELD:
                held = [_distinct(held)]
                rows = len(held[0].rows)
        return _distinct(held)

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
        apart = np.array(excused, np.uint64)
        left = _alone(missing, _distinct([_Hashed(apart, apart, np.ones(len(apart), np.int64))]))
        return left, missing.total - left.total

    def _read_ours(self, part: Range, wanted: Hashes) -> list[Row]:
        found: list[Row] = []
        for chunk in part.chunks:
            hits: list[tuple[int, Row]] = []
            for rows in source_rows(self.source, self.table, chunk) if len(wanted) else ():
                at, wanted = self._hits(rows.arrays, wanted)
                hits += [(int(rows.positions[one]), row) for one, row in at]
                if not len(wanted):
                    break
            names = (
                {} if self._key or not hits else self.source.keys(self.table.source, chunk, [one for one, _ in hits])
            )
            found += [row.called(names.get(one, "")) for one, row in hits]
        return found

    def _read_theirs(self, part: Range, wanted: Hashes) -> list[Row]:
        found: list[Row] = []
        for condition in conditions(self.source, self.table, part) if len(wanted) else ():
            for arrays in target_rows(self.target, self.table, condition):
                at, wanted = self._hits(arrays, wanted)
                found += [row for _, row in at]
                if not len(wanted):
                    return found
        return found

    def _hits(self, arrays: Sequence[pa.Array], wanted: Hashes) -> tuple[list[tuple[int, Row]], Hashes]:
        """Return the rows of a batch that are wanted, one of each, with their places, and what is still wanted."""
        hashed = self._hash(arrays)
        at = np.flatnonzero(np.isin(hashed.rows, wanted))
        found, first = np.unique(hashed.rows[at], return_index=True)
        rows = [(one, row_of(arrays, one, int(hashed.keys[one]))) for one in sorted(at[first].tolist())]
        return rows, wanted[~np.isin(wanted, found)]


def _bucket(hashed: _Hashed) -> np.ndarray[Any, np.dtype[np.int64]]:
    return (hashed.keys & np.uint64(_BUCKETS - 1)).astype(np.int64)


def _distinct(parts: Sequence[_Hashed]) -> _Hashed:
    """Join rows, each of which then is there once, with its count."""
    if not parts:
        nothing = np.zeros(0, np.uint64)
        return _Hashed(nothing, nothing, np.zeros(0, np.int64))
    rows, keys, counts = (
        np.concatenate(columns)
        for columns in zip(*((part.rows, part.keys, part.counts) for part in parts), strict=True)
    )
    unique, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    return _Hashed(unique, keys[first], np.bincount(inverse, counts, len(unique)).astype(np.int64))


def _alone(some: _Hashed, others: _Hashed) -> _Hashed:
    """Return the distinct rows of which ``some`` has more than ``others``, and how many more."""
    at = np.searchsorted(others.rows, some.rows)
    known = at < len(others.rows)
    known[known] = others.rows[at[known]] == some.rows[known]
    more = some.counts.copy()
    more[known] -= others.counts[at[known]]
    return _Hashed(some.rows, some.keys, more).where(more > 0)
