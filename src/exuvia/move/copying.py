"""The copy stage: chunks of all tables through a few threads into their target tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg

from exuvia.engines.postgres.write import CopyTarget, copy, copy_refusing, is_refusal
from exuvia.engines.sqlite.read import Reader
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import RejectedError
from exuvia.move.events import Listener, Progress
from exuvia.move.lending import Lender
from exuvia.move.plan import TablePlan
from exuvia.move.prefetch import prefetch
from exuvia.move.quarantine import Quarantine
from exuvia.move.results import TableResult
from exuvia.move.rows import Rejected, Rows, column_reads, convert_rows, copied_columns
from exuvia.values.profile import Chunk

_BATCHES_AHEAD = 2


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
    """What has been copied of one table so far."""

    rows: int = 0
    rejected: int = 0
    bytes: int = 0
    started: float = 0.0
    ended: float = 0.0
    chunks_left: int = 0


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """One chunk's copy."""

    table: TablePlan
    chunk: Chunk
    rows: int
    rejected: int
    bytes: int


@dataclass(slots=True)
class Copier:
    """Copies the tables of a plan.

    Args:
        snapshot: The source.
        connections: Connections to the target, in autocommit mode.
        quarantine: Where rejected rows go.
        stored_in: For a table, where its quarantine will be, for people.
        options: How to copy.
        listener: Hears of progress.
    """

    snapshot: Snapshot
    connections: Lender[psycopg.Connection]
    quarantine: Quarantine
    stored_in: Callable[[TablePlan], str]
    options: CopyOptions
    listener: Listener
    _tallies: dict[str, _Tally] = field(default_factory=dict)

    def tasks(self, tables: Sequence[TablePlan]) -> Iterator[Callable[[], ChunkResult]]:
        """Return one task per chunk, in loading order."""
        for table in tables:
            chunks = [chunk for chunk in table.profile.chunks if chunk.rows]
            self._tallies[table.source.name] = _Tally(chunks_left=len(chunks), started=time.perf_counter())
            for chunk in chunks:
                yield lambda table=table, chunk=chunk: self._load(table, chunk)  # type: ignore[misc]

    def done(self, result: ChunkResult) -> None:
        """Take a chunk's result into account; to be called from one thread."""
        tally = self._tallies[result.table.source.name]
        tally.rows += result.rows
        tally.rejected += result.rejected
        tally.bytes += result.bytes
        tally.chunks_left -= 1
        tally.ended = time.perf_counter()
        self._tell(result.table, tally.rows + tally.rejected, tally.bytes, finished=tally.chunks_left == 0)

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

    def _tell(self, table: TablePlan, rows: int, size: int, *, finished: bool) -> None:
        self.listener(Progress("copy", table.source.name, rows, table.profile.rows, size, finished))

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
        send: Callable[[psycopg.Connection, CopyTarget, Iterator[Rows], list[Rejected]], int],
    ) -> ChunkResult:
        """Copy a chunk in one transaction, its quarantined rows included."""
        columns = copied_columns(table)
        target = CopyTarget(table.target.schema, table.target.name, tuple(column.target for column in columns))
        rejected: list[Rejected] = []
        read = 0
        with self.snapshot.reader() as reader, self.connections.lend() as connection:

            def batches() -> Iterator[Rows]:
                nonlocal read
                cells = reader.batches(table.source, chunk, column_reads(columns), batch_rows=self.options.batch_rows)
                with prefetch(cells, _BATCHES_AHEAD) as ahead:
                    for batch in ahead:
                        rows = convert_rows(columns, batch, read)
                        read += rows.read
                        rejected.extend(rows.rejected)
                        yield rows

            with connection.transaction():
                sent = send(connection, target, batches(), rejected)
                found = self._original(reader, table, chunk, rejected)
                if found and self.options.stop_at_rejection:
                    raise _rejection(table, found[0])
                if found:
                    with self.connections.lend() as other:
                        self.quarantine.prepare(other, table)
                    self.quarantine.store(connection, table, found)
        if found:
            self.quarantine.record(table, found, self.stored_in(table))
        return ChunkResult(table, chunk, read - len(rejected), len(rejected), sent)

    def _copy_at_once(
        self, connection: psycopg.Connection, target: CopyTarget, batches: Iterator[Rows], _: list[Rejected]
    ) -> int:
        return copy(connection, target, (rows.arrays for rows in batches))

    def _copy_refusing(
        self, connection: psycopg.Connection, target: CopyTarget, batches: Iterator[Rows], rejected: list[Rejected]
    ) -> int:
        sent = 0
        for rows in batches:

            def refuse(position: int, reason: str, rows: Rows = rows) -> None:
                rejected.append(Rejected(int(rows.positions[position]), "", reason))

            if rows.length:
                sent += copy_refusing(connection, target, rows.arrays, refuse)
        return sent

    def _original(
        self, reader: Reader, table: TablePlan, chunk: Chunk, rejected: Sequence[Rejected]
    ) -> list[tuple[str, str, str, dict[str, int | float | str | bytes | None]]]:
        if not rejected:
            return []
        positions = [row.position for row in rejected]
        names = reader.keys(table.source, chunk, positions)
        values = reader.rows_at(table.source, chunk, positions)
        return [
            (names[row.position], row.column, row.reason, original)
            for row, original in zip(rejected, values, strict=True)
        ]


def _rejection(
    table: TablePlan, row: tuple[str, str, str, dict[str, int | float | str | bytes | None]]
) -> RejectedError:
    name, column, reason, _ = row
    place = f"{table.source.name}.{column}" if column else table.source.name
    return RejectedError(
        f"{place}, row {name}: {reason}.",
        hint="Mend the value, change the column in the plan file, or let rows go to quarantine"
        " (--on-error quarantine). Nothing was moved.",
    )
