"""``exuvia live cutover``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.cli.commands import Destination, More, Schema
from exuvia.cli.options import Debug, Json, Quiet, Source, examples
from exuvia.cli.several import split
from exuvia.errors import ConfigError, HookError, VerifyError

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
_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|)")
HOOK = "CMD|URL"


def cutover(
    source: Source,
    destination: Destination = None,
    more: More = None,
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
    allow_quarantine: Annotated[
        bool, typer.Option("--allow-quarantine", help="Go on although rows are in quarantine.")
    ] = False,
    no_warm: Annotated[
        bool, typer.Option("--no-warm", help="Do not keep SQLite up to date afterwards: there is no rolling back then.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.json", help="Write what was done to a file.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make PostgreSQL the database that is written: writers wait for less than a second, then SQLite refuses them.

    A running exuvia live start hands over by itself. Killed at any point, the same command finishes it. Several files,
    each followed into a schema of its own, are cut over together, in one pause.
    """
    from exuvia.cli.output import interruptible, write_file
    from exuvia.cli.progress import progress
    from exuvia.live import CutoverOptions, cutover_together
    from exuvia.live import cutover as run
    from exuvia.settings import load

    sources, destination = split(source, destination, more)
    settings = load(target=destination, target_schema=schema)
    options = CutoverOptions(
        schema=settings.target_schema,
        max_pause=seconds(max_pause),
        before=before,
        switch=switch,
        after=after,
        proof=not no_proof,
        allow_quarantine=allow_quarantine,
        warm=not no_warm,
        data_dir=settings.data_dir,
    )
    tell = silent if json or quiet else say
    go_on = "See where it stands: exuvia live status. The same command goes on."
    with interruptible(go_on), progress(hidden=json or quiet) as listener:
        if more:
            done = cutover_together(sources, settings.target, options=options, listener=listener, tell=tell)
        else:
            done = (run(source, settings.target, options=options, listener=listener, tell=tell),)
    document = _joint(done) if more else _json(done[0])
    if report is not None:
        write_file(report, document)
    if json:
        typer.echo(document, nl=False)
    elif not quiet:
        typer.echo("\n\n".join(map(_text, done)))
    if not all(one.equal for one in done):
        raise VerifyError("The counts of rows differ.", hint="Compare before anything else is written.", code="counts")
    if warnings := [said for one in done for said in one.warnings]:
        raise HookError(warnings[0], hint="The cut-over itself is done.", code="after")


def say(what: str) -> None:
    """Say what is being done."""
    typer.echo(f"{what[:1].upper()}{what[1:]}.", err=True)


def silent(_: str) -> None:
    """Say nothing."""


def seconds(text: str) -> float:
    """Read a duration such as ``1s`` or ``500ms``.

    Raises:
        ConfigError: It is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ConfigError(f"{text!r} is no time.", hint="Write it as 1s, 500ms or 2m.", code="duration")
    return float(found[1]) * _UNITS[found[2]]


def _text(done: CutoverReport) -> str:
    if done.earlier:
        lines = [f"{done.source} had moved to {done.target} already; what was left to be done is done."]
    else:
        lines = [
            f"Moved to {done.target}, schema {done.schema}. Writers waited {done.pause * 1000:,.0f} ms.",
            "  pause     " + ", ".join(f"{name} {spent * 1000:,.0f} ms" for name, spent in done.steps.items()),
            f"  changes   {done.changes:,} came over in the pause",
            f"  rows      {sum(one.rows_target for one in done.counts):,} in {len(done.counts):,} tables, "
            + ("counted equal on both sides" if done.equal else "COUNTS DIFFER"),
        ]
        lines += [
            f"            {one.table}: {one.rows_source:,} in the source, {one.rows_target:,} in the target"
            for one in done.counts
            if not one.equal
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


def _json(done: CutoverReport) -> str:
    import orjson

    document = {"equal": done.equal, **asdict(done)}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n"


def _joint(done: Sequence[CutoverReport]) -> str:
    import orjson

    document = {
        "equal": all(one.equal for one in done),
        "pause": max(one.pause for one in done),
        "reports": [{"equal": one.equal, **asdict(one)} for one in done],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
