"""The server: which tools it lists, and how a call of one is carried there and back."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import mcp_types as types
import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from exuvia.tools import dynamic
from exuvia.tools.catalogue import served
from exuvia.tools.frame import Call, Catalogue, Desk, Reply, Tool, ToolError, invoke

_INSTRUCTIONS: Final = (
    "Memory and SQL for agents. Find a tool with search_tools, read its arguments with describe_tools, call it with "
    "execute_tool. Answers are short: `next` gives the rest."
)


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server serves, and how.

    Args:
        desk: The databases.
        project: The project whose memory is meant when none is named.
        static: List all tools instead of the three that find and call them.
    """

    desk: Desk
    project: str | None = None
    static: bool = False


def make_server(serving: Serving) -> Server[Any]:
    """Make a server of the SDK's.

    Args:
        serving: What it serves.
    """
    catalogue = served(serving.desk)
    listed = catalogue if serving.static else Catalogue(dynamic.TOOLS)
    definitions = [definition(tool) for tool in listed]

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=definitions)

    async def call_tool(
        _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name in catalogue and params.name not in listed:
            raise MCPError(types.INVALID_PARAMS, f"{params.name} is called by execute_tool.")
        try:
            tool = listed.named(params.name)
        except ToolError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        call = Call(desk=serving.desk, catalogue=catalogue, project=serving.project)
        return result(await invoke(call, tool, params.arguments or {}))

    return Server(
        "exuvia",
        version=version("exuvia"),
        instructions=None if serving.static else _INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def definition(tool: Tool) -> types.Tool:
    """Return a tool as the protocol describes it."""
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.arguments.schema_for_callers(),
        output_schema=None if tool.output is None else tool.output.schema_for_callers(),
        annotations=types.ToolAnnotations(
            read_only_hint=tool.effect == "reads",
            destructive_hint=tool.effect == "destroys",
            idempotent_hint=tool.idempotent,
            open_world_hint=False,
        ),
    )


def result(reply: Reply) -> types.CallToolResult:
    """Return a tool's answer as the protocol carries it: the same document as text and as structure."""
    text = orjson.dumps(reply.data).decode()
    structure: Any = None if reply.failed else dict(reply.data)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=structure, is_error=reply.failed
    )
