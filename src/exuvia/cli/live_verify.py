"""``exuvia live verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.cli.carrying import QUARANTINED
from exuvia.cli.commands import Destination, Schema
from exuvia.cli.options import Debug, Json, Quiet, Source, examples
from exuvia.errors import VerifyError

if TYPE_CHECKING:
    from exuvia.live import Compared

EXAMPLES = examples(
    [
        ("Are both sides equal, now?", "exuvia live verify app.db postgresql://me@host/app"),
        ("Keep the digests, for the record", "exuvia live verify app.db --report compared.json"),
    ]
)
_SHOWN = 10


def verify(
    source: Source,
    destination: Destination = None,
    schema: Schema = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.json", help="Write what was found to a file.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare every value of both sides of a live move at one moment, before or after its cut-over.

    Applications and a running exuvia live start go on meanwhile. Exit code 6 when something differs, 8 when rows are in
    quarantine.
    """
    from exuvia.cli.output import interruptible, write_file
    from exuvia.cli.progress import progress
    from exuvia.live import verify as run
    from exuvia.settings import load

    settings = load(target=destination, target_schema=schema)
    with interruptible("Nothing was changed."), progress(hidden=json or quiet) as listener:
        found = run(source, settings.target, settings.target_schema, data_dir=settings.data_dir, listener=listener)
    if report is not None:
        write_file(report, _json(found))
    if json:
        typer.echo(_json(found), nl=False)
    elif not quiet:
        typer.echo(_text(found))
    if not found.proof.equal:
        raise typer.Exit(VerifyError.exit_code)
    raise typer.Exit(QUARANTINED if any(table.rows_rejected for table in found.proof.tables) else 0)


def _text(found: Compared) -> str:
    proof = found.proof
    ends = (found.source, found.target) if found.direction == "postgresql" else (found.target, found.source)
    verdict = f"Equal: {ends[1]} has what {ends[0]} has." if proof.equal else f"DIFFERENT: {ends[1]} from {ends[0]}."
    lines = [
        verdict,
        f"  compared  {proof.values_compared:,} values of {len(proof.tables):,} tables in {proof.seconds:.1f} s",
    ]
    rejected = sum(table.rows_rejected for table in proof.tables)
    lines += [f"  missing   {rejected:,} rows are in quarantine"] if rejected else []
    for table in proof.tables:
        if not table.equal:
            lines.append(f"  different {table.table}: {table.rows_source:,} rows, and here {table.rows_target:,}")
            lines += [
                f"            {one.row} {one.column}: {one.source}, and here {one.target}"
                for one in table.differences[:_SHOWN]
            ]
    return "\n".join(lines)


def _json(found: Compared) -> str:
    import orjson

    return orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
