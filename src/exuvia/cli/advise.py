"""``exuvia advise``: should this SQLite database move?"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from exuvia.cli.options import Debug, Json, Quiet, Source, examples
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.ops.advisor.advise import AdviseProgress

PREPARE, MOVE_NOW = 10, 11
_CODES = {"stay": 0, "prepare": PREPARE, "move now": MOVE_NOW}
_EVERY = 2.0  # seconds between lines where there is no terminal

EXAMPLES = (
    examples(
        [
            ("Three seconds of looking", "exuvia advise app.db"),
            ("A minute of the busiest hour, for a program", "exuvia advise app.db --watch 60 --json"),
            ("Every day, so that growth is known", "exuvia advise app.db --keep --watch 0 --quiet"),
            ("For a scheduled job: exit code 10 for prepare, 11 for move now", "exuvia advise app.db --exit-code"),
            ("Other thresholds", "exuvia advise app.db --max-mb 500 --max-agents 20"),
            ("Every row counted, the file checked; writers may have to wait", "exuvia advise app.db --check --exact"),
        ]
    )
    + "\n\n[bold]Exit codes[/bold]\n\n    0  an advice was given\n\n    3  the file cannot be read\n\n"
    "   10  with --exit-code: prepare\n\n   11  with --exit-code: move now"
)


def advise(
    source: Source,
    watch: Annotated[
        float | None,
        typer.Option("--watch", min=0, metavar="SECONDS", help="For how long the locks are looked at. \\[default: 3]"),
    ] = None,
    probe: Annotated[
        Literal["ask", "take", "off"],
        typer.Option(
            "--probe",
            help="Ask the system who holds the write lock, which takes none; or take it for microseconds with BEGIN"
            " IMMEDIATE, where the system does not tell; or neither.",
        ),
    ] = "ask",
    keep: Annotated[bool, typer.Option("--keep", help="Keep a sample of the size, so that growth is known.")] = False,
    samples: Annotated[
        Path | None,
        typer.Option("--samples", metavar="FILE", help="Where samples are kept; else in ~/.local/state/exuvia."),
    ] = None,
    max_mb: Annotated[float | None, typer.Option("--max-mb", metavar="MB", help="Move beyond this size.")] = None,
    max_agents: Annotated[
        int | None, typer.Option("--max-agents", metavar="N", help="Move beyond so many agents at once.")
    ] = None,
    max_users: Annotated[
        int | None, typer.Option("--max-users", metavar="N", help="Move beyond so many users at once.")
    ] = None,
    max_events: Annotated[
        int | None, typer.Option("--max-events", metavar="N", help="Move beyond so many events.")
    ] = None,
    max_lock_waits: Annotated[
        float | None, typer.Option("--max-lock-waits", metavar="N", help="Move beyond so many lock waits an hour.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Read the whole file for damage.")] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Read for as long as it takes; outside WAL mode writers wait meanwhile.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 10 for prepare and 11 for move now.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say whether a SQLite database should move to PostgreSQL: stay, prepare, or move now, and why.

    Measures size, growth, rows, locks, processes, activity and the health of indexes. The file is only read.
    """
    from exuvia.cli.output import interruptible, show
    from exuvia.ops.advisor.advise import AdviseOptions
    from exuvia.ops.advisor.advise import advise as run
    from exuvia.report.advice import advice_to_json, advice_view
    from exuvia.settings import load

    settings = load(
        advise_watch=watch,
        advise_max_mb=max_mb,
        advise_max_agents=max_agents,
        advise_max_users=max_users,
        advise_max_events=max_events,
        advise_max_lock_waits=max_lock_waits,
    )
    if samples is not None and samples.is_dir():
        raise ConfigError(f"{samples} is a directory.", hint="Name a file for the samples.", code="samples")
    options = AdviseOptions(
        watch=settings.advise_watch,
        probe=probe,
        hold=math.inf if exact else None,
        window=settings.advise_window_minutes * 60,
        check=check,
        samples=samples,
        keep=keep,
        thresholds=settings.advise_thresholds,
    )
    with interruptible("Nothing was changed."), _progress(hidden=json or quiet) as listener:
        found = run(source, options, listener)
    if json:
        typer.echo(advice_to_json(found), nl=False)
    elif not quiet:
        show(advice_view(found))
    if exit_code:
        raise typer.Exit(_CODES[found.recommendation])


@contextmanager
def _progress(*, hidden: bool) -> Iterator[Callable[[AdviseProgress], None]]:
    """Give a listener that shows how far it is: a bar on a terminal, else a line now and then."""
    if hidden:
        yield lambda _: None
    elif sys.stderr.isatty():
        yield from _bar()
    else:
        yield _Lines().hear


def _bar() -> Iterator[Callable[[AdviseProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from exuvia.report.words import one_line

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading tables", detail="")

        def hear(event: AdviseProgress) -> None:
            title = "Reading tables" if event.stage == "read" else "Looking at locks"
            detail = one_line(event.detail, 48)
            bar.update(task, description=title, completed=event.done, total=event.total, detail=detail)

        yield hear


class _Lines:
    """Now and then a line that says how far it is."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def hear(self, event: AdviseProgress) -> None:
        """Take an event in."""
        now = time.monotonic()
        if now - self._last < _EVERY:
            return
        self._last = now
        done = f"{event.done:.0f} of {event.total:.0f}"
        text = f"Reading tables: {done}" if event.stage == "read" else f"Looking at locks: {done} s, {event.detail}"
        sys.stderr.write(f"{text}\n")
