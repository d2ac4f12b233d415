"""A hundred clients at once, in one process, over one pool; and a hundred tasks that write to SQLite."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bench.store.alchemy import Alchemy, closing_engine
from bench.store.events import LARGEST, PROJECTS
from bench.store.loading import Loaded
from bench.store.timing import AsyncQuestion
from exuvia.store import AsyncStore, open_store

CLIENTS = 100
_READS = "get and first page"
_BOTH = "70 % get, 15 % first page, 15 % insert"
Act = Callable[[random.Random], Awaitable[object]]
Mix = Sequence[tuple[Act, int]]
"""What clients do, each with its weight."""


@dataclass(slots=True)
class Crowd:
    """How many clients fared.

    Args:
        what: What they did.
        who: By what means.
        seconds: How long.
        calls: The seconds of each call that succeeded.
        errors: How often each class of error came.
    """

    what: str
    who: str
    seconds: float = 0
    calls: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    async def timed(self, act: Awaitable[object]) -> None:
        """Await one call and take its time."""
        started = time.perf_counter()
        try:
            await act
        except Exception as error:
            self.errors[type(error).__name__] += 1
        else:
            self.calls.append(time.perf_counter() - started)


async def crowd(what: str, who: str, mix: Mix, clients: int, seconds: float) -> Crowd:
    """Let clients work for some seconds, each without a pause, after a third of that to open connections."""
    warming, found = Crowd(what, who), Crowd(what, who)
    await _work(warming, mix, clients, seconds / 3)
    begun = time.perf_counter()
    await _work(found, mix, clients, seconds)
    found.seconds = time.perf_counter() - begun
    return found


async def _work(found: Crowd, mix: Mix, clients: int, seconds: float) -> None:
    until = time.perf_counter() + seconds
    acts, weights = zip(*mix, strict=True)

    async def client(number: int) -> None:
        chance = random.Random(number)
        while time.perf_counter() < until:
            await found.timed(chance.choices(acts, weights)[0](chance))

    await asyncio.gather(*(client(number) for number in range(clients)))


async def crowds(urls: tuple[str, str], loaded: Loaded, clients: int, seconds: float) -> list[Crowd]:
    """Measure simple queries, and reads with writes, by the store and then by SQLAlchemy.

    One pool at a time: two would be more connections than a server takes by its stock settings.
    """
    async with open_store(urls[0]) as store:
        found = await _mixed("the store", _by_store(store, loaded), clients, seconds)
    async with closing_engine(urls[1]) as alchemy:
        found += await _mixed("SQLAlchemy", _by_alchemy(alchemy, loaded), clients, seconds)
    return sorted(found, key=lambda one: one.what != _READS)


async def _mixed(who: str, acts: tuple[Act, ...], clients: int, seconds: float) -> list[Crowd]:
    mixes = {_READS: (80, 20, 0), _BOTH: (70, 15, 15)}
    return [
        await crowd(what, who, list(zip(acts, weights, strict=True)), clients, seconds)
        for what, weights in mixes.items()
    ]


def _by_store(store: AsyncStore, loaded: Loaded) -> tuple[Act, ...]:
    def get(chance: random.Random) -> Awaitable[object]:
        project, key = chance.choice(loaded.keys)
        return store.events.get(key, project=project)

    def page(chance: random.Random) -> Awaitable[object]:
        return store.events.list(project=chance.choice(PROJECTS), limit=20, count=False)

    def add(chance: random.Random) -> Awaitable[object]:
        return store.events.append(loaded.agents.some(1), project=chance.choice(PROJECTS))

    return get, page, add


def _by_alchemy(alchemy: Alchemy, loaded: Loaded) -> tuple[Act, ...]:
    def get(chance: random.Random) -> Awaitable[object]:
        return alchemy.get(*chance.choice(loaded.keys))

    def page(chance: random.Random) -> Awaitable[object]:
        return alchemy.page(chance.choice(PROJECTS), 20)

    def add(chance: random.Random) -> Awaitable[object]:
        return alchemy.append(chance.choice(PROJECTS), loaded.agents.some(1))

    return get, page, add


async def storm(store: AsyncStore, alchemy: Alchemy, loaded: Loaded, clients: int, writes: int) -> list[Crowd]:
    """Let tasks write at once, each some events one after the other."""
    ways = {
        "the store": lambda: store.events.append(loaded.agents.some(1), project=LARGEST),
        "SQLAlchemy": lambda: alchemy.append(LARGEST, loaded.agents.some(1)),
    }
    found = []
    for who, write in ways.items():
        one = Crowd(f"{clients} tasks write {writes} events each", who)

        async def client(one: Crowd = one, write: Callable[[], Awaitable[object]] = write) -> None:
            for _ in range(writes):
                await one.timed(write())

        begun = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        one.seconds = time.perf_counter() - begun
        found.append(one)
    return found


def async_questions(store: AsyncStore, alchemy: Alchemy, loaded: Loaded, many: int) -> list[AsyncQuestion]:
    """Return what is asked of the store and of SQLAlchemy by one task alone."""
    keys, agents = loaded.keys, loaded.agents

    def append(events: object) -> Awaitable[object]:
        return store.events.append(events, project=LARGEST)  # type: ignore[arg-type]

    def by_alchemy(events: object) -> Awaitable[object]:
        return alchemy.append(LARGEST, events)  # type: ignore[arg-type]

    return [
        AsyncQuestion(
            "get by key",
            lambda key: store.events.get(key[1], project=key[0]),
            lambda key: alchemy.get(*key),
            lambda turn: keys[turn % len(keys)],
        ),
        AsyncQuestion(
            "project: first page",
            lambda _: store.events.list(project=LARGEST, count=False),
            lambda _: alchemy.page(LARGEST),
        ),
        AsyncQuestion("insert one event", append, by_alchemy, lambda _: agents.some(1)),
        AsyncQuestion(f"append {many:,} events", append, by_alchemy, lambda _: agents.some(many)),
    ]
