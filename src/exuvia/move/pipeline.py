"""The move, end to end: inspect, profile, plan, then dry run, migrate or verify.

Each function opens the source as one read-only snapshot and hands plain values from stage to stage.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psycopg

from exuvia.catalog.model import Catalog
from exuvia.engines.postgres.capabilities import detect
from exuvia.engines.postgres.connect import connect, require_create, resolve
from exuvia.engines.postgres.extensions import TRIGRAMS, VECTOR
from exuvia.engines.postgres.read import connection_url
from exuvia.engines.postgres.staging import staging_name
from exuvia.engines.sqlite.inspect import inspect as inspect_sqlite
from exuvia.engines.sqlite.profile import profile as profile_sqlite
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import ConfigError, PlanError
from exuvia.location import Location, PostgresLocation, SqliteLocation, parse
from exuvia.move.checks import as_found, tried, verify_existing
from exuvia.move.copying import CopyOptions
from exuvia.move.events import Listener, Progress, ignore, one_at_a_time
from exuvia.move.execution import Clock, Execution, conflicts, taken
from exuvia.move.existing.checks import refuse
from exuvia.move.existing.fitting import Fitted, OnConflict, as_published
from exuvia.move.existing.planning import plan_into
from exuvia.move.existing.publish import IntoExisting, occupied
from exuvia.move.lending import Lender
from exuvia.move.plan import ColumnPlan, Plan, TablePlan
from exuvia.move.planner import PlanOptions, TargetAbilities, build, needs_check
from exuvia.move.quarantine import Quarantine
from exuvia.move.requeue import Origin, Requeued
from exuvia.move.requeue import requeue as requeue_table
from exuvia.move.results import MoveReport, Server
from exuvia.move.trial import estimate
from exuvia.move.verify import Verifier
from exuvia.values.profile import Profile

Source = str | Path | Location
Target = str | Location

DEFAULT_TARGET = "embedded:"
_MOST_JOBS = 8


def default_jobs() -> int:
    """Return how many chunks are worked on at once unless told otherwise: one per processor, at most eight."""
    return min(_MOST_JOBS, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a SQLite file: what it declares, and what its values are."""

    catalog: Catalog
    profile: Profile


@dataclass(frozen=True, slots=True)
class MoveOptions:
    """How to move.

    Args:
        plan: How to plan.
        jobs: Chunks worked on at once.
        batch_rows: Most rows per batch; None lets exuvia choose by their size.
        on_error: What happens to a row that cannot go: 'quarantine' puts it aside, 'stop' ends the move.
        drop_existing: Replace tables of the same names in the target.
        dry_run: Do everything except write.
        verify: Compare every value before the tables are published.
        quarantine_file: Where rejected rows are written as JSON Lines; None for ``<source>.quarantine.jsonl`` in the
            working directory.
        data_dir: Where the pip-installed server keeps its data; None for the default.
        restart: Begin anew where an interrupted move of the same source could be continued.
        into_existing: Put the rows into the tables that the target has, instead of making tables.
        on_conflict: What happens where such a table has rows: 'refuse' ends the move, 'append' adds to them, 'upsert'
            replaces those of the same primary key.
    """

    plan: PlanOptions = field(default_factory=PlanOptions)
    jobs: int = field(default_factory=default_jobs)
    batch_rows: int | None = None
    on_error: Literal["quarantine", "stop"] = "quarantine"
    drop_existing: bool = False
    dry_run: bool = False
    verify: bool = True
    quarantine_file: Path | None = None
    data_dir: Path | None = None
    restart: bool = False
    into_existing: bool = False
    on_conflict: OnConflict = "refuse"


def inspect(source: Source, *, jobs: int | None = None, listener: Listener = ignore) -> Inspection:
    """Find out what is in a SQLite file: its schema, and facts about all of its values.

    Args:
        source: The file.
        jobs: Tables or ranges read at once.
        listener: Hears of progress.

    Raises:
        SourceError: The file cannot be read.
    """
    jobs = jobs or default_jobs()
    clock = Clock(one_at_a_time(listener))
    with _opened(source, jobs) as snapshot:
        return _inspected(snapshot, source, jobs, clock)


def plan(
    source: Source, *, options: PlanOptions | None = None, jobs: int | None = None, listener: Listener = ignore
) -> Plan:
    """Decide what would become of every object and column of a SQLite file.

    Args:
        source: The file.
        options: Style, names, exclusions, and the overrides of a plan file.
        jobs: Tables or ranges read at once.
        listener: Hears of progress.

    Raises:
        SourceError: The file cannot be read.
        PlanError: The options do not fit the file.
    """
    jobs = jobs or default_jobs()
    clock = Clock(one_at_a_time(listener))
    with _opened(source, jobs) as snapshot:
        return _planned(snapshot, source, options or PlanOptions(), jobs, clock)


def migrate(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> MoveReport:
    """Move a SQLite database into PostgreSQL and prove it.

    The tables appear in the target together, after every value was compared; until then, and after any error, the
    target is as it was. A move whose process was killed, or whose connection was lost, goes on where it stopped when
    it is called again in the same way.

    Args:
        source: The SQLite file; it is only read.
        target: The PostgreSQL database; the pip-installed server by default.
        options: How to move.
        listener: Hears of progress, from several threads but one event at a time.

    Raises:
        SourceError: The file cannot be read.
        PlanError: The plan has an error, or does not fit the file or its values.
        TargetError: The target cannot be reached, lacks rights, or has tables of the same names.
        RejectedError: A row cannot go and ``on_error`` is 'stop'.
    """
    options = options or MoveOptions()
    if options.into_existing and options.drop_existing:
        raise ConfigError("Tables cannot be both filled and replaced.", hint="Drop one of the options.", code="options")
    started, clock = datetime.now(UTC), Clock(one_at_a_time(listener))
    begun = time.perf_counter()
    with _opened(source, options.jobs) as snapshot:
        server = _server(target, options)
        into = _into(snapshot, source, server, options, clock) if options.into_existing else None
        wanted = _for(server, options.plan)
        planned = into.found.plan if into is not None else _planned(snapshot, source, wanted, options.jobs, clock)
        report = MoveReport(
            status="planned",
            source=str(_source(source)),
            target=server.described,
            started=started,
            seconds=0.0,
            stages=clock.seconds,
            plan=planned,
            tables=(),
            objects=planned.objects,
            rejections=(),
            proof=None,
        )
        _require_rights(server, planned, into)
        if options.dry_run:
            report = _tried(report, snapshot, server, options)
        else:
            if into is not None:
                refuse(planned.problems)
            _refuse_errors(planned)
            report = _moved(report, snapshot, server, options, clock, into=into)
    return replace(report, seconds=time.perf_counter() - begun)


def verify(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    listener: Listener = ignore,
) -> MoveReport:
    """Compare every value of a SQLite database with a PostgreSQL database it was moved into, writing nothing.

    The target's own column types decide what is compared; names come from the same options as for the move.

    Args:
        source: The SQLite file.
        target: The PostgreSQL database.
        options: ``plan`` and ``into_existing`` as they were for the move; ``jobs`` and ``data_dir``.
        listener: Hears of progress.

    Raises:
        SourceError: The file cannot be read.
        TargetError: The target cannot be reached or read.
    """
    options = options or MoveOptions()
    started, clock = datetime.now(UTC), Clock(one_at_a_time(listener))
    begun = time.perf_counter()
    with _opened(source, options.jobs) as snapshot:
        server = _server(target, options)
        into = _fitted(snapshot, source, server, options, clock) if options.into_existing else None
        wanted = _for(server, options.plan)
        expected = into.plan if into is not None else _planned(snapshot, source, wanted, options.jobs, clock)
        connections = Lender(server.connect)
        try:
            with clock.stage("verify"):
                verifier = Verifier(snapshot, server.url, connections, options.jobs, clock.listener)
                if into is None:
                    proof = verify_existing(verifier, connections, expected)
                else:
                    refuse(into.unmatched)
                    proof = verifier.verify([as_published(one) for one in into.tables], snapshot.interrupt)
        finally:
            connections.close()
    rejected = any(table.rows_rejected for table in proof.tables)
    return MoveReport(
        status="different" if not proof.equal else "moved with rejections" if rejected else "moved",
        source=str(_source(source)),
        target=server.described,
        started=started,
        seconds=time.perf_counter() - begun,
        stages=clock.seconds,
        plan=expected,
        tables=(),
        objects=expected.objects,
        rejections=(),
        proof=proof,
    )


def requeue(
    source: Source,
    target: Target = DEFAULT_TARGET,
    *,
    options: MoveOptions | None = None,
    origin: Origin = "source",
    listener: Listener = ignore,
) -> tuple[Requeued, ...]:
    """Try the rows in quarantine again, after the plan or the data were mended.

    Args:
        source: The SQLite file that they came from.
        target: The PostgreSQL database.
        options: ``plan`` as it is to be now; ``jobs`` and ``data_dir``.
        origin: Whether the rows' values are those of the source now, or those in the quarantine tables.
        listener: Hears of progress.

    Returns:
        What became of the rows, for each table with a quarantine.

    Raises:
        SourceError: The file cannot be read.
        TargetError: The target cannot be reached.
    """
    options = options or MoveOptions()
    clock = Clock(one_at_a_time(listener))
    with _opened(source, options.jobs) as snapshot:
        server = _server(target, options)
        planned = _planned(snapshot, source, _for(server, options.plan), options.jobs, clock)
        with server.connect() as connection, snapshot.reader() as reader:
            found = [as_found(connection, table) for table in planned.tables]
            outcomes = [
                requeue_table(connection, reader, table, origin) for table in found if isinstance(table, TablePlan)
            ]
    return tuple(one for one in outcomes if one is not None)


@dataclass(frozen=True, slots=True)
class _Server:
    """A target that was reached."""

    location: PostgresLocation
    described: Server
    abilities: TargetAbilities

    @property
    def url(self) -> str:
        return connection_url(self.location)

    def connect(self) -> psycopg.Connection:
        return connect(self.location, autocommit=True)


def _source(source: Source) -> SqliteLocation:
    location = parse(source) if isinstance(source, str | Path) else source
    if not isinstance(location, SqliteLocation):
        raise ConfigError(
            f"The source {location} is not a SQLite file.", hint="Name a file, such as app.db.", code="source"
        )
    return location


@contextmanager
def _opened(source: Source, jobs: int) -> Iterator[Snapshot]:
    with Snapshot.open(_source(source).path, readers=jobs) as snapshot:
        try:
            yield snapshot
        except BaseException:
            snapshot.interrupt()
            raise


def _server(target: Target, options: MoveOptions) -> _Server:
    location = parse(target) if isinstance(target, str) else target
    server = resolve(location, data_dir=options.data_dir)
    with connect(server, autocommit=True) as connection:
        found = detect(connection)
    abilities = TargetAbilities(found.offers(VECTOR), found.offers(TRIGRAMS))
    return _Server(server, Server(str(location), found.version, found.database), abilities)


def _for(server: _Server, options: PlanOptions) -> PlanOptions:
    """Return the options of a plan for a server: with what it can take."""
    return replace(options, abilities=server.abilities)


def _inspected(snapshot: Snapshot, source: Source, jobs: int, clock: Clock) -> Inspection:
    with clock.stage("inspect"):
        catalog = inspect_sqlite(snapshot.connection, str(_source(source)))
    listener = clock.listener

    def tell(table: str, rows: int, total: int | None, size: int) -> None:
        listener(Progress("profile", table, rows, total, size, finished=rows == total))

    with clock.stage("profile"):
        return Inspection(catalog, profile_sqlite(snapshot, catalog, jobs=jobs, on_progress=tell))


def _planned(snapshot: Snapshot, source: Source, options: PlanOptions, jobs: int, clock: Clock) -> Plan:
    found = _inspected(snapshot, source, jobs, clock)
    with clock.stage("plan"):
        plan = build(found.catalog, found.profile, options)
        return tried(snapshot, plan, _edited(found, plan, options), jobs)


def _fitted(snapshot: Snapshot, source: Source, server: _Server, options: MoveOptions, clock: Clock) -> Fitted:
    found = _inspected(snapshot, source, options.jobs, clock)
    with clock.stage("plan"), server.connect() as connection:
        return plan_into(connection, snapshot, found.catalog, found.profile, options.plan, jobs=options.jobs)


def _into(snapshot: Snapshot, source: Source, server: _Server, options: MoveOptions, clock: Clock) -> IntoExisting:
    found = _fitted(snapshot, source, server, options, clock)
    with server.connect() as connection:
        problems = occupied(connection, found, options.on_conflict)
    plan = replace(found.plan, problems=found.plan.problems + problems)
    return IntoExisting(replace(found, plan=plan), options.on_conflict)


def _edited(found: Inspection, plan: Plan, options: PlanOptions) -> tuple[tuple[TablePlan, ColumnPlan], ...]:
    """Return the columns that a plan file gives another conversion than exuvia would."""
    if options.overrides is None:
        return ()
    automatic = replace(options, style=plan.style, naive_time=plan.naive_time, fold=plan.fold, overrides=None)
    return needs_check(plan, build(found.catalog, found.profile, automatic), options.overrides)


def _refuse_errors(plan: Plan) -> None:
    errors = [problem for problem in plan.problems if problem.level == "error"]
    if errors:
        first = errors[0]
        more = f" ({len(errors) - 1} more errors: see exuvia plan.)" if len(errors) > 1 else ""
        raise PlanError(f"{first.where}: {first.message}{more}", hint=" ".join(first.choices), code="refused")


def _moved(
    report: MoveReport,
    snapshot: Snapshot,
    server: _Server,
    options: MoveOptions,
    clock: Clock,
    *,
    into: IntoExisting | None,
) -> MoveReport:
    name = Path(report.source).stem
    quarantine = Quarantine(options.quarantine_file or Path(f"{name}.quarantine.jsonl"))
    outcome = Execution(
        plan=report.plan,
        snapshot=snapshot,
        connect=server.connect,
        target_url=server.url,
        quarantine=quarantine,
        copy_options=CopyOptions(options.jobs, options.batch_rows, options.on_error == "stop"),
        replace_existing=options.drop_existing,
        verify=options.verify,
        restart=options.restart,
        clock=clock,
        into=into,
    ).run()
    rejected = any(table.rows_rejected for table in outcome.tables)
    return replace(
        report,
        status="different" if not outcome.published else "moved with rejections" if rejected else "moved",
        plan=replace(report.plan, problems=report.plan.problems + outcome.problems),
        tables=outcome.tables,
        objects=outcome.objects,
        rejections=outcome.rejected.rejections,
        proof=outcome.proof,
        quarantine_file=outcome.rejected.path,
    )


def _require_rights(server: _Server, plan: Plan, into: IntoExisting | None) -> None:
    """Make sure that the target's schemas, and the staging schemas beside them, can be made and filled."""
    with server.connect() as connection:
        for schema in sorted({table.target.schema for table in plan.tables}):
            if into is None:
                require_create(connection, schema)
            require_create(connection, staging_name(schema))


def _tried(report: MoveReport, snapshot: Snapshot, server: _Server, options: MoveOptions) -> MoveReport:
    if not options.into_existing:
        with server.connect() as connection:
            found = conflicts(connection, report.plan)
        if found and not options.drop_existing:
            raise taken(found)
    return replace(report, estimate=estimate(snapshot, report.plan))
