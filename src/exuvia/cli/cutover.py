"""``exuvia live cutover``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.cli import switching
from exuvia.cli.commands import Destination, More, Schema
from exuvia.cli.options import Debug, Json, Quiet, Source, examples
from exuvia.cli.several import split

if TYPE_CHECKING:
    from exuvia.live import CutoverReport

EXAMPLES = examples(
    [
        ("From now on PostgreSQL is written", "exuvia live cutover app.db postgresql://me@host/app"),
        ("Switch the application in the pause", "exuvia live cutover app.db --switch 'systemctl reload app'"),
        ("Rather not than a pause of half a second", "exuvia live cutover app.db --max-pause 500ms"),
        ("Two files in one pause", "exuvia live cutover app.db log.db postgresql://me@host/app"),
        ("Keep what was done, for the record", "exuvia live cutover app.db --report cutover.json"),
    ]
)


def cutover(
    source: Source,
    destination: Destination = None,
    more: More = None,
    schema: Schema = None,
    max_pause: switching.MaxPause = "1s",
    before: switching.Before = "",
    switch: switching.Switch = "",
    after: switching.After = "",
    no_proof: switching.NoProof = False,
    allow_quarantine: Annotated[
        bool, typer.Option("--allow-quarantine", help="Go on although rows are in quarantine.")
    ] = False,
    no_warm: Annotated[
        bool, typer.Option("--no-warm", help="Do not keep SQLite up to date afterwards: there is no rolling back then.")
    ] = False,
    report: switching.Record = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make PostgreSQL the database that is written: writers wait for less than a second, then SQLite refuses them.

    A running exuvia live start hands over by itself. Killed at any point, the same command finishes it. Several files,
    each followed into a schema of its own, are cut over together, in one pause.
    """
    from exuvia.live import CutoverOptions, cutover_together
    from exuvia.live import cutover as run
    from exuvia.settings import load

    sources, destination = split(source, destination, more)
    settings = load(target=destination, target_schema=schema)
    options = CutoverOptions(
        schema=settings.target_schema,
        max_pause=switching.seconds(max_pause),
        before=before,
        switch=switch,
        after=after,
        proof=not no_proof,
        allow_quarantine=allow_quarantine,
        warm=not no_warm,
        data_dir=settings.data_dir,
    )
    with switching.watched(silent=json or quiet) as (listener, tell):
        if more:
            done = cutover_together(sources, settings.target, options=options, listener=listener, tell=tell)
        else:
            done = (run(source, settings.target, options=options, listener=listener, tell=tell),)
    found = _joint(done) if more else switching.document(done[0])
    switching.give_out(found, "\n\n".join(map(_text, done)), report=report, json=json, quiet=quiet)
    switching.judge(*done, what="cut-over")


def _text(done: CutoverReport) -> str:
    if done.earlier:
        lines = [f"{done.source} had moved to {done.target} already; what was left to be done is done."]
    else:
        lines = [
            f"Moved to {done.target}, schema {done.schema}. Writers waited {done.pause * 1000:,.0f} ms.",
            *switching.counted(done, sum(one.rows_target for one in done.counts), ("the source", "the target")),
        ]
    if done.proof is not None:
        lines.append(f"  compared  {done.proof.values_compared:,} values, all equal, before the pause")
    if done.repaired:
        lines.append(f"  repaired  {', '.join(done.repaired)}: changes had come in that no trigger saw")
    rejected = sum(one.rows_rejected for one in done.counts)
    lines += [f"  missing   {rejected:,} rows are in quarantine"] if rejected else []
    lines += [
        f"  left out  {one.kind} {one.name}: {one.reason}" for one in done.objects if one.fate.value == "left out"
    ]
    lines += [f"  warning   {one.where}: {one.message}" for one in done.problems]
    lines.append("Programs that still write to the file are refused and told where it has moved.")
    if done.warm:
        lines.append("exuvia live start keeps the file up to date from now on; exuvia live rollback goes back to it.")
    return "\n".join(lines)


def _joint(done: Sequence[CutoverReport]) -> dict[str, object]:
    return {
        "equal": all(one.equal for one in done),
        "pause": max(one.pause for one in done),
        "reports": [switching.document(one) for one in done],
    }
