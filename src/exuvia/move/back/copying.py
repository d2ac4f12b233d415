"""Filling the tables of a new SQLite file from one moment of a PostgreSQL database."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.engines.postgres.fetch import Fetcher
from exuvia.engines.sqlite.create_ddl import create_table
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.write import Writer
from exuvia.move.back.carriage import Carriage
from exuvia.move.back.plan import BackColumn, BackTable, Loss, select
from exuvia.move.events import Listener, Progress
from exuvia.move.prefetch import prefetch
from exuvia.move.results import TableResult

_AHEAD = 3


@dataclass(slots=True)
class Copied:
    """What copying a table gave: figures, and how many values of a column could not go as they are."""

    result: TableResult
    losses: tuple[Loss, ...]


@dataclass(slots=True)
class TableCopier:
    """Copies tables, one after the other: SQLite has one writer.

    Args:
        writer: The file.
        fetcher: The source.
        listener: Hears of progress.
    """

    writer: Writer
    fetcher: Fetcher
    listener: Listener
    _odd: dict[str, int] = field(default_factory=dict)

    def copy(self, table: BackTable) -> Copied:
        """Make and fill a table.

        Raises:
            SourceError: PostgreSQL cannot be read.
            TargetError: SQLite refuses a row, or the disk is full.
        """
        started = time.perf_counter()
        self._odd = {}
        name = table.target.name
        self.writer.execute(f"DROP TABLE IF EXISTS {quote(name)}")
        self.writer.execute(create_table(table.target))
        columns = [column for column in table.columns if column.target.generated is None]
        query = select(table, [(column, column.carriage.sent) for column in columns])
        size = rows = 0

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

        if columns:
            self.writer.load(name, [one.target.name for one in columns], [one.carriage.put for one in columns], told())
        self.listener(Progress("copy", table.source.name, rows, rows, size, finished=True))
        seconds = time.perf_counter() - started
        result = TableResult(table.source.name, "", name, rows, rows, 0, size, seconds)
        return Copied(result, tuple(_losses(table, self._odd)))

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
