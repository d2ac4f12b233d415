"""``exuvia mcp config``: what a host needs to know to use the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from exuvia.cli.options import Debug, examples
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.mcp.hosts import Host, Way

EXAMPLES: Final = examples(
    [
        ("Which hosts there are, and their files", "exuvia mcp config"),
        ("Look at what Claude Code would get", "exuvia mcp config claude-code --database app.db"),
        ("Put it into Cursor's file", "exuvia mcp config cursor --store sqlite:///memory.db --write"),
        ("A server that runs already", "exuvia mcp config codex --http https://tools.example.com/mcp --write"),
    ]
)


def config(
    host: Annotated[str | None, typer.Argument(metavar="HOST", help="The host; without one they are listed.")] = None,
    database: Annotated[str | None, typer.Option("--database", "-d", metavar="LOCATION", help="For SQL.")] = None,
    store: Annotated[
        str | None, typer.Option("--store", "-s", metavar="URL", help="The memory. \\[default: EXUVIA_STORE]")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Whose memory is meant.")] = None,
    static: Annotated[bool, typer.Option("--static", help="List all tools.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let it change nothing.")] = False,
    http: Annotated[
        str | None, typer.Option("--http", metavar="URL", help="Connect there instead of starting a server.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the server is called.")] = "exuvia",
    write: Annotated[bool, typer.Option("--write", help="Merge it into the host's file, keeping a backup.")] = False,
    file: Annotated[Path | None, typer.Option("--file", help="Another file than the host's usual one.")] = None,
    debug: Debug = False,
) -> None:
    """Print the configuration that lets a host use the server, or write it into the host's file. It holds no secret."""
    from exuvia.mcp.hosts import host_named
    from exuvia.mcp.hosts.known import Place

    if host is None:
        _list(Place())
        return
    chosen = host_named(host)
    flags = {"--static": static, "--read-only": read_only}
    options = [option for option, wanted in flags.items() if wanted] + (["--project", project] if project else [])
    way = _way(database, store, http, options)
    if not write:
        typer.echo(chosen.text(way, name), nl=False)
    _note_a_missing_file(database)
    _say(chosen, way, name, file or (chosen.file(Place()) if chosen.file is not None else None), write=write)


def _way(database: str | None, store: str | None, http: str | None, options: list[str]) -> Way:
    from exuvia.location import parse
    from exuvia.mcp.hosts import local, remote
    from exuvia.settings import load

    if http is not None:
        if database or store or options:
            raise ConfigError(
                "A server that runs already has been told what it serves.",
                hint="With --http leave out --database, --store, --project, --static and --read-only.",
                code="mcp_http",
            )
        return remote(http)
    served = load(store=store).store
    return local(
        database=None if database is None else parse(database),
        store=None if served is None else parse(served),
        options=options,
    )


def _note_a_missing_file(database: str | None) -> None:
    from exuvia.location import SqliteLocation, parse

    place = None if database is None else parse(database)
    if isinstance(place, SqliteLocation) and not place.path.expanduser().exists():
        typer.echo(f"Note: {place.path} does not exist.", err=True)


def _say(host: Host, way: Way, name: str, file: Path | None, *, write: bool) -> None:
    from exuvia.mcp.hosts import Remote
    from exuvia.mcp.hosts import write as write_entry

    if not write:
        typer.echo(f"For {host.title}: {file or 'a program of yours'}. {host.hint}", err=True)
    elif file is None:
        raise ConfigError(f"{host.title} has no file.", hint="Leave --write out.", code="mcp_file")
    else:
        done = write_entry(host, way, name, file)
        kept = f" As it was: {done.backup}." if done.backup else ""
        state = f"{name} is in {file}.{kept}" if done.changed else f"{file} has it already."
        typer.echo(f"{state} {host.hint}", err=True)
    named = (way.variable,) if isinstance(way, Remote) else way.variables
    variables = [variable for variable in named if variable in host.text(way, name)]
    if variables:
        typer.echo(f"{host.title} needs {' and '.join(variables)} in its environment.", err=True)


def _list(place: object) -> None:
    from exuvia.mcp.hosts import HOSTS
    from exuvia.mcp.hosts.known import Place

    assert isinstance(place, Place)
    for host in HOSTS:
        typer.echo(f"{host.name:<15} {host.title:<18} {host.file(place) if host.file is not None else 'a program'}")
