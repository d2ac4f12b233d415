"""Answers from stores on each engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import exuvia
import servers
from exuvia.ask import Answer, ask, ask_sync
from exuvia.store import (
    BugEncountered,
    DecisionMade,
    LearningCaptured,
    NewEvent,
    Payload,
    Store,
    TaskCompleted,
    open_store,
)
from exuvia.store.graph import NewEdge, NewNode
from store_fixtures import ENGINES

SESSIONS = DecisionMade(decision="Sessions", rationale="simpler to revoke", alternatives=["JWT"])
SOLVED = BugEncountered(symptom="login fails at midnight", root_cause="clock skew", solution="leeway of 30 s")
NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def said(key: str, days: float, author: str | None, payload: Payload, **rest: Any) -> NewEvent:
    return NewEvent.of(payload, **{"id": key, "at": ago(days), "author": author, "topics": ["auth"], **rest})


def fill(store: Store) -> None:
    """Put two projects into a store, with times and ids that are the same on every engine."""
    store.projects.put("apollo", name="Apollo")
    store.projects.put("shop", name="Web shop")
    apollo, shop = store.project("apollo"), store.project("shop")
    apollo.plans.create("Login rework", id="P1", author="ada", topics=["auth"], status="active", priority="high")
    apollo.plans.create("Billing", id="P2", author="grace", status="paused")
    apollo.events.append(
        [
            said(
                "d1", 8, "ada", DecisionMade(decision="Sessions", rationale="simpler to revoke", alternatives=["JWT"])
            ),
            said("d2", 7, "grace", DecisionMade(decision="Argon2 for passwords")),
            said("d3", 40, "ada", DecisionMade(decision="Keep SQLite for tests"), topics=[]),
            said("b1", 3, "linus", SOLVED, topics=["login"]),
            said("b2", 1, "ada", BugEncountered(symptom="the cache returns old prices"), topics=[]),
            said("t1", 1.5, "ada", TaskCompleted(task="write the migration"), topics=[], plan="P1"),
            said("l1", 2, None, LearningCaptured(insight="caches need an owner"), topics=[]),
            NewEvent("deployment", id="x1", at=ago(1.2), summary="1.2 to production", author="linus"),
        ]
    )
    shop.events.append([said("d4", 100, "grace", DecisionMade(decision="auth by own accounts"))])
    frame = apollo.frames.open("index orders", id="f1", run="r")
    apollo.frames.pin(frame.id, "orders.customer_id has no index", type="fact", id="a1")
    apollo.graph.put_nodes([NewNode("checkout", "service"), NewNode("invoices", "database", "Invoice database")])
    apollo.graph.put_nodes([NewNode("billing", "service")])
    apollo.graph.put_edges([NewEdge("checkout", "depends_on", "invoices"), NewEdge("invoices", "used_by", "billing")])


@pytest.fixture(scope="module", params=ENGINES)
def filled_url(
    request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a store with two projects, on each engine in turn."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('ask')}/memory.db"
        else:
            url = stack.enter_context(servers.fresh_database(server_url(request.param)))
        with open_store(url) as store:
            fill(store)
        yield url


@pytest.fixture(scope="module")
def filled(filled_url: str) -> Iterator[Store]:
    """A store with two projects, on each engine in turn."""
    with open_store(filled_url) as store:
        yield store


def answer(store: Store, question: str) -> Answer:
    return ask_sync(store, question, now=NOW)


def ids(found: Answer) -> list[str]:
    return [source.id for source in found.sources]


def test_a_decision_is_answered_with_its_reason_and_its_source(filled: Store) -> None:
    found = answer(filled, "What did we decide about auth last week in project Apollo?")
    assert found.text == (
        "2 decisions on “auth” from Mon 9 Nov 2026 to Sun 15 Nov 2026 in the project Apollo:\n"
        "[1] 11 Nov 2026: grace decided: Argon2 for passwords\n"
        "[2] 10 Nov 2026: ada decided: Sessions; because: simpler to revoke; instead of: JWT"
    )
    assert [(one.number, one.kind, one.id, one.project) for one in found.sources] == [
        (1, "event", "d2", "apollo"),
        (2, "event", "d1", "apollo"),
    ]
    assert found.total == 2
    assert "“last week” = Mon 9 Nov 2026 to Sun 15 Nov 2026 (UTC)" in found.understood


def test_the_answer_of_asynchronous_code_is_the_same(filled: Store, filled_url: str) -> None:
    question = "who decided things about auth?"

    async def asked() -> Answer:
        async with exuvia.open(filled_url) as store:
            return await ask(store, question, now=NOW)

    assert asyncio.run(asked()) == answer(filled, question)
