"""search_tools, describe_tools and execute_tool."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from exuvia.tools.dynamic.finding import finder
from exuvia.tools.frame import Arguments, Call, Output, Reply, invoke, tool

_LIKELY: Final = 3


class Search(Arguments):
    """What to look for."""

    intent: str = Field(min_length=1, max_length=1000, description="What you want to do, in plain words.")
    limit: int = Field(5, ge=1, le=20)


class Names(Arguments):
    """Which tools."""

    names: list[str] = Field(min_length=1, max_length=10)


class Execution(Arguments):
    """Which tool, and how to call it."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Found(Output):
    """Tools, the likeliest first: each name with what it does."""

    tools: dict[str, str]
    notice: str = ""


class Described(Output):
    """The tools' arguments as JSON Schema, with an example of each."""

    tools: dict[str, Any]


@tool(
    toolset="tools",
    summary="Find tools by what you want to do.",
    example={"intent": "see which decisions were made last week"},
)
async def search_tools(call: Call, given: Search) -> Found:
    found = finder(call.catalogue).find(given.intent, given.limit)
    served = {one.name: one.summary for one in found if one.name in call.catalogue}
    off = [one.name for one in found[:_LIKELY] if one.name not in call.catalogue]
    if off:
        return Found(tools=served, notice=f"Switched off here: {', '.join(off)}; describe_tools tells why.")
    sets = sorted({one.toolset for one in call.catalogue})
    return Found(tools=served, notice="" if served else f"No tool matches. There are tools for: {', '.join(sets)}.")


@tool(
    toolset="tools",
    summary="Show the arguments of tools, with an example of each.",
    example={"names": ["query"]},
)
async def describe_tools(call: Call, given: Names) -> Described:
    described = {}
    for name in given.names:
        one = call.catalogue.named(name)
        described[name] = {
            "description": f"{one.description}\n{one.manual}".strip(),
            "effect": one.effect,
            "arguments": one.arguments.schema_for_callers(),
            "example": dict(one.example),
        }
    return Described(tools=described)


@tool(
    toolset="tools",
    summary="Call a tool by its name.",
    example={"name": "query", "arguments": {"sql": "SELECT 1"}},
    effect="changes",
    scope="read",
)
async def execute_tool(call: Call, given: Execution) -> Reply:
    return await invoke(call, call.catalogue.named(given.name), given.arguments)


TOOLS = (search_tools, describe_tools, execute_tool)
