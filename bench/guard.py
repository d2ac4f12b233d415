"""What a statement costs under the guard beside the same one through the bare driver."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw
import psycopg
from psycopg import sql

from bench.server import Server
from exuvia.guard import Policy, open_async_session, open_session, parse_pattern, role_script
from exuvia.location import SqliteLocation, parse

CALLS = 3_000
_TABLE = "CREATE TABLE users (id integer PRIMARY KEY, name text, email text)"
_ROWS = "INSERT INTO users VALUES {}"
_READ = "SELECT id, name, email FROM users WHERE id = "

Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of call, in seconds.

    Args:
        name: The engine and the way of calling.
        bare: Each call of the driver.
        guarded: Each call under the guard, taken in turn with the driver's.
    """

    name: str
    bare: list[float]
    guarded: list[float]


def measure(server: Server) -> list[Cost]:
    """Measure the read of a row by its key, on both engines, blocking and not."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(server.database())
        policy = stack.enter_context(_prepared(url))
        path = directory / "app.db"
        file = apsw.Connection(str(path))
        file.execute(_TABLE)
        file.execute(_ROWS.format(_values()))
        try:
            return [
                *_blocking(url, path, file, policy),
                *asyncio.run(_waiting(url, path, file, policy)),
            ]
        finally:
            file.close()


def report(facts: str, found: list[Cost]) -> str:
    """Return the figures in Markdown."""
    lines = [
        "# A statement under the guard beside the bare driver\n",
        facts,
        f"{CALLS:,} reads of one row by its key, the driver's and the guard's in turn, from one caller. PostgreSQL's"
        " guard has its roles, so that every statement changes its role; SQLite's bare calls, which do not block the"
        " loop, run in a thread as the guard's do. The difference is that of the two percentiles.\n",
        "| call | driver p50, ms | guard p50, ms | more p50, ms | driver p95, ms | guard p95, ms | more p95, ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in found:
        cells = []
        for share in (0.5, 0.95):
            bare, guarded = _percentile(each.bare, share), _percentile(each.guarded, share)
            cells += [f"{1000 * value:.2f}" for value in (bare, guarded, guarded - bare)]
        lines.append(f"| {each.name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _blocking(url: str, path: Path, file: apsw.Connection, policy: Policy) -> Iterator[Cost]:
    with psycopg.connect(url, autocommit=True) as connection, open_session(parse(url), policy) as guarded:
        yield _compared(
            "PostgreSQL",
            lambda: connection.execute(f"{_READ}%s".encode(), (7,)).fetchall(),
            lambda: guarded.run(f"{_READ}$1", values=[7]),
        )
    with open_session(SqliteLocation(path), policy) as guarded:
        yield _compared(
            "SQLite",
            lambda: file.execute(f"{_READ}?1", (7,)).fetchall(),
            lambda: guarded.run(f"{_READ}?1", values=[7]),
        )


async def _waiting(url: str, path: Path, file: apsw.Connection, policy: Policy) -> list[Cost]:
    async with (
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
        open_async_session(parse(url), policy) as on_server,
        open_async_session(SqliteLocation(path), policy) as on_file,
    ):

        async def bare() -> object:
            return await (await connection.execute(f"{_READ}%s".encode(), (7,))).fetchall()

        return [
            await _compared_waiting("PostgreSQL, asyncio", bare, lambda: on_server.run(f"{_READ}$1", values=[7])),
            await _compared_waiting(
                "SQLite, asyncio",
                lambda: asyncio.to_thread(lambda: file.execute(f"{_READ}?1", (7,)).fetchall()),
                lambda: on_file.run(f"{_READ}?1", values=[7]),
            ),
        ]


def _compared(name: str, bare: Call, guarded: Call) -> Cost:
    for call in [bare, guarded] * 50:
        call()
    pairs = [(_timed(bare), _timed(guarded)) for _ in range(CALLS)]
    return Cost(name, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


async def _compared_waiting(name: str, bare: AsyncCall, guarded: AsyncCall) -> Cost:
    for call in [bare, guarded] * 50:
        await call()
    found = Cost(name, [], [])
    for _ in range(CALLS):
        for call, times in ((bare, found.bare), (guarded, found.guarded)):
            begun = time.perf_counter()
            await call()
            times.append(time.perf_counter() - begun)
    return found


def _timed(call: Call) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _percentile(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


def _values() -> str:
    return ", ".join(f"({n}, 'user {n}', 'u{n}@example.org')" for n in range(1, 1_001))


@contextmanager
def _prepared(url: str) -> Iterator[Policy]:
    prefix = f"bench_{secrets.token_hex(4)}"
    policy = Policy(read=(parse_pattern("public.*"), parse_pattern("main.*")), roles=prefix)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(_TABLE)
        owner.execute(_ROWS.format(_values()).encode())
        owner.execute("ANALYZE users")
        owner.execute(role_script(policy).encode())
        try:
            yield policy
        finally:
            for name in ("read", "agent"):
                role = sql.Identifier(f"{prefix}_{name}")
                owner.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
                owner.execute(sql.SQL("DROP ROLE {}").format(role))
