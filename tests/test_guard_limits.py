"""Bombs: what takes more time, memory or bytes than it may, or keeps them, however it is made."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio
import apsw
import psycopg
import pytest

import servers
from exuvia.errors import TargetError
from exuvia.guard import Level, check, open_async_session, open_session, parse_pattern
from exuvia.location import PostgresLocation, SqliteLocation, parse
from guarding import Guarded, guarded, policy


@pytest.fixture(scope="module")
def database(server_url: Callable[[str], str]) -> Iterator[Guarded]:
    with servers.fresh_database(server_url("debian")) as url, guarded(url) as made:
        yield made


@pytest.mark.postgresql
def test_a_statement_that_postgresql_cannot_stop_is_left_behind(
    database: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``strpos`` compares the whole of two texts without a look at the clock: seconds here, hours with longer ones."""
    monkeypatch.setattr("exuvia.guard.postgres.run._GRACE_SECONDS", 0.2)
    texts = "SELECT string_agg(lpad('a', 10000, 'a'), '') FROM generate_series(1, {})"
    bomb = f"SELECT strpos(a, 'b' || b) FROM ({texts.format(16)}) x(a), ({texts.format(8)}) y(b)"
    limits = replace(database.policy, timeout_s=0.3)
    with (
        psycopg.connect(database.owner, autocommit=True) as owner,
        open_session(parse(database.agent), limits) as opened,
    ):
        opened.run("SELECT 1")
        began = time.monotonic()
        with pytest.raises(TargetError) as raised:
            opened.run(bomb)
        assert raised.value.code == "target.timeout"
        assert time.monotonic() - began < 5
        assert opened.run("SELECT 1").rows == ((1,),)
        still = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%strpos(%' AND pid <> pg_backend_pid()"
        while owner.execute(still).fetchone() != (0,):  # the database cannot be dropped before
            assert time.monotonic() - began < 100
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("sql", "is_allowed"),
    [
        ("SELECT repeat('#', 40), lpad('7', 3, '0'), rpad(name, 20) FROM users", True),
        ("SELECT repeat('#', least(count(*), 50)::int) FROM users", True),
        ("SELECT repeat('x', 1000000000)", False),
        ("SELECT lpad('x', 10^9::int)", False),
        ("SELECT rpad('x', (SELECT 1000000000))", False),
        ("SELECT repeat('x', greatest(1, 50))", False),
        ("SELECT pg_catalog.repeat('x', age) FROM users", False),
        ("SELECT trim(both 'x' FROM name), translate(name, 'abc', 'ab'), ltrim(name) FROM users", True),
        ("SELECT translate(name, email, '') FROM users", False),
        ("SELECT trim(both email || name FROM name) FROM users", False),
    ],
)
def test_texts_are_made_only_as_long_as_a_constant_says(sql: str, is_allowed: bool) -> None:
    denials = check(sql, policy(), "read").denials
    assert {denial.code for denial in denials} == (set() if is_allowed else {"bomb"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE words (word TEXT); INSERT INTO words VALUES ('  a banana  '), ('x'), (NULL), (7)")
    connection.close()
    return path


READABLE = policy(read=(parse_pattern("main.*"),))
AS = "printf('%.*c', {}, 'a')"


@pytest.mark.parametrize(
    "bomb",
    [
        f"SELECT trim({AS.format(900_000)}, {AS.format(900_000)})",
        f"SELECT rtrim({AS.format(900_000)}, 'b' || {AS.format(400_000)})",
        f"SELECT instr(CAST({AS.format(900_000)} AS BLOB), CAST({AS.format(400_000)} || 'b' AS BLOB))",
        f"SELECT replace({AS.format(900_000)}, 'a', {AS.format(900_000)})",
        "SELECT printf('%.*c', 100000000, 'x')",
    ],
)
def test_texts_too_long_for_each_other_are_refused_at_once(file: Path, bomb: str) -> None:
    began = time.monotonic()
    with open_session(SqliteLocation(file), READABLE) as opened:
        with pytest.raises(TargetError) as raised:
            opened.run(bomb)
        assert raised.value.code == "target.too_large"
    assert time.monotonic() - began < 5


def test_many_large_values_at_once_end_with_the_memory(file: Path) -> None:
    values = ", ".join(["printf('%.*c', 3000000, 'x')"] * 250)
    with (
        open_session(SqliteLocation(file), replace(READABLE, timeout_s=60)) as opened,
        pytest.raises(TargetError) as raised,
    ):
        opened.run(f"SELECT {values}")
    assert raised.value.code == "target.memory"


def test_a_long_search_in_texts_takes_no_longer_than_both(file: Path) -> None:
    with open_session(SqliteLocation(file), READABLE) as opened:
        sql = f"SELECT instr({AS.format(900_000)}, {AS.format(400_000)} || 'b')"
        assert opened.run(sql).rows == ((0,),)


@pytest.mark.parametrize(
    "expression",
    [
        *("instr(word, 'na')", "instr(word, '')", "instr(word, 1)", "instr(x'0102', x'02')", "instr('aé', 'é')"),
        *("replace(word, 'na', 'NA')", "replace(word, '', 'x')", "replace(word, 7, 1.50)", "replace('aa', 'a', NULL)"),
        *("trim(word)", "trim(word, ' a')", "ltrim(word, ' ')", "rtrim(word, '')", "trim(123, 1)", "trim(1e20, '.+')"),
        *("instr(1e20, 'e')", "replace(x'6161', 'a', 'b')", "typeof(replace(7, 7, 8))", "trim('a', x'61')"),
    ],
)
def test_functions_that_are_replaced_answer_as_sqlites_own(file: Path, expression: str) -> None:
    own = apsw.Connection(str(file))
    sql = f"SELECT {expression} FROM words"
    expected = tuple(tuple(f"\\x{v.hex()}" if isinstance(v, bytes) else v for v in row) for row in own.execute(sql))
    own.close()
    with open_session(SqliteLocation(file), READABLE) as opened:
        assert opened.run(sql).rows == expected


class Wire:
    """A port that leads to a server, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self.target = host, port
        self.port = 0
        self.pairs: list[socket.socket] = []
        self.listener: socket.socket | None = None

    def join(self) -> None:
        """Let connections through."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        assert self.listener is not None
        for one in [self.listener, *self.pairs]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self.target)
            except OSError:
                return
            self.pairs += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


@pytest.fixture
def wire(database: Guarded) -> Iterator[tuple[Wire, str]]:
    given = PostgresLocation.of(database.agent).as_dict()
    made = Wire(given.get("host", "127.0.0.1"), int(given.get("port", "5432")))
    if made.target[0].startswith("/"):
        pytest.skip("the server listens on a socket of the file system only")
    made.join()
    yield made, PostgresLocation(tuple((given | {"host": "127.0.0.1", "port": str(made.port)}).items())).url
    if made.listener is not None:
        made.cut()


@pytest.mark.postgresql
def test_a_session_says_unreachable_while_the_server_is_away_and_goes_on_when_it_is_back(
    database: Guarded, wire: tuple[Wire, str]
) -> None:
    line, url = wire
    line.cut()
    with open_session(parse(url), database.policy) as opened:
        with pytest.raises(TargetError) as raised:
            opened.run("SELECT 1")
        assert raised.value.code == "target.unreachable"
        line.join()
        assert opened.run("SELECT 1").rows == ((1,),)
        line.cut()
        with pytest.raises(TargetError) as raised:
            opened.run("SELECT 2")
        assert raised.value.code == "target.unreachable"
        line.join()
        assert opened.run("SELECT 3").rows == ((3,),)


@pytest.mark.postgresql
def test_many_callers_say_unreachable_and_go_on_too(database: Guarded, wire: tuple[Wire, str]) -> None:
    line, url = wire
    line.cut()

    async def go() -> None:
        async with open_async_session(parse(url), database.policy, size=3) as opened:
            with pytest.raises(TargetError) as raised:
                await opened.run("SELECT 1")
            assert raised.value.code == "target.unreachable"
            line.join()
            texts = [f"SELECT {n}, count(*) FROM users" for n in range(6)]
            assert len(await asyncio.gather(*map(opened.run, texts))) == 6
            line.cut()
            with pytest.raises(TargetError) as raised:
                await opened.run("SELECT 2")
            assert raised.value.code == "target.unreachable"
            line.join()
            assert [r.rows[0][0] for r in await asyncio.gather(*map(opened.run, texts))] == list(range(6))

    asyncio.run(go())


@pytest.mark.postgresql
@pytest.mark.parametrize("level", ["read", "write"])
def test_a_statement_whose_server_goes_away_under_it_says_unreachable(database: Guarded, level: Level) -> None:
    slow = "SELECT count(*)::text FROM generate_series(1, 100000) a, generate_series(1, 100002) b"
    text = slow if level == "read" else f"INSERT INTO notes (body) {slow}"
    ending = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE state = 'active' AND query = %s"

    async def go(owner: psycopg.Connection) -> None:
        async with open_async_session(parse(database.agent), replace(database.policy, timeout_s=60), size=1) as opened:
            task = asyncio.create_task(opened.run(text, level=level))
            while owner.execute(ending, [text]).fetchone() != (1,):
                await asyncio.sleep(0.02)
                assert not task.done()
            with pytest.raises(TargetError) as raised:
                await asyncio.wait_for(task, 20)
            assert raised.value.code == "target.unreachable"
            assert (await opened.run("SELECT 1")).rows == ((1,),)

    with psycopg.connect(database.owner, autocommit=True) as owner:
        asyncio.run(go(owner))


@pytest.mark.postgresql
def test_a_verdict_that_needs_no_server_is_given_without_one(database: Guarded) -> None:
    with open_session(parse("postgresql://me@127.0.0.1:1/app"), database.policy) as opened:
        assert opened.check("DROP TABLE users").denials[0].code == "table"


@pytest.mark.postgresql
def test_a_caller_whose_scope_ends_takes_its_statement_along(database: Guarded) -> None:
    """Scopes of anyio, which the MCP SDK has, cancel again at every await, also where the statement is cancelled."""
    slow = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100001) b"
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s"

    async def go(owner: psycopg.Connection) -> None:
        async with open_async_session(parse(database.agent), replace(database.policy, timeout_s=60), size=1) as opened:
            await opened.run("SELECT 1")
            with anyio.move_on_after(0.3):
                await opened.run(slow)
            assert owner.execute(running, [slow]).fetchone() == (0,)
            assert (await opened.run("SELECT 1")).rows == ((1,),)

    with psycopg.connect(database.owner, autocommit=True) as owner:
        asyncio.run(go(owner))


@pytest.mark.postgresql
def test_callers_that_are_cancelled_leave_nothing_running_and_no_connection_in_the_way(database: Guarded) -> None:
    slow = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 1000%'"

    async def go(owner: psycopg.Connection) -> None:
        async with open_async_session(parse(database.agent), replace(database.policy, timeout_s=60), size=2) as opened:
            for _ in range(3):
                tasks = [asyncio.create_task(opened.run(slow)) for _ in range(4)]
                await asyncio.sleep(0.3)
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(one) for one in ended} == {asyncio.CancelledError}
                assert (await opened.run("SELECT 1")).rows == ((1,),)
            deadline = time.monotonic() + 10
            while owner.execute(running + " AND pid <> pg_backend_pid()").fetchone() != (0,):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

    with psycopg.connect(database.owner, autocommit=True) as owner:
        asyncio.run(go(owner))
