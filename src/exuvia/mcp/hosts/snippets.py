"""Programs that use the server by a framework's own client."""

from __future__ import annotations

from typing import Final

from exuvia.mcp.hosts.reaching import Local, Remote

_PATIENCE: Final = 60  # seconds for an answer, more than guard_timeout; the SDK's own 5 would leave slow statements


def agents_local(way: Local) -> str:
    """Return a program that runs the server for an agent of the OpenAI Agents SDK."""
    return f"""import asyncio
import os

from agents import Agent, Runner
from agents.mcp import MCPServerStdio

PARAMETERS = {{
    "command": {way.command!r},
    "args": {list(way.arguments)!r},
    "env": {_environment(way)},
}}


async def main() -> None:
    server = MCPServerStdio(
        name="exuvia", params=PARAMETERS, cache_tools_list=True, client_session_timeout_seconds={_PATIENCE}
    )
    async with server:
        agent = Agent(name="assistant", mcp_servers=[server])
        print((await Runner.run(agent, "What is in the database?")).final_output)


asyncio.run(main())
"""


def agents_remote(way: Remote) -> str:
    """Return a program that connects an agent of the OpenAI Agents SDK."""
    return f"""import asyncio
import os

from agents import Agent, Runner
from agents.mcp import MCPServerStreamableHttp

PARAMETERS = {{
    "url": {way.url!r},
    "headers": {{"Authorization": f"Bearer {{os.environ[{way.variable!r}]}}"}},
}}


async def main() -> None:
    server = MCPServerStreamableHttp(
        name="exuvia", params=PARAMETERS, cache_tools_list=True, client_session_timeout_seconds={_PATIENCE}
    )
    async with server:
        agent = Agent(name="assistant", mcp_servers=[server])
        print((await Runner.run(agent, "What is in the database?")).final_output)


asyncio.run(main())
"""


def langchain_local(way: Local) -> str:
    """Return a program that runs the server for LangChain."""
    return f"""import asyncio
import os

from langchain_mcp_adapters.client import MultiServerMCPClient

SERVERS = {{
    "exuvia": {{
        "transport": "stdio",
        "command": {way.command!r},
        "args": {list(way.arguments)!r},
        "env": {_environment(way)},
    }}
}}


async def main() -> None:
    tools = await MultiServerMCPClient(SERVERS).get_tools()
    print([tool.name for tool in tools])


asyncio.run(main())
"""


def langchain_remote(way: Remote) -> str:
    """Return a program that connects LangChain."""
    return f"""import asyncio
import os

from langchain_mcp_adapters.client import MultiServerMCPClient

SERVERS = {{
    "exuvia": {{
        "transport": "streamable_http",
        "url": {way.url!r},
        "headers": {{"Authorization": f"Bearer {{os.environ[{way.variable!r}]}}"}},
    }}
}}


async def main() -> None:
    tools = await MultiServerMCPClient(SERVERS).get_tools()
    print([tool.name for tool in tools])


asyncio.run(main())
"""


def _environment(way: Local) -> str:
    names = ("PATH", "HOME", *way.variables)
    return f"{{name: os.environ[name] for name in {names!r} if name in os.environ}}"
