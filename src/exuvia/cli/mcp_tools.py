"""``exuvia mcp tools``: what agents can do, as they see it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from exuvia.cli.options import Debug, Json, examples
from exuvia.cli.output import show
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.tools.frame import Catalogue, Tool

app = typer.Typer(rich_markup_mode="rich")


@app.command(
    "tools",
    epilog=examples(
        [
            ("All of them", "exuvia mcp tools"),
            ("What search_tools finds", 'exuvia mcp tools --find "note a decision"'),
            ("How one is called", "exuvia mcp tools record_events --json"),
        ]
    ),
)
def tools(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Only these, with arguments.")] = None,
    find: Annotated[
        str | None, typer.Option("--find", metavar="INTENT", help="Those that fit a wish in plain words.")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the tools: what each does, what it changes, and which scopes of a token it takes. No database is opened."""
    from exuvia.tools.catalogue import EVERYTHING
    from exuvia.tools.dynamic.finding import finder

    chosen = [_named(EVERYTHING, name) for name in names or ()]
    if find is not None:
        chosen += finder(EVERYTHING).find(find, 5)
    shown = chosen or (list(EVERYTHING) if find is None and not names else [])
    if json or names:
        typer.echo(orjson.dumps([_told(tool) for tool in shown], option=orjson.OPT_INDENT_2).decode())
    else:
        show(_view(shown))


def _named(catalogue: Catalogue, name: str) -> Tool:
    from exuvia.tools.frame.errors import ArgumentError

    try:
        return catalogue.named(name)
    except ArgumentError as error:
        near = error.hint if error.hint and error.hint.startswith("Did you mean") else None
        hint = near or 'exuvia mcp tools lists them; --find "what you want" finds one.'
        raise ConfigError(error.message, hint=hint, code="mcp_tool") from None


def _told(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "toolset": tool.toolset,
        "description": tool.description,
        "effect": tool.effect,
        "scopes": sorted(tool.needs),
        "arguments": tool.arguments.schema_for_callers(),
        "example": dict(tool.example),
    }


def _view(shown: Sequence[Tool]) -> Group:
    parts: list[Table | Text] = []
    for toolset, members in groupby(shown, key=lambda tool: tool.toolset):
        table = Table.grid(padding=(0, 2))
        for tool in members:
            table.add_row(Text(f"  {tool.name}"), Text(tool.effect, "dim"), tool.summary)
        parts += [Text(toolset, "bold"), table]
    return Group(*parts)
