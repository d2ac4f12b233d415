"""``exuvia mcp``: the tools for agents, over the Model Context Protocol."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from exuvia.cli import mcp_config, mcp_token, mcp_tools
from exuvia.cli.options import Debug, examples
from exuvia.errors import ConfigError

_HELP = """Serve the database and the memory to agents, over the Model Context Protocol.

Over standard input and output until the client leaves, or with --http until Ctrl-C. Over HTTP every client shows a token: one of the store (exuvia mcp token create), or the one in EXUVIA_MCP_TOKEN or in the file that EXUVIA_MCP_TOKEN_FILE names."""  # noqa: E501 - the help wraps it

_TYPED = """Serving over standard input and output, which a client starts by itself; Ctrl-C ends it.
What a client has to know: exuvia mcp config HOST; for clients that connect: exuvia mcp --http."""

app = typer.Typer(
    help=_HELP,
    rich_markup_mode="rich",
    invoke_without_command=True,
    epilog=examples(
        [
            ("A database, read only, for the client that starts this", "exuvia mcp --database app.db"),
            ("A memory", "exuvia mcp --store sqlite:///memory.db --project apollo"),
            ("Both, for many clients with tokens", "exuvia mcp --http -d app.db -s sqlite:///memory.db"),
            ("For other machines", "exuvia mcp --http --host 0.0.0.0 --allow-host tools.example.com -s memory.db"),
        ]
    ),
)
app.command("config", epilog=mcp_config.EXAMPLES)(mcp_config.config)
app.add_typer(mcp_token.app, name="token")
app.add_typer(mcp_tools.app)


@app.callback()
def serve(
    context: typer.Context,
    database: Annotated[
        str | None,
        typer.Option("--database", "-d", metavar="LOCATION", help="The SQLite file or PostgreSQL server for SQL."),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", "-s", metavar="URL", help="The memory. \\[default: EXUVIA_STORE]")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Whose memory is meant when none is named.")
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="List all tools instead of the three that find and call them.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nobody change anything.")] = False,
    http: Annotated[bool, typer.Option("--http", help="Listen for HTTP instead of serving who starts this.")] = False,
    host: Annotated[
        str | None, typer.Option("--host", help="The name or address to listen at. \\[default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="0 for any that is free. \\[default: 8765]")
    ] = None,
    path: Annotated[str | None, typer.Option("--path", help="The endpoint's path. \\[default: /mcp]")] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name that clients may address it by (repeatable)."),
    ] = None,
    certfile: Annotated[Path | None, typer.Option("--certfile", help="Serve TLS with this certificate (PEM).")] = None,
    keyfile: Annotated[Path | None, typer.Option("--keyfile", help="The certificate's key (PEM).")] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Ask nobody for a token; only where nobody else can connect.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option("--directory", help="Work there: exuvia.toml and .env are looked for in it.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Serve, unless a command of this group is called."""
    if context.invoked_subcommand is not None:
        return
    from exuvia.location import PostgresLocation, parse
    from exuvia.settings import load

    if directory is not None:
        _work_in(directory)
    settings = load(store=store, mcp_host=host, mcp_port=port, mcp_path=path, mcp_allow_hosts=allow_host or None)
    _need_the_extra()
    _import_the_server()
    from exuvia.mcp.admission import own_token
    from exuvia.mcp.logs import write_logs
    from exuvia.mcp.server import Serving
    from exuvia.tools.desk import ServedDatabases
    from exuvia.tools.frame.call import READING, SCOPES

    location = None if database is None else parse(database)
    scopes = READING if read_only else frozenset(SCOPES)
    serving = Serving(ServedDatabases(settings, location=location, store=settings.store), project, static, scopes)
    places = [location, None if settings.store is None else parse(settings.store)]
    own = own_token()
    secrets = [own or "", *(text for place in places if isinstance(place, PostgresLocation) for text in place.secrets)]
    if http:
        from exuvia.mcp.http import Address, serve_http
        from exuvia.mcp.web import site_for

        address = Address(settings.mcp_host, settings.mcp_port, certfile, keyfile)
        names = settings.mcp_allow_hosts
        site = site_for(serving, address.host, settings.mcp_path, names, own=own, asks=not no_auth)
        write_logs(secrets)
        asyncio.run(serve_http(serving, site, address, _say_where))
    else:
        from exuvia.mcp.stdio import serve_stdio

        only = {"host": host, "port": port, "path": path, "allow-host": allow_host, "certfile": certfile}
        _refuse_for_stdio(only | {"keyfile": keyfile, "no-auth": no_auth or None})
        write_logs(secrets)
        if sys.stdin.isatty():
            typer.echo(_TYPED, err=True)
        asyncio.run(serve_stdio(serving))


def _work_in(directory: Path) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise ConfigError(f"{directory} cannot be worked in: {error.strerror}.", code="directory") from None


def _refuse_for_stdio(options: Mapping[str, object]) -> None:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"{', '.join(given)}: for HTTP only.", hint="Add --http.", code="mcp_http")


def _say_where(url: str) -> None:
    typer.echo(f"Serving at {url}; Ctrl-C ends it.", err=True)


def _import_the_server() -> None:
    enabled = gc.isenabled()
    gc.disable()  # nothing of what is imported is garbage, and looking for some takes a tenth of the time to start
    try:
        importlib.import_module("exuvia.mcp.stdio")
    finally:
        if enabled:
            gc.enable()


def _need_the_extra() -> None:
    from importlib.util import find_spec

    if find_spec("mcp") is None:
        raise ConfigError(
            "The MCP server needs a package that is not installed.",
            hint="pip install 'exuvia[mcp]'",
            code="mcp_extra",
        )
