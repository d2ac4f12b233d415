"""What ``exuvia live cutover`` and ``exuvia live rollback`` have in common: their options, and how they tell of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.errors import ConfigError, HookError, VerifyError

if TYPE_CHECKING:
    from exuvia.live import CutoverReport, RollbackReport
    from exuvia.live.cutover_report import SwitchReport
    from exuvia.live.options import Tell
    from exuvia.move.events import Listener

_HOOK = "CMD|URL"
_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|)")

MaxPause = Annotated[
    str, typer.Option("--max-pause", metavar="TIME", help="Give up rather than let writers wait longer.")
]
Before = Annotated[
    str, typer.Option("--before", metavar=_HOOK, help="Called before the pause; if it fails, nothing is done.")
]
Switch = Annotated[
    str, typer.Option("--switch", metavar=_HOOK, help="Called in the pause; if it fails, all is rolled back.")
]
After = Annotated[str, typer.Option("--after", metavar=_HOOK, help="Called when writers go on.")]
NoProof = Annotated[
    bool, typer.Option("--no-proof", help="Do not compare every value before; every round was compared.")
]
Record = Annotated[Path | None, typer.Option("--report", metavar="FILE.json", help="Write what was done to a file.")]


def seconds(text: str) -> float:
    """Read a duration such as ``1s`` or ``500ms``.

    Raises:
        ConfigError: It is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ConfigError(f"{text!r} is no time.", hint="Write it as 1s, 500ms or 2m.", code="duration")
    return float(found[1]) * _UNITS[found[2]]


@contextmanager
def watched(*, silent: bool) -> Iterator[tuple[Listener, Tell]]:
    """Give what hears of the comparison's progress, and what is told what is being done; Ctrl-C is an error.

    Args:
        silent: Show nothing.
    """
    from exuvia.cli.output import interruptible
    from exuvia.cli.progress import progress

    go_on = "See where it stands: exuvia live status. The same command goes on."
    with interruptible(go_on), progress(hidden=silent) as listener:
        yield listener, _nothing if silent else _say


def _say(what: str) -> None:
    typer.echo(f"{what[:1].upper()}{what[1:]}.", err=True)


def _nothing(_: str) -> None:
    """Say nothing."""


def document(done: SwitchReport) -> dict[str, object]:
    """Return what was done, for programs."""
    return {"equal": done.equal, **asdict(done)}


def give_out(found: dict[str, object], text: str, *, report: Path | None, json: bool, quiet: bool) -> None:
    """Write what was done to a file and print it.

    Args:
        found: What was done, for programs.
        text: The same for people.
        report: The file; None for none.
        json: Print it for programs.
        quiet: Print nothing for people.

    Raises:
        ConfigError: The file cannot be written.
    """
    import orjson

    from exuvia.cli.output import write_file

    written = orjson.dumps(found, option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
    if report is not None:
        write_file(report, written)
    if json:
        typer.echo(written, nl=False)
    elif not quiet:
        typer.echo(text)


def judge(*done: CutoverReport | RollbackReport, what: str) -> None:
    """Refuse to end well where something is wrong with what was done.

    Args:
        done: What was done.
        what: What it is called, such as ``cut-over``.

    Raises:
        VerifyError: The counts of rows differ.
        HookError: The hook that is called afterwards has failed.
    """
    if not all(one.equal for one in done):
        raise VerifyError("The counts of rows differ.", hint="Compare before anything else is written.", code="counts")
    if warnings := [said for one in done for said in one.warnings]:
        raise HookError(warnings[0], hint=f"The {what} itself is done.", code="after")


def counted(done: SwitchReport, rows: int, sides: tuple[str, str]) -> list[str]:
    """Return the lines for people about the pause and the rows that were counted in it.

    Args:
        done: What was done.
        rows: How many rows the side that is written now has.
        sides: What the source and the target are called.
    """
    parts = ", ".join(f"{name} {spent * 1000:,.0f} ms" for name, spent in done.steps.items())
    verdict = "counted equal on both sides" if done.equal else "COUNTS DIFFER"
    return [
        f"  pause     {parts}",
        f"  changes   {done.changes:,} came over in the pause",
        f"  rows      {rows:,} in {len(done.counts):,} tables, {verdict}",
        *(
            f"            {one.table}: {one.rows_source:,} in {sides[0]}, {one.rows_target:,} in {sides[1]}"
            for one in done.counts
            if not one.equal
        ),
    ]
