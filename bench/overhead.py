"""What a call of the store costs beside the same statement through the bare driver."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg

from bench.server import Server
from exuvia.store import Store, StoreOptions, open_store

ROUNDS, CALLS = 100, 100
_COLUMNS = "id, name, data, created_at, updated_at"
_GET = f"SELECT {_COLUMNS} FROM projects WHERE id = "
_PUT = (
    "INSERT INTO projects (id, name, data, created_at, updated_at) VALUES ({0}) ON CONFLICT (id) DO UPDATE"
    f" SET name = excluded.name, data = excluded.data, updated_at = excluded.updated_at RETURNING {_COLUMNS}"
)


@dataclass(frozen=True, slots=True)
class Overhead:
    """One kind of call.

    Args:
        name: The engine and what is done.
        bare: Seconds of a call of the driver.
        store: Seconds of a call of the store.
    """

    name: str
    bare: float
    store: float


def measure(server: Server) -> list[Overhead]:
    """Measure getting and putting by key, on both engines."""
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "memory.db"
        url = stack.enter_context(server.database())
        on_file = stack.enter_context(open_store(path, StoreOptions()))
        on_server = stack.enter_context(open_store(url, StoreOptions()))
        for store in (on_file, on_server):
            store.projects.put("p", data={"a": 1})
        file = apsw.Connection(str(path))
        for setting in ("synchronous = normal", "foreign_keys = on"):
            file.execute(f"PRAGMA {setting}")
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        connection.execute("SET search_path = exuvia_store")
        calls = _on_sqlite(on_file, file) | _on_postgres(on_server, connection)
        found = [_compared(name, *pair) for name, pair in calls.items()]
        file.close()
    return found


def report(facts: str, found: list[Overhead]) -> str:
    """Return the figures in Markdown."""
    lines = [
        "# The store beside the bare driver\n",
        facts,
        f"The fastest of {ROUNDS} rounds of {CALLS} calls, the driver's and the store's in turn, from one thread;"
        " what is slower is other work on the machine (see the documentation of Python's timeit).\n",
        "| call | driver, µs | store, µs | more, µs | more, % |",
        "|---|---|---|---|---|",
    ]
    for each in found:
        more = each.store - each.bare
        figures = f"{each.bare * 1e6:.0f} | {each.store * 1e6:.0f} | {more * 1e6:.0f} | {more / each.bare:.0%}"
        lines.append(f"| {each.name} | {figures} |")
    return "\n".join([*lines, ""])


def _on_sqlite(store: Store, file: apsw.Connection) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    now = datetime.now(UTC).isoformat()
    values = ("p", "p", "{}", now, now)
    put = _PUT.format("?, ?, ?, ?, ?")
    return {
        "SQLite, get": (lambda: file.execute(_GET + "?", ("p",)).fetchall(), lambda: store.projects.get("p")),
        "SQLite, put": (lambda: file.execute(put, values).fetchall(), lambda: store.projects.put("p")),
    }


def _on_postgres(
    store: Store, connection: psycopg.Connection
) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    now = datetime.now(UTC)
    values = ("p", "p", "{}", now, now)
    put = _PUT.format("%s, %s, %s, %s, %s").encode()
    get = (_GET + "%s").encode()
    bound = store.project("p")
    return {
        "PostgreSQL, get": (lambda: connection.execute(get, ("p",)).fetchall(), lambda: store.projects.get("p")),
        "PostgreSQL, put": (lambda: connection.execute(put, values).fetchall(), lambda: store.projects.put("p")),
        "PostgreSQL, get of a bound store": (
            lambda: connection.execute(get, ("p",)).fetchall(),
            lambda: bound.projects.get("p"),
        ),
    }


def _compared(name: str, bare: Callable[[], object], store: Callable[[], object]) -> Overhead:
    _timed(bare), _timed(store)
    pairs = [(_timed(bare), _timed(store)) for _ in range(ROUNDS)]
    return Overhead(name, *map(min, zip(*pairs, strict=True)))


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - begun) / CALLS
