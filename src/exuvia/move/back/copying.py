"""Filling the tables of a new SQLite file from one moment of a PostgreSQL database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.fetch import Fetcher, Moment
from exuvia.engines.sqlite.create_ddl import create_table
from exuvia.engines.sqlite.ledger import Ledger, Part
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.write import Writer
from exuvia.move.back.carriage import Carriage
from exuvia.move.back.plan import BackColumn, BackTable, Loss, select
from exuvia.move.events import Listener, Progress
from exuvia.move.prefetch import prefetch
from exuvia.move.results import TableResult

_AHEAD = 3
_PART_BLOCKS = 4096  # 32 MB


@dataclass(slots=True)
class Copied:
    """What copying a table gave: figures, how many values of a column could not go as they are, and how many of the
    rows were there already."""

    result: TableResult
    losses: tuple[Loss, ...]
    kept: int


@dataclass(slots=True)
class TableCopier:
    """Copies tables, one after the other: SQLite has one writer.

    A table goes in parts, ranges of its blocks in PostgreSQL, and a part that an interrupted run has written is not
    written again. Whether its rows are still those of the source is for the comparison to say.

    Args:
        writer: The file.
        moment: The source.
        fetcher: Reads it.
        listener: Hears of progress.
    """

    writer: Writer
    moment: Moment
    fetcher: Fetcher
    listener: Listener
    _odd: dict[str, int] = field(default_factory=dict)

    def copy(self, table: BackTable, *, anew: bool = False) -> Copied:
        """Make and fill a table.

        Args:
            table: The table.
            anew: Do not go on with what is there.

        Raises:
            SourceError: PostgreSQL cannot be read.
            TargetError: SQLite refuses a row, or the disk is full.
        """
        started = time.perf_counter()
        name = table.target.name
        kept = self._begun(table, anew)
        done = [*kept.values()]
        for number, where in enumerate(self._ranges(table)):
            if number not in kept:
                done.append(self._part(table, number, where, done))
        rows, size = (sum(each) for each in zip((0, 0), *((part.rows, part.bytes) for part in done), strict=True))
        self.listener(Progress("copy", table.source.name, rows, rows, size, finished=True))
        seconds = time.perf_counter() - started
        result = TableResult(table.source.name, "", name, rows, rows, 0, size, seconds)
        odd = sum((Counter(part.odd) for part in done), Counter[str]())
        return Copied(result, tuple(_losses(table, odd)), sum(part.rows for part in kept.values()))

    def drop_others(self, tables: Sequence[BackTable]) -> None:
        """Drop what an interrupted run has made and these tables are not."""
        ledger = Ledger(self.writer)
        for name in ledger.tables() - {table.target.name for table in tables}:
            with self.writer.transaction():
                self.writer.execute(f"DROP TABLE IF EXISTS main.{quote(name)}")
                ledger.forget(name)

    def _begun(self, table: BackTable, anew: bool) -> dict[int, Part]:
        """Return the parts that are there, of a table that is made if none are."""
        name, ledger = table.target.name, Ledger(self.writer)
        signature = _signature(table)
        found = None if anew else ledger.parts(name, signature)
        if found is not None:
            return found
        with self.writer.transaction():
            self.writer.execute(f"DROP TABLE IF EXISTS main.{quote(name)}")
            self.writer.execute(create_table(table.target))
            ledger.begin(name, signature)
        return {}

    def _ranges(self, table: BackTable) -> list[str]:
        """Return the conditions that divide a table into parts."""
        blocks = self.moment.blocks(qualify(table.source.schema, table.source.name))
        starts = range(0, max(blocks, 1), _PART_BLOCKS)
        ends = [f" AND ctid < '({start},0)'" for start in starts[1:]]
        if not ends:
            return [""]
        return [f" WHERE ctid >= '({start},0)'{end}" for start, end in zip(starts, [*ends, ""], strict=True)]

    def _part(self, table: BackTable, number: int, where: str, before: Sequence[Part]) -> Part:
        """Write a part of a table and record it."""
        self._odd = {}
        columns = [column for column in table.columns if column.target.generated is None]
        query = select(table, [(column, column.carriage.sent) for column in columns]) + where
        size, rows = sum(part.bytes for part in before), sum(part.rows for part in before)
        first_size, first_rows = size, rows

        def ready() -> Generator[pa.RecordBatch]:
            for batch in self.fetcher.batches(query, f"table {table.source.name!r}"):
                yield self._stored(columns, batch)

        def told() -> Generator[pa.RecordBatch]:
            nonlocal size, rows
            with prefetch(ready(), _AHEAD) as batches:
                for batch in batches:
                    size, rows = size + batch.nbytes, rows + batch.num_rows
                    yield batch
                    self.listener(Progress("copy", table.source.name, rows, None, size))

        with self.writer.transaction():
            if columns:
                names, values = [one.target.name for one in columns], [one.carriage.put for one in columns]
                self.writer.load(table.target.name, names, values, told())
            part = Part(number, rows - first_rows, size - first_size, dict(self._odd))
            Ledger(self.writer).add(table.target.name, part)
        return part

    def _stored(self, columns: list[BackColumn], batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch as it is stored, and count what is not stored as it is."""
        arrays = [self._column(column, array) for column, array in zip(columns, batch.columns, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names=[f"c{number}" for number in range(len(arrays))])

    def _column(self, column: BackColumn, array: pa.Array) -> pa.Array:
        way = column.carriage
        if way.odd:
            found = odd_values(way, array)
            if found:
                self._odd[column.source.name] = self._odd.get(column.source.name, 0) + found
        if way.floats:
            return float32_blobs(array)
        return array.cast(pa.int64()) if pa.types.is_integer(array.type) else array


def _signature(table: BackTable) -> str:
    """Return what a table's rows depend on, but for the source's rows and their places."""
    ways = [(column.source.name, column.carriage.sent, column.carriage.put) for column in table.columns]
    parts = (version("exuvia"), _PART_BLOCKS, create_table(table.target), ways)
    return str(xxhash.xxh3_128_hexdigest(repr(parts).encode("utf-8", "backslashreplace")))


def odd_values(way: Carriage, array: pa.Array) -> int:
    """Return how many of the sent values are those that ``way.odd`` describes."""
    if pa.types.is_floating(array.type):
        return int(pc.sum(pc.is_nan(array)).as_py() or 0)
    if not pa.types.is_string(array.type):
        return 0
    # Most batches have none of the letters at all, which is told ten times faster
    data = array.buffers()[2]
    letters = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    if not any(bool((letters == ord(mark[0])).any()) for mark in way.odd):
        return 0
    found = [pc.match_substring(array, mark) for mark in way.odd]
    return int(pc.sum(reduce(pc.or_, found)).as_py() or 0)


def float32_blobs(array: pa.Array) -> pa.Array:
    """Turn pgvector's binary form (two int16, then float4, all big-endian) into little-endian float32 numbers."""
    sent = array.to_pylist()
    stored = [None if one is None else np.frombuffer(one, ">f4", offset=4).astype("<f4").tobytes() for one in sent]
    return pa.array(stored, pa.binary())


def _losses(table: BackTable, odd: Mapping[str, int]) -> list[Loss]:
    found = []
    for column in table.columns:
        name, way = column.source.name, column.carriage
        if odd.get(name):
            found.append(
                Loss(table.source.name, name, column.source.type.text, way.declared, way.odd_reason, odd[name])
            )
    return found
