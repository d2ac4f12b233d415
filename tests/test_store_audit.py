"""An audit that only grows, whose every entry hangs on the one before, and whose first broken link is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

import exuvia
import servers
from commands import exuvia as run_command
from exuvia.store import Store, open_store
from exuvia.store.audit import BrokenLink
from exuvia.store.errors import InvalidValueError, NotFoundError, StoreError
from store_fixtures import run_raw

TRIGGERS = {
    "audit_entries_stay": "audit_entries",
    "audit_entries_kept": "audit_entries",
    "audit_heads_grow": "audit_heads",
}
# What is done behind the store's back, the link that is broken by it, and what is said of it.
TAMPERING = [
    ("UPDATE audit_entries SET actor = 'eve' WHERE seq = 3", 3, "was changed"),
    ("UPDATE audit_entries SET data = '[1]' WHERE seq = 1", 1, "was changed"),
    ("DELETE FROM audit_entries WHERE seq = 2", 2, "missing"),
    ("DELETE FROM audit_entries WHERE seq = 5", 5, "missing"),
    ("DELETE FROM audit_entries WHERE seq > 0", 1, "missing"),
    ("UPDATE audit_heads SET seq = 4 WHERE seq = 5", 4, "not the one that the head names"),
    ("UPDATE audit_heads SET base_seq = 5, base_hash = hash WHERE seq = 5", 5, "no later entry tells"),
    (
        "INSERT INTO audit_entries SELECT project_id, 9, at, actor, action, subject, row_id, data, previous, hash"
        " FROM audit_entries WHERE seq = 5",
        9,
        "none of the chain's",
    ),
]


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own."""
    return shared_store.project(project)


def test_entries_are_numbered_linked_and_found(bound: Store) -> None:
    first = bound.audit.record("plan.create", actor="ada", subject="plans", row_id="p1", data={"title": "é", "n": -0.0})
    second = bound.audit.record("plan.delete", actor="bob", subject="plans", row_id="p1", data={"b": 1e22, "a": [1.0]})
    assert (first.seq, second.seq, second.previous) == (1, 2, first.hash)
    assert bound.audit.list().items == (second, first)
    assert bound.audit.list(actor="ada", row_id="p1").items == (first,)
    assert bound.audit.list(action="plan.delete", subject="plans", since=second.at).items == (second,)
    head = bound.audit.head()
    assert (head.seq, head.hash) == (2, second.hash)
    (chain,) = bound.audit.verify(anchor=(1, first.hash))
    assert (chain.entries, chain.head, chain.broken) == (2, head, None)


def test_an_entry_stands_and_falls_with_its_transaction(bound: Store) -> None:
    with pytest.raises(RuntimeError), bound.transaction() as tx:
        tx.audit.record("plan.create", actor="ada")
        raise RuntimeError
    assert bound.audit.list().total == 0
    assert bound.audit.record("plan.create", actor="ada").seq == 1


def test_an_audit_is_of_a_project_that_is_there(shared_store: Store) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        shared_store.audit.record("work", actor="ada", project="nowhere")


def test_entries_that_are_added_at_once_make_one_chain(bound: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda number: bound.audit.record("work", actor=f"a{number}"), range(40)))
    assert sorted(entry.seq for entry in added) == list(range(1, 41))
    (chain,) = bound.audit.verify()
    assert (chain.entries, chain.broken) == (40, None)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_entries SET actor = 'eve'",
        "DELETE FROM audit_entries",
        "DELETE FROM audit_heads",
        "UPDATE audit_heads SET seq = 0",
    ],
)
def test_the_database_refuses_to_change_or_delete_entries(bound: Store, sql: str) -> None:
    bound.audit.record("work", actor="ada")
    with pytest.raises(StoreError):
        run_raw(bound, f"{sql} WHERE project_id = :p", p=bound.scope.project)
    assert bound.audit.verify()[0].broken is None


def test_the_first_broken_link_is_named(store: Store) -> None:
    for place in range(len(TAMPERING)):
        store.projects.put(f"p{place}")
        for number in range(5):
            store.audit.record("plan.update", actor="ada", row_id=f"r{number}", project=f"p{place}")
    for trigger, table in TRIGGERS.items():
        run_raw(store, f"DROP TRIGGER {trigger}{f' ON {table}' if store.dialect.is_postgres else ''}")
    for place, (sql, seq, what) in enumerate(TAMPERING):
        run_raw(store, f"{sql} AND project_id = :project", project=f"p{place}")
        broken = store.audit.verify(project=f"p{place}")[0].broken
        assert broken is not None
        assert (broken.seq, what in broken.what) == (seq, True), broken


def test_an_anchor_tells_of_a_chain_that_was_written_anew(bound: Store) -> None:
    for _ in range(3):
        bound.audit.record("work", actor="ada")
    head = bound.audit.head()
    assert bound.audit.verify(anchor=(3, head.hash))[0].broken is None
    assert bound.audit.verify(anchor=(2, head.hash))[0].broken == BrokenLink(
        2, "the entry is another one than the anchor's"
    )
    later = bound.audit.verify(anchor=(4, head.hash))[0].broken
    assert later is not None
    assert later.seq == 4


def test_what_is_left_after_retention_can_be_checked(bound: Store) -> None:
    for _ in range(3):
        bound.audit.record("work", actor="ada")
    kept = bound.audit.record("work", actor="bob")
    assert bound.audit.prune(before=kept.at, actor="cleaner") == 3
    assert [entry.action for entry in bound.audit.list().items] == ["audit.prune", "work"]
    bound.audit.record("work", actor="ada")
    (chain,) = bound.audit.verify()
    assert (chain.entries, chain.broken) == (3, None)
    assert bound.audit.prune(before=datetime.now(UTC) + timedelta(seconds=1), actor="cleaner") == 3
    assert bound.audit.prune(before=datetime(2020, 1, 1, tzinfo=UTC), actor="cleaner") == 0
    assert bound.audit.verify()[0].broken is None
    with pytest.raises(InvalidValueError, match="prune"):
        bound.audit.record("audit.prune", actor="eve")


def test_adding_and_pruning_at_once_breaks_nothing(bound: Store) -> None:
    def act(number: int) -> None:
        bound.audit.record("work", actor=f"a{number}")
        if number % 5 == 0:
            bound.audit.prune(before=datetime.now(UTC), actor="cleaner")
        assert bound.audit.verify()[0].broken is None

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(act, range(15)))


def test_a_project_is_deleted_with_its_audit(shared_store: Store, bound: Store) -> None:
    bound.audit.record("work", actor="ada")
    project = bound.scope.project
    run_raw(shared_store, "DELETE FROM projects WHERE id = :id", id=project)
    assert shared_store.audit.verify(project=project) == ()


def test_the_command_says_what_is_broken(store_url: str) -> None:
    with open_store(store_url) as store:
        store.projects.put("p")
        store.audit.record("work", actor="ada", project="p")
        head = store.audit.head(project="p")
    fine = run_command("store", "audit", "verify", store_url)
    assert fine.returncode == 0
    assert f"p: 1 entries are as they were written, up to 1:{head.hash}" in fine.stdout
    found = run_command("store", "audit", "verify", store_url, "--json", "--project", "p", "--anchor", f"1:{'0' * 64}")
    assert found.returncode == 6
    (chain,) = orjson.loads(found.stdout)
    assert chain["broken"] == {"seq": 1, "what": "the entry is another one than the anchor's"}


def test_entries_are_added_and_checked_asynchronously(shared_store_url: str) -> None:
    async def run() -> None:
        async with open_store(shared_store_url) as store:
            await store.projects.put("audit-async")
            bound = store.project("audit-async")
            await asyncio.gather(*(bound.audit.record("work", actor="ada") for _ in range(10)))
            (chain,) = await bound.audit.verify()
            assert chain.broken is None

    asyncio.run(run())


def test_the_audit_of_a_pair_is_whole_in_both(server_url: Callable[[str], str], tmp_path: Path) -> None:
    with servers.fresh_database(server_url("pip")) as url:
        with exuvia.open(primary=f"sqlite:///{tmp_path}/memory.db", secondary=url) as store:
            store.projects.put("p")
            store.audit.record("work", actor="ada", project="p")
            assert store.audit.prune(before=datetime.now(UTC) + timedelta(seconds=1), actor="cleaner", project="p") == 1
            head = store.audit.head(project="p")
            store.dual.flush()
            assert store.dual.drift().is_clean
        with open_store(url) as other:
            assert [(chain.head, chain.broken) for chain in other.audit.verify()] == [(head, None)]
