"""A SQLite file made of a portable copy, and proved to hold every value of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from exuvia.catalog.model import Affinity, Table
from exuvia.engines.sqlite.chunks import cut
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.load import Loader, RefusedError, insert_row_by_row
from exuvia.engines.sqlite.order import order_of
from exuvia.engines.sqlite.read import ColumnRead, WrongClassError
from exuvia.engines.sqlite.recreate import Recreation
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.engines.sqlite.stored import INTERNAL, stored
from exuvia.errors import SourceError, VerifyError
from exuvia.move.clock import Clock
from exuvia.move.events import Progress
from exuvia.move.portable import jsonl, parquet
from exuvia.move.portable.files import check_all_there, check_digest
from exuvia.move.portable.manifest import File, Manifest, PortableColumn, PortableTable
from exuvia.move.prefetch import prefetch
from exuvia.move.workers import run
from exuvia.values.cell_digest import digest_cells
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.digest import Digest, empty
from exuvia.values.profile import Chunk

Insert = Callable[[Sequence[str], Iterable[Sequence[Cells]]], None]

_BATCHES_AHEAD = 3
_NUMBERS = frozenset({StorageClass.INTEGER, StorageClass.REAL})
_NUMERIC = (Affinity.INTEGER, Affinity.NUMERIC, Affinity.REAL)
_NOT_COMPARED = ("label", "size_bytes", "journal_mode", "notes", "vector_indexes")


@dataclass(slots=True)
class Rebuild:
    """The steps from a copy to a file; none of them touches anything but ``path``.

    Args:
        directory: The copy.
        manifest: What it consists of.
        path: The file to make, in a directory of its own.
        jobs: Files checked, and ranges compared, at once.
        clock: Times the stages and tells of them.
        stand_ins: The file is only read afterwards, so that collations of the application's do not matter.
    """

    directory: Path
    manifest: Manifest
    path: Path
    jobs: int
    clock: Clock
    stand_ins: bool = False
    _rows: dict[str, int] = field(default_factory=dict)
    _tables: dict[str, Table] = field(default_factory=dict)

    def run(self) -> None:
        """Check the files, make the database and compare every value with the manifest.

        Raises:
            SourceError: A file is missing, truncated, changed, or not in the manifest.
            TargetError: SQLite refuses an object or a row.
            VerifyError: The database does not hold what was exported.
        """
        with self.clock.stage("check"):
            self._check()
        recreation = Recreation(self.path, self.manifest.settings, self.manifest.definitions, stand_ins=self.stand_ins)
        with self.clock.stage("create"):
            recreation.create([table.name for table in self.manifest.tables if table.name in INTERNAL])
        with self.clock.stage("copy"):
            self._load(recreation)
        with self.clock.stage("verify"):
            self._verify(recreation)
        with self.clock.stage("finish"):
            recreation.finish()
            if not self.manifest.left_out:
                self._compare_schema(recreation)
            recreation.set_journal_mode()

    def _check(self) -> None:
        check_all_there(self.directory, self.manifest)
        files = [(table, file) for table in self.manifest.tables for file in table.files]
        done = dict.fromkeys((table.name for table in self.manifest.tables), 0)

        def check(table: PortableTable, file: File) -> tuple[PortableTable, File]:
            check_digest(self.directory, file)
            return table, file

        tasks = (partial(check, table, file) for table, file in files)
        for table, file in run(tasks, jobs=self.jobs, stop=lambda: None):
            done[table.name] += file.rows
            self._tell("check", table, done[table.name])
        for table in self.manifest.tables:
            listed = sum(file.rows for file in table.files)
            if listed != table.rows:
                raise SourceError(
                    f"The files of table {table.name!r} have {listed:,} rows, the table has {table.rows:,}.",
                    hint="The manifest does not fit its files: export again.",
                    code="manifest",
                )

    def _load(self, recreation: Recreation) -> None:
        with closing(recreation.connect()) as connection:
            self._tables.update((table.name, table) for table in stored(connection, str(self.path)).tables)
            orders = {name: order_of(connection, table) for name, table in self._tables.items()}
        # Rows of AUTOINCREMENT tables write their sequence, which is SQLite's own table
        for table in sorted(self.manifest.tables, key=lambda table: table.name in INTERNAL):
            if table.name not in self._tables:
                raise SourceError(
                    f"The manifest has files for {table.name!r} but no definition of such a table.",
                    hint="Export again.",
                    code="manifest",
                )
            if table.name in INTERNAL:
                with closing(recreation.connect()) as connection:
                    connection.execute(f"DELETE FROM {table.name}")
            try:
                self._fill(recreation, table, row_by_row=orders[table.name].needs_collation)
            except RefusedError:
                if self._tables[table.name].without_rowid:
                    raise
                self._fill_exactly(recreation, table)

    def _fill(self, recreation: Recreation, table: PortableTable, *, row_by_row: bool) -> None:
        columns = [number for number, column in enumerate(table.columns) if not column.generated]
        encoding = self.manifest.settings.encoding
        if row_by_row:
            with closing(recreation.connect()) as connection:
                insert = partial(insert_row_by_row, connection, table.name)
                self._insert(table, columns, partial(insert, encoding=encoding))
        else:
            with closing(Loader(self.path, encoding)) as loader:
                self._insert(table, columns, partial(loader.insert, table.name))

    def _fill_exactly(self, recreation: Recreation, table: PortableTable) -> None:
        loose = recreation.loosen(self._tables[table.name])
        columns = [n for n, column in enumerate(table.columns) if column.rowid or column.name in loose.columns]
        with closing(Loader(self.path, self.manifest.settings.encoding)) as loader:
            self._insert(table, columns, partial(loader.insert, loose.name))
        recreation.tighten(loose)

    def _insert(self, table: PortableTable, columns: Sequence[int], insert: Insert) -> None:
        names = [table.columns[number].name for number in columns]
        self._rows[table.name] = 0
        for file in table.files:
            with prefetch(_decoded(self.directory, self.manifest, table, file), _BATCHES_AHEAD) as batches:
                insert(names, self._heard(table, (_picked(cells, columns) for cells in _counted(batches, file))))

    def _heard(self, table: PortableTable, batches: Iterable[list[Cells]]) -> Iterator[list[Cells]]:
        for cells in batches:
            self._rows[table.name] = self._rows.get(table.name, 0) + (cells[0].length if cells else 0)
            yield cells
            self._tell("copy", table, self._rows[table.name])

    def _verify(self, recreation: Recreation) -> None:
        """Compare all tables; those that SQLite has converted values of are loaded once more, as they were."""
        converted = self._different(self.manifest.tables)
        for table, found in converted:
            if self._tables[table.name].without_rowid or table.name in INTERNAL:
                raise _not_equal(table, found)
            self._fill_exactly(recreation, table)
        for table, found in self._different([table for table, _ in converted]):
            raise _not_equal(table, found)

    def _different(self, tables: Sequence[PortableTable]) -> list[tuple[PortableTable, Digest]]:
        """Return the tables that do not hold what was exported, with the digests of what they hold."""
        sums = {table.name: empty(len(table.columns)) for table in tables}
        with Snapshot.open(self.path, readers=self.jobs) as snapshot:
            tasks = [
                partial(_digested, snapshot, table, self._tables[table.name], chunk)
                for table in tables
                for chunk in self._chunks(snapshot, table)
            ]
            for table, found in run(tasks, jobs=self.jobs, stop=snapshot.interrupt):
                sums[table.name] += found
                self._tell("verify", table, sums[table.name].rows)
        return [
            (table, sums[table.name])
            for table in tables
            if (sums[table.name].rows, sums[table.name].hex()) != (table.rows, table.digest)
        ]

    def _chunks(self, snapshot: Snapshot, table: PortableTable) -> Sequence[Chunk]:
        with snapshot.reader() as reader:
            return cut(reader.sql, self._tables[table.name], size_bytes=snapshot.size_bytes)

    def _compare_schema(self, recreation: Recreation) -> None:
        with closing(recreation.connect()) as connection:
            now = _comparable(asdict(inspect(connection, "")))
        then = _comparable(self.manifest.catalog)
        parts = [part for part in then if part in now and now[part] != then[part]]
        if parts:
            raise VerifyError(
                f"The schema of the copy is not that of its source: {', '.join(parts)} differ.",
                hint="Copy the SQLite file itself.",
                code="schema",
            )

    def _tell(self, stage: Any, table: PortableTable, rows: int) -> None:
        self.clock.listener(Progress(stage, table.name, rows, table.rows, finished=rows == table.rows))


def _digested(snapshot: Snapshot, table: PortableTable, described: Table, chunk: Chunk) -> tuple[PortableTable, Digest]:
    """Return the digest of a range of a table; that of no rows where a value is of a class that never went."""
    total = empty(len(table.columns))
    try:
        with snapshot.reader() as reader:
            for batch in reader.batches(described, chunk, _reads(table.columns, described)):
                cells = [batch[column.name] for column in table.columns]
                total += digest_cells(cells, cells[0].length)
    except WrongClassError:
        return table, empty(len(table.columns))
    return table, total


def _decoded(directory: Path, manifest: Manifest, table: PortableTable, file: File) -> Generator[list[Cells]]:
    path = directory / file.name
    if manifest.form == "jsonl":
        yield from jsonl.read(path, table.columns)
    else:
        yield from parquet.read(path, table.name, table.columns)


def _counted(batches: Iterable[list[Cells]], file: File) -> Iterator[list[Cells]]:
    """Pass batches on, and raise SourceError at the end unless they had as many rows as the manifest says."""
    rows = 0
    for cells in batches:
        rows += cells[0].length
        yield cells
    if rows != file.rows:
        raise SourceError(
            f"{file.name} has {rows:,} rows; the manifest says {file.rows:,}.",
            hint="The manifest does not fit its files: export again.",
            code="manifest",
        )


def _picked(cells: Sequence[Cells], chosen: Sequence[int]) -> list[Cells]:
    return [cells[number] for number in chosen]


def _reads(columns: Sequence[PortableColumn], table: Table) -> list[ColumnRead]:
    """Return how to read what was loaded so that no value passes for one of another class.

    A number's column may have made numbers of texts, and integers of reals; the driver would not notice.
    """
    affinities = {column.name: column.affinity for column in table.columns}
    reads = []
    for column in columns:
        classes, affinity = frozenset(column.holds), affinities.get(column.name)
        doubtful = StorageClass.TEXT in classes or (StorageClass.REAL in classes and affinity is not Affinity.REAL)
        reads.append(ColumnRead(column.name, classes | _NUMBERS if doubtful and affinity in _NUMERIC else classes))
    return reads


def _comparable(catalog: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = orjson.loads(orjson.dumps(catalog))
    return {name: part for name, part in plain.items() if name not in _NOT_COMPARED}


def _not_equal(table: PortableTable, found: Digest) -> VerifyError:
    return VerifyError(
        f"Table {table.name!r} does not hold the values that were exported: {table.rows:,} rows with the digest"
        f" {table.digest} went, {found.rows:,} rows with {found.hex()} came.",
        hint="The original file holds values that SQLite converts today, by their column's type. Copy that file.",
        code="different",
    )
