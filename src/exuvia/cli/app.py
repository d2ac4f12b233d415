"""The ``exuvia`` command: its sub-commands, and what becomes of errors."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from exuvia.cli import (
    advise,
    ask,
    commands,
    guard,
    heal,
    live,
    mcp,
    moves,
    pg,
    portable,
    store,
    store_audit,
    store_dual,
    store_langgraph,
    store_markdown,
    store_reembed,
    store_search,
)
from exuvia.cli.options import let_help_flow
from exuvia.cli.output import print_error
from exuvia.errors import ExuviaError

_HELP = """Move any SQLite database to PostgreSQL, at COPY speed, and prove every value.

The source is only read. The tables appear in the target together, after every value was compared; a move that fails or is interrupted leaves the target as it was.

It also keeps what agents remember (store, ask), gives them tools that cannot harm a database (mcp, guard), and mends databases (heal)."""  # noqa: E501 - the help wraps it

_CODES = (
    (0, "all is well"),
    (1, "an error in exuvia itself"),
    (2, "wrong arguments or settings"),
    (3, "the source cannot be read"),
    (4, "the target refuses"),
    (5, "the plan does not fit"),
    (6, "the two sides differ"),
    (7, "a row could not go, with --on-error stop"),
    (8, "moved, but some rows are in quarantine; imported, but some files are broken"),
    (9, "a hook has failed"),
    (10, "advise --exit-code: prepare"),
    (11, "advise --exit-code: move now"),
    (12, "the guard denies a statement"),
    (13, "the store cannot be opened, or refuses"),
    (14, "heal: something was not mended; heal --exit-code: something is wrong"),
    (130, "interrupted"),
)
_CODES_HELP = "[bold]Exit codes[/bold]\n\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in _CODES)

app = typer.Typer(
    name="exuvia",
    help=_HELP,
    epilog=_CODES_HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("inspect", epilog=commands.INSPECT_EXAMPLES)(commands.inspect)
app.command("advise", epilog=advise.EXAMPLES)(advise.advise)
app.command("plan", epilog=commands.PLAN_EXAMPLES)(commands.plan)
app.command("migrate", epilog=commands.MIGRATE_EXAMPLES)(commands.migrate)
app.command("verify", epilog=commands.VERIFY_EXAMPLES)(commands.verify)
app.command("status", epilog=moves.STATUS_EXAMPLES)(moves.status)
app.command("abort", epilog=moves.ABORT_EXAMPLES)(moves.abort)
app.command("requeue", epilog=moves.REQUEUE_EXAMPLES)(moves.requeue)
app.command("export", epilog=portable.EXPORT_EXAMPLES)(portable.export_)
app.command("import", epilog=portable.IMPORT_EXAMPLES)(portable.import_)
app.command("ask", epilog=ask.EXAMPLES)(ask.ask)
app.command("heal", epilog=heal.EXAMPLES)(heal.heal)
app.add_typer(live.app, name="live")
app.add_typer(pg.app, name="pg")
store.app.command("import-markdown", epilog=store_markdown.IMPORT_EXAMPLES)(store_markdown.import_)
store.app.command("export-markdown", epilog=store_markdown.EXPORT_EXAMPLES)(store_markdown.export)
store.app.command("import-langgraph", epilog=store_langgraph.IMPORT_EXAMPLES)(store_langgraph.import_)
store.app.command("convert-langgraph", epilog=store_langgraph.CONVERT_EXAMPLES)(store_langgraph.convert)
store.app.command("reembed", epilog=store_reembed.EXAMPLES)(store_reembed.reembed)
store.app.command("search", epilog=store_search.EXAMPLES)(store_search.search)
store.app.add_typer(store_dual.app, name="dual")
store.app.add_typer(store_audit.app, name="audit")
app.add_typer(store.app, name="store")
app.add_typer(guard.app, name="guard")
app.add_typer(mcp.app, name="mcp")
let_help_flow(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"exuvia {version('exuvia')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the whole command."""


def run() -> None:
    """Run the command and end the process: errors are printed with what to do next, and without a traceback."""
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # what it warns of is raised, too
    try:
        app()
    except ExuviaError as error:
        if "--debug" in sys.argv or os.environ.get("EXUVIA_DEBUG"):
            traceback.print_exc()
        print_error(error, json="--json" in sys.argv)
        sys.exit(error.exit_code)
