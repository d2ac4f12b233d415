"""``exuvia live rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.cli import switching
from exuvia.cli.commands import Destination, Schema
from exuvia.cli.options import Debug, Json, Quiet, Source, examples

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
    max_pause: switching.MaxPause = "1s",
    before: switching.Before = "",
    switch: switching.Switch = "",
    after: switching.After = "",
    no_proof: switching.NoProof = False,
    allow_inexact: Annotated[
        bool, typer.Option("--allow-inexact", help="Go on although SQLite changes some values.")
    ] = False,
    report: switching.Record = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Go back to SQLite after a cut-over, with everything that was written since; then PostgreSQL refuses writers.

    A running exuvia live start hands over by itself. Killed at any point, the same command finishes it.
    """
    from exuvia.live import RollbackOptions
    from exuvia.live import rollback as run
    from exuvia.settings import load

    settings = load(target=destination, target_schema=schema)
    options = RollbackOptions(
        schema=settings.target_schema,
        max_pause=switching.seconds(max_pause),
        before=before,
        switch=switch,
        after=after,
        proof=not no_proof,
        allow_inexact=allow_inexact,
        data_dir=settings.data_dir,
    )
    with switching.watched(silent=json or quiet) as (listener, tell):
        done = run(source, settings.target, options=options, listener=listener, tell=tell)
    switching.give_out(switching.document(done), _text(done), report=report, json=json, quiet=quiet)
    switching.judge(done, what="roll-back")


def _text(done: RollbackReport) -> str:
    if done.earlier:
        return f"{done.source} is written again already; {done.target} is fenced."
    lines = [
        f"Back in {done.source}. Writers waited {done.pause * 1000:,.0f} ms.",
        *switching.counted(done, sum(one.rows_source for one in done.counts), ("SQLite", "PostgreSQL")),
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
