"""``exuvia live rollback``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.cli.commands import Destination, Schema
from exuvia.cli.cutover import HOOK, say, seconds, silent
from exuvia.cli.options import Debug, Json, Quiet, Source, examples
from exuvia.errors import HookError, VerifyError

if TYPE_CHECKING:
    from exuvia.live import RollbackReport

EXAMPLES = examples(
    [
        ("From now on SQLite is written again", "exuvia live rollback app.db postgresql://me@host/app"),
        ("Switch the application in the pause", "exuvia live rollback app.db --switch 'systemctl reload app'"),
        ("Rather not than a pause of half a second", "exuvia live rollback app.db --max-pause 500ms"),
    ]
)


def rollback(
    source: Source,
    destination: Destination = None,
    schema: Schema = None,
    max_pause: Annotated[
        str, typer.Option("--max-pause", metavar="TIME", help="Give up rather than let writers wait longer.")
    ] = "1s",
    before: Annotated[
        str, typer.Option("--before", metavar=HOOK, help="Called before the pause; if it fails, nothing is done.")
    ] = "",
    switch: Annotated[
        str, typer.Option("--switch", metavar=HOOK, help="Called in the pause; if it fails, all is rolled back.")
    ] = "",
    after: Annotated[str, typer.Option("--after", metavar=HOOK, help="Called when writers go on.")] = "",
    no_proof: Annotated[
        bool, typer.Option("--no-proof", help="Do not compare every value before; every round was compared.")
    ] = False,
    allow_inexact: Annotated[
        bool, typer.Option("--allow-inexact", help="Go on although SQLite changes some values.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.json", help="Write what was done to a file.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Go back to SQLite after a cut-over, with everything that was written since; then PostgreSQL refuses writers.

    A running exuvia live start hands over by itself. Killed at any point, the same command finishes it.
    """
    from exuvia.cli.output import interruptible, write_file
    from exuvia.cli.progress import progress
    from exuvia.live import RollbackOptions
    from exuvia.live import rollback as run
    from exuvia.settings import load

    settings = load(target=destination, target_schema=schema)
    options = RollbackOptions(
        schema=settings.target_schema,
        max_pause=seconds(max_pause),
        before=before,
        switch=switch,
        after=after,
        proof=not no_proof,
        allow_inexact=allow_inexact,
        data_dir=settings.data_dir,
    )
    tell = silent if json or quiet else say
    go_on = "See where it stands: exuvia live status. The same command goes on."
    with interruptible(go_on), progress(hidden=json or quiet) as listener:
        done = run(source, settings.target, options=options, listener=listener, tell=tell)
    if report is not None:
        write_file(report, _json(done))
    if json:
        typer.echo(_json(done), nl=False)
    elif not quiet:
        typer.echo(_text(done))
    if not done.equal:
        raise VerifyError("The counts of rows differ.", hint="Compare before anything else is written.", code="counts")
    if done.warnings:
        raise HookError(done.warnings[0], hint="The roll-back itself is done.", code="after")


def _text(done: RollbackReport) -> str:
    if done.earlier:
        return f"{done.source} is written again already; {done.target} is fenced."
    rows = sum(one.rows_source for one in done.counts)
    lines = [
        f"Back in {done.source}. Writers waited {done.pause * 1000:,.0f} ms.",
        "  pause     " + ", ".join(f"{name} {spent * 1000:,.0f} ms" for name, spent in done.steps.items()),
        f"  changes   {done.changes:,} came over in the pause",
        f"  rows      {rows:,} in {len(done.counts):,} tables, "
        + ("counted equal on both sides" if done.equal else "COUNTS DIFFER"),
    ]
    lines += [
        f"            {one.table}: {one.rows_source:,} in SQLite, {one.rows_target:,} in PostgreSQL"
        for one in done.counts
        if not one.equal
    ]
    if done.proof is not None:
        equal = "all equal" if not done.inexact else "equal but for the columns below"
        lines.append(f"  compared  {done.proof.values_compared:,} values, {equal}, before the pause")
    if done.repaired:
        lines.append(f"  repaired  {', '.join(done.repaired)}: rows had differed")
    if done.inexact:
        lines.append(f"  inexact   {', '.join(done.inexact)}: SQLite changes some of their values")
    lines += [f"  left      table {name} stays in PostgreSQL: the move has not made it" for name in done.left]
    lines += [f"  warning   {text}" for text in done.warnings]
    lines.append("Programs that still write to PostgreSQL's tables are refused and told where they are now.")
    return "\n".join(lines)


def _json(done: RollbackReport) -> str:
    import orjson

    document = {"equal": done.equal, **asdict(done)}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
