"""Export: a SQLite database as a portable copy.

The copy is made in ``DIRECTORY.partial``, a file per chunk of a table, and gets its name when it is whole. An export
that was interrupted goes on with the files that are missing, as long as the source is the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from exuvia.catalog.model import Catalog, Table
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.profile import profile
from exuvia.engines.sqlite.read import ColumnRead, Reader
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.engines.sqlite.stored import INTERNAL, Definition, Stored, has_gapless_rowids, stored
from exuvia.errors import ConfigError, SourceError
from exuvia.location import JsonlLocation, Location, ParquetLocation, parse
from exuvia.move.back.plan import BackOptions
from exuvia.move.clock import Clock
from exuvia.move.events import Listener, Progress, ignore, one_at_a_time
from exuvia.move.portable import jsonl, parquet
from exuvia.move.portable.directory import make_partial, publish, refuse_existing, remove_strangers
from exuvia.move.portable.files import Names, written
from exuvia.move.portable.journal import Journal, Part, fingerprint, request
from exuvia.move.portable.manifest import (
    NAME,
    SUFFIXES,
    File,
    Form,
    LeftOut,
    Manifest,
    PortableColumn,
    PortableTable,
)
from exuvia.move.portable.origin import Origin, origin
from exuvia.move.portable.results import CopiedTable, ExportReport
from exuvia.move.workers import run
from exuvia.values.cell_digest import digest_cells
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.digest import empty
from exuvia.values.facts import ColumnFacts, TextForm
from exuvia.values.profile import Chunk, Profile, TableProfile


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export.

    Args:
        jobs: Files written at once.
        include: Only tables that match one of these patterns (``*``, ``?``, ``[abc]``); empty for all.
        exclude: No tables that match one of these.
        drop_existing: Replace a copy that is there, once the new one is whole.
        schema: Which schema of a PostgreSQL database.
        data_dir: Where the pip-installed server keeps its data; None for the default.
    """

    jobs: int = 2
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    drop_existing: bool = False
    schema: str = "public"
    data_dir: Path | None = None


def export_data(
    source: str | Path | Location,
    target: str | Location,
    *,
    options: ExportOptions | None = None,
    listener: Listener = ignore,
) -> ExportReport:
    """Write a portable copy of a database: every value of every table, and the whole schema.

    A PostgreSQL schema takes the way back into a SQLite file beside the directory, which is exported then and removed.

    Args:
        source: The SQLite file, or the PostgreSQL database; it is only read.
        target: ``jsonl:directory`` or ``parquet:directory``. The directory appears when the copy is whole.
        options: How to export.
        listener: Hears of progress, from several threads but one event at a time.

    Raises:
        SourceError: The source, or a table that is not excluded, cannot be read.
        TargetError: The directory exists, or cannot be written; or PostgreSQL cannot be reached.
        VerifyError: SQLite does not give back the values of the PostgreSQL schema.
    """
    options = options or ExportOptions()
    started, begun = datetime.now(UTC), time.perf_counter()
    form, directory = portable_location(target)
    refuse_existing(directory, drop_existing=options.drop_existing)
    clock = Clock(one_at_a_time(listener))
    back = BackOptions(schema=options.schema, include=options.include, exclude=options.exclude)
    place = directory.absolute().with_name(f"{directory.name}.source")
    with origin(source, place, back, clock.listener, options.data_dir) as found:
        manifest, kept = _exported(found, form, directory, options, clock)
    return ExportReport(
        source=found.label,
        target=f"{form}:{directory}",
        started=started,
        seconds=time.perf_counter() - begun,
        stages=clock.seconds,
        tables=copied_tables(manifest),
        left_out=manifest.left_out,
        notes=manifest.notes,
        files_kept=kept,
    )


def _exported(
    source: Origin, form: Form, directory: Path, options: ExportOptions, clock: Clock
) -> tuple[Manifest, int]:
    """Write the copy of a SQLite file, and return its manifest and how many files were there already."""
    before = source.fingerprint or _fingerprint(source.path)
    with Snapshot.open(source.path, readers=options.jobs) as snapshot:
        same = before == (source.fingerprint or _fingerprint(source.path))
        partial = make_partial(directory)
        export = _Export(snapshot, source, form, partial, options, clock)
        journal = Journal(partial, f"{before if same else uuid4().hex} {form}")
        try:
            manifest = export.run(journal)
        except BaseException:
            snapshot.interrupt()
            raise
        finally:
            journal.close()
    with written(partial / NAME) as file:
        file.write(manifest.dump())
    journal.remove()
    remove_strangers(partial, manifest)
    publish(partial, directory, drop_existing=options.drop_existing)
    return manifest, export.kept


def portable_location(target: str | Location) -> tuple[Form, Path]:
    """Return the form and the directory of a portable copy.

    Raises:
        ConfigError: ``target`` names something else.
    """
    location = parse(target) if isinstance(target, str) else target
    if isinstance(location, JsonlLocation):
        return "jsonl", location.path
    if isinstance(location, ParquetLocation):
        return "parquet", location.path
    raise ConfigError(
        f"{location} is not a portable copy.", hint="Write jsonl:directory or parquet:directory.", code="location"
    )


def copied_tables(manifest: Manifest) -> tuple[CopiedTable, ...]:
    """Return the tables of a copy, as reports show them."""
    return tuple(
        CopiedTable(table.name, table.rows, len(table.files), sum(file.bytes for file in table.files), table.digest)
        for table in manifest.tables
    )


@dataclass(frozen=True, slots=True)
class _Task:
    """A file to write: a chunk of a table."""

    table: Table
    columns: tuple[PortableColumn, ...]
    chunk: Chunk
    name: str

    def request(self) -> str:
        return request(self.table.name, [asdict(column) for column in self.columns], self.chunk)


@dataclass(slots=True)
class _Export:
    """The steps of one export, inside one snapshot."""

    snapshot: Snapshot
    source: Origin
    form: Form
    directory: Path
    options: ExportOptions
    clock: Clock
    kept: int = 0
    _rows: dict[str, list[int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, journal: Journal) -> Manifest:
        label = self.source.label
        with self.clock.stage("inspect"):
            catalog = inspect(self.snapshot.connection, label)
            found = stored(self.snapshot.connection, label)
        tables, left_out = self._chosen(found, catalog)
        with self.clock.stage("profile"):
            profiled = profile(
                self.snapshot, Catalog(label, tables=tables), jobs=self.options.jobs, on_progress=self._tell_profile
            )
        _refuse_unreadable(profiled, label)
        with self.clock.stage("copy"):
            written_tables = self._write(tables, profiled, journal)
        dropped = {item.name for item in left_out}
        return Manifest(
            form=self.form,
            exuvia=version("exuvia"),
            source=label,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            settings=found.settings,
            definitions=tuple(item for item in found.definitions if not _belongs_to(item, dropped)),
            tables=written_tables,
            left_out=(*self.source.left_out, *left_out),
            notes=self.source.notes,
            catalog=asdict(catalog),
        )

    def _chosen(self, found: Stored, catalog: Catalog) -> tuple[tuple[Table, ...], tuple[LeftOut, ...]]:
        """Return the tables to export, and what is left out; shadow tables follow their virtual table."""
        owner = {shadow: table.name for table in catalog.virtual_tables for shadow in table.shadows}
        names = [table.name for table in found.tables if table.name not in INTERNAL]
        names += [table.name for table in catalog.virtual_tables]
        dropped = {name for name in names if not self._is_wanted(owner.get(name, name))}
        out = [LeftOut("table", name, "excluded") for name in names if name in dropped]
        for kind, name, reason in found.unreadable:
            if kind == "table" and self._is_wanted(owner.get(name, name)):
                raise SourceError(
                    f"Table {name!r} of {catalog.label} cannot be exported: {reason}.",
                    hint="Leave it out by --exclude.",
                    code="unreadable",
                )
            out.append(LeftOut(kind, name, reason))
        return tuple(table for table in found.tables if table.name not in dropped), tuple(out)

    def _is_wanted(self, name: str) -> bool:
        included = not self.options.include or any(fnmatchcase(name, each) for each in self.options.include)
        return included and not any(fnmatchcase(name, each) for each in self.options.exclude)

    def _write(self, tables: Sequence[Table], profiled: Profile, journal: Journal) -> tuple[PortableTable, ...]:
        names = Names()
        tasks: dict[str, list[_Task]] = {}
        for table in tables:
            found = profiled.tables[table.name]
            columns = self._columns(table, found)
            stem = names.stem(table.name)
            tasks[table.name] = [
                _Task(table, columns, chunk, f"{stem}.{number:04d}{SUFFIXES[self.form]}")
                for number, chunk in enumerate(found.chunks, 1)
            ]
            self._rows[table.name] = [0, found.rows, 0]
        every = [task for each in tasks.values() for task in each]
        parts: dict[str, Part] = {}
        results = run(
            ((lambda task=task: self._part(task, journal)) for task in every),  # type: ignore[misc]
            jobs=self.options.jobs,
            stop=self.snapshot.interrupt,
        )
        for part in results:
            parts[part.file.name] = part
        return tuple(_portable(table, tasks[table.name], parts) for table in tables)

    def _columns(self, table: Table, found: TableProfile) -> tuple[PortableColumn, ...]:
        columns = [_column(table, name, facts) for name, facts in found.columns.items()]
        key = table.rowid_name
        if table.rowid_column is None and key is not None:
            with self.snapshot.reader() as reader:
                gapless = has_gapless_rowids(reader.sql, table)
            if not gapless:
                columns.insert(0, PortableColumn(key, (StorageClass.INTEGER,), rowid=True))
        return tuple(columns)

    def _part(self, task: _Task, journal: Journal) -> Part:
        wanted = task.request()
        part = journal.finished(wanted, task.name)
        if part is not None:
            with self._lock:
                self.kept += 1
            self._tell(task.table.name, part.file.rows, part.file.bytes)
            return part
        with self.snapshot.reader() as reader:
            part = self._write_part(reader, task, wanted)
        journal.add(part)
        return part

    def _write_part(self, reader: Reader, task: _Task, wanted: str) -> Part:
        total = empty(len(task.columns))
        reads = [ColumnRead(column.name, frozenset(column.holds)) for column in task.columns]

        def batches() -> Iterator[list[Cells]]:
            nonlocal total
            for batch in reader.batches(task.table, task.chunk, reads):
                cells = [batch[column.name] for column in task.columns]
                total += digest_cells(cells, cells[0].length)
                yield cells
                self._tell(task.table.name, cells[0].length, sum(_bytes(each) for each in cells))

        with written(self.directory / task.name) as file:
            if self.form == "jsonl":
                rows = jsonl.write(file, task.columns, batches())
            else:
                rows = parquet.write(file, task.table.name, task.columns, batches())
        return Part(wanted, File(task.name, rows, file.size, file.hex()), total)

    def _tell(self, table: str, rows: int, size: int) -> None:
        with self._lock:
            counts = self._rows[table]
            counts[0] += rows
            counts[2] += size
        self.clock.listener(Progress("copy", table, counts[0], counts[1], counts[2], finished=counts[0] == counts[1]))

    def _tell_profile(self, table: str, rows: int, total: int | None, size: int) -> None:
        self.clock.listener(Progress("profile", table, rows, total, size, finished=rows == total))


def _bytes(cells: Cells) -> int:
    return sum(array.nbytes for array in cells.parts().values())


def _column(table: Table, name: str, facts: ColumnFacts) -> PortableColumn:
    parts = {
        StorageClass.INTEGER: facts.integers,
        StorageClass.REAL: facts.reals,
        StorageClass.TEXT: facts.texts,
        StorageClass.BLOB: facts.blobs,
    }
    return PortableColumn(
        name,
        tuple(kind for kind, part in parts.items() if part is not None),
        raw_text=facts.texts is not None and TextForm.MALFORMED in facts.texts.forms,
        generated=table.column(name).generated is not None,
    )


def _portable(table: Table, tasks: Sequence[_Task], parts: dict[str, Part]) -> PortableTable:
    found = [parts[task.name] for task in tasks]
    total = empty(len(tasks[0].columns))
    for part in found:
        total += part.digest
    return PortableTable(table.name, total.rows, total.hex(), tasks[0].columns, tuple(part.file for part in found))


def _belongs_to(item: Definition, tables: set[str]) -> bool:
    return item.name in tables or item.table in tables


def _refuse_unreadable(profiled: Profile, label: str) -> None:
    for name, reason in profiled.unreadable.items():
        raise SourceError(
            f"Table {name!r} of {label} cannot be exported: {reason}",
            hint="Mend it, or leave it out by --exclude.",
            code="unreadable",
        )


def _fingerprint(path: Path) -> str:
    try:
        return fingerprint(path)
    except OSError:  # what is wrong with it is found, and said better, when it is opened
        return uuid4().hex
