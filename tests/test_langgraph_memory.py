"""LangGraph's store of long-term memory on the store, compared with LangGraph's own in memory."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langgraph.store.base import BaseStore, InvalidNamespaceError, PutOp, SearchItem
from langgraph.store.memory import InMemoryStore

from exuvia.integrations.langgraph import ExuviaMemory
from exuvia.store import Store, StoreOptions, open_store
from exuvia.store.core.values import new_id

FILTERS: list[dict[str, Any] | None] = [
    None,
    {"kind": "note"},
    {"kind": {"$ne": "note"}},
    {"score": {"$gte": 2}},
    {"score": {"$gt": 1, "$lt": 3}},
    {"by": {"name": "ada"}},
    {"kind": None},
    {"kind": "note", "score": {"$lte": 2}},
]


@pytest.fixture
def memory(shared_store: Store, project: str) -> ExuviaMemory:
    """A memory with a project of its own."""
    return ExuviaMemory(shared_store, project=project)


def fill(store: BaseStore) -> None:
    """Store what the comparisons look for."""
    for number in range(5):
        value = {"kind": "note" if number % 2 else "task", "score": number, "by": {"name": "ada"}}
        store.put(("users", f"u{number % 2}", "notes"), f"k{number}", value)
    store.put(("users",), "plain", {"by": {"name": "bob", "age": 3}, "score": -1})
    store.put(("users2", "x"), "other", {"kind": "note", "score": 2.0})
    store.put(("logs", "u1", "notes"), "k", {"text": "ünïcode"})
    store.delete(("users", "u0", "notes"), "k4")


def test_a_search_finds_what_langgraphs_own_finds(memory: ExuviaMemory) -> None:
    own = InMemoryStore()
    for store in (memory, own):
        fill(store)
    for asked in FILTERS:
        for prefix in (("users",), ("users", "u1"), ("nothing",)):
            found, expected = (store.search(prefix, filter=asked, limit=50) for store in (memory, own))
            assert by_place(found) == by_place(expected), asked


def by_place(items: list[SearchItem]) -> dict[tuple[tuple[str, ...], str], dict[str, Any]]:
    """Return the values of items by their places."""
    return {(item.namespace, item.key): item.value for item in items}


def test_namespaces_are_listed_as_langgraphs_own_lists_them(memory: ExuviaMemory) -> None:
    own = InMemoryStore()
    for store in (memory, own):
        fill(store)
    asked: list[dict[str, Any]] = [
        {},
        {"prefix": ("users",)},
        {"prefix": ("*", "u1")},
        {"suffix": ("notes",)},
        {"prefix": ("users", "*"), "suffix": ("notes",)},
        {"max_depth": 1},
        {"limit": 2, "offset": 1},
    ]
    for one in asked:
        assert memory.list_namespaces(**one) == own.list_namespaces(**one), one


def test_an_item_is_changed_and_deleted(memory: ExuviaMemory) -> None:
    memory.put(("a",), "k", {"n": 1})
    first = memory.get(("a",), "k")
    memory.put(("a",), "k", {"n": 2})
    second = memory.get(("a",), "k")
    assert first is not None
    assert second is not None
    assert (first.value, second.value) == ({"n": 1}, {"n": 2})
    assert first.created_at == second.created_at
    assert first.updated_at <= second.updated_at
    memory.delete(("a",), "k")
    assert memory.get(("a",), "k") is None


def test_items_expire_unless_they_are_used(store_url: str) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with open_store(store_url, StoreOptions(clock=lambda: now[0])) as store:
        memory = ExuviaMemory(store, project=store.projects.put("p").id, ttl={"default_ttl": 10})
        memory.put(("a",), "short", {})
        memory.put(("a",), "ever", {}, ttl=None)
        now[0] += timedelta(minutes=9)
        assert memory.get(("a",), "short") is not None
        now[0] += timedelta(minutes=9)
        assert memory.get(("a",), "short", refresh_ttl=False) is not None
        now[0] += timedelta(minutes=2)
        assert memory.get(("a",), "short") is None
        assert [item.key for item in memory.search(("a",))] == ["ever"]
        assert (memory.sweep_ttl(), memory.sweep_ttl()) == (1, 0)


def test_it_serves_asynchronous_callers(shared_store_url: str) -> None:
    async def work() -> None:
        async with ExuviaMemory.from_url_async(shared_store_url, project=new_id()) as memory:
            await memory.aput(("a", "b"), "k", {"n": 1})
            assert [item.key for item in await memory.asearch(("a",), filter={"n": 1})] == ["k"]
            found = await memory.aget(("a", "b"), "k")
            assert found is not None
            assert found.namespace == ("a", "b")

    asyncio.run(work())


def test_namespaces_that_cannot_be_told_apart_are_refused(memory: ExuviaMemory) -> None:
    with pytest.raises(InvalidNamespaceError):
        memory.batch([PutOp(("a.b",), "k", {})])
