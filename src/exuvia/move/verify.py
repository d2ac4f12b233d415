"""The verify stage: every value of both sides, compared through digests that do not depend on row order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from typing import Literal

import psycopg
import pyarrow as pa

from exuvia.engines.postgres.quarantine import row_names
from exuvia.engines.postgres.read import BEGIN_READING
from exuvia.engines.postgres.read import Reader as TargetReader
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.comparing import (
    Range,
    conditions,
    key_column,
    lengths,
    place,
    ranges,
    sampled_ranges,
    source_rows,
    target_rows,
)
from exuvia.move.differences import Finder, Located
from exuvia.move.events import Listener, Progress
from exuvia.move.lending import Lender
from exuvia.move.plan import TablePlan
from exuvia.move.prefetch import prefetch
from exuvia.move.results import DifferingRows, Proof, TableProof
from exuvia.move.workers import run
from exuvia.values.digest import Digest, digest, empty
from exuvia.values.profile import Chunk

_PAGES_PER_PIECE = 16_384  # 128 MB
_BATCHES_AHEAD = 1
_DIFFERENCES_SHOWN = 100
_ROWS_LOCATED = 1_000_000

Side = Literal["source", "target"]
ChunkId = tuple[str, int]
"""Source table, and number of the chunk."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken down of a chunk of the source as it was read: its digest, without the rows that were rejected,
    and how many those were."""

    digest: Digest
    rejected: int


@dataclass(frozen=True, slots=True)
class _Part:
    """What one task found: a side of a range of a table."""

    table: int
    range: int
    side: Side
    digest: Digest
    rejected: int


@dataclass(slots=True)
class _Sums:
    """The digests of one range's two sides, added up."""

    source: Digest
    target: Digest
    rejected: int = 0


@dataclass(slots=True)
class Verifier:
    """Compares the tables of a plan with their source.

    Args:
        snapshot: The source.
        target_url: A libpq URL of the target.
        connections: Connections to the target, in autocommit mode.
        jobs: Parts compared at once.
        listener: Hears of progress.
        sampled: Whether the tables' chunks are only some of their rows.
    """

    snapshot: Snapshot
    target_url: str
    connections: Lender[psycopg.Connection]
    jobs: int
    listener: Listener
    sampled: bool = False
    _rows: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def verify(
        self, tables: Sequence[TablePlan], stop: Callable[[], None], known: Mapping[ChunkId, Taken] | None = None
    ) -> Proof:
        """Compare every value of every table.

        Args:
            tables: The tables, where they are now in the target.
            stop: Interrupts running reads.
            known: Digests of the source that were taken as its values were read; None to read the source now.
        """
        with self.connections.lend() as connection, one_moment(connection) as moment:
            return self.verify_at(connection, moment, tables, stop, known)

    def verify_at(
        self,
        connection: psycopg.Connection,
        moment: str,
        tables: Sequence[TablePlan],
        stop: Callable[[], None],
        known: Mapping[ChunkId, Taken] | None = None,
    ) -> Proof:
        """Compare every value of every table with a moment of the target; it may be written meanwhile.

        Args:
            connection: A connection inside ``one_moment``, which this thread alone uses meanwhile.
            moment: What that gave.
            tables: The tables, where they are now in the target.
            stop: Interrupts running reads.
            known: Digests of the source that were taken as its values were read; None to read the source now.
        """
        started = time.perf_counter()
        readers = Lender(lambda: TargetReader(self.target_url, moment))
        try:
            cut = [self._ranges(connection, table) for table in tables]
            sums = [[self._none(table) for _ in parts] for table, parts in zip(tables, cut, strict=True)]
            for part in run(self._tasks(tables, cut, readers, known), jobs=self.jobs, stop=stop):
                _add(sums[part.table][part.range], part)
            proofs = tuple(
                self._prove(table, found, self._locate(connection, table, parts, found, readers))
                for table, parts, found in zip(tables, cut, sums, strict=True)
            )
        finally:
            readers.close()
        values = sum(proof.values_compared for proof in proofs)
        return Proof(proofs, values, all(proof.equal for proof in proofs), time.perf_counter() - started)

    def _none(self, table: TablePlan) -> _Sums:
        nothing = empty(len(table.columns))
        return _Sums(nothing, nothing)

    def _ranges(self, connection: psycopg.Connection, table: TablePlan) -> tuple[Range, ...]:
        row = connection.execute("SELECT pg_relation_size(%s) / 8192", (place(table),)).fetchone()
        return (sampled_ranges if self.sampled else ranges)(table, int(row[0]) if row else 0, _PAGES_PER_PIECE)

    def _tasks(
        self,
        tables: Sequence[TablePlan],
        cut: Sequence[Sequence[Range]],
        readers: Lender[TargetReader],
        known: Mapping[ChunkId, Taken] | None,
    ) -> Iterator[Callable[[], _Part]]:
        """Yield tasks of the two sides in turn, so that both engines are kept busy."""
        for number, (table, parts) in enumerate(zip(tables, cut, strict=True)):
            for position, part in enumerate(parts):
                ours = (self._source_task(table, number, position, chunk, known) for chunk in part.chunks if chunk.rows)
                pieces = [part] if part.by_key else [replace(part, conditions=(one,)) for one in part.conditions]
                theirs = (self._target_task(table, number, position, piece, readers) for piece in pieces)
                yield from (task for task in chain.from_iterable(zip_longest(ours, theirs)) if task is not None)

    def _source_task(
        self, table: TablePlan, number: int, position: int, chunk: Chunk, known: Mapping[ChunkId, Taken] | None
    ) -> Callable[[], _Part]:
        def task() -> _Part:
            if known is not None:
                taken = known[table.source.name, chunk.number]
                return _Part(number, position, "source", taken.digest, taken.rejected)
            total, rejected = empty(len(table.columns)), 0
            with (
                self.snapshot.reader() as reader,
                prefetch(source_rows(reader, table, chunk), _BATCHES_AHEAD, chunk.max_row_bytes) as batches,
            ):
                for rows in batches:
                    total += digest(rows.arrays, rows.length)
                    rejected += len(rows.rejected)
                    del rows
            return _Part(number, position, "source", total, rejected)

        return task

    def _target_task(
        self, table: TablePlan, number: int, position: int, piece: Range, readers: Lender[TargetReader]
    ) -> Callable[[], _Part]:
        def task() -> _Part:
            total = empty(len(table.columns))
            largest = max((chunk.max_row_bytes for chunk in piece.chunks), default=0)
            with self.snapshot.reader() as source:
                wheres = conditions(source, table, piece)
            for where in wheres:
                with prefetch(_lent(readers, table, where), _BATCHES_AHEAD, largest) as batches:
                    for arrays in batches:
                        total += digest(arrays, lengths(arrays))
                        self._tell(table, lengths(arrays))
                        del arrays
            return _Part(number, position, "target", total, 0)

        return task

    def _tell(self, table: TablePlan, rows: int) -> None:
        name = table.source.name
        with self._lock:
            done = self._rows[name] = self._rows.get(name, 0) + rows
        size = round(table.profile.bytes * done / max(table.profile.rows, 1))
        self.listener(Progress("verify", name, done, table.profile.rows, size, finished=done >= table.profile.rows))

    def _prove(self, table: TablePlan, sums: Sequence[_Sums], located: Sequence[Located]) -> TableProof:
        source = sum((one.source for one in sums), empty(len(table.columns)))
        target = sum((one.target for one in sums), empty(len(table.columns)))
        differing = sum((one.rows for one in located), DifferingRows())
        names = [column.target.name for column in table.columns]
        return TableProof(
            table=table.source.name,
            schema=table.target.schema,
            name=table.target.name,
            rows_source=table.profile.rows,
            rows_target=target.rows,
            rows_rejected=sum(one.rejected for one in sums) + sum(one.quarantined for one in located),
            values_compared=min(source.rows, target.rows) * len(names),
            equal=not differing,
            method="keyed" if key_column(table) else "multiset",
            digest=source.hex(),
            target_digest=target.hex(),
            columns=_column_digests(names, source),
            differences=tuple(chain.from_iterable(one.differences for one in located))[:_DIFFERENCES_SHOWN],
            differing=differing,
        )

    def _locate(
        self,
        connection: psycopg.Connection,
        table: TablePlan,
        parts: Sequence[Range],
        sums: Sequence[_Sums],
        readers: Lender[TargetReader],
    ) -> list[Located]:
        """Find the rows that differ, range by range, until enough of them have names and enough rows were read."""
        differing = [(part, one) for part, one in zip(parts, sums, strict=True) if one.source != one.target]
        if not differing:
            return []
        quarantined = row_names(connection, table.target.schema, table.quarantine)
        located: list[Located] = []
        read, named = 0, 0
        with self.snapshot.reader() as source, readers.lend() as target:
            finder = Finder(source, target, table, quarantined)
            for part, one in differing:
                rows = max(one.source.rows, one.target.rows)
                if read < _ROWS_LOCATED or named < _DIFFERENCES_SHOWN:
                    found = finder.locate(part, rows, _DIFFERENCES_SHOWN - named)
                    read += rows
                    named += len(found.differences)
                else:
                    found = Located(DifferingRows(), 0, ())
                is_explained = found.rows or found.quarantined
                located.append(found if is_explained else replace(found, rows=DifferingRows(unread=rows)))
        return located


@contextmanager
def one_moment(connection: psycopg.Connection) -> Iterator[str]:
    """Export a snapshot of the target, so that all connections see one moment of it while it is written to."""
    connection.execute(BEGIN_READING)
    try:
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield str(row[0]) if row else ""
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")


def _lent(readers: Lender[TargetReader], table: TablePlan, where: str) -> Iterator[list[pa.Array]]:
    """Read rows through a reader that is lent when the first one is wanted.

    So large rows, which come in turn, all come through the same one: libpq keeps a buffer of the size of the largest.
    """
    with readers.lend() as reader:
        yield from target_rows(reader, table, where)


def _column_digests(names: Sequence[str], total: Digest) -> Mapping[str, str]:
    return {name: f"{value:016x}" for name, value in zip(names, total.columns, strict=True)}


def _add(sums: _Sums, part: _Part) -> None:
    if part.side == "source":
        sums.source += part.digest
        sums.rejected += part.rejected
    else:
        sums.target += part.digest
