"""A follower of the change log in miniature: a copy in memory, brought up to date by the log alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw

from exuvia.catalog.model import Catalog, Table
from exuvia.engines.sqlite.capture import log
from exuvia.engines.sqlite.capture.install import install
from exuvia.engines.sqlite.capture.plan import CapturedTable, CapturePlan, plan_capture
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.read import ColumnRead, Reader
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.values.cells import Cells, StorageClass

Value = tuple[str, object]
Row = tuple[Value, ...]
Rows = Counter[Row]


def directory() -> TemporaryDirectory[str]:
    """Make a directory in memory, where SQLite's fsync() costs nothing; on the disk where there is no such place."""
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)


def catalog_of(path: Path) -> Catalog:
    """Describe a file."""
    with Snapshot.open(path, readers=1) as snapshot:
        return inspect(snapshot.connection, str(path))


def put_under_capture(path: Path) -> CapturePlan:
    """Install capture as a move would."""
    plan = plan_capture(catalog_of(path))
    install(path, plan, "m1")
    return plan


_MEMORY = Path("/dev/shm")
_CLASSES = {int: "integer", float: "real", str: "text", bytes: "blob", type(None): "null"}


class Follower:
    """A copy of every captured table: rows as (storage class, value), the logged key first."""

    def __init__(self, path: Path, plan: CapturePlan) -> None:
        self._path, self._plan = path, plan
        self._tables = {table.name: table for table in catalog_of(path).tables}
        with Snapshot.open(path, readers=1) as snapshot, snapshot.reader() as reader:
            self.position = log.position(snapshot.connection)
            self.copy = {table.name: Counter(self._rows(reader, table, None)) for table in plan.tables}
        self.removed: dict[str, set[Row]] = {}

    def follow(self) -> None:
        """Bring the copy up to date, by the log alone."""
        self.removed = {}
        with Snapshot.open(self._path, readers=1) as snapshot, snapshot.reader() as reader:
            found = log.changes(snapshot.connection, self.position, "test")
            for table in self._plan.tables:
                keys = set(self._keys(reader, table, found))
                self.removed[table.name] = keys
                kept = [row for row in self.copy[table.name].elements() if row[: len(table.key)] not in keys]
                self.copy[table.name] = Counter(kept) + Counter(self._rows(reader, table, found))
            self.position = found.up_to

    def _keys(self, reader: Reader, table: CapturedTable, found: log.Changes) -> Iterator[Row]:
        keys, reads = log.changed_keys(table, found)
        for batch in reader.batches(keys, log.whole(found, table), reads):
            yield from _as_rows(batch, reads)

    def _rows(self, reader: Reader, table: CapturedTable, found: log.Changes | None) -> Iterator[Row]:
        described = self._tables[table.name]
        reads = reads_of(described, table)
        condition = log.rows_at_keys(table, found) if found else ""
        chunk = log.whole(found or log.Changes(0, 0, {}), table)
        for batch in reader.batches(described, chunk, reads, condition=condition):
            yield from _as_rows(batch, reads)


def reads_of(described: Table, table: CapturedTable) -> list[ColumnRead]:
    """The key, then the other columns."""
    key = [column.name for column in table.key]
    names = key + [column.name for column in described.columns if column.name not in key]
    return [ColumnRead(name, frozenset(StorageClass)) for name in names]


def actual(connection: apsw.Connection, described: Mapping[str, Table], plan: CapturePlan) -> dict[str, Rows]:
    """What the tables hold now, read by plain SELECT."""
    found = {}
    for table in plan.tables:
        names = ", ".join(quote(read.name) for read in reads_of(described[table.name], table))
        rows = connection.execute(f"SELECT {names} FROM {quote(table.name)} NOT INDEXED").fetchall()
        found[table.name] = Counter(tuple((_CLASSES[type(value)], value) for value in row) for row in rows)
    return found


def _as_rows(batch: Mapping[str, Cells], reads: list[ColumnRead]) -> Iterator[Row]:
    columns = [_as_values(batch[read.name]) for read in reads]
    return iter(zip(*columns, strict=True))


def _as_values(cells: Cells) -> list[Value]:
    values: list[Value] = [("null", None)] * cells.length
    for kind, array in cells.parts().items():
        for number, value in enumerate(array.to_pylist()):
            if value is not None:
                values[number] = (kind.value, value.decode() if kind is StorageClass.TEXT else value)
    return values
