"""Answers from stores on each engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exuvia
import servers
from exuvia.ask import Answer, AskOptions, ask, ask_sync
from exuvia.ask.telling.texts import tokens
from exuvia.errors import ConfigError
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
from exuvia.store.embedders.protocol import FunctionEmbedder
from exuvia.store.errors import NotFoundError
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
            said("d1", 8, "ada", SESSIONS, plan="P1"),
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


TEXTS = {
    "how many decisions about auth are there?": (
        "3 decisions on “auth”. The latest:\n"
        "[1] 11 Nov 2026: grace decided: Argon2 for passwords (project apollo)\n"
        "[2] 10 Nov 2026: ada decided: Sessions; because: simpler to revoke; instead of: JWT (project apollo)\n"
        "[3] 10 Aug 2026: grace decided: auth by own accounts (project shop)"
    ),
    "who decided things about auth?": (
        "grace (2) and ada (1): decisions on “auth”.\n"
        "[1] 11 Nov 2026: grace decided: Argon2 for passwords (project apollo)\n"
        "[2] 10 Nov 2026: ada decided: Sessions; because: simpler to revoke; instead of: JWT (project apollo)\n"
        "[3] 10 Aug 2026: grace decided: auth by own accounts (project shop)"
    ),
    "when did we decide on argon2?": (
        "11 Nov 2026 on “argon2”:\n[1] 11 Nov 2026: grace decided: Argon2 for passwords (project apollo)"
    ),
    "which bugs are unsolved?": (
        "1 open bug:\n[1] 17 Nov 2026: bug (ada): the cache returns old prices; no solution yet (project apollo)"
    ),
    "bugs that were fixed this month in apollo": (
        "1 complete bug from Sun 1 Nov 2026 to Mon 30 Nov 2026 in the project Apollo:\n"
        "[1] 15 Nov 2026: bug (linus): login fails at midnight; cause: clock skew; solved by: leeway of 30 s"
    ),
    "what happened yesterday in apollo?": (
        "3 events on Tue 17 Nov 2026 in the project Apollo:\n"
        "[1] 17 Nov 2026: bug (ada): the cache returns old prices; no solution yet\n"
        "[2] 17 Nov 2026: deployment (linus): 1.2 to production\n"
        "[3] 17 Nov 2026: task done (ada): write the migration"
    ),
    "the first decision ever in apollo": (
        "The earliest decision in the project Apollo:\n"
        "[1] 9 Oct 2026: ada decided: Keep SQLite for tests\nThere are 3 in all."
    ),
    "what depends on the invoice database?": (
        "1 node next to “Invoice database”:\n[1] checkout —depends_on→ Invoice database"
    ),
    "what uses invoices?": "1 node next to “Invoice database”:\n[1] billing ←used_by— Invoice database",
    "how is checkout related to billing?": (
        "From “checkout” [1] to “billing” [2]:\n- checkout —depends_on→ invoices —used_by→ billing"
    ),
    "what did we decide in project zeus?": "There is no project “zeus”. There are apollo and shop.",
    "what did we decide about kafka in shop?": (
        "Nothing found: no decision on “kafka” in the project Web shop.\n"
        "1 decision in the project Web shop on other things:\n[1] 10 Aug 2026: grace decided: auth by own accounts"
    ),
    "how many bugs about kafka?": "0 bugs on “kafka”.",
    "decisions about auth yesterday in apollo": (
        "Nothing found: no decision on “auth” on Tue 17 Nov 2026 in the project Apollo.\n"
        "Without the time: 2, such as 11 Nov 2026: grace decided: Argon2 for passwords [1]"
    ),
    "did linus decide on passwords?": (
        "Nothing found: no decision on “passwords” by linus.\n"
        "By anybody: 1, such as 11 Nov 2026: grace decided: Argon2 for passwords [1]"
    ),
    "bugs with cached prices": (
        "Nothing has the words as they are; this has words that begin alike. 1 bug on “cached” and “prices”:\n"
        "[1] 17 Nov 2026: bug (ada): the cache returns old prices; no solution yet (project apollo)"
    ),
    "what did we decide about argon2 tokens?": (
        "Nothing has all of the words; this has some of them. 1 decision on “argon2” and “tokens”:\n"
        "[1] 11 Nov 2026: grace decided: Argon2 for passwords (project apollo)"
    ),
}


@pytest.mark.parametrize("question", TEXTS)
def test_answers_are_the_same_on_every_engine(filled: Store, question: str) -> None:
    assert answer(filled, question).text == TEXTS[question]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("what is open in apollo?", {"P1", "P2", "f1"}),
        ("which plans are paused?", {"P2"}),
        ("what is blocked?", {"P2"}),
        ("high priority plans", {"P1"}),
        ("which facts are pinned about orders?", {"a1"}),
        ("facts about orders last year", {"a1"}),
        ("decisions by ada", {"d1", "d3"}),
        ("decisions by ada about sessions", {"d1"}),
        ("everything tagged auth by grace", {"d2", "d4"}),
        ("deployments this month", {"x1"}),
        ("learnings and bugs about caches", {"l1", "b2"}),
        ("decisions about passwords or sessions", {"d1", "d2"}),
        ("decisions without sessions", {"d2", "d3", "d4"}),
        ("what was lerned about caches", {"l1"}),
        ("which nodes are about databases", {"invoices"}),
        ("show plan P1", {"P1"}),
        ("events and decisions in shop", {"d4"}),
        ("high priority bugs in apollo", {"b1", "b2"}),
        ("constraints and facts", {"a1"}),
        ("frame f1", {"f1"}),
        ("tasks completed in the last 2 days", {"t1"}),
    ],
)
def test_the_sources_are_those_that_fit(filled: Store, question: str, found: set[str]) -> None:
    assert set(ids(answer(filled, question))) == found


def test_the_status_of_a_plan_comes_with_what_happened_last_in_it(filled: Store) -> None:
    found = answer(filled, "what's the status of the login rework plan?")
    assert found.text.startswith("Plan “Login rework” of ada is active, since ")
    assert ids(found) == ["P1", "t1", "d1"]
    misspelt = answer(filled, 'status of plan "Login rewrok"')
    assert ids(misspelt)[0] == "P1"
    assert misspelt.text.startswith("Nothing has the words; these titles are much like them.")


def test_the_status_of_a_project_counts_its_plans(filled: Store) -> None:
    found = answer(filled, "status of project apollo")
    assert found.text.startswith(
        "Plans in Apollo: 1 active and 1 paused. What happened last:\n[1] 17 Nov 2026: bug (ada)"
    )


def test_a_relation_to_what_is_no_node_is_looked_for_as_a_word(filled: Store) -> None:
    found = answer(filled, "what uses argon2?")
    assert ids(found) == ["d2"]
    assert "the graph has no node “argon2”" in found.understood


def test_a_question_within_a_transaction_leaves_it_sound(filled: Store) -> None:
    with filled.transaction() as tx:
        assert ids(ask_sync(tx, "what depends on nothing-there?", now=NOW)) == []
        assert answer(tx, "show plan P-99").text.startswith("Nothing found: no plan on “p-99”.")
        assert ids(ask_sync(tx, "show plan P1", now=NOW)) == ["P1"]


def test_what_kinds_do_not_have_is_told(filled: Store) -> None:
    assert "nobody is named with frames" in answer(filled, "frames by ada").understood
    assert "bugs have no priority: all are looked at" in answer(filled, "high priority bugs").understood
    assert "no decision is kept as open: all are looked at" in answer(filled, "open decisions").understood


def test_what_was_not_understood_is_told(filled: Store) -> None:
    found = answer(filled, "what did we decide before the release?")
    assert "Not understood: “before the release”." in found.understood
    assert found.total == 4


def test_more_than_is_shown_is_counted(filled: Store) -> None:
    found = ask_sync(filled, "which decisions are there?", now=NOW, options=AskOptions(limit=2))
    assert (found.total, found.more, len(found.sources)) == (4, 2, 2)
    assert found.text.endswith("\n2 more.")


def test_a_budget_shortens_sentences_first_and_leaves_out_the_last_then(filled: Store) -> None:
    question = "which decisions are there?"
    whole = answer(filled, question)
    short = ask_sync(filled, question, now=NOW, options=AskOptions(budget=tokens(whole.text) - 5))
    least = ask_sync(filled, question, now=NOW, options=AskOptions(budget=30))
    assert "simpler to revoke" in whole.text
    assert "simpler to revoke" not in short.text
    assert len(short.sources) == 4
    assert len(least.sources) < 4
    assert least.text.endswith(f"{4 - len(least.sources)} more.")
    assert (least.total, least.more) == (4, 4 - len(least.sources))


def test_numbers_are_exact_beyond_what_a_search_ranks(shared_store: Store, project: str) -> None:
    many = [NewEvent.of(BugEncountered(symptom=f"the socket broke {number}")) for number in range(700)]
    shared_store.events.append(many, project=project)
    found = ask_sync(shared_store, "how many bugs about sockets?", project=project)
    assert found.total == 700
    assert found.text.startswith("700 bugs on “sockets”")
    by_all = ask_sync(shared_store, "which bugs are there about sockets?", project=project)
    assert (by_all.total, by_all.more) == (None, None)
    assert by_all.text.endswith("There are more than were counted.")


def test_a_bound_store_answers_from_its_project_only(filled: Store) -> None:
    shop = filled.project("shop")
    assert ids(answer(shop, "what did we decide about auth?")) == ["d4"]
    assert answer(shop, "what did we decide in project apollo?").text.startswith("There is no project “apollo”.")
    assert answer(shop, "what did we decide about argon2 on 3 May?").sources == ()


def test_a_project_that_is_given_is_the_only_one(filled: Store) -> None:
    found = ask_sync(filled, "what did we decide about auth?", project="shop", now=NOW)
    assert ids(found) == ["d4"]
    elsewhere = ask_sync(filled, "what did we decide about argon2?", project="shop", now=NOW)
    assert elsewhere.text.startswith("Nothing found")
    assert {source.project for source in elsewhere.sources} == {"shop"}
    assert "apollo" not in str(elsewhere.as_dict()).casefold()
    with pytest.raises(NotFoundError):
        ask_sync(filled, "what did we decide?", project="zeus", now=NOW)


def test_other_projects_are_told_of_where_the_question_names_one(filled: Store) -> None:
    found = answer(filled, "what did we decide about argon2 in shop?")
    assert "In all projects: 1, such as 11 Nov 2026: grace decided: Argon2 for passwords [1]" in found.text
    options = AskOptions(elsewhere=False)
    kept = ask_sync(filled, "what did we decide about argon2 in shop?", now=NOW, options=options)
    assert "In all projects" not in kept.text


def test_a_project_beyond_the_first_thousand_is_found(store: Store) -> None:
    for number in range(1001):
        store.projects.put(f"p{number:04}")
    store.projects.put("zeus", name="Zeus")
    store.events.add(DecisionMade(decision="tabs"), id="z1", project="zeus")
    assert ids(answer(store, "what did we decide in project zeus?")) == ["z1"]


@pytest.mark.parametrize("question", ["", "  ", "x" * 2001])
def test_no_question_is_refused(filled: Store, question: str) -> None:
    with pytest.raises(ConfigError, match="question"):
        answer(filled, question)


def test_the_calls_are_told_as_json(filled: Store) -> None:
    found = answer(filled, "what did we decide about auth last week in apollo?")
    document = json.loads(json.dumps(found.as_dict()))
    assert document["calls"][0] == {
        "name": "search",
        "arguments": {
            "text": '("auth" OR "auths")',
            "project": "apollo",
            "kinds": ["event"],
            "type": ["decision_made"],
            "since": "2026-11-09T00:00:00.000000Z",
            "until": "2026-11-15T23:59:59.999999Z",
            "match": "all",
        },
        "found": 2,
    }


def test_words_without_an_entry_are_looked_for_by_their_meaning(shared_store: Store, project: str) -> None:
    """The embedder knows one synonym."""
    embedder = FunctionEmbedder(
        lambda texts: [[1.0, "parole" not in text and "password" not in text] for text in texts], "m"
    )
    bound = shared_store.project(project)
    bound.events.append([said("m1", 1, "ada", DecisionMade(decision="passwords are hashed"), topics=[])])
    bound.events.append([said("m2", 1, "ada", DecisionMade(decision="tabs"), topics=[])])
    bound.vectors.create("meaning", 2, model="m")
    bound.vectors.embed_entries("meaning", embedder)
    options = AskOptions(embedder=embedder, limit=1)
    found = ask_sync(shared_store, "what did we decide about parole?", project=project, now=NOW, options=options)
    assert ids(found) == ["m1"]
    assert "nearest in meaning" in found.text


def test_an_embedder_that_fails_is_told_of(shared_store: Store, project: str) -> None:
    def failing(texts: list[str]) -> list[list[float]]:
        raise OSError

    shared_store.vectors.create("meaning", 2, model="m", project=project)
    shared_store.events.append([said("m3", 1, "ada", DecisionMade(decision="tabs"), topics=[])], project=project)
    options = AskOptions(embedder=FunctionEmbedder(failing, "m"))
    found = ask_sync(shared_store, "what about spaces?", project=project, now=NOW, options=options)
    assert "not looked for by meaning" in found.understood


@given(st.text(max_size=200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_question_is_answered(filled: Store, question: str) -> None:
    if question.strip():
        found = answer(filled, question)
        assert found.text
        assert found.understood.startswith("Understood: ")
        assert "\x1b" not in found.text + found.understood
