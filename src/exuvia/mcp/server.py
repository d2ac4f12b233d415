"""The server: which tools it lists, and how a call of one is carried there and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

import anyio
import mcp_types as types
import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from exuvia.mcp.attending import Telling, attend, leaving
from exuvia.mcp.callers import Caller, recall
from exuvia.tools import dynamic
from exuvia.tools.catalogue import served
from exuvia.tools.frame import Call, Catalogue, Desk, Reply, Tool, ToolError, invoke, no_progress
from exuvia.tools.frame.call import SCOPES, Scope

_EXECUTE: Final = "execute_tool"
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
        scopes: What a caller may do at most.
    """

    desk: Desk
    project: str | None = None
    static: bool = False
    scopes: frozenset[Scope] = frozenset(SCOPES)

    @property
    def caller(self) -> Caller:
        """Who calls where nobody is asked who they are."""
        return Caller(project=self.project, scopes=self.scopes)


def make_server(serving: Serving, stopping: anyio.Event | None = None) -> Server[Any]:
    """Make a server of the SDK's.

    Args:
        serving: What it serves.
        stopping: Set when it is to stop: calls that run then are cancelled.
    """
    stopped = anyio.Event() if stopping is None else stopping
    everything = served(serving.desk)

    @lru_cache(maxsize=8)
    def offer(scopes: frozenset[Scope]) -> _Offer:
        catalogue = everything.within(scopes)
        listed = catalogue if serving.static else Catalogue(dynamic.TOOLS)
        return _Offer(catalogue, listed, types.ListToolsResult(tools=[definition(it, catalogue) for it in listed]))

    async def list_tools(
        context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return offer(_caller(serving, context).scopes).answer

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        caller = _caller(serving, context)
        offered, given = offer(caller.scopes), params.arguments or {}
        tool = offered.tool(params.name)
        telling = _telling(context, tool, given)
        call = Call(
            desk=serving.desk,
            catalogue=offered.catalogue,
            project=caller.project,
            confined=caller.confined,
            scopes=caller.scopes,
            caller=caller.name,
            progress=no_progress if telling is None else telling,
        )
        left = None if context.request is None else leaving(context.request.scope)
        reply = await attend(lambda: invoke(call, tool, given), telling=telling, left=left, stopping=stopped)
        return result(reply)

    return Server(
        "exuvia",
        version=version("exuvia"),
        instructions=None if serving.static else _INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


@dataclass(frozen=True, slots=True)
class _Offer:
    """What is served to callers of the same scopes."""

    catalogue: Catalogue
    listed: Catalogue
    answer: types.ListToolsResult

    def tool(self, name: str) -> Tool:
        """Return a tool that can be called by its name.

        Raises:
            MCPError: There is none.
        """
        if name in self.catalogue and name not in self.listed:
            raise MCPError(types.INVALID_PARAMS, f"{name} is called by execute_tool.")
        try:
            return self.listed.named(name)
        except ToolError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None


def _caller(serving: Serving, context: ServerRequestContext[Any]) -> Caller:
    known = None if context.request is None else recall(context.request.scope)
    return serving.caller if known is None else known.within(serving.scopes)


def _telling(context: ServerRequestContext[Any], tool: Tool, given: Mapping[str, Any]) -> Telling | None:
    """Return who tells the client how far a call is; None when it did not ask."""
    if context.meta is None or "progress_token" not in context.meta:
        return None
    inner = given.get("name") if tool.name == _EXECUTE else None
    return Telling(context.session, inner if isinstance(inner, str) else tool.name)


def definition(tool: Tool, catalogue: Catalogue) -> types.Tool:
    """Return a tool as the protocol describes it.

    Args:
        tool: The tool.
        catalogue: Those that it can call, if it calls others.
    """
    effects = {one.effect for one in catalogue} if tool.name == _EXECUTE else {tool.effect}
    return types.Tool(
        name=tool.name,
        title=tool.name.replace("_", " ").capitalize(),
        description=tool.description,
        input_schema=tool.arguments.schema_for_callers(),
        output_schema=None if tool.output is None else tool.output.schema_for_callers(),
        annotations=types.ToolAnnotations(
            read_only_hint=effects <= {"reads"},
            destructive_hint="destroys" in effects,
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
