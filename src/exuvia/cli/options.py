"""The arguments and options that several commands share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from typer.models import CommandInfo

Source = Annotated[str, typer.Argument(metavar="SRC", help="The SQLite file, as a path or sqlite:///path.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and errors as JSON on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors; the exit code tells the rest.")]
Debug = Annotated[
    bool, typer.Option("--debug", envvar="EXUVIA_DEBUG", help="Show the traceback of an error.", show_envvar=True)
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, metavar="N", help="Work on N tables or key ranges at once.")
]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="GLOB", help="Only tables whose name matches (repeatable)."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="Leave out tables whose name matches (repeatable)."),
]


def examples(commands: Sequence[tuple[str, str]]) -> str:
    """Return a help epilogue: what each example does, and its command line."""
    lines = [f"  [dim]# {what}[/dim]\n  {command}" for what, command in commands]
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(lines)


def let_help_flow(app: typer.Typer) -> None:
    """Let the terminal wrap the help of all commands: typer keeps the line ends of a docstring's later paragraphs.

    Args:
        app: The application with everything that belongs to it; lines that are indented stay lines.
    """
    for command in _commands(app):
        text = command.help or inspect.getdoc(command.callback) or ""
        command.help = re.sub(r"(?<!\n)\n(?![\n ])", " ", text)


def _commands(app: typer.Typer) -> Iterator[CommandInfo]:
    yield from app.registered_commands
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _commands(group.typer_instance)
