"""A round: every row that has changed since the last one is read anew and replaced in the target, in one transaction.

The rows are read in the same snapshot as the end of the log, so after the round the target equals that snapshot, in
whatever order and how often rows were changed. What was written is read back and compared before it is committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from exuvia.engines.postgres.live.aside import Aside, Held
from exuvia.engines.postgres.live.readback import read_back
from exuvia.engines.postgres.write import CopyTarget, copy, copy_refusing, is_refusal
from exuvia.engines.sqlite.capture import log
from exuvia.engines.sqlite.capture.log import Changes
from exuvia.engines.sqlite.read import Reader
from exuvia.errors import VerifyError
from exuvia.live.following import FollowedTable
from exuvia.move.comparing import comparable, comparable_read
from exuvia.move.quarantine import json_value
from exuvia.move.rows import Rejected, Rows, column_reads, without
from exuvia.values.cells import Cells
from exuvia.values.digest import Digest, digest, empty
from exuvia.values.profile import Chunk, KeyValue


@dataclass(frozen=True, slots=True)
class Written:
    """What was done to one table: the rows that were written, how many were put aside instead, and the columns whose
    values did not fit."""

    rows: Digest
    rejected: int
    misfits: frozenset[str]


@dataclass(slots=True)
class TableRound:
    """One table's part of a round.

    Args:
        connection: A connection inside the round's transaction.
        reader: Reads the source in the round's snapshot.
        table: The table.
        aside: Its quarantine.
        found: What the log holds.
        whole: Whether to replace every row, because keys do not tell which have changed.
        chunk: The rows that ``load`` copies.
    """

    connection: psycopg.Connection
    reader: Reader
    table: FollowedTable
    aside: Aside
    found: Changes
    whole: bool = False
    chunk: Chunk | None = None

    def load(self) -> Written:
        """Copy the rows of the chunk, of which the target has none."""
        return self._write()

    def run(self) -> Written:
        """Replace the rows and compare.

        Raises:
            VerifyError: ``round``: what the target holds now is not what was read.
        """
        self._remove()
        written = self._write()
        back = self._read_back()
        if back != written.rows:
            raise _differs(self.table, written.rows, back)
        return written

    def _write(self) -> Written:
        rejected: list[Rejected] = []
        sent = empty(len(self.table.plan.columns))
        for batch in self._batches():
            sent += self._send(batch, rejected)
        self._put_aside(rejected)
        misfits = frozenset(f"{self.table.name}.{one.column}" for one in rejected if one.column)
        return Written(sent, len(rejected), misfits)

    @property
    def _chunk(self) -> Chunk:
        return self.chunk or log.whole(self.found, self.table.captured)

    @property
    def _condition(self) -> str:
        return "" if self.whole or self.chunk else log.rows_at_keys(self.table.captured, self.found)

    def _remove(self) -> None:
        keyed = self.table.keyed
        if self.whole:
            keyed.delete_all(self.connection)
            self.aside.release_all(self.connection)
            return
        keyed.load(self.connection, (self.table.keys(cells) for cells in self._keys()))
        keyed.delete(self.connection)
        if self.aside.exists:
            for cells in self._keys():
                self.aside.release(self.connection, list(self._key_texts(cells)))

    def _keys(self) -> Iterator[Mapping[str, Cells]]:
        keys, reads = log.changed_keys(self.table.captured, self.found)
        return self.reader.batches(keys, self._chunk, reads)

    def _batches(self) -> Iterator[Rows]:
        start = 0
        reads = column_reads(self.table.plan.columns)
        for cells in self.reader.batches(self.table.plan.source, self._chunk, reads, condition=self._condition):
            rows = self.table.rows(cells, start)
            start += rows.read
            yield rows

    def _send(self, rows: Rows, rejected: list[Rejected]) -> Digest:
        """Send one batch, and return the digest of the rows that went."""
        columns = self.table.plan.columns
        sent = [number for number, column in enumerate(columns) if column.target.generated is None]
        target = self.table.plan.target
        place = CopyTarget(target.schema, target.name, tuple(columns[number].target for number in sent))
        rejected += rows.rejected
        arrays = [rows.arrays[number] for number in sent]
        refused: list[Rejected] = []

        def refuse(position: int, reason: str) -> None:
            refused.append(Rejected(int(rows.positions[position]), "", reason))

        if rows.length:
            try:
                with self.connection.transaction():
                    copy(self.connection, place, [arrays])
            except psycopg.Error as error:
                if not is_refusal(error):
                    raise
                copy_refusing(self.connection, place, arrays, refuse)
        rejected += refused
        gone = without(rows, refused)
        return digest(comparable(columns, gone.arrays), gone.length)

    def _put_aside(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        source, positions = self.table.plan.source, [one.position for one in rejected]
        names = self.reader.keys(source, self._chunk, positions, self._condition)
        originals = self.reader.rows_at(source, self._chunk, positions, self._condition)
        rows = [
            _held(self.table, names[one.position], one, values) for one, values in zip(rejected, originals, strict=True)
        ]
        self.aside.put(self.connection, rows)

    def _read_back(self) -> Digest:
        target = self.table.plan.target
        columns = [column.target for column in self.table.plan.columns]
        total = empty(len(columns))
        for condition in [""] if self.whole else self.table.keyed.at_keys():
            for arrays in read_back(self.connection, target.schema, target.name, columns, condition):
                total += digest(comparable_read(columns, arrays), len(arrays[0]))
        return total

    def _key_texts(self, cells: Mapping[str, Cells]) -> Iterator[str]:
        columns = [_values(cells[column.name]) for column in self.table.captured.key]
        return (_key_text([json_value(value) for value in row]) for row in zip(*columns, strict=True))


def source_digest(reader: Reader, table: FollowedTable, chunk: Chunk) -> Digest:
    """Return the digest of the rows that a table has in the source, those that do not fit apart."""
    columns, total, start = table.plan.columns, empty(len(table.plan.columns)), 0
    for cells in reader.batches(table.plan.source, chunk, column_reads(columns)):
        rows = table.rows(cells, start)
        start += rows.read
        total += digest(comparable(columns, rows.arrays), rows.length)
    return total


def key_of(table: FollowedTable, name: str, values: Mapping[str, object]) -> str:
    """Return the text by which a row in quarantine is found again.

    Args:
        table: The row's table.
        name: The row's name, such as ``rowid=17``.
        values: The row's values as JSON holds them.
    """
    if table.captured.hidden_rowid:
        return _key_text([int(name.rpartition("=")[2])])
    return _key_text([values[column.name] for column in table.captured.key])


def _key_text(values: Sequence[object]) -> str:
    return json.dumps(values)


def _held(table: FollowedTable, name: str, row: Rejected, values: Mapping[str, KeyValue]) -> Held:
    shown = {column: json_value(value) for column, value in values.items()}
    return key_of(table, name, shown), name, row.column, row.reason, json.dumps(shown)


def _values(cells: Cells) -> list[KeyValue]:
    found: list[KeyValue] = [None] * cells.length
    for kind, array in cells.parts().items():
        for number, value in enumerate(array.to_pylist()):
            if value is not None:
                found[number] = value.decode("utf-8", "surrogateescape") if kind.value == "text" else value
    return found


def _differs(table: FollowedTable, sent: Digest, back: Digest) -> VerifyError:
    columns = [
        column.target.name
        for column, ours, theirs in zip(table.plan.columns, sent.columns, back.columns, strict=True)
        if ours != theirs
    ]
    where = f" in {', '.join(columns)}" if columns else ""
    return VerifyError(
        f"Changed rows of {table.name!r} came back otherwise than they were written{where}"
        f" ({sent.rows:,} rows sent, {back.rows:,} read). The round was rolled back.",
        hint="Has something else written to the staging schema, or put triggers on it?",
        code="round",
    )
