"""The copy stage: chunks of all tables through a few threads into their target tables.

The values that go are digested on their way, before they are encoded, so that the proof need not read the source
again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pyarrow as pa

from exuvia.engines.postgres.ledger import Entry, record
from exuvia.engines.postgres.write import CopyTarget, copy, copy_refusing, is_refusal
from exuvia.engines.sqlite.read import Reader
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import RejectedError, SourceError
from exuvia.move.comparing import comparable
from exuvia.move.events import Listener, Progress
from exuvia.move.lending import Lender
from exuvia.move.plan import ColumnPlan, TablePlan
from exuvia.move.prefetch import prefetch
from exuvia.move.quarantine import Original, Quarantine
from exuvia.move.results import TableResult
from exuvia.move.resuming import Begun, changed_since
from exuvia.move.rows import Rejected, Rows, column_reads, convert_rows, without
from exuvia.values.digest import Digest, digest, empty
from exuvia.values.profile import Chunk

_BATCHES_AHEAD = 1


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How to copy.

    Args:
        jobs: Chunks copied at once.
        batch_rows: Upper bound of rows per batch; None lets the reader choose by size.
        stop_at_rejection: Raise at the first row that cannot go instead of putting it into quarantine.
    """

    jobs: int
    batch_rows: int | None = None
    stop_at_rejection: bool = False


@dataclass(slots=True)
class _Tally:
    """What has been copied of one table so far; ``seen`` counts the rows of chunks that are under way, too."""

    rows: int = 0
    rejected: int = 0
    bytes: int = 0
    seen: int = 0
    started: float = 0.0
    ended: float = 0.0
    chunks_left: int = 0


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """One chunk's copy."""

    table: TablePlan
    entry: Entry


@dataclass(slots=True)
class _Passage:
    """What passes through one attempt at a chunk. ``sent`` are the numbers of the columns that COPY writes."""

    target: CopyTarget
    sent: tuple[int, ...]
    rejected: list[Rejected]
    digest: Digest
    read: int = 0

    def arrays(self, rows: Rows) -> list[pa.Array]:
        return [rows.arrays[number] for number in self.sent]


@dataclass(slots=True)
class Copier:
    """Copies the tables of a plan.

    Args:
        snapshot: The source.
        connections: Connections to the target, in autocommit mode.
        quarantine: Where rejected rows go.
        options: How to copy.
        listener: Hears of progress.
        move: The move that the chunks belong to: its ledger, and the chunks that are committed already. Those are
            only read again, to see that the source still holds the same.
    """

    snapshot: Snapshot
    connections: Lender[psycopg.Connection]
    quarantine: Quarantine
    options: CopyOptions
    listener: Listener
    move: Begun
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tasks(self, tables: Sequence[TablePlan]) -> Iterator[Callable[[], ChunkResult]]:
        """Return one task per chunk, in loading order."""
        for table in tables:
            chunks = [chunk for chunk in table.profile.chunks if chunk.rows]
            self._tallies[table.source.name] = _Tally(chunks_left=len(chunks), started=time.perf_counter())
            for chunk in chunks:
                before = self.move.done.get((table.source.name, chunk.number))
                yield partial(self._load, table, chunk) if before is None else partial(self._see, table, chunk, before)

    def done(self, result: ChunkResult) -> None:
        """Take a chunk's result into account; to be called from one thread."""
        tally = self._tallies[result.table.source.name]
        tally.rows += result.entry.rows
        tally.rejected += result.entry.rejected
        tally.bytes += result.entry.bytes
        tally.chunks_left -= 1
        tally.ended = time.perf_counter()
        self._tell(result.table, 0, finished=tally.chunks_left == 0)

    def results(self, tables: Sequence[TablePlan]) -> tuple[TableResult, ...]:
        """Return what was copied, by table."""
        return tuple(self._result(table, self._tallies.get(table.source.name, _Tally())) for table in tables)

    def _result(self, table: TablePlan, tally: _Tally) -> TableResult:
        seconds = max(0.0, tally.ended - tally.started)
        target = table.target
        rows = table.profile.rows
        return TableResult(
            table.source.name, target.schema, target.name, rows, tally.rows, tally.rejected, tally.bytes, seconds
        )

    def _tell(self, table: TablePlan, more: int, *, finished: bool = False) -> None:
        tally = self._tallies[table.source.name]
        with self._lock:
            tally.seen += more
        size = round(table.profile.bytes * tally.seen / max(table.profile.rows, 1))
        self.listener(Progress("copy", table.source.name, tally.seen, table.profile.rows, size, finished))

    def _load(self, table: TablePlan, chunk: Chunk) -> ChunkResult:
        try:
            return self._attempt(table, chunk, self._copy_at_once)
        except psycopg.Error as error:
            if not is_refusal(error):
                raise
        return self._attempt(table, chunk, self._copy_refusing)

    def _attempt(
        self,
        table: TablePlan,
        chunk: Chunk,
        send: Callable[[psycopg.Connection, _Passage, Iterator[Rows]], int],
    ) -> ChunkResult:
        """Copy a chunk in one transaction, its quarantined rows included."""
        columns = table.columns
        sent = tuple(number for number, column in enumerate(columns) if column.target.generated is None)
        target = CopyTarget(table.target.schema, table.target.name, tuple(columns[at].target for at in sent))
        passage = _Passage(target, sent, [], empty(len(columns)))
        with self.snapshot.reader() as reader, self.connections.lend() as connection, connection.transaction():
            try:
                with closing(self._rows(reader, table, columns, chunk, passage)) as batches:
                    size = send(connection, passage, batches)
            except psycopg.Error:
                self._tell(table, -passage.read)
                raise
            if passage.read != chunk.rows:
                raise _miscounted(table, chunk, passage.read)
            found = self._original(reader, table, chunk, passage.rejected)
            if found:
                self._put_aside(connection, table, found)
            copied = passage.read - len(found)
            entry = Entry(self.move.source, table.source.name, chunk.number, copied, len(found), size, passage.digest)
            record(connection, self.move.header, entry)
        return ChunkResult(table, entry)

    def _see(self, table: TablePlan, chunk: Chunk, before: Entry) -> ChunkResult:
        """Read a chunk that is committed, and make sure that it is what was copied."""
        passage = _Passage(CopyTarget("", "", ()), (), [], empty(len(table.columns)))
        with self.snapshot.reader() as reader:
            for _ in self._rows(reader, table, table.columns, chunk, passage):
                pass
        same_rows = passage.read == before.rows + before.rejected
        # Rows that the server refused are in no digest of the ledger, so only their number can be compared.
        comparable_now = len(passage.rejected) == before.rejected
        if not same_rows or (comparable_now and passage.digest != before.digest):
            raise changed_since(table, chunk, self.move.header)
        return ChunkResult(table, before)

    def _rows(
        self, reader: Reader, table: TablePlan, columns: Sequence[ColumnPlan], chunk: Chunk, passage: _Passage
    ) -> Generator[Rows, None, None]:
        cells = reader.batches(table.source, chunk, column_reads(columns), batch_rows=self.options.batch_rows)
        with prefetch(cells, _BATCHES_AHEAD, chunk.max_row_bytes) as ahead:
            for batch in ahead:
                rows = convert_rows(columns, batch, passage.read)
                passage.read += rows.read
                self._tell(table, rows.read)
                passage.rejected.extend(rows.rejected)
                yield rows
                rows = without(rows, passage.rejected)
                passage.digest += digest(comparable(columns, rows.arrays), rows.length)
                del batch, rows

    def _copy_at_once(self, connection: psycopg.Connection, passage: _Passage, batches: Iterator[Rows]) -> int:
        return copy(connection, passage.target, (passage.arrays(rows) for rows in batches))

    def _copy_refusing(self, connection: psycopg.Connection, passage: _Passage, batches: Iterator[Rows]) -> int:
        size = 0
        for rows in batches:

            def refuse(position: int, reason: str, rows: Rows = rows) -> None:
                passage.rejected.append(Rejected(int(rows.positions[position]), "", reason))

            if rows.length:
                size += copy_refusing(connection, passage.target, passage.arrays(rows), refuse)
        return size

    def _put_aside(self, connection: psycopg.Connection, table: TablePlan, rows: Sequence[Original]) -> None:
        if self.options.stop_at_rejection:
            raise _rejection(table, rows[0])
        with self.connections.lend() as other:
            self.quarantine.prepare(other, table)
        self.quarantine.store(connection, table, rows)

    def _original(self, reader: Reader, table: TablePlan, chunk: Chunk, rejected: Sequence[Rejected]) -> list[Original]:
        if not rejected:
            return []
        positions = [row.position for row in rejected]
        names = reader.keys(table.source, chunk, positions)
        values = reader.rows_at(table.source, chunk, positions)
        return [
            (names[row.position], row.column, row.reason, original)
            for row, original in zip(rejected, values, strict=True)
        ]


def _rejection(table: TablePlan, row: Original) -> RejectedError:
    name, column, reason, _ = row
    place = f"{table.source.name}.{column}" if column else table.source.name
    return RejectedError(
        f"{place}, row {name}: {reason}.",
        hint="Mend the value, change the column in the plan file, or let rows go to quarantine"
        " (--on-error quarantine). Nothing was moved.",
    )


def _miscounted(table: TablePlan, chunk: Chunk, rows: int) -> SourceError:
    return SourceError(
        f"Table {table.source.name!r} gave {rows:,} rows where {chunk.rows:,} had been counted.",
        hint="The file may be damaged: try PRAGMA integrity_check. Nothing was moved.",
        code="changed",
    )
