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
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from exuvia.mcp.attending import Telling, attend, leaving
from exuvia.mcp.callers import Caller, recall
from exuvia.mcp.sampling import AskHost, sampler
from exuvia.tools import dynamic
from exuvia.tools.catalogue import served
from exuvia.tools.frame import Call, Catalogue, Desk, Reply, Tool, ToolError, invoke
from exuvia.tools.frame.call import SCOPES, Scope

_FRESH_MS: Final = 300_000
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
        tools: The tools; None for all that fit the databases.
    """

    desk: Desk
    project: str | None = None
    static: bool = False
    scopes: frozenset[Scope] = frozenset(SCOPES)
    tools: Catalogue | None = None

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
    everything = served(serving.desk) if serving.tools is None else serving.tools

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
    ) -> types.CallToolResult | types.InputRequiredResult:
        caller = _caller(serving, context)
        offered, given = offer(caller.scopes), params.arguments or {}
        tool = offered.tool(params.name)
        meant = offered.meant(tool, given)
        telling = Telling(context.session, meant.name)
        call = Call(
            desk=serving.desk,
            catalogue=offered.catalogue,
            project=caller.project,
            confined=caller.confined,
            scopes=caller.scopes,
            caller=caller.name,
            progress=telling,
            sample=sampler(context, meant, params.input_responses),
        )
        asked: list[AskHost] = []

        async def work() -> Reply:
            try:
                return await invoke(call, tool, given)
            except AskHost as asking:
                asked.append(asking)
                return Reply({}, failed=False)

        left = None if context.request is None else leaving(context.request.scope)
        reply = await attend(work, telling=telling, left=left, stopping=stopped)
        return asked[0].result if asked else result(reply)

    return Server(
        "exuvia",
        version=version("exuvia"),
        instructions=None if serving.static else _INSTRUCTIONS,
        cache_hints={"tools/list": CacheHint(ttl_ms=_FRESH_MS, scope="private")},
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

    def meant(self, tool: Tool, given: Mapping[str, Any]) -> Tool:
        """Return the tool that a call is for: the one that execute_tool is to call, where there is such."""
        name = given.get("name") if tool.name == _EXECUTE else None
        return self.catalogue.named(name) if isinstance(name, str) and name in self.catalogue else tool


def _caller(serving: Serving, context: ServerRequestContext[Any]) -> Caller:
    known = None if context.request is None else recall(context.request.scope)
    return serving.caller if known is None else known.within(serving.scopes)


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
