"""The way back, end to end: inspect, plan, copy, finish, compare, and give the file its name."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psycopg

from exuvia.engines.postgres.capabilities import detect
from exuvia.engines.postgres.connect import connect, resolve
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.fetch import Fetcher, Moment
from exuvia.engines.sqlite.inspect import inspect as inspect_sqlite
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.engines.sqlite.write import NewFile, attempt, require_absent, sqlite_version
from exuvia.errors import SourceError
from exuvia.location import EmbeddedLocation, PostgresLocation, SqliteLocation
from exuvia.move.back.asking import asking
from exuvia.move.back.comparing import Batch, UntrustedError, differences, source_batches, target_batches, total
from exuvia.move.back.copying import Copied, TableCopier
from exuvia.move.back.finishing import acceptable, checked, finish
from exuvia.move.back.plan import BackColumn, BackOptions, BackPlan, BackTable, build
from exuvia.move.back.results import BackReport
from exuvia.move.back.views import Views
from exuvia.move.clock import Clock
from exuvia.move.events import Listener, Progress, ignore
from exuvia.move.prefetch import prefetch
from exuvia.move.results import Difference, Proof, Server, TableProof
from exuvia.move.workers import run
from exuvia.values.digest import Digest

_AHEAD = 2
_SIDES = 2


def migrate_back(
    source: PostgresLocation | EmbeddedLocation,
    target: SqliteLocation,
    *,
    options: BackOptions | None = None,
    listener: Listener = ignore,
    data_dir: Path | None = None,
) -> BackReport:
    """Move a schema of a PostgreSQL database into a new SQLite file and prove it.

    The source is read at one moment. The file gets its name after every value was compared; until then, and after any
    error, there is no such file, or the old one is as it was.

    Args:
        source: The PostgreSQL database; it is only read.
        target: The file to be made.
        options: What to take and how.
        listener: Hears of progress.
        data_dir: Where the pip-installed server keeps its data; None for the default.

    Raises:
        SourceError: PostgreSQL's schema or a table cannot be read.
        TargetError: PostgreSQL cannot be reached, or the file exists or cannot be written.
    """
    options = options or BackOptions()
    if not options.dry_run:
        require_absent(target.path, replace=options.drop_existing)
    return _Back(source, target, options, listener, data_dir).run()


def verify_back(
    source: PostgresLocation | EmbeddedLocation,
    target: SqliteLocation,
    *,
    options: BackOptions | None = None,
    listener: Listener = ignore,
    data_dir: Path | None = None,
) -> BackReport:
    """Compare every value of a SQLite file with the PostgreSQL schema that it was made from, writing nothing.

    Args:
        source: The PostgreSQL database.
        target: The file.
        options: What was taken; the same as for the move.
        listener: Hears of progress.
        data_dir: Where the pip-installed server keeps its data; None for the default.

    Raises:
        SourceError: One of the sides cannot be read.
        TargetError: PostgreSQL cannot be reached.
    """
    return _Back(source, target, options or BackOptions(), listener, data_dir).verify()


@dataclass(slots=True)
class _Opened:
    """The source at one moment, and what becomes of it."""

    moment: Moment
    fetcher: Fetcher
    server: Server
    plan: BackPlan


class _Back:
    """One way back."""

    def __init__(
        self,
        source: PostgresLocation | EmbeddedLocation,
        target: SqliteLocation,
        options: BackOptions,
        listener: Listener,
        data_dir: Path | None,
    ) -> None:
        self._source, self._target, self._options = source, target, options
        self._listener, self._data_dir = listener, data_dir
        self._started, self._begun = datetime.now(UTC), time.perf_counter()
        self._clock = Clock(listener)

    def run(self) -> BackReport:
        with self._opened() as opened:
            if self._options.dry_run:
                return self._report(opened, "planned")
            file = NewFile(self._target.path, replace=self._options.drop_existing)
            try:
                report = self._filled(opened, file)
                if report.status == "moved":
                    file.publish()
                return replace(report, seconds=time.perf_counter() - self._begun)
            finally:
                file.discard()

    def verify(self) -> BackReport:
        with self._opened() as opened:
            proof, _ = self._compared(opened, self._target.path, opened.plan.tables, trusted=False)
            return self._report(opened, "moved" if proof.equal else "different", proof=proof)

    @contextmanager
    def _opened(self) -> Iterator[_Opened]:
        location = resolve(self._source, data_dir=self._data_dir)
        with self._clock.stage("inspect"):
            with connect(location, autocommit=True, writable=False) as connection:
                found = detect(connection)
            server = Server(str(self._source), found.version, found.database)
            moment = Moment(location)
        with closing(moment), closing(moment.fetcher()) as fetcher:
            try:
                with self._clock.stage("inspect"):
                    catalog = moment.catalog(self._options.schema)
                with self._clock.stage("plan"):
                    plan = build(catalog, self._options, asking(moment.connection))
            except psycopg.Error as error:
                raise explain_error(error, location=location, doing="reading the schema") from error
            with self._clock.stage("plan"):
                fitted = [acceptable(table) for table in plan.tables]
                objects = plan.objects + tuple(one for _, left_out in fitted for one in left_out)
                plan = replace(plan, tables=tuple(table for table, _ in fitted), objects=objects)
            yield _Opened(moment, fetcher, server, plan)

    def _filled(self, opened: _Opened, file: NewFile) -> BackReport:
        tables = list(opened.plan.tables)
        copied = self._copied(opened, file, tables)
        with self._clock.stage("finish"):
            left_out = finish(file.path, tables)
        proof = None
        if self._options.verify:
            proof, wrong = self._compared(opened, file.path, tables, trusted=True)
            rewritten = False
            while changed := _changed(tables, wrong):
                rewritten = True
                tables = [changed.get(table.source.name, table) for table in tables]
                again = list(changed.values())
                copied |= self._copied(opened, file, again)
                with self._clock.stage("finish"):
                    left_out += finish(file.path, again)
                renewed, wrong = self._compared(opened, file.path, again, trusted=True)
                proof = _merged(proof, renewed)
            if rewritten:
                attempt(file.path, "VACUUM")
        with self._clock.stage("finish"):
            views = Views(file.path, opened.fetcher).make(opened.plan.views)
            notes = checked(file.path, tables)
        status: Literal["moved", "different"] = "moved" if proof is None or proof.equal else "different"
        report = self._report(opened, status, proof=proof, copied=list(copied.values()))
        return replace(report, plan=tuple(tables), objects=report.objects + left_out + views, notes=notes)

    def _copied(self, opened: _Opened, file: NewFile, tables: Sequence[BackTable]) -> dict[str, Copied]:
        with self._clock.stage("copy"), closing(file.writer()) as writer:
            copier = TableCopier(writer, opened.fetcher, self._listener)
            return {table.source.name: copier.copy(table) for table in tables}

    def _compared(
        self, opened: _Opened, path: Path, tables: Sequence[BackTable], *, trusted: bool
    ) -> tuple[Proof, Mapping[str, frozenset[str]]]:
        """Compare tables; return the proof, and by table the columns whose values differ."""
        started = time.perf_counter()
        try:
            with self._clock.stage("verify"), Snapshot.open(path, readers=_SIDES) as snapshot:
                comparison = _Comparison(opened, snapshot, trusted, self._listener)
                proofs = tuple(comparison.table(table) for table in tables)
        except UntrustedError:
            return self._compared(opened, path, tables, trusted=False)
        values = sum(proof.values_compared for proof in proofs)
        proof = Proof(proofs, values, all(proof.equal for proof in proofs), time.perf_counter() - started)
        return proof, comparison.wrong

    def _report(
        self,
        opened: _Opened,
        status: Literal["planned", "moved", "different"],
        *,
        proof: Proof | None = None,
        copied: Sequence[Copied] = (),
    ) -> BackReport:
        counted = tuple(loss for one in copied for loss in one.losses)
        return BackReport(
            status=status,
            source=opened.server,
            schema=self._options.schema,
            target=Server(str(self._target), f"SQLite {sqlite_version()}", self._target.path.name),
            started=self._started,
            seconds=time.perf_counter() - self._begun,
            stages=self._clock.seconds,
            plan=opened.plan.tables,
            tables=tuple(one.result for one in copied),
            objects=opened.plan.objects,
            losses=opened.plan.losses + counted,
            notes=(),
            proof=proof,
        )


class _Comparison:
    """Compares tables of a file with their source."""

    def __init__(self, opened: _Opened, snapshot: Snapshot, trusted: bool, listener: Listener) -> None:
        self._opened, self._snapshot, self._listener = opened, snapshot, listener
        self._trusted = trusted
        catalog = inspect_sqlite(snapshot.connection, snapshot.label)
        self._found = {table.name: table for table in catalog.tables}
        self.wrong: dict[str, frozenset[str]] = {}

    def table(self, table: BackTable) -> TableProof:
        """Compare one table."""
        name = table.target.name
        if name not in self._found:
            raise SourceError(f"{self._snapshot.label} has no table {name!r}.", code="table")
        source, target = self._totals(table)
        found = () if source == target else self._differences(table)
        sums = zip(table.columns, source.columns, target.columns, strict=True)
        self.wrong[table.source.name] = frozenset(one.source.name for one, ours, theirs in sums if ours != theirs)
        columns = {
            column.source.name: f"{value:016x}" for column, value in zip(table.columns, source.columns, strict=True)
        }
        self._listener(Progress("verify", table.source.name, target.rows, source.rows, finished=True))
        return TableProof(
            table=table.source.name,
            schema="",
            name=name,
            rows_source=source.rows,
            rows_target=target.rows,
            rows_rejected=0,
            values_compared=min(source.rows, target.rows) * len(table.columns),
            equal=source == target,
            method="multiset",
            digest=source.hex(),
            target_digest=target.hex(),
            columns=columns,
            differences=found,
        )

    def _totals(self, table: BackTable) -> tuple[Digest, Digest]:
        width = len(table.columns)

        def side(number: int, read: Callable[[], Generator[Batch]]) -> Callable[[], tuple[int, Digest]]:
            def task() -> tuple[int, Digest]:
                with prefetch(read(), _AHEAD) as batches:
                    return number, total(batches, width)

            return task

        with self._snapshot.reader() as reader:
            found = self._found[table.target.name]
            tasks = [
                side(0, lambda: source_batches(self._opened.fetcher, table)),
                side(1, lambda: target_batches(reader, found, table, trusted=self._trusted)),
            ]
            sums = dict(run(tasks, jobs=_SIDES, stop=self._snapshot.interrupt))
        return sums[0], sums[1]

    def _differences(self, table: BackTable) -> tuple[Difference, ...]:
        found = self._found[table.target.name]
        with self._snapshot.reader() as reader:
            return differences(
                table,
                [source_batches(self._opened.fetcher, table) for _ in range(2)],
                [target_batches(reader, found, table, trusted=self._trusted) for _ in range(2)],
            )


def _changed(tables: Sequence[BackTable], wrong: Mapping[str, frozenset[str]]) -> dict[str, BackTable]:
    """Return the tables in which SQLite changed values under a declared type, with another type for the column."""
    changed = {}
    for table in tables:
        names = wrong.get(table.source.name, frozenset())
        columns = tuple(_other_way(column) if column.source.name in names else column for column in table.columns)
        if columns != table.columns:
            target = replace(table.target, columns=tuple(column.target for column in columns), strict=False)
            changed[table.source.name] = replace(table, columns=columns, target=target)
    return changed


def _other_way(column: BackColumn) -> BackColumn:
    way = column.carriage.fallback
    if column.target.generated is not None:
        return replace(column, target=replace(column.target, generated=None))
    if way is None:
        return column
    held = column.target.declared_type or "no type"
    target = replace(column.target, declared_type=way.declared, collation=way.collation)
    way = replace(way, reason=f"SQLite would have changed values under {held}, which it was declared as")
    return replace(column, target=target, carriage=way)


def _merged(proof: Proof, renewed: Proof) -> Proof:
    new = {one.table: one for one in renewed.tables}
    tables = tuple(new.get(one.table, one) for one in proof.tables)
    values = sum(one.values_compared for one in tables)
    return Proof(tables, values, all(one.equal for one in tables), proof.seconds + renewed.seconds)
