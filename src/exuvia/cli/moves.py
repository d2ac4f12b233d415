"""``exuvia status``, ``abort`` and ``requeue``: moves that were interrupted, and rows that did not go."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from exuvia.cli.carrying import QUARANTINED
from exuvia.cli.commands import IntoExisting, PlanFile, Schema
from exuvia.cli.options import Debug, Jobs, Json, Quiet, Source, examples

if TYPE_CHECKING:
    from exuvia.move.unfinished import Unfinished

Destination = Annotated[
    str | None, typer.Argument(metavar="DST", help="The PostgreSQL database; else as for exuvia migrate.")
]

STATUS_EXAMPLES = examples(
    [
        ("What is on its way, or was interrupted", "exuvia status postgresql://me@host/app"),
        ("The same for a program", "exuvia status --json"),
    ]
)
ABORT_EXAMPLES = examples(
    [
        ("Remove what an interrupted move has copied", "exuvia abort postgresql://me@host/app"),
        ("Only the one into a schema", "exuvia abort --schema app"),
    ]
)


REQUEUE_EXAMPLES = examples(
    [
        ("The values were mended in the source", "exuvia requeue app.db postgresql://me@host/app"),
        ("The plan says now what to do with them", "exuvia requeue app.db --plan plan.toml"),
        ("The values were mended in the quarantine tables", "exuvia requeue app.db --values quarantine"),
    ]
)

_SHOWN = 5


def status(destination: Destination = None, json: Json = False, debug: Debug = False) -> None:
    """List the moves into a database that are not finished."""
    from exuvia.move.unfinished import unfinished
    from exuvia.settings import load

    _tell(unfinished(load(target=destination).target_location), json=json, none="No move is unfinished.")


def abort(
    destination: Destination = None,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="NAME", help="Only the move into this schema.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Remove interrupted moves with all they have copied. Tables that were published stay."""
    from exuvia.move.unfinished import abort as run
    from exuvia.settings import load

    found = run(load(target=destination).target_location, schema)
    if not quiet:
        _tell(found, json=json, none="", heading="Removed:")


def requeue(
    source: Source,
    destination: Destination = None,
    plan_file: PlanFile = None,
    schema: Schema = None,
    values: Annotated[
        Literal["source", "quarantine"],
        typer.Option("--values", help="Take the rows' values from the source as it is now, or from the quarantine."),
    ] = "source",
    into_existing: IntoExisting = False,
    jobs: Jobs = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Try the rows in quarantine again, after the plan or the data were mended. Exit code 8 while some remain."""
    from exuvia.cli.output import interruptible
    from exuvia.cli.progress import progress
    from exuvia.cli.wishes import collect
    from exuvia.move.pipeline import MoveOptions
    from exuvia.move.pipeline import requeue as run

    wishes = collect(plan_file=plan_file, target=destination, schema=schema, jobs=jobs)
    options = MoveOptions(
        plan=wishes.plan, jobs=wishes.settings.jobs, data_dir=wishes.settings.data_dir, into_existing=into_existing
    )
    with interruptible("Nothing was changed."), progress(hidden=json or quiet) as listener:
        found = run(source, wishes.settings.target, options=options, origin=values, listener=listener)
    if json:
        import orjson

        typer.echo(orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2).decode())
    elif not quiet:
        for one in found:
            typer.echo(f"{one.table}: {one.moved} rows moved, {len(one.remaining)} remain in {one.quarantine}")
            for name, reason in one.remaining[:_SHOWN]:
                typer.echo(f"  {name}: {reason}")
        if not found:
            typer.echo("No row is in quarantine.")
    if any(one.remaining for one in found):
        raise typer.Exit(QUARANTINED)


def _tell(found: tuple[Unfinished, ...], *, json: bool, none: str, heading: str = "") -> None:
    from exuvia.report.words import count

    if json:
        import orjson

        typer.echo(orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2).decode())
        return
    if heading:
        typer.echo(heading)
    for one in found:
        state = "running" if one.running else "interrupted"
        typer.echo(
            f"{', '.join(one.sources) or 'A move'} into {', '.join(one.schemas)}: {state}, begun {one.started}, "
            f"{count(one.rows_done)} of {count(one.rows)} rows in {one.chunks_done} of {one.chunks} chunks"
        )
    if not found:
        typer.echo(none)
