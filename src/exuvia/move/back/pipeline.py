"""The way back, end to end: inspect, plan, copy, finish, compare, and give the file its name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psycopg

from exuvia.engines.postgres.capabilities import detect
from exuvia.engines.postgres.connect import connect, resolve
from exuvia.engines.postgres.failures import explain_error
from exuvia.engines.postgres.fetch import Fetcher, Moment
from exuvia.engines.sqlite.ledger import Ledger, has_parts
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.engines.sqlite.write import NewFile, attempt, require_absent, sqlite_version
from exuvia.errors import ExuviaError, TargetError, VerifyError
from exuvia.location import EmbeddedLocation, PostgresLocation, SqliteLocation
from exuvia.move.back.asking import asking
from exuvia.move.back.comparing import UntrustedError
from exuvia.move.back.comparison import SIDES, Comparison
from exuvia.move.back.copying import Copied, TableCopier
from exuvia.move.back.finishing import acceptable, checked, finish
from exuvia.move.back.plan import BackColumn, BackOptions, BackPlan, BackTable, build
from exuvia.move.back.results import BackReport
from exuvia.move.back.views import Views
from exuvia.move.clock import Clock
from exuvia.move.events import Listener, ignore
from exuvia.move.plan import ObjectPlan
from exuvia.move.results import Proof, Server

_KEPT = "What was copied is kept: the same command goes on with it."


def migrate_back(
    source: PostgresLocation | EmbeddedLocation,
    target: SqliteLocation,
    *,
    options: BackOptions | None = None,
    listener: Listener = ignore,
    data_dir: Path | None = None,
) -> BackReport:
    """Move a schema of a PostgreSQL database into a new SQLite file and prove it.

    The source is read at one moment. The file gets its name after every value was compared; until then there is no such
    file, or the old one is as it was. What an interrupted run has copied into ``NAME.partial`` is not copied again,
    unless the comparison finds that the source has changed it since.

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


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was filled and compared.

    Args:
        report: What was done.
        path: The file, under the name of an unfinished one.
        fingerprint: Another one whenever rows were written anew.
    """

    report: BackReport
    path: Path
    fingerprint: str


@contextmanager
def made_back(
    source: PostgresLocation | EmbeddedLocation,
    target: SqliteLocation,
    *,
    options: BackOptions,
    listener: Listener,
    data_dir: Path | None,
) -> Iterator[Made]:
    """Make the file of ``migrate_back`` for as long as it is needed, without giving it its name.

    It goes away afterwards. Where something fails it stays, and the next time only what is missing is copied. The
    arguments and errors are those of ``migrate_back``.
    """
    with _Back(source, target, options, listener, data_dir).made() as made:
        yield made


@dataclass(slots=True)
class _Filling:
    """A file on its way: its tables as they are made now, and what came of copying and comparing them."""

    tables: list[BackTable]
    copied: dict[str, Copied] = field(default_factory=dict)
    left_out: list[ObjectPlan] = field(default_factory=list)
    proof: Proof | None = None
    wrong: dict[str, frozenset[str]] = field(default_factory=dict)


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
            with self._made(opened) as (report, file):
                if report.status == "moved":
                    file.publish()
            return replace(report, seconds=time.perf_counter() - self._begun)

    @contextmanager
    def made(self) -> Iterator[Made]:
        """Give the file, without its final name."""
        with ExitStack() as stack, self._made(stack.enter_context(self._opened())) as (report, file):
            stack.close()
            with closing(file.writer()) as writer:
                fingerprint = Ledger(writer).fingerprint()
            yield Made(report, file.path, fingerprint)

    @contextmanager
    def _made(self, opened: _Opened) -> Iterator[tuple[BackReport, NewFile]]:
        """Give the filled file, which goes away at the end; if something fails, what was copied stays."""
        file = NewFile(self._target.path, replace=self._options.drop_existing, restart=self._options.restart)
        try:
            yield self._filled(opened, file), file
        except BaseException as error:
            if isinstance(error, VerifyError) or not has_parts(file.ledger):
                file.discard()
                raise
            file.keep()
            if isinstance(error, ExuviaError):
                error.hint = f"{error.hint} {_KEPT}".lstrip()
            raise
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
        filling = _Filling(list(opened.plan.tables))
        self._copy(opened, file, filling, filling.tables)
        kept = [table for table in filling.tables if filling.copied[table.source.name].kept]
        # Rows that an interrupted run has written are of another moment
        if to_compare := filling.tables if self._options.verify else kept:
            filling.proof, filling.wrong = self._compared(opened, file.path, to_compare, trusted=True)
            self._mend(opened, file, filling, _stale(kept, filling.proof))
        with self._clock.stage("finish"):
            views = Views(file.path, opened.fetcher).make(opened.plan.views)
            notes = (*_resumed(kept, filling.copied), *self._checked(file, filling.tables))
        status: Literal["moved", "different"] = "moved" if filling.proof is None or filling.proof.equal else "different"
        proof = filling.proof if self._options.verify else None
        report = self._report(opened, status, proof=proof, copied=list(filling.copied.values()))
        objects = report.objects + tuple(filling.left_out) + views
        return replace(report, plan=tuple(filling.tables), objects=objects, notes=notes)

    def _mend(self, opened: _Opened, file: NewFile, filling: _Filling, stale: Sequence[BackTable]) -> None:
        """Copy tables again: those that the source has changed since, and those in which SQLite changed values."""
        changed = _changed(filling.tables, filling.wrong) if not stale else {}
        rewritten = bool(stale or changed)
        while stale or changed:
            filling.tables = [changed.get(table.source.name, table) for table in filling.tables]
            again = list(stale or changed.values())
            self._copy(opened, file, filling, again, anew=True)
            renewed, wrong = self._compared(opened, file.path, again, trusted=True)
            filling.proof = _merged(filling.proof, renewed) if filling.proof else renewed
            filling.wrong |= wrong
            stale, changed = [], _changed(filling.tables, filling.wrong)
        if rewritten:
            attempt(file.path, "VACUUM")

    def _checked(self, file: NewFile, tables: Sequence[BackTable]) -> tuple[str, ...]:
        try:
            return checked(file.path, tables)
        except TargetError:
            file.discard()
            raise

    def _copy(
        self, opened: _Opened, file: NewFile, filling: _Filling, tables: Sequence[BackTable], *, anew: bool = False
    ) -> None:
        with self._clock.stage("copy"), closing(file.writer()) as writer:
            copier = TableCopier(writer, opened.moment, opened.fetcher, self._listener)
            copier.drop_others(filling.tables)
            filling.copied |= {table.source.name: copier.copy(table, anew=anew) for table in tables}
        with self._clock.stage("finish"):
            filling.left_out += finish(file.path, tables)

    def _compared(
        self, opened: _Opened, path: Path, tables: Sequence[BackTable], *, trusted: bool
    ) -> tuple[Proof, dict[str, frozenset[str]]]:
        """Compare tables; return the proof, and by table the columns whose values differ."""
        started = time.perf_counter()
        try:
            with self._clock.stage("verify"), Snapshot.open(path, readers=SIDES) as snapshot:
                comparison = Comparison(opened.fetcher, snapshot, trusted, self._listener)
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


def _resumed(kept: Sequence[BackTable], copied: Mapping[str, Copied]) -> Iterator[str]:
    rows = sum(copied[table.source.name].kept for table in kept)
    if rows:
        yield f"{rows:,} rows in {len(kept):,} tables were there already, from a run that was interrupted"


def _stale(kept: Sequence[BackTable], proof: Proof) -> list[BackTable]:
    """Return the tables of an interrupted run that are not the source's any more; values that have only changed places
    leave the columns' digests as they were."""
    different = {table.table for table in proof.tables if not table.equal}
    return [table for table in kept if table.source.name in different]


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
