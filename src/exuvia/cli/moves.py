"""``exuvia status`` and ``exuvia abort``: moves that were interrupted."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.cli.options import Debug, Json, Quiet, examples

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
            f"{one.source} into {', '.join(one.schemas)}: {state}, begun {one.started}, "
            f"{count(one.rows_done)} of {count(one.rows)} rows in {one.chunks_done} of {one.chunks} chunks"
        )
    if not found:
        typer.echo(none)
