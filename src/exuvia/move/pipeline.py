"""The move, end to end: inspect, profile, plan, then dry run, migrate or verify.

Each function opens the source as one read-only snapshot and hands plain values from stage to stage.
"""

from __future__ import annotations

from pathlib import Path

from exuvia.engines.postgres.existing import read_tables
from exuvia.move.checks import verify_existing
from exuvia.move.clock import Clock
from exuvia.move.compared import compared
from exuvia.move.ends import (
    Inspection,
    fit_plan,
    for_server,
    look_at,
    make_plan,
    opened,
    reach,
    source_of,
)
from exuvia.move.events import Listener, ignore, one_at_a_time
from exuvia.move.existing.checks import refuse
from exuvia.move.existing.fitting import adopted, as_published
from exuvia.move.lending import Lender
from exuvia.move.moving import Part, move
from exuvia.move.options import DEFAULT_TARGET, MoveOptions, Sample, Source, Target, default_jobs
from exuvia.move.plan import Plan
from exuvia.move.planner import PlanOptions
from exuvia.move.requeue import Origin, Requeued
from exuvia.move.requeue import requeue as requeue_table
from exuvia.move.results import MoveReport
from exuvia.move.sampling import verify_sample
from exuvia.move.verify import Verifier

__all__ = [
    "DEFAULT_TARGET",
    "Inspection",
    "MoveOptions",
    "Sample",
    "Source",
    "Target",
    "default_jobs",
    "inspect",
    "migrate",
    "plan",
    "requeue",
    "verify",
]


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
    with opened(source, jobs) as snapshot:
        return look_at(snapshot, source, jobs, clock)


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
    with opened(source, jobs) as snapshot:
        return make_plan(snapshot, source, options or PlanOptions(), jobs, clock)


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
    quarantine = options.quarantine_file or Path(f"{source_of(source).path.stem}.quarantine.jsonl")
    (report,) = move([Part(source, "", options.plan, quarantine)], target, options, listener)
    return report


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
        options: ``plan`` and ``into_existing`` as they were for the move; ``jobs`` and ``data_dir``; ``sample`` for a
            quick look at some rows of every table, which proves nothing about the others.
        listener: Hears of progress.

    Raises:
        SourceError: The file cannot be read.
        TargetError: The target cannot be reached or read.
    """
    options = options or MoveOptions()
    if options.sample is not None:
        return verify_sample(source, target, options, options.sample, listener)
    clock = Clock(one_at_a_time(listener))
    with opened(source, options.jobs) as snapshot:
        server = reach(target, options)
        into = fit_plan(snapshot, source, server, options, clock, again=True) if options.into_existing else None
        wanted = for_server(server, options.plan)
        expected = into.plan if into is not None else make_plan(snapshot, source, wanted, options.jobs, clock)
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
    return compared(source, server, expected, proof, clock)


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
        options: ``plan`` as it is to be now; ``into_existing`` as it was for the move; ``jobs`` and ``data_dir``.
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
    with opened(source, options.jobs) as snapshot:
        server = reach(target, options)
        with server.connect() as connection, snapshot.reader() as reader:
            if options.into_existing:
                tables = fit_plan(snapshot, source, server, options, clock, again=True).tables
            else:
                wanted = make_plan(snapshot, source, for_server(server, options.plan), options.jobs, clock)
                schemas = {table.target.schema for table in wanted.tables}
                tables = adopted(wanted, read_tables(connection, schemas))
            outcomes = [requeue_table(connection, reader, table, origin) for table in tables]
    return tuple(one for one in outcomes if one is not None)
