"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

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
