"""``exuvia plan`` with several SQLite files: all plans, the names that collide, and plan files to edit."""

from __future__ import annotations

import json as json_text
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import typer

from exuvia.errors import PlanError

if TYPE_CHECKING:
    from exuvia.cli.wishes import Wishes
    from exuvia.move.moving import Part
    from exuvia.move.plan import Plan
    from exuvia.report.document import PlanDocument

_HEADER = """\
# Where several files go, written by exuvia: a schema for each, or names that begin with a prefix.
# The decisions about each file's tables are in the plan file that is named here, beside this one.
"""


@dataclass(frozen=True, slots=True)
class PlansDocument:
    """``exuvia plan --json`` with several files. ``collisions`` says which names several of them want."""

    format: Literal["exuvia.plans"]
    version: int
    collisions: Sequence[str]
    plans: Sequence[PlanDocument]


def plan_several(
    sources: Sequence[str],
    wishes: Wishes,
    *,
    prefixed: bool,
    plan_file: Path | None,
    output: Path | None,
    json: bool,
    quiet: bool,
) -> NoReturn:
    """Carry out the command and end with its exit code.

    Args:
        sources: The SQLite files.
        wishes: How to plan.
        prefixed: Whether names get a prefix, instead of each file a schema.
        plan_file: The plan file, beside which those that it names are looked for.
        output: Where to write a plan file that names one for each source, beside it.
        json: Print JSON.
        quiet: Print nothing.
    """
    from exuvia.cli.output import interruptible
    from exuvia.cli.progress import progress
    from exuvia.move.several import parts
    from exuvia.move.several import plan_several as run

    pieces = parts(sources, wishes.plan, prefixed=prefixed, directory=plan_file.parent if plan_file else None)
    with interruptible("Nothing was changed."), progress(hidden=json or quiet) as listener:
        plans, collisions = run(pieces, jobs=wishes.settings.jobs, listener=listener)
    if output is not None:
        _write(output, pieces, plans)
    if json:
        typer.echo(_document(plans, collisions), nl=False)
    elif not quiet:
        _show(plans, collisions, output)
    refused = collisions or any(problem.level == "error" for one in plans for problem in one.problems)
    raise typer.Exit(PlanError.exit_code if refused else 0)


def _document(plans: Sequence[Plan], collisions: Sequence[str]) -> str:
    from exuvia.report.document import VERSION
    from exuvia.report.json_report import dump, plan_document

    return dump(PlansDocument("exuvia.plans", VERSION, collisions, [plan_document(one) for one in plans]))


def _show(plans: Sequence[Plan], collisions: Sequence[str], output: Path | None) -> None:
    from exuvia.cli.output import show
    from exuvia.report.terminal import plan_view

    if output is None:
        for one in plans:
            show(plan_view(one))
    else:
        files = " ".join(one.catalog.label for one in plans)
        typer.echo(f"The plans are in {output} and beside it.")
        typer.echo(f"Edit them, then: exuvia migrate {files} DST --plan {output}")
    if collisions:
        typer.echo("\nSeveral files want the same names:")
        for line in collisions:
            typer.echo(f"  {line}")


def _write(output: Path, pieces: Sequence[Part], plans: Sequence[Plan]) -> None:
    from exuvia.cli.output import write_file
    from exuvia.move.planfile import dump

    sections = [_HEADER]
    for part, found in zip(pieces, plans, strict=True):
        own = output.with_name(f"{output.stem}.{part.label}{output.suffix}")
        write_file(own, dump(found))
        said = {"schema": part.options.target_schema, "prefix": part.options.prefix, "plan": own.name}
        lines = [f"{key} = {_quoted(value)}" for key, value in said.items() if value]
        sections.append("\n".join([f"[sources.{_quoted(str(part.source))}]", *lines, ""]))
    write_file(output, "\n".join(sections))


def _quoted(text: str) -> str:
    """A text as TOML's basic string, whose escapes JSON's are."""
    return json_text.dumps(text, ensure_ascii=False)
