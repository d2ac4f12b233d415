"""A move of one SQLite file or of several: all planned before anything is written, carried out as one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from exuvia.engines.postgres.connect import require_create
from exuvia.engines.postgres.staging import staging_name
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import ConfigError, ExuviaError, PlanError
from exuvia.move.clock import Clock
from exuvia.move.conflicts import collisions, conflicts, taken
from exuvia.move.copying import CopyOptions
from exuvia.move.ends import Reached, for_server, make_plan, opened, prepare_existing, reach, source_of
from exuvia.move.events import Listener, about_source, one_at_a_time
from exuvia.move.execution import Execution, about
from exuvia.move.existing.checks import refuse
from exuvia.move.existing.publish import IntoExisting
from exuvia.move.options import MoveOptions, Source, Target
from exuvia.move.plan import Plan, Problem
from exuvia.move.planner import PlanOptions
from exuvia.move.quarantine import Quarantine
from exuvia.move.results import MoveReport
from exuvia.move.shipment import Outcome, Shipment
from exuvia.move.trial import estimate

_LISTED = 20
_APART = 'a schema or a prefix for each: --prefix, or [sources."a.db"] schema = "…" in the plan file'


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files of a move.

    Args:
        source: The file.
        label: A name of its own, empty when there is only one.
        options: How it is planned.
        quarantine: Where its rejected rows are listed.
    """

    source: Source
    label: str
    options: PlanOptions
    quarantine: Path


@dataclass(frozen=True, slots=True)
class _Planned:
    """A file that is planned, and still open as the snapshot that was planned."""

    part: Part
    snapshot: Snapshot
    clock: Clock
    plan: Plan
    into: IntoExisting | None

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.plan.problems if problem.level == "error"]


def move(parts: Sequence[Part], target: Target, options: MoveOptions, listener: Listener) -> tuple[MoveReport, ...]:
    """Move files into one database, all or none.

    Args:
        parts: The files.
        target: The PostgreSQL database.
        options: How to move; what ``parts`` say of plans and quarantines counts.
        listener: Hears of progress.

    Returns:
        One report per file. With ``dry_run`` they say what would be done.

    Raises:
        SourceError: A file cannot be read.
        PlanError: A plan has an error or does not fit its file or its values, or two want the same name.
        TargetError: The target cannot be reached, lacks rights, or has tables of the same names.
        RejectedError: A row cannot go and ``on_error`` is 'stop'.
    """
    if options.into_existing and options.drop_existing:
        raise ConfigError("Tables cannot be both filled and replaced.", hint="Drop one of the options.", code="options")
    started, begun, listener = datetime.now(UTC), time.perf_counter(), one_at_a_time(listener)
    with ExitStack() as stack:
        server: Reached | None = None
        planned: list[_Planned] = []
        for part in parts:
            with naming(part):
                snapshot = stack.enter_context(opened(part.source, options.jobs))
                server = server or reach(target, options)
                planned.append(_planned(part, snapshot, server, options, listener))
        assert server is not None
        _require_rights(server, planned)
        _refuse(planned, dry_run=options.dry_run)
        reports = [_report(one, server, started) for one in planned]
        if options.dry_run:
            reports = _tried(reports, planned, server, options)
        else:
            clock = planned[0].clock if len(planned) == 1 else Clock(listener)
            outcomes = _execution(planned, server, options, clock).run()
            reports = [_moved(report, outcome) for report, outcome in zip(reports, outcomes, strict=True)]
    if len(reports) == 1:
        return (replace(reports[0], seconds=time.perf_counter() - begun),)
    return tuple(replace(report, seconds=sum(report.stages.values())) for report in reports)


def _planned(part: Part, snapshot: Snapshot, server: Reached, options: MoveOptions, listener: Listener) -> _Planned:
    clock = Clock(about_source(listener, part.label) if part.label else listener)
    if options.into_existing:
        into = prepare_existing(snapshot, part.source, server, replace(options, plan=part.options), clock)
        return _Planned(part, snapshot, clock, into.found.plan, into)
    wanted = for_server(server, part.options)
    return _Planned(part, snapshot, clock, make_plan(snapshot, part.source, wanted, options.jobs, clock), None)


def _report(planned: _Planned, server: Reached, started: datetime) -> MoveReport:
    return MoveReport(
        status="planned",
        source=str(source_of(planned.part.source)),
        target=server.described,
        started=started,
        seconds=0.0,
        stages=planned.clock.seconds,
        plan=planned.plan,
        tables=(),
        objects=planned.plan.objects,
        rejections=(),
        proof=None,
    )


def _require_rights(server: Reached, planned: Sequence[_Planned]) -> None:
    """Make sure that the target's schemas, and the staging schemas beside them, can be made and filled."""
    existing = any(one.into is not None for one in planned)
    with server.connect() as connection:
        for schema in sorted({table.target.schema for one in planned for table in one.plan.tables}):
            if not existing:
                require_create(connection, schema)
            require_create(connection, staging_name(schema))


def _refuse(planned: Sequence[_Planned], *, dry_run: bool) -> None:
    """Raise for names that several files want, and, unless the reports will tell them, for errors in the plans."""
    if len(planned) > 1:
        _refuse_several(planned, dry_run=dry_run)
    elif not dry_run:
        _refuse_one(planned[0])


def _refuse_several(planned: Sequence[_Planned], *, dry_run: bool) -> None:
    wanted_twice = list(collisions([one.plan for one in planned]))
    errors = [(one.part.source, error) for one in planned for error in one.errors]
    if not wanted_twice and (dry_run or not errors):
        return
    lines = ["Several files want the same names:", *wanted_twice] if wanted_twice else []
    lines += [f"{source}: {error.where}: {error.message}" for source, error in errors]
    choices = [_APART] if wanted_twice else []
    choices += dict.fromkeys(choice for _, error in errors for choice in error.choices)
    if len(lines) > _LISTED:
        lines[_LISTED:] = [f"and {len(lines) - _LISTED} more."]
    raise PlanError(
        "\n".join([*lines, "Nothing was written."]),
        hint=f"Choices: {'; '.join(choices)}." if choices else "",
        code="collision" if wanted_twice else "refused",
    )


def _refuse_one(planned: _Planned) -> None:
    if planned.into is not None:
        refuse(planned.plan.problems)
    errors = planned.errors
    if errors:
        first = errors[0]
        more = f" ({len(errors) - 1} more errors: see exuvia plan.)" if len(errors) > 1 else ""
        raise PlanError(f"{first.where}: {first.message}{more}", hint=" ".join(first.choices), code="refused")


def _tried(
    reports: Sequence[MoveReport], planned: Sequence[_Planned], server: Reached, options: MoveOptions
) -> list[MoveReport]:
    if not options.into_existing:
        with server.connect() as connection:
            found = conflicts(connection, [one.plan for one in planned])
        if found and not options.drop_existing:
            raise taken(found)
    return [
        replace(report, estimate=estimate(one.snapshot, one.plan)) for report, one in zip(reports, planned, strict=True)
    ]


def _execution(planned: Sequence[_Planned], server: Reached, options: MoveOptions, clock: Clock) -> Execution:
    return Execution(
        shipments=[
            Shipment(one.plan, one.snapshot, Quarantine(one.part.quarantine), one.clock, one.into) for one in planned
        ],
        connect=server.connect,
        target_url=server.url,
        copy_options=CopyOptions(options.jobs, options.batch_rows, options.on_error == "stop"),
        replace_existing=options.drop_existing,
        verify=options.verify,
        restart=options.restart,
        clock=clock,
    )


def _moved(report: MoveReport, outcome: Outcome) -> MoveReport:
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


@contextmanager
def naming(part: Part) -> Iterator[None]:
    """Say in an error which of several files it is about."""
    try:
        yield
    except ExuviaError as error:
        if not part.label:
            raise
        raise about(str(part.source), error) from error
