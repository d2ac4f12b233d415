"""What ``exuvia migrate`` and ``verify`` do once their options are read, for one file or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from exuvia.cli.several import is_several, run_several
from exuvia.errors import PlanError, VerifyError

if TYPE_CHECKING:
    from exuvia.move.options import MoveOptions
    from exuvia.move.results import MoveReport

QUARANTINED = 8
_CODES = {"planned": 0, "moved": 0, "moved with rejections": QUARANTINED, "different": VerifyError.exit_code}


def carry_out(
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
    """Move or compare with progress, write and print the result, and end with its exit code.

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
    from exuvia.cli.reports import check_names
    from exuvia.move.pipeline import migrate, verify

    check_names(reports)
    if is_several(sources, options.plan, prefixed=prefixed):
        run_several(
            action,
            sources,
            target,
            options,
            prefixed=prefixed,
            plan_file=plan_file,
            reports=reports,
            json=json,
            quiet=quiet,
        )
    run = migrate if action == "migrate" else verify
    what = "The target is as it was." if action == "migrate" else "Nothing was changed."
    with interruptible(what), progress(hidden=json or quiet) as listener:
        result = run(sources[0], target, options=options, listener=listener)
    conclude(result, reports, json=json, quiet=quiet)


def conclude(result: MoveReport, paths: Sequence[Path], *, json: bool, quiet: bool) -> None:
    """Write and print a result, and end with its exit code."""
    from exuvia.cli.output import show
    from exuvia.cli.reports import write_reports
    from exuvia.report.json_report import to_json
    from exuvia.report.terminal import summary

    write_reports(result, paths)
    if json:
        typer.echo(to_json(result), nl=False)
    elif not quiet:
        show(summary(result))
        for path in paths:
            typer.echo(f"Report: {path}")
    refused = result.status == "planned" and any(problem.level == "error" for problem in result.plan.problems)
    raise typer.Exit(PlanError.exit_code if refused else _CODES[result.status])
