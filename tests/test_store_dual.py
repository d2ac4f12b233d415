"""A store in two databases: what is written to one is in the other, whatever fails in between."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import orjson
import psycopg
import pytest
from psycopg import sql

import exuvia
import servers
from commands import exuvia as run_cli
from exuvia.errors import ConfigError
from exuvia.location import PostgresLocation
from exuvia.store import NewEvent, Store, open_store
from exuvia.store.dual import roles
from exuvia.store.errors import ConflictError, DemotedError, StateError, UnavailableError
from store_fixtures import run_raw

PAIRS = ("sqlite-pip", "pip-sqlite", "sqlite-debian")
ONE = pytest.mark.parametrize("pair", ["pip-sqlite"], indirect=True)
EITHER = pytest.mark.parametrize("pair", ["sqlite-pip", "pip-sqlite"], indirect=True)


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


@contextmanager
def away(url: str) -> Iterator[None]:
    """Make a database unreachable: a server refuses it, a file is locked by another program."""
    if url.startswith("sqlite"):
        holder = apsw.Connection(url.removeprefix("sqlite:///"))  # the same library: another one's locks are not seen
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.close()
        return
    given = PostgresLocation.of(url).as_dict()
    name = sql.Identifier(given["dbname"])
    elsewhere = PostgresLocation(tuple((given | {"dbname": "postgres"}).items())).url
    with psycopg.connect(elsewhere, autocommit=True) as server:
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [given["dbname"]])
        yield
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def check_alike(pair: tuple[str, str]) -> None:
    """Carry over what waits, and compare."""
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.dual.flush()
        found = store.dual.drift()
        assert found.differences == ()


def test_what_is_rolled_back_is_not_noted_and_bound_stores_are(pair: tuple[str, str]) -> None:
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.projects.put("shop")
        store.dual.flush()
        with pytest.raises(ZeroDivisionError), store.project("shop").transaction() as tx:
            tx.plans.create("never")
            assert run_raw(tx, "SELECT 1") == [(1,)]
            raise ZeroDivisionError
        assert store.dual.status().pending == 0
        with store.transaction() as tx:
            tx.project("shop").plans.create("once", id="once")
        store.dual.flush()
    with open_store(pair[1]) as other:
        assert [plan.id for plan in other.plans.list().items] == ["once"]


def test_a_secondary_that_is_away_holds_nobody_up_and_misses_nothing(pair: tuple[str, str]) -> None:
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.projects.put("before")
        store.dual.flush()
        with away(pair[1]):
            for number in range(20):
                store.projects.put(f"p{number}")
            store.projects.delete("before")
            assert store.dual.status().pending == 21
        store.dual.flush()
        assert store.dual.drift().is_clean
        assert store.projects.list().total == 20


@EITHER
def test_a_secondary_that_is_away_at_first_is_met_later(pair: tuple[str, str]) -> None:
    with open_store(pair[1]):
        pass
    with away(pair[1]), exuvia.open(primary=pair[0], secondary=pair[1], lock_timeout=0.2) as store:
        store.projects.put("early")
        assert store.dual.status().pending >= 1
    check_alike(pair)
    with open_store(pair[1]) as other:
        assert other.projects.get("early")


WRITE = """
import sys, exuvia
from exuvia.store import NewEvent
first, second, name = sys.argv[1:]
with exuvia.open(primary=first, secondary=second) as store:
    own = store.project(store.projects.put(name).id)
    print("ready", flush=True)
    for number in range(100_000):
        plan = own.plans.create("plan")
        own.events.append([NewEvent("note", {"n": n}, plan=plan.id) for n in range(20)])
        if number % 3 == 2:
            own.plans.delete(plan.id)
        print(number, flush=True)
"""


def writer(pair: tuple[str, str], name: str) -> subprocess.Popen[str]:
    """Start a program that writes until it is killed."""
    command = [sys.executable, "-c", WRITE, *pair, name]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def written(started: subprocess.Popen[str], seconds: float) -> int:
    """Kill a program after some time; return the last number that it had written."""
    assert started.stdout is not None
    time.sleep(seconds)
    started.send_signal(signal.SIGKILL)
    lines = started.stdout.read().splitlines()
    started.wait()
    started.stdout.close()
    return int(lines[-1]) if lines else -1


@ONE
def test_programs_that_are_killed_lose_nothing_and_double_nothing(pair: tuple[str, str]) -> None:
    kill_and_compare(pair, 1)


@pytest.mark.slow
def test_programs_that_are_killed_often_lose_nothing(pair: tuple[str, str]) -> None:
    kill_and_compare(pair, 12)


def kill_and_compare(pair: tuple[str, str], times: int) -> None:
    """Let two programs write, kill both, and look for what they had written."""
    for attempt in range(times):
        names = [f"{name}{attempt}" for name in "ab"]
        last = [written(started, 0.1 + 0.15 * attempt) for started in [writer(pair, name) for name in names]]
        check_alike(pair)
        with open_store(pair[1]) as other:
            for name, number in zip(names, last, strict=True):
                total = other.plans.list(project=name).total
                assert total is not None
                assert total >= (number + 1) - (number + 1) // 3


CUT = """
import os, sys, exuvia
from exuvia.store.dual import roles
after, first, second = sys.argv[1:]
done = getattr(roles, after)
def cut(*given):
    done(*given)
    os._exit(9)
with exuvia.open(primary=first, secondary=second) as store:
    store.projects.put("shop")
    setattr(roles, after, cut)
    store.dual.promote()
"""


@ONE
@pytest.mark.parametrize("after", ["write", "become_primary"])
def test_a_promotion_that_is_cut_off_is_ended_by_the_next_opening(pair: tuple[str, str], after: str) -> None:
    assert subprocess.run([sys.executable, "-c", CUT, after, *pair], check=False).returncode == 9
    with open_store(pair[0]) as old, pytest.raises(DemotedError):
        old.projects.put("else")
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        assert store.dual.status().swapped
        store.projects.put("later")
        assert store.dual.drift().is_clean


@ONE
def test_a_promotion_that_fails_leaves_the_primary_what_it_was(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise StateError("no")

    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        monkeypatch.setattr(roles, "become_primary", fail)
        with pytest.raises(StateError, match="no"):
            store.dual.promote()
        monkeypatch.undo()
        store.projects.put("after")
        store.dual.promote()
        assert store.projects.get("after")
        assert store.dual.status().swapped


@EITHER
def test_writers_go_on_through_a_promotion(pair: tuple[str, str]) -> None:
    stop = threading.Event()

    def write(store: Store, name: str) -> int:
        number = 0
        while not stop.is_set():
            store.projects.put(f"{name}{number}")
            number += 1
        return number

    with exuvia.open(primary=pair[0], secondary=pair[1]) as store, ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, store, name) for name in "abc"]
        try:
            time.sleep(0.2)
            store.dual.promote()
            time.sleep(0.1)
        finally:
            stop.set()
        total = sum(each.result() for each in writers)
        assert store.dual.status().swapped
        assert store.projects.list().total == total
        assert store.dual.drift().is_clean


def spoil(url: str, *statements: str) -> None:
    """Change a secondary behind exuvia's back."""
    with open_store(url) as store, store.transaction() as tx:
        run_raw(tx, "INSERT INTO outbox_applying (marker) VALUES (1)")
        for statement in statements:
            run_raw(tx, statement)
        run_raw(tx, "DELETE FROM outbox_applying")


def test_drift_is_found_and_repaired(pair: tuple[str, str]) -> None:
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.projects.put("shop")
        fill(store.project("shop"))
        store.dual.flush()
        (event, *_) = store.project("shop").events.list().items
        spoil(
            pair[1],
            "UPDATE plans SET title = 'other'",
            "DELETE FROM workflow_versions",
            "DELETE FROM frames WHERE id = 'inner'",
            "INSERT INTO projects SELECT 'extra', name, data, created_at, updated_at FROM projects",
            f"DELETE FROM events WHERE id <> '{event.id}'",
        )
        found = {(each.table, each.fault) for each in store.dual.drift().differences}
        assert found >= {
            ("plans", "different"),
            ("workflow_versions", "missing"),
            ("frames", "missing"),
            ("projects", "extra"),
            ("events", "missing"),
        }
        with pytest.raises(ConflictError, match="differs"):
            store.dual.promote()
        assert {(each.table, each.fault) for each in store.dual.repair().differences} == found
        assert store.dual.drift().is_clean


def test_rows_that_are_never_updated_are_replaced(tmp_path: Path) -> None:
    pair = (f"{tmp_path}/a.db", f"{tmp_path}/b.db")
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.projects.put("shop")
        fill(store.project("shop"))
        run = store.project("shop").runs.create("w")
        store.dual.flush()
        with closing(apsw.Connection(pair[1])) as other, other:
            look = "SELECT sql FROM sqlite_schema WHERE name = 'workflow_versions_stay'"
            ((trigger,),) = other.execute(look).fetchall()
            other.execute("DROP TRIGGER workflow_versions_stay")
            other.execute("INSERT INTO outbox_applying VALUES (1)")
            other.execute("UPDATE workflow_versions SET notes = 'other'")
            other.execute("DELETE FROM outbox_applying")
            other.execute(str(trigger))
        assert [(each.table, each.fault) for each in store.dual.repair().differences] == [
            ("workflow_versions", "different")
        ]
        assert store.dual.drift().is_clean
        store.dual.promote()
        assert store.project("shop").runs.get(run.id) == run


@ONE
def test_a_collection_that_takes_anothers_name_is_carried_over(pair: tuple[str, str]) -> None:
    with exuvia.open(primary=pair[0], secondary=pair[1]) as store:
        store.projects.put("shop")
        own = store.project("shop")
        for name in ("old", "new"):
            own.vectors.create(name, 3)
            own.vectors.put(name, [1, 2, 3], id=name)
        store.dual.flush()
        with store.transaction() as tx:
            run_raw(tx, "UPDATE vector_collections SET name = 'between' WHERE name = 'old'")
            run_raw(tx, "UPDATE vector_collections SET name = 'old' WHERE name = 'new'")
            run_raw(tx, "UPDATE vector_collections SET name = 'new' WHERE name = 'between'")
        store.dual.flush()
        assert store.dual.drift().is_clean


def test_reads_fall_back_visibly(pip_url: str, tmp_path: Path) -> None:
    second = f"sqlite:///{tmp_path}/b.db"
    with exuvia.open(primary=pip_url, secondary=second, fallback=True, pool_wait=0.3) as store:
        store.projects.put("shop", name="Shop")
        store.dual.flush()
        assert store.projects.get("shop").name == "Shop"
        reads = [store.dual.last_read]
        with away(pip_url):
            assert store.projects.get("shop").name == "Shop"
            reads.append(store.dual.last_read)
            assert reads == ["primary", "secondary"]
            assert store.project("shop").plans.list().total == 0
            with pytest.raises(UnavailableError):
                store.projects.put("else")
        assert store.dual.status().fallback_reads == 2


def test_tasks_write_to_both(pip_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        second = f"sqlite:///{tmp_path}/b.db"
        async with exuvia.open(primary=pip_url, secondary=second, fallback=True, pool_wait=0.3) as store:
            await asyncio.gather(*(store.projects.put(f"p{number}") for number in range(20)))
            await store.dual.flush()
            with away(pip_url):
                assert (await store.projects.list()).total == 20
                assert store.dual.last_read == "secondary"
            await store.dual.promote()
            async with store.transaction() as tx:
                await tx.projects.put("after")
            assert (await store.dual.status()).swapped
            assert (await store.dual.repair()).is_clean
            assert (await store.dual.drift()).is_clean

    asyncio.run(run())


def test_strangers_are_refused(tmp_path: Path) -> None:
    first, second, third = (f"{tmp_path}/{name}.db" for name in "abc")
    with open_store(second) as other:
        other.projects.put("theirs")
    with pytest.raises(StateError, match="theirs"), exuvia.open(primary=first, secondary=second):
        pass
    with exuvia.open(primary=second, secondary=first):
        pass
    with pytest.raises(StateError, match="not the primary and the secondary"):
        exuvia.open(primary=third, secondary=second).sync()
    with pytest.raises(ConfigError, match="the same"):
        exuvia.open(primary=first, secondary=first)
    with pytest.raises(ConfigError, match="PgBouncer"):
        exuvia.open(primary=first, secondary=second, pgbouncer=True)


def test_a_lost_primary_that_comes_back_is_the_secondary(tmp_path: Path) -> None:
    first, second = f"{tmp_path}/a.db", f"{tmp_path}/b.db"
    with exuvia.open(primary=first, secondary=second) as store:
        store.projects.put("shop")
        store.dual.flush()
    assert run_cli("store", "dual", "promote", first, second, "--force").returncode == 0
    with open_store(second) as other:
        other.projects.put("after")
    with exuvia.open(primary=first, secondary=second) as store:
        assert store.dual.status().swapped
        assert store.dual.drift().is_clean
    with open_store(first) as old, pytest.raises(DemotedError):
        old.projects.put("else")


def test_the_commands(tmp_path: Path) -> None:
    first, second = f"{tmp_path}/a.db", f"{tmp_path}/b.db"
    with open_store(first) as store:
        store.projects.put("shop")

    def dual(what: str, *rest: str) -> tuple[int, Any]:
        done = run_cli("store", "dual", what, first, second, "--json", *rest)
        return done.returncode, orjson.loads(done.stdout or done.stderr)

    assert dual("on")[1]["pending"] == 0
    spoil(second, "UPDATE projects SET name = 'other'")
    assert dual("drift") == (
        6,
        {**dual("drift")[1], "differences": [{"table": "projects", "key": ["shop"], "fault": "different"}]},
    )
    assert dual("promote")[0] == 13
    assert dual("repair")[0] == 0
    for _ in range(2):
        assert dual("promote") == (0, {"primary": second})
    assert dual("status")[1]["swapped"]
    assert dual("off") == (0, {"left_out": []})
    assert dual("status")[0] == 13
    with open_store(first) as store:
        store.projects.put("free")
