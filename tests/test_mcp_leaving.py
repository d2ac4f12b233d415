"""A call ends when nobody waits for it any more, and so does its statement: on a real server, and in SQLite.

PostgreSQL tells of running statements itself. In SQLite one that reads keeps others from locking the file exclusively.
"""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx
import orjson
import psycopg
import pytest

from serving import COMMAND, over_http

LEGACY, MODERN = "2025-11-25", "2026-07-28"
ENDLESS = "SELECT count(*) FROM generate_series(1, 100000000000) AS n(i), orders"
ENDLESS_SQLITE = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n, orders WHERE i < 0"
)
ACCEPT = {"Accept": "application/json, text/event-stream"}
LONG = {"EXUVIA_GUARD_TIMEOUT": "600", "EXUVIA_GUARD_ALLOW_SUPERUSER": "true"}


@dataclass(frozen=True)
class Busy:
    """A database, a statement that does not end, and whether it runs."""

    location: str
    sql: str
    runs: Callable[[], bool]

    def wait(self, *, until: bool) -> None:
        """Wait until the statement runs, or does not."""
        deadline = time.monotonic() + 60
        while self.runs() != until:
            assert time.monotonic() < deadline, f"the statement {'does not run' if until else 'still runs'}"
            time.sleep(0.05)


@pytest.fixture(params=["postgresql", "sqlite"])
def busy(request: pytest.FixtureRequest, tmp_path: Path) -> Busy:
    return on_sqlite(tmp_path) if request.param == "sqlite" else on_postgres(request.getfixturevalue("any_url"))


def on_postgres(url: str) -> Busy:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")

    def runs() -> bool:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
                " AND query LIKE 'SELECT count(*) FROM gen%'"
            ).fetchone()
        return found != (0,)

    return Busy(url, ENDLESS, runs)


def on_sqlite(directory: Path) -> Busy:
    path = directory / "orders.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders AS SELECT 1 AS id")
    database.close()

    def runs() -> bool:
        other = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        else:
            other.execute("ROLLBACK")
            return False
        finally:
            other.close()

    return Busy(str(path), ENDLESS_SQLITE, runs)


def message(era: str, number: int, method: str, **params: Any) -> dict[str, Any]:
    own = {
        "io.modelcontextprotocol/protocolVersion": era,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    meta = {"_meta": own} if era == MODERN else {}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params | meta}


def hello() -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    return message(LEGACY, 1, "initialize", protocolVersion=LEGACY, capabilities={}, clientInfo=client)


def endless(era: str, busy: Busy) -> dict[str, Any]:
    return message(era, 2, "tools/call", name="query", arguments={"sql": busy.sql})


@dataclass
class Pipe:
    """A server that this process has started and speaks to."""

    process: subprocess.Popen[bytes]

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def send(self, said: dict[str, Any]) -> None:
        self.stdin.write(orjson.dumps(said) + b"\n")
        self.stdin.flush()

    def answer(self) -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads(self.stdout.readline())
        return told

    def end(self) -> str:
        """Kill the server, and return what it has said on standard error."""
        self.process.kill()
        self.stdin.close()
        self.stdout.close()
        said = self.process.stderr.read().decode() if self.process.stderr is not None else ""
        self.process.wait()
        return said


def start(busy: Busy, era: str) -> Pipe:
    """Start a server and let the statement run."""
    process = subprocess.Popen(
        [*COMMAND, "--database", busy.location, "--static"],
        env=os.environ | LONG,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    pipe = Pipe(process)
    if era == LEGACY:
        pipe.send(hello())
        assert pipe.answer()["id"] == 1
        pipe.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    pipe.send(endless(era, busy))
    busy.wait(until=True)
    return pipe


@contextmanager
def over_pipes(busy: Busy, era: str) -> Iterator[Pipe]:
    """Start a server, let the statement run, and see that the server ends well afterwards."""
    pipe = start(busy, era)
    try:
        yield pipe
        busy.wait(until=False)
        assert pipe.process.wait(timeout=30) == 0
    finally:
        said = pipe.end()
    assert said == ""


def test_a_server_that_is_killed_leaves_no_statement_behind(busy: Busy) -> None:
    start(busy, LEGACY).end()
    busy.wait(until=False)


def test_a_client_that_closes_its_end_stops_its_statement_and_the_server(busy: Busy) -> None:
    with over_pipes(busy, LEGACY) as pipe:
        pipe.stdin.close()


@pytest.mark.slow
def test_a_client_that_is_killed_stops_its_statement_and_the_server(busy: Busy) -> None:
    with over_pipes(busy, MODERN) as pipe:
        pipe.stdout.close()
        pipe.stdin.close()


@pytest.mark.parametrize("era", [pytest.param(LEGACY, marks=pytest.mark.slow), MODERN])
def test_a_cancelled_call_stops_its_statement_and_the_server_goes_on(busy: Busy, era: str) -> None:
    with over_pipes(busy, era) as pipe:
        pipe.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
        busy.wait(until=False)
        pipe.send(message(era, 3, "tools/call", name="query", arguments={"sql": "SELECT 1 AS n"}))
        assert pipe.answer()["id"] == 3
        pipe.stdin.close()


@pytest.mark.slow
def test_a_server_that_is_told_to_end_stops_the_statements(busy: Busy) -> None:
    with over_pipes(busy, LEGACY) as pipe:
        pipe.process.send_signal(signal.SIGTERM)


def test_over_http_a_closed_connection_stops_its_statement_in_both_eras(busy: Busy) -> None:
    with over_http("--database", busy.location, "--static", "--no-auth", **LONG) as server:
        session = httpx.post(server.url, json=hello(), headers=ACCEPT).headers["mcp-session-id"]
        for era, headers in (
            (LEGACY, {"Mcp-Session-Id": session}),
            (MODERN, {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "query"}),
        ):
            web = HTTPConnection(urlsplit(server.url).netloc, timeout=60)
            body, content = orjson.dumps(endless(era, busy)), {"Content-Type": "application/json"}
            web.request("POST", urlsplit(server.url).path, body, ACCEPT | content | headers)
            busy.wait(until=True)
            web.close()
            busy.wait(until=False)


@pytest.mark.slow
def test_over_http_a_cancelled_call_or_a_deleted_session_stops_its_statement(busy: Busy) -> None:
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}
    with over_http("--database", busy.location, "--static", "--no-auth", **LONG) as server:
        session = httpx.post(server.url, json=hello(), headers=ACCEPT).headers["mcp-session-id"]
        headers = ACCEPT | {"Mcp-Session-Id": session}
        for method, said in (("POST", cancelled), ("DELETE", None)):
            with httpx.stream("POST", server.url, json=endless(LEGACY, busy), headers=headers):
                busy.wait(until=True)
                httpx.request(method, server.url, json=said, headers=headers)
                busy.wait(until=False)


@pytest.mark.slow
def test_over_http_a_server_that_is_told_to_end_stops_the_statements_and_says_so(busy: Busy) -> None:
    with over_http("--database", busy.location, "--static", "--no-auth", **LONG) as server:
        session = httpx.post(server.url, json=hello(), headers=ACCEPT).headers["mcp-session-id"]
        headers = ACCEPT | {"Mcp-Session-Id": session}
        with httpx.stream("POST", server.url, json=endless(LEGACY, busy), headers=headers, timeout=60) as stream:
            busy.wait(until=True)
            server.process.send_signal(signal.SIGTERM)
            assert "cancelled.stopping" in stream.read().decode()
        busy.wait(until=False)


def test_who_types_the_command_is_told_what_it_waits_for_and_ctrl_c_ends_it() -> None:
    terminal, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, "-d", "missing.db"], stdin=theirs, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert "Ctrl-C ends it" in server.stderr.readline()
        assert "exuvia mcp config" in server.stderr.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(60) in {0, -signal.SIGINT, 130}
    os.close(theirs)
    os.close(terminal)
