"""``exuvia mcp``: the tools for agents, over the Model Context Protocol."""

from __future__ import annotations

from typing import Annotated

import typer

from exuvia.cli.options import Debug, examples
from exuvia.errors import ConfigError

app = typer.Typer(
    help="Serve the database and the memory to agents, over the Model Context Protocol.",
    rich_markup_mode="rich",
    invoke_without_command=True,
    epilog=examples(
        [
            ("A database, read only, for the client that starts this", "exuvia mcp --database app.db"),
            ("A memory", "exuvia mcp --store sqlite:///memory.db --project apollo"),
        ]
    ),
)


@app.callback()
def serve(
    context: typer.Context,
    database: Annotated[
        str | None,
        typer.Option("--database", "-d", metavar="LOCATION", help="The SQLite file or PostgreSQL server for SQL."),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", "-s", metavar="URL", help="The memory. [default: EXUVIA_STORE]")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Whose memory is meant when none is named.")
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="List all tools instead of the three that find and call them.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Serve over standard input and output until the client leaves."""
    if context.invoked_subcommand is not None:
        return
    import asyncio

    from exuvia.location import parse
    from exuvia.settings import load

    settings = load()
    try:
        from exuvia.mcp.server import Serving
        from exuvia.mcp.stdio import serve_stdio
    except ImportError as error:
        raise ConfigError(
            "The MCP server needs a package that is not installed.",
            hint="pip install 'exuvia[mcp]'",
            code="mcp_extra",
        ) from error
    from exuvia.tools.desk import ServedDatabases

    location = None if database is None else parse(database)
    desk = ServedDatabases(settings, location=location, store=store or settings.store)
    asyncio.run(serve_stdio(Serving(desk, project, static)))
