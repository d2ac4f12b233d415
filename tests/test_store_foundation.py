"""The store's foundation: the same calls, answers and errors on both engines, from synchronous and async code."""

from __future__ import annotations

import asyncio

import pytest

from exuvia.store import Store, open_store
from exuvia.store.core.values import new_id
from exuvia.store.errors import InvalidValueError, NotFoundError, PageTokenError, StateError, TenantError


def test_what_was_put_comes_back(shared_store: Store) -> None:
    document = {"float": 1e22, "small": 1e-7, "list": [1, None, True, "é"], "integer": 2**63}
    made = shared_store.projects.put(new_id(), name="Ä", data=document)
    assert shared_store.projects.get(made.id) == made
    assert made.data == document
    assert isinstance(made.data["float"], float)


def test_a_project_is_made_where_it_is_missing_and_left_as_it_is_where_it_is_there(shared_store: Store) -> None:
    named = shared_store.projects.put(new_id(), name="Apollo", data={"stage": 1})
    assert shared_store.projects.ensure(named.id) == named
    with shared_store.transaction() as tx:
        made = tx.projects.ensure(new_id())
        assert tx.projects.ensure(made.id) == made
    assert shared_store.projects.get(made.id) == made


def test_a_failed_transaction_leaves_nothing(shared_store: Store) -> None:
    first, second = new_id(), new_id()
    with pytest.raises(NotFoundError), shared_store.transaction() as tx:
        tx.projects.put(first)
        tx.projects.get(second)
    with pytest.raises(NotFoundError):
        shared_store.projects.get(first)


def test_an_error_that_is_swallowed_still_undoes_the_transaction(shared_store: Store) -> None:
    first = new_id()
    with pytest.raises(StateError, match="has failed"), shared_store.transaction() as tx:
        tx.projects.put(first)
        with pytest.raises(NotFoundError):
            tx.projects.get(new_id())
        with pytest.raises(StateError, match="has failed"):
            tx.projects.put(first)
    with pytest.raises(NotFoundError):
        shared_store.projects.get(first)


def test_a_savepoint_undoes_only_its_own_block(shared_store: Store) -> None:
    kept, undone = new_id(), new_id()
    with shared_store.transaction() as tx:
        tx.projects.put(kept)
        with pytest.raises(NotFoundError), tx.transaction() as inner:
            inner.projects.put(undone)
            inner.projects.get(new_id())
    assert shared_store.projects.get(kept).id == kept
    with pytest.raises(NotFoundError):
        shared_store.projects.get(undone)


def test_pages_join_to_the_whole_list(store: Store) -> None:
    names = [f"p{number:02}" for number in range(7)]
    for name in reversed(names):
        store.projects.put(name)
    found, after = [], None
    while True:
        page = store.projects.list(limit=3, after=after)
        assert page.total == 7
        found += [item.id for item in page.items]
        if page.next is None:
            break
        after = page.next
    assert found == names


@pytest.mark.parametrize(
    ("key", "name", "data"),
    [
        ("", None, None),
        ("a\0b", None, None),
        ("x", "a\0b", None),
        ("x", "\ud800", None),
        ("x", None, float("nan")),
        ("x", None, {"deep": [float("inf")]}),
        ("x", None, {"text": "\0"}),
        ("x", None, 2**64),
        ("x", None, object()),
    ],
)
def test_values_that_one_engine_could_not_keep_are_refused_by_both(
    shared_store: Store, key: str, name: str | None, data: object
) -> None:
    with pytest.raises(InvalidValueError):
        shared_store.projects.put(key, name=name, data=data)


def test_a_bound_store_sees_no_other_project(shared_store: Store) -> None:
    mine, other = shared_store.projects.put(new_id()).id, shared_store.projects.put(new_id()).id
    bound = shared_store.project(mine)
    assert [item.id for item in bound.projects.list().items] == [mine]
    with pytest.raises(TenantError):
        bound.projects.get(other)
    with pytest.raises(TenantError):
        bound.project(other)


def test_a_damaged_page_token_is_told(shared_store: Store) -> None:
    with pytest.raises(PageTokenError):
        shared_store.projects.list(after="nonsense")


def test_a_hundred_tasks_write_at_once(store_url: str) -> None:
    async def run() -> int | None:
        async with open_store(store_url) as store:
            await asyncio.gather(*(store.projects.put(f"t{number}") for number in range(100)))
            return (await store.projects.list(limit=1)).total

    assert asyncio.run(run()) == 100
