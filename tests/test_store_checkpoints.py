"""Checkpoints of agents: versions, metrics, and one that is the best."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from exuvia.store import Store
from exuvia.store.errors import ConflictError, NotFoundError
from exuvia.store.filters import field


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own."""
    return shared_store.project(project)


def test_checkpoints_are_numbered_by_agent(bound: Store) -> None:
    first = bound.checkpoints.save("planner", {"model": "a"}, metrics={"accuracy": 0.5}, metadata={"by": "ada"})
    second = bound.checkpoints.save("planner", {"model": "b"}, config_version="2")
    assert (first.version, second.version, bound.checkpoints.save("coder", {}).version) == (1, 2, 1)
    assert bound.checkpoints.get(first.id) == first
    assert bound.checkpoints.latest("planner") == second
    assert bound.checkpoints.latest("planner", config_version="1") == first
    assert bound.checkpoints.latest("nobody") is None
    with pytest.raises(ConflictError):
        bound.checkpoints.save("planner", {}, id=first.id)


def test_one_checkpoint_of_an_agent_is_the_best(bound: Store) -> None:
    first = bound.checkpoints.save("planner", {}, best=True)
    assert bound.checkpoints.best("planner") == first
    second = bound.checkpoints.save("planner", {}, best=True)
    assert bound.checkpoints.best("planner") == second
    assert bound.checkpoints.mark_best(first.id).is_best
    assert not bound.checkpoints.get(second.id).is_best
    bound.checkpoints.delete(first.id)
    assert bound.checkpoints.best("planner") is None
    with pytest.raises(NotFoundError, match="no checkpoint"):
        bound.checkpoints.mark_best("nothing")


def test_many_who_mark_the_best_at_once_leave_one(bound: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: bound.checkpoints.save("a", {"n": number}, best=True), range(12)))
        list(threads.map(lambda one: bound.checkpoints.mark_best(one.id), made))
    assert sorted(one.version for one in made) == list(range(1, 13))
    assert sum(one.is_best for one in bound.checkpoints.list(agent="a").items) == 1


def test_checkpoints_are_listed_and_filtered(bound: Store) -> None:
    for number in range(5):
        bound.checkpoints.save("a", {"n": number}, metrics={"accuracy": number / 10})
    page = bound.checkpoints.list(agent="a", limit=3)
    assert ([one.version for one in page.items], page.total) == ([5, 4, 3], 5)
    rest = bound.checkpoints.list(agent="a", limit=3, after=page.next)
    assert [one.version for one in rest.items] == [2, 1]
    good = bound.checkpoints.list(filter=field("metrics.accuracy") >= 0.3)
    assert {one.version for one in good.items} == {4, 5}
