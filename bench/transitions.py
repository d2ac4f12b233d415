"""How long a run's transitions take while a hundred workers take theirs on."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import quantiles

from bench.server import Server
from exuvia.store import AsyncStore, open_store
from exuvia.store.workflows import NewStep

WORKERS, SECONDS = 100, 10.0


@dataclass(frozen=True, slots=True)
class Transitions:
    """What workers met on one engine.

    Args:
        engine: The engine.
        seconds: How long each call took, by what it did.
        runs: How many runs were taken from pending to succeeded.
    """

    engine: str
    seconds: dict[str, list[float]]
    runs: int


def measure(server: Server, workers: int = WORKERS, seconds: float = SECONDS) -> list[Transitions]:
    """Measure both engines, one after the other."""
    with tempfile.TemporaryDirectory() as directory, server.database() as url:
        places = {"SQLite": f"sqlite:///{Path(directory)}/memory.db", "PostgreSQL": url}
        return [asyncio.run(_measured(name, place, workers, seconds)) for name, place in places.items()]


def report(facts: str, found: list[Transitions]) -> str:
    """Return the figures in Markdown."""
    lines = [
        "# Transitions of runs\n",
        facts,
        f"{WORKERS} workers of one asynchronous store each take runs from pending to running to succeeded, with a step"
        f" recorded in between, for {SECONDS:g} s. Milliseconds of a call, the wait for a connection or for the writer"
        " included.\n",
        "| engine | call | p50 | p95 | p99 | runs/s |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for each in found:
        for name, taken in each.seconds.items():
            cuts = quantiles(taken, n=100)
            shown = " | ".join(f"{cuts[place] * 1000:.1f}" for place in (49, 94, 98))
            lines.append(f"| {each.engine} | {name} | {shown} | {each.runs / SECONDS:.0f} |")
    return "\n".join([*lines, ""])


async def _measured(engine: str, url: str, workers: int, seconds: float) -> Transitions:
    taken: defaultdict[str, list[float]] = defaultdict(list)
    runs = count()
    async with open_store(url) as store:
        await store.projects.put("p")
        await store.workflows.create("Work", id="w", project="p")
        await store.workflows.add_version("w", {"nodes": ["a"]}, project="p")
        until = time.perf_counter() + seconds
        await asyncio.gather(*(_work(store.project("p"), until, taken, runs) for _ in range(workers)))
    return Transitions(engine, dict(taken), next(runs))


async def _work(store: AsyncStore, until: float, taken: dict[str, list[float]], runs: count[int]) -> None:
    async def timed(name: str, call: Awaitable[object]) -> None:
        begun = time.perf_counter()
        await call
        taken[name].append(time.perf_counter() - begun)

    while time.perf_counter() < until:
        run = await store.runs.create("w")
        await timed("start", store.runs.start(run.id))
        await store.runs.record(run.id, [NewStep("a")])
        await timed("succeed", store.runs.succeed(run.id))
        next(runs)
