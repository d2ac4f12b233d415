"""The memory's tools as their tests call them: a small project, on each engine, and calls of tools by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import jsonschema  # type: ignore[import-untyped]
import pytest

from exuvia.settings import load
from exuvia.store import NewEvent, Store
from exuvia.store.embedders import embedder_named
from exuvia.store.graph import NewEdge, NewNode
from exuvia.store.operations import ToolExecution
from exuvia.tools.catalogue import served
from exuvia.tools.desk import ServedDatabases
from exuvia.tools.frame import Call, Reply, invoke
from exuvia.tools.frame.call import Sampler

Answer = dict[str, Any]
EMBEDDER: Final = "python:remembering:letters"


class Server:
    """A store that is served to agents, opened when a tool first needs it.

    Args:
        url: The store's URL.
        embedder: What the server was told to embed questions with.
    """

    def __init__(self, url: str, *, embedder: str | None = EMBEDDER) -> None:
        self._loop = asyncio.Runner()
        self._desk = ServedDatabases(load(embedder=embedder), location=None, store=url)
        self._catalogue = served(self._desk)

    def agent(self, project: str | None = None, *, confined: bool = False, sample: Sampler | None = None) -> Agent:
        """Return an agent: see ``Call`` for what it is told."""
        return Agent(self._loop, Call(self._desk, self._catalogue, project, confined=confined, sample=sample))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.run(self._desk.__aexit__(None, None, None))
        self._loop.close()


@dataclass(frozen=True)
class Agent:
    """Calls tools.

    Args:
        loop: Runs them.
        call: What they may use.
    """

    loop: asyncio.Runner
    call: Call

    def reply(self, name: str, given: Mapping[str, Any]) -> Reply:
        """Call a tool."""
        return self.loop.run(invoke(self.call, self.call.catalogue.named(name), given))

    def does(self, name: str, /, **given: Any) -> Answer:
        """Call a tool, and return its answer, which has to be as its schema says, and none of an error."""
        reply = self.reply(name, given)
        assert not reply.failed, reply.data
        output = self.call.catalogue.named(name).output
        assert output is not None
        jsonschema.validate(reply.data, output.schema_for_callers())
        return dict(reply.data)

    def fails(self, name: str, /, **given: Any) -> Answer:
        """Call a tool, and return the error that it has to answer with."""
        reply = self.reply(name, given)
        assert reply.failed, reply.data
        return dict(reply.data)


def letters(texts: list[str]) -> list[list[float]]:
    """Embed texts by how often they have each of some letters."""
    return [[text.lower().count(letter) + 0.1 for letter in "abcdefghijklmnop"] for text in texts]


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return a table's rows by the names of their columns."""
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]


def fill(store: Store, project: str) -> None:
    """Put into a project what the tools' own examples are about."""
    shop = store.project(project)
    shop.plans.create(
        "Log in with passkeys",
        id="login",
        topics=["auth"],
        priority="high",
        author="ada",
        content="# Goal\n\nNo more passwords.\n\n# Steps\n\nThe form, then the tests.\n",
        data={"ticket": 17, "note": None},
    )
    shop.plans.create("Faster checkout", id="checkout", status="active", content="# Goal\n\nUnder 200 ms.\n")
    shop.sessions.create("Passkeys: the form", id="day-1", plan="login", author="ada", content="# Notes\n\nIt works.\n")
    shop.events.append(
        [
            NewEvent(
                "decision_made",
                {"decision": "Passkeys first", "rationale": "no phishing"},
                session="day-1",
                plan="login",
                author="ada",
                topics=["auth"],
                id="e1",
            ),
            NewEvent(
                "bug_encountered",
                {"symptom": "The form forgets the name", "solution": None},
                session="day-1",
                at=datetime.now(UTC) - timedelta(days=3),
                id="e2",
            ),
            NewEvent("deployed", {"to": "staging"}, summary="Release 4 is on staging", id="e3"),
        ]
    )
    frame = shop.frames.open("Make checkout faster", id="f1", run="monday", inputs={"goal": "under 200 ms"})
    shop.frames.open("Find the slow query", id="f2", parent=frame.id, type="debug")
    shop.frames.pin(frame.id, "orders.customer_id has no index", id="a1", priority=8)
    shop.graph.put_nodes(
        [NewNode("ada", "person", "Ada Lovelace"), NewNode("engine", "machine"), NewNode("babbage", "person")]
    )
    shop.graph.put_edges(
        [NewEdge("babbage", "designed", "engine"), NewEdge("ada", "programmed", "engine", {"year": 1843})]
    )
    shop.documents.resources.create(
        "On Computable Numbers", id="turing", creators=["Alan Turing"], content="# I\n\nNumbers.\n"
    )
    shop.tasks.create("Find the bug", id="t1", session="day-1", assignee="ada")
    shop.tasks.start("t1")
    shop.tool_executions.append([ToolExecution(task_id="t1", tool="grep")])
    shop.audit.record("plan.create", actor="ada", subject="plans", row_id="login")
    shop.vectors.create("memory", 16, model=EMBEDDER.removeprefix("python:"))
    shop.vectors.embed_entries("memory", embedder_named(EMBEDDER))


@pytest.fixture(scope="session")
def memory_server(shared_store_url: str) -> Iterator[Server]:
    """The run's shared store, on each engine in turn, served to agents."""
    with Server(shared_store_url) as server:
        yield server


@pytest.fixture
def shop(shared_store: Store, project: str) -> str:
    """A project in the shared store with what the tools' own examples are about."""
    fill(shared_store, project)
    return project


@pytest.fixture
def agent(memory_server: Server, shop: str) -> Agent:
    """An agent whose project that is."""
    return memory_server.agent(shop)
