"""``exuvia migrate`` and ``exuvia verify`` with several SQLite files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from exuvia.errors import PlanError, VerifyError

if TYPE_CHECKING:
    from exuvia.move.pipeline import MoveOptions
    from exuvia.move.results import MoveReport

_QUARANTINED = 8


def split(source: str, destination: str | None, more: Sequence[str] | None) -> tuple[list[str], str | None]:
    """Tell the sources from the target: it is the last location, unless that is a file as well."""
    from exuvia.location import SqliteLocation, parse

    if not more or destination is None:
        return [source], destination
    given = [source, destination, *more]
    return (given, None) if isinstance(parse(given[-1]), SqliteLocation) else (given[:-1], given[-1])


def is_several(sources: Sequence[str], options: MoveOptions, *, prefixed: bool) -> bool:
    """Return whether the command is about several files, or places one as if it were one of several."""
    overrides = options.plan.overrides
    return len(sources) > 1 or prefixed or bool(overrides is not None and overrides.sources)


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
    what = (
        "Files that had arrived stay; the others are as they were." if action == "migrate" else "Nothing was changed."
    )
    with interruptible(what), progress(hidden=json or quiet) as listener:
        results = run(pieces, target, options=options, listener=listener)
    _conclude(results, reports, json=json, quiet=quiet)


def _conclude(results: Sequence[MoveReport], paths: Sequence[Path], *, json: bool, quiet: bool) -> None:
    from exuvia.cli.output import show, write_file
    from exuvia.report.several import all_to_html, all_to_json
    from exuvia.report.terminal import summary

    for path in paths:
        write_file(path, all_to_json(results) if path.suffix.lower() == ".json" else all_to_html(results))
    if json:
        typer.echo(all_to_json(results), nl=False)
    elif not quiet:
        for result in results:
            show(summary(result))
        for path in paths:
            typer.echo(f"Report: {path}")
    raise typer.Exit(_code(results))


def _code(results: Sequence[MoveReport]) -> int:
    if any(result.status == "different" for result in results):
        return VerifyError.exit_code
    planned = [result for result in results if result.status == "planned"]
    if any(problem.level == "error" for result in planned for problem in result.plan.problems):
        return PlanError.exit_code
    return _QUARANTINED if any(result.status == "moved with rejections" for result in results) else 0
