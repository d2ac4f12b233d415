"""The two ends of a move: the source opened as one snapshot and planned, the target reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from exuvia.catalog.model import Catalog
from exuvia.engines.postgres.capabilities import detect
from exuvia.engines.postgres.connect import connect, resolve
from exuvia.engines.postgres.extensions import TRIGRAMS, VECTOR
from exuvia.engines.postgres.read import connection_url
from exuvia.engines.sqlite.inspect import inspect as inspect_sqlite
from exuvia.engines.sqlite.profile import Choose
from exuvia.engines.sqlite.profile import profile as profile_sqlite
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import ConfigError
from exuvia.location import PostgresLocation, SqliteLocation, parse
from exuvia.move.checks import tried
from exuvia.move.clock import Clock
from exuvia.move.events import Progress
from exuvia.move.existing.fitting import Fitted
from exuvia.move.existing.planning import plan_into
from exuvia.move.existing.publish import IntoExisting, occupied
from exuvia.move.options import MoveOptions, Source, Target
from exuvia.move.plan import ColumnPlan, Plan, TablePlan
from exuvia.move.planner import PlanOptions, TargetAbilities, build, needs_check
from exuvia.move.results import Server
from exuvia.values.profile import Profile


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a SQLite file: what it declares, and what its values are."""

    catalog: Catalog
    profile: Profile


@dataclass(frozen=True, slots=True)
class Reached:
    """A target that was reached."""

    location: PostgresLocation
    described: Server
    abilities: TargetAbilities

    @property
    def url(self) -> str:
        """The target for ADBC, with its secrets."""
        return connection_url(self.location)

    def connect(self) -> psycopg.Connection:
        """Open a connection in autocommit mode."""
        return connect(self.location, autocommit=True)


def source_of(source: Source) -> SqliteLocation:
    """Return where the source is; ConfigError if it is no SQLite file."""
    location = parse(source) if isinstance(source, str | Path) else source
    if not isinstance(location, SqliteLocation):
        raise ConfigError(
            f"The source {location} is not a SQLite file.", hint="Name a file, such as app.db.", code="source"
        )
    return location


@contextmanager
def opened(source: Source, jobs: int) -> Iterator[Snapshot]:
    """Open the source; running reads end when the context is left by an error."""
    with Snapshot.open(source_of(source).path, readers=jobs) as snapshot:
        try:
            yield snapshot
        except BaseException:
            snapshot.interrupt()
            raise


def reach(target: Target, options: MoveOptions) -> Reached:
    """Connect to the target, starting the pip-installed server if need be, and ask what it is."""
    location = parse(target) if isinstance(target, str) else target
    server = resolve(location, data_dir=options.data_dir)
    with connect(server, autocommit=True) as connection:
        found = detect(connection)
    abilities = TargetAbilities(found.offers(VECTOR), found.offers(TRIGRAMS))
    return Reached(server, Server(str(location), found.version, found.database), abilities)


def for_server(server: Reached, options: PlanOptions) -> PlanOptions:
    """Return the options of a plan for a server: with what it can take."""
    return replace(options, abilities=server.abilities)


def look_at(snapshot: Snapshot, source: Source, jobs: int, clock: Clock, choose: Choose | None = None) -> Inspection:
    """Read the schema, and every value, or those of the chunks that are chosen."""
    with clock.stage("inspect"):
        catalog = inspect_sqlite(snapshot.connection, str(source_of(source)))
    listener = clock.listener

    def tell(table: str, rows: int, total: int | None, size: int) -> None:
        listener(Progress("profile", table, rows, total, size, finished=rows == total))

    with clock.stage("profile"):
        return Inspection(catalog, profile_sqlite(snapshot, catalog, jobs=jobs, on_progress=tell, choose=choose))


def make_plan(snapshot: Snapshot, source: Source, options: PlanOptions, jobs: int, clock: Clock) -> Plan:
    """Look at the source and plan its move; conversions that a plan file changes are tried on all values."""
    found = look_at(snapshot, source, jobs, clock)
    with clock.stage("plan"):
        plan = build(found.catalog, found.profile, options)
        return tried(snapshot, plan, _edited(found, plan, options), jobs)


def fit_plan(
    snapshot: Snapshot, source: Source, server: Reached, options: MoveOptions, clock: Clock, *, again: bool = False
) -> Fitted:
    """Look at the source and plan its move into the tables that the target has; ``again`` when it has been moved."""
    found = look_at(snapshot, source, options.jobs, clock)
    with clock.stage("plan"), server.connect() as connection:
        return plan_into(
            connection, snapshot, found.catalog, found.profile, options.plan, jobs=options.jobs, again=again
        )


def prepare_existing(
    snapshot: Snapshot, source: Source, server: Reached, options: MoveOptions, clock: Clock
) -> IntoExisting:
    """Plan a move into existing tables, with what is known of the rows that they have."""
    found = fit_plan(snapshot, source, server, options, clock)
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
