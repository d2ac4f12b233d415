"""The verify stage: every value of both sides, compared through digests that do not depend on row order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Literal

import psycopg

from exuvia.engines.postgres.quarantine import row_names
from exuvia.engines.postgres.read import Reader as TargetReader
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.comparing import Range, key_column, lengths, place, ranges, source_rows, target_rows
from exuvia.move.differences import Located, locate
from exuvia.move.events import Listener, Progress
from exuvia.move.lending import Lender
from exuvia.move.plan import TablePlan
from exuvia.move.prefetch import prefetch
from exuvia.move.results import Difference, Proof, TableProof
from exuvia.move.workers import run
from exuvia.values.digest import Digest, digest, empty
from exuvia.values.profile import Chunk

_PAGES_PER_PIECE = 16_384  # 128 MB
_BATCHES_AHEAD = 1
_DIFFERENCES_SHOWN = 100

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
    """

    snapshot: Snapshot
    target_url: str
    connections: Lender[psycopg.Connection]
    jobs: int
    listener: Listener
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
        started = time.perf_counter()
        readers = Lender(lambda: TargetReader(self.target_url))
        try:
            cut = [ranges(table, self._pages(table), _PAGES_PER_PIECE) for table in tables]
            sums = [[self._none(table) for _ in parts] for table, parts in zip(tables, cut, strict=True)]
            for part in run(self._tasks(tables, cut, readers, known), jobs=self.jobs, stop=stop):
                _add(sums[part.table][part.range], part)
            proofs = tuple(
                self._prove(table, parts, found, readers) for table, parts, found in zip(tables, cut, sums, strict=True)
            )
        finally:
            readers.close()
        values = sum(proof.values_compared for proof in proofs)
        return Proof(proofs, values, all(proof.equal for proof in proofs), time.perf_counter() - started)

    def _none(self, table: TablePlan) -> _Sums:
        nothing = empty(len(table.columns))
        return _Sums(nothing, nothing)

    def _pages(self, table: TablePlan) -> int:
        with self.connections.lend() as connection:
            row = connection.execute("SELECT pg_relation_size(%s) / 8192", (place(table),)).fetchone()
        return int(row[0]) if row else 0

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
                theirs = (self._target_task(table, number, position, where, readers) for where in part.conditions)
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
                prefetch(source_rows(reader, table, chunk), _BATCHES_AHEAD) as batches,
            ):
                for rows in batches:
                    total += digest(rows.arrays, rows.length)
                    rejected += len(rows.rejected)
            return _Part(number, position, "source", total, rejected)

        return task

    def _target_task(
        self, table: TablePlan, number: int, position: int, condition: str, readers: Lender[TargetReader]
    ) -> Callable[[], _Part]:
        def task() -> _Part:
            total = empty(len(table.columns))
            with readers.lend() as reader, prefetch(target_rows(reader, table, condition), _BATCHES_AHEAD) as batches:
                for arrays in batches:
                    total += digest(arrays, lengths(arrays))
                    self._tell(table, lengths(arrays))
            return _Part(number, position, "target", total, 0)

        return task

    def _tell(self, table: TablePlan, rows: int) -> None:
        name = table.source.name
        with self._lock:
            done = self._rows[name] = self._rows.get(name, 0) + rows
        size = round(table.profile.bytes * done / max(table.profile.rows, 1))
        self.listener(Progress("verify", name, done, table.profile.rows, size, finished=done >= table.profile.rows))

    def _prove(
        self, table: TablePlan, parts: Sequence[Range], sums: Sequence[_Sums], readers: Lender[TargetReader]
    ) -> TableProof:
        source = sum((one.source for one in sums), empty(len(table.columns)))
        target = sum((one.target for one in sums), empty(len(table.columns)))
        located = self._locate(table, parts, sums, readers)
        differences: list[Difference] = []
        for one in located:
            differences += one.differences
        names = [column.target.name for column in table.columns]
        return TableProof(
            table=table.source.name,
            schema=table.target.schema,
            name=table.target.name,
            rows_source=table.profile.rows,
            rows_target=target.rows,
            rows_rejected=sum(one.rejected for one in sums) + sum(one.quarantined for one in located),
            values_compared=min(source.rows, target.rows) * len(names),
            equal=not any(one.count for one in located),
            method="keyed" if key_column(table) else "multiset",
            digest=source.hex(),
            target_digest=target.hex(),
            columns=_column_digests(names, source),
            differences=tuple(differences[:_DIFFERENCES_SHOWN]),
        )

    def _locate(
        self, table: TablePlan, parts: Sequence[Range], sums: Sequence[_Sums], readers: Lender[TargetReader]
    ) -> list[Located]:
        differing = [part for part, one in zip(parts, sums, strict=True) if one.source != one.target]
        if not differing:
            return []
        with self.connections.lend() as connection:
            quarantined = row_names(connection, table.target.schema, table.quarantine)
        with self.snapshot.reader() as source, readers.lend() as target:
            return [locate(source, target, table, part, quarantined) for part in differing]


def _column_digests(names: Sequence[str], total: Digest) -> Mapping[str, str]:
    return {name: f"{value:016x}" for name, value in zip(names, total.columns, strict=True)}


def _add(sums: _Sums, part: _Part) -> None:
    if part.side == "source":
        sums.source += part.digest
        sums.rejected += part.rejected
    else:
        sums.target += part.digest
