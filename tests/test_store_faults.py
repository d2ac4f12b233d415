"""What goes wrong underneath: locks, deadlocks, timeouts, cancellation, Ctrl-C, and connections that are lost."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import apsw
import psycopg
import pytest

import servers
from exuvia.engines.postgres import embedded
from exuvia.location import PostgresLocation
from exuvia.store import Store, StoreOptions, open_store
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.errors import (
    BusyError,
    SlowStatementError,
    StoreError,
    UnavailableError,
    UnknownOutcomeError,
)
from store_fixtures import run_raw, statement

FOREVER = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}


def forever(store: Store) -> str:
    return FOREVER[store.capabilities.engine]


def test_a_statement_that_takes_too_long_is_stopped(store_url: str) -> None:
    with open_store(store_url, StoreOptions(statement_timeout=0.3)) as store:
        for kind in (Kind.READ, Kind.WRITE):
            begun = time.monotonic()
            with pytest.raises(SlowStatementError) as caught:
                store._runner.run(lambda: statement(forever(store)), kind, idempotent=False)
            assert time.monotonic() - begun < 30
            assert caught.value.message == "The statement took too long and was stopped."
        store.projects.put("x")
        assert store.projects.list().total == 1


def test_a_lock_that_another_program_holds_is_told_in_time(store_url: str) -> None:
    with open_store(store_url, StoreOptions(lock_timeout=0.3)) as store:
        store.projects.put("x")
        with held(store_url), pytest.raises(BusyError):
            store.projects.put("x", name="changed")
        store.projects.put("x", name="changed")
        assert store.projects.get("x").name == "changed"


@contextmanager
def held(url: str) -> Iterator[None]:
    """Hold the write lock, or all rows, from beside the store."""
    if url.startswith("sqlite"):
        other = apsw.Connection(url.removeprefix("sqlite:///"))
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
        return
    with psycopg.connect(url) as server:
        server.execute("SELECT * FROM exuvia_store.projects FOR UPDATE")
        yield
        server.rollback()


def test_a_cancelled_task_stops_its_statement_and_leaves_the_connection_usable(store_url: str) -> None:
    async def run() -> None:
        async with open_store(store_url, StoreOptions(pool_size=1, pool_overflow=0, readers=1)) as store:
            endless = FOREVER[store.capabilities.engine]
            for kind in (Kind.READ, Kind.WRITE, Kind.WRITE_ONCE):
                task = asyncio.ensure_future(store._runner.run(lambda: statement(endless), kind, idempotent=False))
                await asyncio.sleep(0.2)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.wait_for(task, 30)
                await asyncio.wait_for(store.projects.put("x"), 30)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), store.transaction() as tx:
                    await tx.projects.put("undone")
                    await tx._runner.run(lambda: statement(endless), Kind.READ, idempotent=False)
            assert (await asyncio.wait_for(store.projects.list(), 30)).total == 1

    asyncio.run(run())
    if not store_url.startswith("sqlite"):
        with psycopg.connect(store_url) as server:
            running = server.execute("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'")
            assert running.fetchone() == (0,)


def test_a_task_that_waits_for_its_turn_can_be_cancelled(store_url: str) -> None:
    async def run() -> None:
        async with open_store(store_url, StoreOptions(pool_size=1, pool_overflow=0)) as store:
            async with store.transaction() as tx:
                await tx.projects.put("first")
                waiting = [asyncio.ensure_future(store.projects.put(f"w{number}")) for number in range(5)]
                await asyncio.sleep(0.05)
                for task in waiting[:3]:
                    task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert [task.cancelled() for task in waiting] == [True, True, True, False, False]
            assert [item.id for item in (await store.projects.list()).items] == ["first", "w3", "w4"]

    asyncio.run(run())


INTERRUPTED = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[2])
from exuvia.store import open_store
from store_fixtures import run_raw
with open_store(sys.argv[1]) as store:
    endless = sys.argv[3]
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        run_raw(store, endless)
    except KeyboardInterrupt:
        print("interrupted")
    store.projects.put("after")
    print(store.projects.get("after").id)
"""


def test_ctrl_c_stops_the_statement_and_leaves_the_store_usable(store_url: str) -> None:
    endless = FOREVER["sqlite" if store_url.startswith("sqlite") else "postgresql"]
    program = [sys.executable, "-c", INTERRUPTED, store_url, str(Path(__file__).parent), endless]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["interrupted", "after"], done.stderr


def test_twenty_threads_write_in_turn(store_url: str) -> None:
    with open_store(store_url) as store, ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda number: store.projects.put(f"p{number:03}"), range(200)))
        assert store.projects.list().total == 200


WRITER = """
import sys
from exuvia.store import open_store
with open_store(sys.argv[1]) as store:
    for number in range(40):
        with store.transaction() as tx:
            tx.projects.put(f"{sys.argv[2]}-{number}")
            tx.projects.put(f"{sys.argv[2]}-{number}", name="again")
"""


@pytest.fixture(params=["sqlite", "pip"])
def file_or_server(request: pytest.FixtureRequest, tmp_path: Path, server_url: Callable[[str], str]) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/memory.db"
        return
    with servers.fresh_database(server_url("pip")) as url:
        yield url


def test_four_processes_open_a_new_store_at_once_and_write(file_or_server: str) -> None:
    command = [sys.executable, "-c", WRITER, file_or_server]
    processes = [subprocess.Popen([*command, f"p{number}"], stderr=subprocess.PIPE, text=True) for number in range(4)]
    for process in processes:
        assert process.communicate(timeout=120)[1] == ""
    with open_store(file_or_server) as store:
        assert store.projects.list().total == 160


def test_writers_are_served_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    async def run() -> list[int]:
        served: list[int] = []

        async def write(number: int) -> None:
            await store.projects.put(f"p{number}")
            served.append(number)

        async with open_store(tmp_path / "memory.db") as store:
            await asyncio.gather(*(write(number) for number in range(100)))
        return served

    assert asyncio.run(run()) == list(range(100))


def test_a_deadlock_is_tried_again(postgres_url: str) -> None:
    together, tries = threading.Barrier(2), []

    def rename(first: str, second: str) -> Operation[None]:
        tries.append(first)
        yield Statement("UPDATE projects SET name = name || :n WHERE id = :i", {"n": first, "i": first})
        if len(tries) <= 2:
            together.wait(20)
        yield Statement("UPDATE projects SET name = name || :n WHERE id = :i", {"n": first, "i": second})

    with open_store(postgres_url) as store:
        for name in "ab":
            store.projects.put(name)
        with ThreadPoolExecutor(2) as threads:
            for one in [
                threads.submit(store._runner.run, lambda: rename("a", "b"), Kind.WRITE, idempotent=False),
                threads.submit(store._runner.run, lambda: rename("b", "a"), Kind.WRITE, idempotent=False),
            ]:
                one.result(60)
        assert len(tries) == 3
        assert {len(store.projects.get(name).name) for name in "ab"} == {3}


def kill_backends(url: str) -> None:
    """End every other session of the database, as an administrator or a failing network would."""
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


def test_connections_that_died_while_idle_are_not_noticed(postgres_url: str) -> None:
    with open_store(postgres_url) as store:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: store.projects.put(f"p{number}"), range(40)))
        kill_backends(postgres_url)
        begun = time.monotonic()
        store.projects.put("after")
        assert store.projects.list().total == 41
        with store.transaction() as tx:
            tx.projects.put("in a transaction")
        assert time.monotonic() - begun < 20

    async def run() -> None:
        async with open_store(postgres_url) as store:
            await asyncio.gather(*(store.projects.get(f"p{number}") for number in range(40)))
            await asyncio.to_thread(kill_backends, postgres_url)
            await asyncio.gather(*(store.projects.put(f"q{number}") for number in range(10)))

    asyncio.run(run())


def later(action: Callable[[], None], url: str, pattern: str) -> threading.Thread:
    """Do something as soon as a statement runs."""

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as server:
            look = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query ~ %s"
            while not server.execute(look, [pattern]).fetchone():
                time.sleep(0.02)
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


class Network:
    """The way to a server, which can be cut for those who are on it."""

    def __init__(self, url: str) -> None:
        given = PostgresLocation.of(url).as_dict()
        self._server = (given["host"], int(given["port"]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        port = str(self._listener.getsockname()[1])
        self.url = PostgresLocation(tuple((given | {"port": port, "gssencmode": "disable"}).items())).url

    def cut(self) -> None:
        """Cut every connection off, without a word from the server."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        while True:
            client, server = self._listener.accept()[0], socket.create_connection(self._server)
            self._open += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("kind", "idempotent", "outcome"),
    [
        (Kind.READ, True, None),
        (Kind.WRITE, False, None),
        (Kind.WRITE_ONCE, False, UnknownOutcomeError),
        (Kind.WRITE_ONCE, True, None),
    ],
)
def test_a_connection_that_is_lost_in_a_statement_is_met_as_is_safe(
    debian_url: str, kind: Kind, idempotent: bool, outcome: type[StoreError] | None
) -> None:
    network, tries = Network(debian_url), []

    def slow() -> Operation[None]:
        tries.append(kind)
        if len(tries) == 1:
            yield Statement("SELECT pg_sleep(600)")
        yield Statement("SELECT 1")

    with open_store(network.url) as store:
        watcher = later(network.cut, debian_url, r"^SELECT pg_sleep\(600")
        with pytest.raises(outcome) if outcome else nullcontext():
            store._runner.run(slow, kind, idempotent=idempotent)
        watcher.join()
        assert (len(tries) > 1) == (outcome is None)


def test_a_session_that_the_server_ends_was_rolled_back_and_is_tried_again(postgres_url: str) -> None:
    tries: list[str] = []

    def slow() -> Operation[None]:
        tries.append("one")
        wait = " FROM pg_sleep(600)" if len(tries) == 1 else ""
        yield Statement(f"INSERT INTO projects SELECT 'x', 'x', '{{}}', now(), now(){wait}")

    with open_store(postgres_url) as store:
        watcher = later(lambda: kill_backends(postgres_url), postgres_url, r"^INSERT INTO projects .*pg_sleep\(600")
        store._runner.run(slow, Kind.WRITE_ONCE, idempotent=False)
        watcher.join()
        assert len(tries) > 1
        assert store.projects.list().total == 1


def test_a_connection_that_is_lost_in_a_commit_leaves_the_outcome_open(debian_url: str) -> None:
    setup = (
        "CREATE FUNCTION exuvia_store.wait() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON exuvia_store.projects"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION exuvia_store.wait()",
    )
    network = Network(debian_url)
    with open_store(network.url) as store:
        with psycopg.connect(debian_url, autocommit=True) as server:
            for text in setup:
                server.execute(text.encode())
        watcher = later(network.cut, debian_url, "^COMMIT")
        with pytest.raises(UnknownOutcomeError), store.transaction() as tx:
            tx.projects.put("x")
        watcher.join()


def test_a_server_that_is_restarted_is_waited_for_and_one_that_stays_away_is_told() -> None:
    with servers.open_directory() as directory:
        server = embedded.start(directory / "pg")
        try:
            with (
                open_store(server.url, StoreOptions(pool_wait=30)) as store,
                open_store(server.url, StoreOptions(pool_wait=0.5)) as impatient,
            ):
                store.projects.put("before")
                embedded.stop(directory / "pg")
                with pytest.raises(UnavailableError):
                    impatient.projects.get("before")
                again = threading.Timer(0.5, embedded.start, [directory / "pg"])
                again.start()
                assert store.projects.get("before").id == "before"
                again.join()
                store.projects.put("after")
                assert store.projects.list().total == 2
        finally:
            embedded.stop(directory / "pg")


def test_errors_say_the_same_on_both_engines(shared_store: Store, project: str) -> None:
    said = []
    columns = "id, name, data, created_at, updated_at"
    for text, name in (
        (f"INSERT INTO projects ({columns}) SELECT {columns} FROM projects WHERE id = :p AND :n = 'x'", "x"),
        ("UPDATE projects SET id = :n WHERE id = :p", ""),
        ("UPDATE projects SET name = :n WHERE id = :p", None),
        ("UPDATE projects SET name = :n WHERE id = :p", "a\0b"),
        ("UPDATE projects SET name = :n WHERE id = :p", "\ud800"),
    ):
        with pytest.raises(StoreError) as caught:
            run_raw(shared_store, text, p=project, n=name)
        said.append((caught.value.code, caught.value.message))
    assert said == [
        ("store.conflict.exists", "A row with this key is there already."),
        ("store.invalid.value", "A value breaks a rule of its column."),
        ("store.invalid.value", "A value breaks a rule of its column."),
        ("store.invalid.nul", "The text 'a\\x00b' holds U+0000, which PostgreSQL cannot store."),
        ("store.invalid.value", "A value does not fit its column."),
    ]
