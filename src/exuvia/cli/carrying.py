"""What ``exuvia migrate`` and ``verify`` do once their options are read, for one file or several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import typer

from exuvia.cli.output import Output
from exuvia.cli.several import is_several
from exuvia.errors import PlanError, VerifyError

if TYPE_CHECKING:
    from exuvia.move.options import MoveOptions
    from exuvia.move.results import JointReport, MoveReport

QUARANTINED = 8
_CODES = {"planned": 0, "moved": 0, "moved with rejections": QUARANTINED, "different": VerifyError.exit_code}


def carry_out(
    action: Literal["migrate", "verify"],
    sources: Sequence[str],
    target: str,
    options: MoveOptions,
    output: Output,
    *,
    prefixed: bool,
    plan_file: Path | None,
) -> NoReturn:
    """Move or compare with progress, write and print the result, and end with its exit code.

    Args:
        action: The command.
        sources: The SQLite files.
        target: The PostgreSQL database.
        options: How to move or compare.
        output: Where the result goes.
        prefixed: Whether names get a prefix, instead of each file a schema.
        plan_file: The plan file, beside which those that it names are looked for.
    """
    from exuvia.cli.output import interruptible
    from exuvia.cli.progress import progress
    from exuvia.cli.reports import check_names
    from exuvia.move import several
    from exuvia.ops import relocation

    check_names(output.reports)
    what = "The target is as it was." if action == "migrate" else "Nothing was changed."
    watched = partial(progress, hidden=output.json or output.quiet)
    if not is_several(sources, options.plan, prefixed=prefixed):
        run = relocation.migrate if action == "migrate" else relocation.verify
        with interruptible(what), watched() as listener:
            result = run(sources[0], target, options=options, listener=listener)
        conclude(result, output)
    directory = plan_file.parent if plan_file is not None else None
    parts = several.parts(sources, options.plan, prefixed=prefixed, directory=directory)
    run_all = several.migrate_several if action == "migrate" else several.verify_several
    with interruptible(what), watched() as listener:
        joint = run_all(parts, target, options=options, listener=listener)
    _conclude_several(joint, output)


def conclude(result: MoveReport, output: Output) -> NoReturn:
    """Write and print a result, and end with its exit code."""
    from exuvia.cli.output import show
    from exuvia.cli.reports import write_reports
    from exuvia.report.json_report import to_json
    from exuvia.report.terminal import summary

    write_reports(result, output.reports)
    if output.json:
        typer.echo(to_json(result), nl=False)
    elif not output.quiet:
        show(summary(result))
        for path in output.reports:
            typer.echo(f"Report: {path}")
    raise typer.Exit(_code(result.status, [result]))


def _conclude_several(result: JointReport, output: Output) -> NoReturn:
    from exuvia.cli.output import show, write_file
    from exuvia.report.several import joint_summary, joint_to_html, joint_to_json

    for path in output.reports:
        write_file(path, joint_to_json(result) if path.suffix.lower() == ".json" else joint_to_html(result))
    if output.json:
        typer.echo(joint_to_json(result), nl=False)
    elif not output.quiet:
        show(joint_summary(result, output.reports))
    raise typer.Exit(_code(result.status, result.reports))


def _code(status: str, reports: Sequence[MoveReport]) -> int:
    plans = [report.plan for report in reports if report.status == "planned"]
    if any(problem.level == "error" for plan in plans for problem in plan.problems):
        return PlanError.exit_code
    return _CODES[status]
