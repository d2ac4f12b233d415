"""Serving one client over standard input and output."""

from __future__ import annotations

from mcp.server.stdio import stdio_server

from exuvia.mcp.server import Serving, make_server


async def serve_stdio(serving: Serving) -> None:
    """Serve until the client closes standard input.

    Args:
        serving: What is served.
    """
    server = make_server(serving)
    async with serving.desk, stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
