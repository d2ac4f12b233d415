"""LangGraph's checkpointers: exuvia's against LangGraph's own, on SQLite and on PostgreSQL, in one run."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from bench.server import Server
from bench.tables import markdown
from exuvia.integrations.langgraph import ExuviaSaver

CHECKPOINTS = 1000
GETS = 200
_WORDS = [f"w{number:x}" for number in range(4000)]


@dataclass(frozen=True, slots=True)
class Shape:
    """A state that is measured: what it holds, and what a step changes.

    Args:
        name: What it is called.
        size: Bytes of text beside the messages.
        changes: Whether each step changes that text.
        checkpoints: How many the thread has.
    """

    name: str
    size: int
    changes: bool
    checkpoints: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians in microseconds, and the milliseconds of a whole list.

    Args:
        engine: sqlite or postgresql.
        shape: What was measured.
        mode: sync or async.
        tool: Whose saver.
        put: A put.
        get: A get_tuple of the latest.
        listed: A list of the whole thread, in milliseconds.
    """

    engine: str
    shape: str
    mode: str
    tool: str
    put: float
    get: float
    listed: float


def shapes(checkpoints: int) -> tuple[Shape, ...]:
    """Return the states; those of a megabyte that change at each step have a tenth of the checkpoints."""
    return (
        Shape("small", 0, changes=False, checkpoints=checkpoints),
        Shape("1 MB, a step changes 1 kB", 1_000_000, changes=False, checkpoints=checkpoints),
        Shape("1 MB, a step changes all", 1_000_000, changes=True, checkpoints=max(1, checkpoints // 10)),
    )


def measure(server: Server, runs: int, checkpoints: int = CHECKPOINTS) -> list[Measured]:
    """Measure each saver with each state, the savers in turn, and return the medians over the runs."""
    found: dict[tuple[str, str, str, str], list[Measured]] = {}
    for _ in range(runs):
        for shape in shapes(checkpoints):
            for one in (*_sync(server, shape), *asyncio.run(_async(server, shape))):
                print(one, flush=True)
                found.setdefault((one.engine, one.shape, one.mode, one.tool), []).append(one)
    return [_median(key, measured) for key, measured in found.items()]


def report(facts: str, results: Sequence[Measured]) -> str:
    """Return the results as Markdown, exuvia beside LangGraph's own."""
    rows = []
    for own in results:
        if own.tool == "exuvia":
            continue
        key = (own.engine, own.shape, own.mode)
        ours = next(one for one in results if one.tool == "exuvia" and (one.engine, one.shape, one.mode) == key)
        pairs = [(own.put, ours.put), (own.get, ours.get), (own.listed, ours.listed)]
        rows.append((*key, *(f"{theirs:,.0f} / {mine:,.0f} = **{theirs / mine:.1f}**" for theirs, mine in pairs)))
    head = ("engine", "state", "calls", "put µs", "get_tuple µs", "list ms")
    return (
        f"# LangGraph's checkpointers\n\n{facts}\n\nLangGraph's own saver / exuvia's = how many times faster exuvia is;"
        " medians. LangGraph's savers for SQLite commit with synchronous=FULL, their default, exuvia with NORMAL, the"
        " store's: both leave a sound file, but a loss of power may take exuvia's last commits.\n\n"
        + markdown(head, rows)
    )


def _median(key: tuple[str, str, str, str], measured: Sequence[Measured]) -> Measured:
    engine, shape, mode, tool = key
    put, get, listed = (statistics.median(getattr(one, name) for one in measured) for name in ("put", "get", "listed"))
    return Measured(engine, shape, mode, tool, put, get, listed)


def _sync(server: Server, shape: Shape) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory() as folder, server.database() as url, ExitStack() as stack:
        sqlite = stack.enter_context(SqliteSaver.from_conn_string(str(Path(folder, "own.db"))))
        postgres = stack.enter_context(PostgresSaver.from_conn_string(url))
        postgres.setup()
        savers: list[tuple[str, str, Any]] = [
            ("sqlite", "langgraph", sqlite),
            ("sqlite", "exuvia", stack.enter_context(ExuviaSaver.from_url(f"sqlite:///{folder}/exuvia.db"))),
            ("postgresql", "langgraph", postgres),
            ("postgresql", "exuvia", stack.enter_context(ExuviaSaver.from_url(url))),
        ]
        for engine, tool, saver in savers:
            yield _measure_sync(engine, tool, saver, shape)


async def _async(server: Server, shape: Shape) -> list[Measured]:
    with tempfile.TemporaryDirectory() as folder, server.database() as url:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            postgres = await enter(AsyncPostgresSaver.from_conn_string(url))
            await postgres.setup()
            savers: list[tuple[str, str, Any]] = [
                ("sqlite", "langgraph", await enter(AsyncSqliteSaver.from_conn_string(str(Path(folder, "own.db"))))),
                ("sqlite", "exuvia", await enter(ExuviaSaver.from_url_async(f"sqlite:///{folder}/exuvia.db"))),
                ("postgresql", "langgraph", postgres),
                ("postgresql", "exuvia", await enter(ExuviaSaver.from_url_async(url))),
            ]
            return [await _measure_async(engine, tool, saver, shape) for engine, tool, saver in savers]


def _measure_sync(engine: str, tool: str, saver: Any, shape: Shape) -> Measured:
    thread: Any = {"configurable": {"thread_id": str(uuid.uuid4()), "checkpoint_ns": ""}}
    config, puts = thread, []
    for checkpoint, metadata, new in _steps(saver, shape):
        begun = time.perf_counter()
        config = saver.put(config, checkpoint, metadata, new)
        puts.append(time.perf_counter() - begun)
        saver.put_writes(config, [("messages", ["done"])], "task")
    gets = [_timed(lambda: saver.get_tuple(thread)) for _ in range(GETS)]
    listed = min(_timed(lambda: sum(1 for _ in saver.list(thread))) for _ in range(3))
    return _measured((engine, tool, "sync"), shape, puts, gets, listed)


async def _measure_async(engine: str, tool: str, saver: Any, shape: Shape) -> Measured:
    thread: Any = {"configurable": {"thread_id": str(uuid.uuid4()), "checkpoint_ns": ""}}
    config, puts = thread, []
    for checkpoint, metadata, new in _steps(saver, shape):
        begun = time.perf_counter()
        config = await saver.aput(config, checkpoint, metadata, new)
        puts.append(time.perf_counter() - begun)
        await saver.aput_writes(config, [("messages", ["done"])], "task")
    gets = [await _timed_async(lambda: saver.aget_tuple(thread)) for _ in range(GETS)]
    listed = min([await _timed_async(lambda: _count(saver.alist(thread))) for _ in range(3)])
    return _measured((engine, tool, "async"), shape, puts, gets, listed)


def _measured(who: tuple[str, str, str], shape: Shape, puts: list[float], gets: list[float], listed: float) -> Measured:
    engine, tool, mode = who
    put, get = statistics.median(puts) * 1e6, statistics.median(gets) * 1e6
    return Measured(engine, f"{shape.name}; {shape.checkpoints:,} checkpoints", mode, tool, put, get, listed * 1e3)


def _steps(saver: Any, shape: Shape) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the checkpoints of a thread: what a graph with messages and a document puts."""
    chosen = random.Random(1)
    versions: dict[str, Any] = {}
    state: dict[str, Any] = {"branch:to:agent": None, "count": 1}
    for number in range(shape.checkpoints):
        changed = {"messages": [HumanMessage(_text(chosen, 500), id="1"), AIMessage(_text(chosen, 500), id="2")]}
        if shape.size and (shape.changes or not number):
            changed["document"] = [_text(chosen, shape.size // 10) for _ in range(10)]
        new = {} if number else {name: saver.get_next_version(None, None) for name in state}
        new |= {name: saver.get_next_version(versions.get(name), None) for name in changed}
        state, versions = {**state, **changed}, {**versions, **new}
        yield _checkpoint(number, state, versions), {"source": "loop", "step": number, "parents": {}}, new


def _checkpoint(number: int, state: dict[str, Any], versions: dict[str, Any]) -> dict[str, Any]:
    return {
        "v": 4,
        "id": str(uuid6(clock_seq=number)),
        "ts": "2026-01-01T00:00:00+00:00",
        "channel_values": dict(state),
        "channel_versions": dict(versions),
        "versions_seen": {"agent": {"count": versions["count"]}},
        "updated_channels": ["messages"],
    }


def _text(chosen: random.Random, size: int) -> str:
    return " ".join(chosen.choices(_WORDS, k=size // 5 + 1))[:size]


def _timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


async def _timed_async(call: Callable[[], Awaitable[Any]]) -> float:
    begun = time.perf_counter()
    await call()
    return time.perf_counter() - begun


async def _count(found: AsyncIterator[Any]) -> int:
    return len([0 async for _ in found])
