"""``exuvia migrate`` and ``exuvia verify`` with several SQLite files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from exuvia.errors import PlanError, VerifyError

if TYPE_CHECKING:
    from exuvia.move.pipeline import MoveOptions
    from exuvia.move.planner import PlanOptions
    from exuvia.move.results import JointReport

_QUARANTINED = 8


def split(source: str, destination: str | None, more: Sequence[str] | None) -> tuple[list[str], str | None]:
    """Tell the sources from the target: it is the last location, unless that is a file as well."""
    from exuvia.location import SqliteLocation, parse

    if not more or destination is None:
        return [source], destination
    given = [source, destination, *more]
    return (given, None) if isinstance(parse(given[-1]), SqliteLocation) else (given[:-1], given[-1])


def is_several(sources: Sequence[str], options: PlanOptions, *, prefixed: bool) -> bool:
    """Return whether the command is about several files, or places one as if it were one of several."""
    return len(sources) > 1 or prefixed or bool(options.overrides is not None and options.overrides.sources)


def run_several(
    action: Literal["migrate", "verify"],
    sources: Sequence[str],
    target: str,
    options: MoveOptions,
    *,
    prefixed: bool,
    plan_file: Path | None,
    reports: Sequence[Path],
    json: bool,
    quiet: bool,
) -> None:
    """Carry out the command and end with its exit code, the gravest of all files.

    Args:
        action: The command.
        sources: The SQLite files.
        target: The PostgreSQL database.
        options: How to move or compare.
        prefixed: Whether names get a prefix, instead of each file a schema.
        plan_file: The plan file, beside which those that it names are looked for.
        reports: Where to write reports.
        json: Print JSON.
        quiet: Print nothing.
    """
    from exuvia.cli.output import interruptible
    from exuvia.cli.progress import progress
    from exuvia.move.several import migrate_several, parts, verify_several

    directory = plan_file.parent if plan_file is not None else None
    pieces = parts(sources, options.plan, prefixed=prefixed, directory=directory)
    run = migrate_several if action == "migrate" else verify_several
    what = "The target is as it was." if action == "migrate" else "Nothing was changed."
    with interruptible(what), progress(hidden=json or quiet) as listener:
        result = run(pieces, target, options=options, listener=listener)
    _conclude(result, reports, json=json, quiet=quiet)


def _conclude(result: JointReport, paths: Sequence[Path], *, json: bool, quiet: bool) -> None:
    from exuvia.cli.output import show, write_file
    from exuvia.report.several import joint_summary, joint_to_html, joint_to_json

    for path in paths:
        write_file(path, joint_to_json(result) if path.suffix.lower() == ".json" else joint_to_html(result))
    if json:
        typer.echo(joint_to_json(result), nl=False)
    elif not quiet:
        show(joint_summary(result, paths))
    raise typer.Exit(_code(result))


def _code(result: JointReport) -> int:
    plans = [report.plan for report in result.reports if report.status == "planned"]
    if any(problem.level == "error" for plan in plans for problem in plan.problems):
        return PlanError.exit_code
    return {"different": VerifyError.exit_code, "moved with rejections": _QUARANTINED}.get(result.status, 0)
