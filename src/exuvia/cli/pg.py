"""``exuvia pg``: the PostgreSQL server that pip installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from exuvia.cli.options import Json, Quiet, examples
from exuvia.engines.postgres import embedded
from exuvia.location import EMBEDDED_DATABASE

app = typer.Typer(
    help="Run the PostgreSQL server that pip installed (extra 'embedded').",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIRECTORY",
        help="The server's directory; else EXUVIA_DATA_DIR, data_dir in exuvia.toml, or the user's data directory.",
    ),
]
Database = Annotated[str, typer.Option("--database", "-d", metavar="NAME", help="The database to connect to.")]


@app.command(
    epilog=examples(
        [
            ("Start it, and make the database exuvia", "exuvia pg start"),
            ("Another server, with another database", "exuvia pg start --data-dir ./pg --database app"),
        ]
    )
)
def start(
    data_dir: DataDir = None, database: Database = EMBEDDED_DATABASE, json: Json = False, quiet: Quiet = False
) -> None:
    """Start the server unless it runs, and make the database unless it exists."""
    server = embedded.start(_place(data_dir), database=database)
    _tell(server, json=json, quiet=quiet)


@app.command(epilog=examples([("Stop it; the data stays", "exuvia pg stop")]))
def stop(data_dir: DataDir = None, json: Json = False, quiet: Quiet = False) -> None:
    """Stop the server. Its data stays; open transactions are rolled back."""
    stopped = embedded.stop(_place(data_dir))
    if json:
        _print_json({"stopped": stopped})
    elif not quiet:
        typer.echo("The server is stopped." if stopped else "No server was running.")


@app.command(epilog=examples([("Does it run? Exit code 0 when it does, 1 when not", "exuvia pg status --quiet")]))
def status(
    data_dir: DataDir = None, database: Database = EMBEDDED_DATABASE, json: Json = False, quiet: Quiet = False
) -> None:
    """Say whether the server runs, and where. The exit code is 1 when it does not."""
    server = embedded.status(_place(data_dir), database=database)
    if server is not None:
        _tell(server, json=json, quiet=quiet)
        return
    if json:
        _print_json({"running": False})
    elif not quiet:
        typer.echo(
            f"No server runs in {_place(data_dir) or embedded.default_data_dir()}. Start it with: exuvia pg start"
        )
    raise typer.Exit(1)


@app.command(epilog=examples([("Connect with your own tools", 'psql "$(exuvia pg url)"')]))
def url(data_dir: DataDir = None, database: Database = EMBEDDED_DATABASE, json: Json = False) -> None:
    """Print the URL of the running server's database."""
    address = embedded.url(_place(data_dir), database=database)
    if json:
        _print_json({"url": address})
    else:
        typer.echo(address)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=examples(
        [
            ("Open a session", "exuvia pg psql"),
            ("Run one statement", "exuvia pg psql -- -c 'SELECT version()'"),
        ]
    ),
)
def psql(context: typer.Context, data_dir: DataDir = None, database: Database = EMBEDDED_DATABASE) -> None:
    """Open psql on the server, which is started if need be. What follows -- goes to psql."""
    server = embedded.start(_place(data_dir), database=database)
    program = embedded.psql_path()
    sys.stdout.flush()
    os.execv(program, [program.name, server.url, *context.args])  # noqa: S606


def _place(data_dir: Path | None) -> Path | None:
    from exuvia.settings import load

    return load(data_dir=data_dir).data_dir


def _tell(server: embedded.Server, *, json: bool, quiet: bool) -> None:
    if json:
        _print_json(
            {
                "running": True,
                "url": server.url,
                "pid": server.pid,
                "data_dir": str(server.data_dir),
                "version": server.version,
            }
        )
    elif not quiet:
        typer.echo(f"PostgreSQL {server.version} runs in {server.data_dir} (pid {server.pid}).\n{server.url}")


def _print_json(document: dict[str, object]) -> None:
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
