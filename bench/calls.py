"""What a tool's call costs over the bare query: by the function itself, and by a client over stdio."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any

import apsw
import psycopg
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from bench.server import Server
from bench.tables import markdown
from exuvia import location
from exuvia.settings import load
from exuvia.tools.catalogue import served
from exuvia.tools.desk import ServedDatabases
from exuvia.tools.frame import Call, invoke

ROWS, CALLS, ROUNDS = 10_000, 200, 5
_SETTINGS = {"EXUVIA_GUARD_ALLOW_SUPERUSER": "true"}
_FILL = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    " INSERT INTO orders SELECT i, 'open', i / 4.0 FROM n"
)

Ask = Callable[[int], Awaitable[Any]]
Times = dict[str, list[float]]


def measure(server: Server) -> dict[str, Times]:
    """Return how long each way took, by engine: rounds of calls in turn, so that noise meets all of them alike."""
    os.environ |= _SETTINGS
    with tempfile.TemporaryDirectory() as directory, server.database() as url:
        path = Path(directory) / "orders.db"
        create = "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, price DOUBLE PRECISION)"
        with psycopg.connect(url) as postgres:
            postgres.execute(create)
            postgres.execute(_FILL.format(ROWS).encode())
        with apsw.Connection(str(path)) as sqlite:
            sqlite.execute(create)
            sqlite.execute(_FILL.format(ROWS))
        return {"PostgreSQL": asyncio.run(_measured(url)), "SQLite": asyncio.run(_measured(str(path)))}


def report(facts: str, found: dict[str, Times]) -> str:
    """Return the figures in Markdown."""
    rows = []
    for engine, times in found.items():
        bare = quantiles(times["bare query"], n=100)
        for way, seconds in times.items():
            cuts = quantiles(seconds, n=100)
            more = "" if way == "bare query" else f"{(cuts[94] - bare[94]) * 1000:.2f}"
            rows.append((f"{engine}: {way}", f"{cuts[49] * 1000:.2f}", f"{cuts[94] * 1000:.2f}", more))
    return (
        "# What a tool's call costs\n\n"
        f"{facts}\n"
        f"One row of {ROWS:,} is read by its key, one after the other, {CALLS * ROUNDS:,} calls of each way, in turns"
        f" of {CALLS}. The bare query is psycopg's or, for SQLite, apsw's in a thread. The tool checks its arguments,"
        " judges the SQL, runs it read-only with its limits, and makes the answer. A client calls the same tool in a"
        " server that it has started, JSON and pipes included. Milliseconds.\n\n"
        + markdown(("way", "p50 ms", "p95 ms", "p95 over the bare query's"), rows)
    )


async def _measured(place: str) -> Times:
    async with AsyncExitStack() as stack:
        ways = {
            "bare query": await _bare(stack, place),
            "the tool": await _tool(stack, place),
            "a client over stdio": await _client(stack, place),
        }
        times: Times = defaultdict(list)
        for turn in range(ROUNDS + 1):
            for name, ask in ways.items():
                for number in range(CALLS):
                    began = time.perf_counter()
                    await ask(1 + (number * 7919) % ROWS)
                    if turn:  # the first warms up
                        times[name].append(time.perf_counter() - began)
    return times


async def _bare(stack: AsyncExitStack, place: str) -> Ask:
    if place.startswith("postgresql:"):
        postgres = await stack.enter_async_context(await psycopg.AsyncConnection.connect(place, autocommit=True))

        async def ask_postgres(key: int) -> Any:
            return await (await postgres.execute(b"SELECT * FROM orders WHERE id = %s", [key])).fetchall()

        return ask_postgres
    sqlite = apsw.Connection(place, flags=apsw.SQLITE_OPEN_READONLY)
    stack.callback(sqlite.close)

    async def ask_sqlite(key: int) -> Any:
        return await asyncio.to_thread(lambda: sqlite.execute("SELECT * FROM orders WHERE id = ?", [key]).fetchall())

    return ask_sqlite


async def _tool(stack: AsyncExitStack, place: str) -> Ask:
    desk = ServedDatabases(load(), location=location.parse(place), store=None)
    await stack.enter_async_context(desk)
    catalogue = served(desk)
    call, query = Call(desk, catalogue), catalogue.named("query")
    return lambda key: invoke(call, query, _arguments(place, key))


async def _client(stack: AsyncExitStack, place: str) -> Ask:
    arguments = ["-m", "exuvia", "mcp", "--static", "--database", place]
    command = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    client = await stack.enter_async_context(Client(stdio_client(command)))
    return lambda key: client.call_tool("query", _arguments(place, key))


def _arguments(place: str, key: int) -> dict[str, Any]:
    mark = "$1" if place.startswith("postgresql:") else "?1"
    return {"sql": f"SELECT * FROM orders WHERE id = {mark}", "values": [key]}
