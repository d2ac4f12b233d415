"""A store in two databases: what is written to one is in the other, whatever fails in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import exuvia
import servers
from exuvia.store import NewEvent, Store, open_store
from exuvia.store.errors import DemotedError

PAIRS = ("sqlite-pip", "pip-sqlite", "sqlite-debian")


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of two new databases."""
    with ExitStack() as stack:

        def made(engine: str) -> str:
            if engine == "sqlite":
                return f"sqlite:///{tmp_path}/memory.db"
            return stack.enter_context(servers.fresh_database(server_url(engine)))

        first, second = request.param.split("-")
        yield made(first), made(second)


def fill(store: Store) -> None:
    """Put something of each kind into a project."""
    store.plans.create("Plan", topics=["naïve", "b"], data={"z": 1, "a": [1.0, -0.0, None]}, id="plan")
    store.sessions.create("Session", plan="plan", id="session")
    store.events.append([NewEvent("note", {"n": number}, session="session") for number in range(3)])
    store.frames.open("outer", run="r", id="outer")
    store.frames.open("inner", parent="outer", id="inner")
    store.vectors.create("notes", 3)
    store.vectors.put("notes", [1, 0.1, 3], id="one", text="one")
    store.vectors.create("halves", 3, half=True, metric="l2")
    store.vectors.put("halves", [0.1, 2, 3], id="one")
    store.workflows.create("Report", id="w", tags=["nightly"])
    store.workflows.add_version("w", {"nodes": []})


def test_what_is_written_is_in_both(pair: tuple[str, str]) -> None:
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.projects.put("shop", name="Shop", data={"n": 1e22})
        fill(store.project("shop"))
        store.project("shop").vectors.delete_collection("halves")
        store.dual.flush()
        found = store.dual.drift()
        assert found.is_clean
        assert not found.excluded
        assert all(each.primary_digest == each.secondary_digest for each in found.tables)
        assert store.dual.status().pending == 0
        plans = store.project("shop").plans.list()
    with open_store(pair[1]) as other:
        assert other.project("shop").plans.list() == plans
        assert other.search("Plan", project="shop").total == 1
        assert other.vectors.embedding("notes", "one", project="shop") == pytest.approx((1, 0.1, 3))
        with pytest.raises(DemotedError, match="the primary is"):
            other.projects.put("else")


def test_a_promoted_secondary_is_written_and_the_old_primary_follows(pair: tuple[str, str]) -> None:
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.projects.put("shop")
        fill(store.project("shop"))
        store.dual.promote()
        assert store.dual.status().swapped
        store.project("shop").plans.set_status("plan", "active")
        store.project("shop").vectors.put("notes", [3, 2, 1], id="two")
        assert store.dual.drift().is_clean
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        assert store.dual.status().swapped
        store.project("shop").sessions.delete("session")
        store.project("shop").plans.delete("plan")
        store.dual.promote()
        assert not store.dual.status().swapped
        assert store.project("shop").plans.list().total == 0
