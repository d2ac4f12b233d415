"""The MCP server with tools that its conformance suite asks for, as far as tools that answer documents can be such.

Run by ``make conformance`` and by tests/test_mcp_calls.py: ``python tests/conformance/server.py PORT``.
"""

from __future__ import annotations

import asyncio
import sys

from exuvia.errors import ExuviaError
from exuvia.location import parse
from exuvia.mcp.http import Address, serve_http
from exuvia.mcp.server import Serving
from exuvia.mcp.web import Site
from exuvia.settings import load
from exuvia.tools.desk import ServedDatabases
from exuvia.tools.frame import Arguments, Call, Catalogue, Output, ToolError, tool


class Nothing(Arguments):
    """No arguments."""


class Prompt(Arguments):
    """What to ask the model."""

    prompt: str


class Text(Output):
    """A text."""

    text: str


@tool(toolset="test", summary="Answer a text.", example={})
async def test_simple_text(call: Call, given: Nothing) -> Text:
    return Text(text="This is a simple text response for testing.")


@tool(toolset="test", summary="Fail.", example={})
async def test_error_handling(call: Call, given: Nothing) -> Text:
    raise ToolError("This tool intentionally returns an error for testing.", hint="Call another one.", code="test")


@tool(toolset="test", summary="Tell how far it is.", example={})
async def test_tool_with_progress(call: Call, given: Nothing) -> Text:
    for done in (0, 50, 100):
        await call.progress(done, 100, f"step {done}")
        await asyncio.sleep(0.05)
    return Text(text="done")


@tool(toolset="test", summary="Ask the host's model.", example={"prompt": "Why?"})
async def test_sampling(call: Call, given: Prompt) -> Text:
    return Text(text=f"LLM response: {await _ask(call, given.prompt)}")


@tool(toolset="test", summary="Ask the host's model something known.", example={})
async def test_input_required_result_sampling(call: Call, given: Nothing) -> Text:
    return Text(text=await _ask(call, "What is the capital of France?"))


@tool(toolset="test", summary="Run for some seconds without a word.", example={})
async def test_slow(call: Call, given: Nothing) -> Text:
    await asyncio.sleep(2.5)
    return Text(text="done")


async def _ask(call: Call, prompt: str) -> str:
    if call.sample is None:
        raise ToolError("The host lends no model.", hint="Call another one.", code="sampling")
    return await call.sample("", prompt, 100)


TOOLS = Catalogue(
    (
        test_simple_text,
        test_error_handling,
        test_tool_with_progress,
        test_sampling,
        test_input_required_result_sampling,
        test_slow,
    )
)


def serving() -> Serving:
    """Return what is served: these tools, over a database that none of them opens."""
    desk = ServedDatabases(load(), location=parse("never-opened.db"), store=None)
    return Serving(desk, static=True, tools=TOOLS)


def main() -> None:
    """Serve at a port until Ctrl-C."""
    try:
        address = Address("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1]))
        asyncio.run(serve_http(serving(), Site("/mcp", (), None), address, _say))
    except ExuviaError as error:
        sys.exit(str(error))


def _say(url: str) -> None:
    sys.stderr.write(f"Serving at {url}; Ctrl-C ends it.\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
