"""Searching the memory by tools, on both engines."""

from __future__ import annotations

import pytest

from exuvia.store import Store
from remembering import Agent, Server, rows


def test_words_find_what_has_them(agent: Agent) -> None:
    found = rows(agent.does("search_text", text="passkey*"))
    assert {(row["kind"], row["id"]) for row in found} == {("plan", "login"), ("session", "day-1"), ("event", "e1")}
    assert "score" not in found[0]
    assert "score" in agent.does("search_text", text="passkey*", scores=True)["columns"]


def test_a_question_of_which_nothing_has_all_the_words_finds_what_has_some(agent: Agent) -> None:
    answer = agent.does("search_text", text="phishing at the airport")
    assert rows(answer)[0]["id"] == "e1"
    assert "some" in answer["notice"]
    assert agent.does("search_text", text="phishing airport", match="all")["rows"] == []


def test_an_excerpt_does_not_repeat_the_title(agent: Agent) -> None:
    (found,) = rows(agent.does("search_text", text="phishing"))
    assert found["title"] == "Passkeys first"
    assert "Passkeys first" not in found["excerpt"]


def test_nothing_found_says_what_else_to_try(agent: Agent) -> None:
    answer = agent.does("search_text", text="xylophone")
    assert answer["rows"] == []
    assert "fuzzy" in answer["notice"]


def test_a_query_that_cannot_be_read_is_told_by_its_argument(agent: Agent) -> None:
    error = agent.fails("search_text", text='"passkeys')
    assert error["argument"] == "text"


def test_pages_of_a_search_go_on_whichever_words_they_have(agent: Agent) -> None:
    agent.does("record_events", events=[{"kind": "note", "summary": f"phishing {number}"} for number in range(25)])
    first = agent.does("search_text", text="phishing airport", limit=20)
    second = agent.does("search_text", text="phishing airport", limit=20, after=first["next"])
    ids = [row["id"] for row in rows(first) + rows(second)]
    assert len(ids) == len(set(ids)) == 26


def test_what_means_the_same_comes_first(agent: Agent) -> None:
    same = "Passkeys: the form\n# Notes\n\nIt works.\n"
    assert rows(agent.does("search_similar", text=same))[0]["id"] == "day-1"
    assert rows(agent.does("search_hybrid", text=same))[0]["id"] == "day-1"
    assert "notice" not in agent.does("search_hybrid", text="passkeys")
    plans = agent.does("search_similar", text=same, kind="plan", scores=True)
    assert {row["id"] for row in rows(plans)} == {"login", "checkout"}
    assert "distance" in plans["columns"]


def test_a_collection_is_named_where_there_are_several(agent: Agent, shared_store: Store, shop: str) -> None:
    shared_store.vectors.create("other", 3, project=shop)
    for given in ({}, {"collection": "nowhere"}):
        error = agent.fails("search_similar", text="a", **given)
        assert (error["error"], error["hint"]) == ("argument.collection", "Name one of: memory, other.")
    agent.does("search_hybrid", text="a", collection="memory")


def test_without_vectors_the_error_says_how_to_make_them_and_hybrid_goes_by_words(
    memory_server: Server, shared_store: Store, project: str
) -> None:
    shared_store.plans.create("Passkeys", id="login", project=project)
    agent = memory_server.agent(project)
    error = agent.fails("search_similar", text="passkeys")
    assert error["error"] == "meaning.no_collection"
    assert "embed_entries" in error["hint"]
    answer = agent.does("search_hybrid", text="passkeys")
    assert [row["id"] for row in rows(answer)] == ["login"]
    assert answer["notice"].startswith("By words only")


def test_a_collections_own_word_for_its_model_imports_nothing(
    shared_store_url: str, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EXUVIA_EMBEDDER_URL", "EXUVIA_EMBEDDER_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with Server(shared_store_url, embedder=None) as server:
        error = server.agent(shop).fails("search_similar", text="passkeys")
    assert error["error"] == "meaning.no_embedder"


def test_words_are_completed_by_those_that_are_remembered(agent: Agent) -> None:
    assert agent.does("complete_words", beginning="Passk") == {"words": ["passkeys"]}
    assert agent.does("complete_words", beginning="zz") == {"words": []}
    assert agent.fails("complete_words", beginning="two words")["argument"] == "beginning"
