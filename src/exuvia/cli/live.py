"""``exuvia live``: moving a database while its application goes on writing."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exuvia.cli import cutover, live_verify, rollback
from exuvia.cli.commands import Destination, Fold, NaiveTimeOption, PlanFile, Schema, StyleOption
from exuvia.cli.live_screen import described, prometheus_text, shown, status_json, watch_on
from exuvia.cli.options import Debug, Exclude, Include, Jobs, Json, Quiet, Source, examples

if TYPE_CHECKING:
    from exuvia.live import Ended, LiveEvent

JsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per line and second on stdout, errors on stderr.")
]

START_EXAMPLES = examples(
    [
        ("Copy app.db while it is written, and follow it", "exuvia live start app.db postgresql://me@host/app"),
        ("Go on after an interruption: the same command", "exuvia live start app.db postgresql://me@host/app"),
        ("Switch the file to WAL mode first", "exuvia live start app.db --set-wal"),
        ("Catch up once, as from cron, and end", "exuvia live start app.db --catch-up"),
        ("Begin anew, where a change of the schema cannot be followed", "exuvia live start app.db --restart"),
    ]
)
STATUS_EXAMPLES = examples(
    [
        ("How far behind is it?", "exuvia live status postgresql://me@host/app"),
        ("On the screen until Ctrl-C", "exuvia live status --watch"),
        ("For a program, or for Prometheus", "exuvia live status --prometheus"),
    ]
)
PAUSE_EXAMPLES = examples([("Leave the source alone for a while", "exuvia live pause postgresql://me@host/app")])
RESUME_EXAMPLES = examples([("Go on after exuvia live pause", "exuvia live resume postgresql://me@host/app")])
STOP_EXAMPLES = examples(
    [
        ("End it, and remove every trace from both sides", "exuvia live stop app.db postgresql://me@host/app"),
        ("Take the change log out of a file whose target is gone", "exuvia live stop app.db --source-only"),
        ("After a cut-over: PostgreSQL it is; the file can be written, too", "exuvia live stop app.db --lift-fence"),
        ("After a roll-back: SQLite it is; no table stays behind", "exuvia live stop app.db --drop-tables"),
    ]
)

app = typer.Typer(
    name="live",
    help="Move a database while its application goes on writing to it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("start", epilog=START_EXAMPLES)
def start(
    source: Source,
    destination: Destination = None,
    plan_file: PlanFile = None,
    style: StyleOption = None,
    naive_time: NaiveTimeOption = None,
    fold: Fold = None,
    schema: Schema = None,
    include: Include = None,
    exclude: Exclude = None,
    jobs: Jobs = None,
    batch_rows: Annotated[
        int | None, typer.Option("--batch-rows", min=1, metavar="N", help="At most N rows in memory per batch.")
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", metavar="FILE", help="Where rows that the copy rejects are listed."),
    ] = None,
    set_wal: Annotated[
        bool, typer.Option("--set-wal", help="Switch the source to WAL mode, which following needs; it stays.")
    ] = False,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="End when what was written up to now is in the target.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where a live move of this file could go on.")
    ] = False,
    json: JsonLines = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Copy a database that is being written, then follow its changes until Ctrl-C, which pauses.

    The source gets a change log and triggers, which exuvia live stop removes again. Its application goes on as it is.
    """
    from exuvia.cli.output import interruptible
    from exuvia.cli.progress import progress
    from exuvia.cli.wishes import collect
    from exuvia.live import LiveOptions
    from exuvia.live import start as run
    from exuvia.move.options import MoveOptions

    wishes = collect(
        plan_file=plan_file,
        target=destination,
        style=style,
        naive_time=naive_time,
        fold=fold,
        schema=schema,
        include=include,
        exclude=exclude,
        jobs=jobs,
        batch_rows=batch_rows,
    )
    move = MoveOptions(
        plan=wishes.plan,
        jobs=wishes.settings.jobs,
        batch_rows=wishes.settings.batch_rows,
        on_error=wishes.settings.on_error,
        quarantine_file=quarantine,
        data_dir=wishes.settings.data_dir,
    )
    options = LiveOptions(move, restart=restart, set_wal=set_wal, catch_up=catch_up)
    go_on = "Nothing is lost: the same command goes on. To end the move and remove its traces: exuvia live stop."
    with interruptible(go_on), shown(json=json, quiet=quiet) as show, ExitStack() as copying:
        listener = copying.enter_context(progress(hidden=json or quiet))

        def hear(event: LiveEvent) -> None:
            if event.phase != "copying":
                copying.close()  # the bars of the copy would write over what is shown next
            show(event)

        ended = run(source, wishes.settings.target, options=options, listener=listener, hear=hear)
    if not (json or quiet):
        typer.echo(f"{_ending(ended)} {ended.last.changes:,} changes in {ended.last.rounds:,} rounds.")


def _ending(ended: Ended) -> str:
    is_back = ended.last.direction == "sqlite"
    if ended.stopped:
        return "Stopped: SQLite is not kept up to date any more." if is_back else "Stopped; no trace is left."
    if ended.moved:
        return "Another process has cut over: the target is the one to write now."
    if ended.returned:
        return "Another process has rolled back: SQLite is the one to write now."
    return "SQLite has caught up." if is_back else "The target has caught up."


@app.command("status", epilog=STATUS_EXAMPLES)
def status(
    destination: Destination = None,
    schema: Schema = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every second, until Ctrl-C.")] = False,
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Print it in Prometheus' text format.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the live moves into a database: phase, lag, rate, rounds, rows in quarantine."""
    from exuvia.live import status as look
    from exuvia.settings import load

    target = load(target=destination).target_location
    if json or prometheus:
        found = look(target, schema)
        typer.echo(status_json(found) if json else prometheus_text(found), nl=False)
        return
    if watch:
        watch_on(lambda: look(target, schema))
        return
    typer.echo(described(look(target, schema)))


@app.command("pause", epilog=PAUSE_EXAMPLES)
def pause(destination: Destination = None, schema: Schema = None, quiet: Quiet = False, debug: Debug = False) -> None:
    """Let a running follower rest: its process stays, the source is left alone."""
    from exuvia.live import pause as run
    from exuvia.settings import load

    settings = load(target=destination, target_schema=schema)
    run(settings.target_location, settings.target_schema)
    if not quiet:
        typer.echo("Paused. Changes are logged meanwhile. Go on with: exuvia live resume")


@app.command("resume", epilog=RESUME_EXAMPLES)
def resume(destination: Destination = None, schema: Schema = None, quiet: Quiet = False, debug: Debug = False) -> None:
    """Let a paused follower go on."""
    from exuvia.live import resume as run
    from exuvia.settings import load

    settings = load(target=destination, target_schema=schema)
    run(settings.target_location, settings.target_schema)
    if not quiet:
        typer.echo("Following.")


_UNDONE = "Stopped. No trace of the move is left."
_CUT_OVER = "The move was cut over: PostgreSQL is written, and the file stays fenced."


@app.command("stop", epilog=STOP_EXAMPLES)
def stop(
    source: Source,
    destination: Destination = None,
    schema: Schema = None,
    source_only: Annotated[
        bool, typer.Option("--source-only", help="Take the change log out of the file; the target is not asked.")
    ] = False,
    lift_fence: Annotated[
        bool, typer.Option("--lift-fence", help="After a cut-over: let the file be written, apart from the target.")
    ] = False,
    drop_tables: Annotated[
        bool, typer.Option("--drop-tables", help="After a roll-back: drop the tables in PostgreSQL.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """End a live move: its triggers and log leave the source, its copy leaves the target.

    After a cut-over, the file is not kept up to date any more and stays fenced; after a roll-back, PostgreSQL's fence
    goes and its tables stay.
    """
    from exuvia.live import remove_log
    from exuvia.live import stop as run
    from exuvia.settings import load

    settings = load(target=destination, target_schema=schema)
    if source_only:
        said = "The change log was taken out." if remove_log(source) else "There was no change log."
    else:
        where = (settings.target_location, settings.target_schema)
        undone = run(source, *where, lift_fence=lift_fence, drop_tables=drop_tables)
        said = _UNDONE if undone else _CUT_OVER
    if not quiet:
        typer.echo(said)


app.command("verify", epilog=live_verify.EXAMPLES)(live_verify.verify)
app.command("cutover", epilog=cutover.EXAMPLES)(cutover.cutover)
app.command("rollback", epilog=rollback.EXAMPLES)(rollback.rollback)
