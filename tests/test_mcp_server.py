"""The MCP server, as its clients see it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from exuvia.location import parse
from exuvia.mcp.server import Serving, make_server
from exuvia.settings import load
from exuvia.tools.desk import ServedDatabases


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, price REAL)")
        database.executemany("INSERT INTO orders (status, price) VALUES (?, ?)", [("open", n / 4) for n in range(300)])
    database.close()
    return path


def content(answer: Any) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(answer.content[0].text)
    return told


async def _over_stdio(path: Path) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "exuvia", "mcp", "--database", str(path)], env=dict(os.environ)
    )
    async with Client(stdio_client(command)) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        found = content(await client.call_tool("search_tools", {"intent": "count rows with SQL"}))
        query = {"name": "query", "arguments": {"sql": "SELECT count(*) AS n FROM orders"}}
        return names, found, content(await client.call_tool("execute_tool", query))


def test_a_client_that_starts_the_server_finds_a_tool_and_calls_it(orders: Path) -> None:
    names, found, answer = asyncio.run(_over_stdio(orders))
    assert names == ["search_tools", "describe_tools", "execute_tool"]
    assert "query" in found["tools"]
    assert answer == {"columns": ["n"], "rows": [[300]]}


def test_a_long_answer_goes_on_where_it_was_cut(orders: Path) -> None:
    async def read_all() -> list[int]:
        arguments: dict[str, Any] = {"sql": "SELECT id FROM orders ORDER BY id", "limit": 1000, "max_tokens": 300}
        ids: list[int] = []
        desk = ServedDatabases(load(), location=parse(str(orders)), store=None)
        async with desk, Client(make_server(Serving(desk, static=True))) as client:
            while True:
                answer = content(await client.call_tool("query", arguments))
                ids += [row[0] for row in answer["rows"]]
                if "next" not in answer:
                    return ids
                arguments["after"] = answer["next"]

    assert asyncio.run(read_all()) == list(range(1, 301))
