"""One engine at a time: a store is filled, the same events are put into tables made by hand, and both are asked."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import psycopg

from bench.data import CACHE
from bench.server import serving
from bench.store.alchemy import closing_engine
from bench.store.bare import Bare, BareFile, BareServer
from bench.store.crowd import CLIENTS, Crowd, async_questions, crowds, storm
from bench.store.events import LARGEST
from bench.store.loading import Loaded, load
from bench.store.plans import Plan, plans
from bench.store.questions import questions
from bench.store.timing import Answer, Patience, Question, compared, compared_async, middle
from exuvia.store import open_store

EVENTS = 100_000
LARGE = 1_000_000
SERVERS = {"pip": "pip's PostgreSQL", "debian": "Debian's PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Haste:
    """How long to measure.

    Args:
        patience: With each question.
        clients: How many clients there are at once.
        crowd: Seconds that they work.
        writes: How many events each of them writes to SQLite.
        many: How many events are appended by one call.
    """

    patience: Patience = field(default_factory=Patience)
    clients: int = CLIENTS
    crowd: float = 5
    writes: int = 20
    many: int = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What one engine took.

    Args:
        name: The engine.
        events: How many events it held at first.
        largest: How many of them were of the largest project.
        rate: How many were appended in a second.
        vectors: How many vectors it held.
        vector_rate: How many were put in a second.
        answers: Beside the bare driver.
        from_tasks: Beside SQLAlchemy.
        crowds: A hundred clients.
        plans: How the engine reads each list.
    """

    name: str
    events: int
    largest: int
    rate: float
    vectors: int
    vector_rate: float
    answers: Sequence[Answer]
    from_tasks: Sequence[Answer]
    crowds: Sequence[Crowd]
    plans: Sequence[Plan]


def measure(scale: float, *, large: bool) -> Iterator[Measured]:
    """Measure SQLite and both servers, and then, if asked for, pip's with a million events.

    Args:
        scale: How many events, as a part of the full number.
        large: Whether to measure a million, too.
    """
    events = int(EVENTS * scale)
    yield on_file(events)
    for name, size in [("pip", events), ("debian", events), *([("pip", int(LARGE * scale))] if large else [])]:
        with serving(name, None) as server, server.database() as url:
            yield on_server(url, f"{SERVERS[name]} {server.version}", size)


def on_file(events: int, haste: Haste = Haste()) -> Measured:
    """Measure SQLite."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        path = Path(directory) / "memory.db"
        plain = Path(directory) / "plain.db"
        urls = f"sqlite:///{path}", f"sqlite:///{plain}"
        name = f"SQLite {apsw.sqlite_lib_version()}"

        @contextmanager
        def by_hand() -> Iterator[Bare]:
            with closing(BareFile(plain, path)) as bare:
                yield bare

        return _measured(name, urls, events, by_hand, haste)


def on_server(url: str, name: str, events: int, haste: Haste = Haste()) -> Measured:
    """Measure PostgreSQL, in an empty database."""

    @contextmanager
    def by_hand() -> Iterator[Bare]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # as autovacuum would in time
            found = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone()
        with closing(BareServer(url, pgvector=found is not None)) as bare:
            yield bare

    return _measured(name, (url, url), events, by_hand, haste)


def _measured(
    name: str,
    urls: tuple[str, str],
    events: int,
    by_hand: Callable[[], AbstractContextManager[Bare]],
    haste: Haste,
) -> Measured:
    """Measure one engine; ``urls`` are of the store and of the tables made by hand."""
    print(f"{name}: {events:,} events", flush=True)
    with open_store(urls[0]) as store:
        loaded = load(store, events)
        largest = store.events.list(project=LARGEST, limit=1).total or 0
        with by_hand() as bare:
            if len(loaded.vectors):
                bare.put_vectors(loaded.vectors)
            read = plans(store)
            answers = [_asked(question, haste) for question in questions(store, bare, loaded, haste.many)]
    from_tasks, crowded = asyncio.run(_from_tasks(urls, loaded, haste))
    return Measured(
        name,
        events,
        largest,
        events / loaded.seconds,
        len(loaded.vectors),
        len(loaded.vectors) / loaded.vector_seconds,
        answers,
        from_tasks,
        crowded,
        read,
    )


def _asked(question: Question, haste: Haste) -> Answer:
    answer = compared(question, haste.patience)
    print(f"  {answer.name}: {middle(answer.store):.2f} ms, by hand {middle(answer.other):.2f} ms", flush=True)
    return answer


async def _from_tasks(urls: tuple[str, str], loaded: Loaded, haste: Haste) -> tuple[list[Answer], list[Crowd]]:
    async with open_store(urls[0]) as store, closing_engine(urls[1]) as alchemy:
        asked = async_questions(store, alchemy, loaded, haste.many)
        answers = [await compared_async(question, haste.patience) for question in asked]
        storms = []
        if not store.dialect.is_postgres:
            storms = await storm(store, alchemy, loaded, haste.clients, haste.writes)
    return answers, await crowds(urls, loaded, haste.clients, haste.crowd) + storms
