"""A database that is away is a state with a name, and the server works again when it is back."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from mcp.client.client import Client

import exuvia
from exuvia.location import parse
from exuvia.mcp.logs import Discreet
from exuvia.mcp.server import Serving, make_server
from exuvia.settings import load
from exuvia.tools.desk import ServedDatabases
from relaying import relay
from serving import client_of, content, over_http

LENIENT = {"EXUVIA_GUARD_ALLOW_SUPERUSER": "true"}
SOON = {"EXUVIA_STORE_POOL_WAIT": "1"}


def call(url: str, name: str, **arguments: Any) -> dict[str, Any]:
    async def called() -> dict[str, Any]:
        async with client_of(url) as client:
            answer = await client.call_tool(name, arguments)
            assert answer.is_error == ("error" in content(answer))
            return content(answer)

    return asyncio.run(called())


def assert_unreachable(answer: dict[str, Any]) -> None:
    assert answer["error"].endswith("unreachable"), answer
    assert answer["message"]
    assert answer["hint"]
    assert "hunter2" not in str(answer)
    assert "Traceback" not in str(answer)


def test_a_database_may_be_away_at_the_start_and_in_between(any_url: str) -> None:
    query = {"sql": "SELECT count(*) AS n FROM orders"}
    with psycopg.connect(any_url) as connection:
        connection.execute("CREATE TABLE orders AS SELECT generate_series(1, 3) AS id")
    with relay(any_url) as wire, over_http("-d", wire.url, "--static", "--no-auth", **LENIENT) as server:
        for _ in range(2):
            assert_unreachable(call(server.url, "query", **query))
            assert call(server.url, "health_check")["database"]["state"] == "unreachable"
            assert httpx.get(f"{server.root}/health", timeout=30).json()["database"] == "unreachable"
            wire.mend()
            assert call(server.url, "query", **query)["rows"] == [[3]]
            wire.cut()
    assert "hunter2" not in "".join(server.said)


def test_a_store_may_be_away_at_the_start_and_in_between(any_url: str) -> None:
    with exuvia.open(any_url) as store:
        store.projects.put("apollo")
    with relay(any_url) as wire, over_http("-s", wire.url, "--static", "--no-auth", **SOON) as server:
        for _ in range(2):
            assert_unreachable(call(server.url, "list_projects"))
            assert httpx.get(f"{server.root}/health", timeout=30).json()["store"] == "unreachable"
            wire.mend()
            deadline = time.monotonic() + 60  # the pool tries to connect ever less often
            while "error" in (answer := call(server.url, "list_projects")) and time.monotonic() < deadline:
                assert answer["error"].startswith("store.")
            assert "apollo" in str(answer)
            wire.cut()
    assert "hunter2" not in "".join(server.said)


@pytest.mark.slow
def test_tokens_of_a_store_that_is_away_are_not_called_wrong(any_url: str) -> None:
    with exuvia.open(any_url) as store:
        store.projects.put("apollo")
        secret = store.tokens.create("ci", scopes=["read"], project="apollo").secret
    with relay(any_url) as wire, over_http("-s", wire.url) as server:
        headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json, text/event-stream"}
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        away = httpx.post(server.url, json=ping, headers=headers, timeout=60)
        assert away.status_code == 503
        assert away.headers["retry-after"]
        wire.mend()
        assert httpx.post(server.url, json=ping, headers=headers, timeout=60).status_code == 400  # let in: no session


def test_a_file_that_is_not_there_yet_is_opened_when_it_is(tmp_path: Path) -> None:
    path = tmp_path / "app.db"

    async def call_twice() -> tuple[dict[str, Any], dict[str, Any]]:
        desk = ServedDatabases(load(), location=parse(str(path)), store=None)
        async with desk, Client(make_server(Serving(desk, static=True))) as client:
            missing = content(await client.call_tool("query", {"sql": "SELECT 1 AS n"}))
            sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
            return missing, content(await client.call_tool("query", {"sql": "SELECT 1 AS n"}))

    missing, found = asyncio.run(call_twice())
    assert missing["error"].startswith("target.")
    assert missing["hint"]
    assert found["rows"] == [[1]]


def test_a_file_that_is_replaced_is_the_one_that_is_read_and_written(tmp_path: Path) -> None:
    path, store = tmp_path / "app.db", tmp_path / "memory.db"
    for place, project in ((tmp_path / "other.db", "gemini"), (store, "apollo")):
        with exuvia.open(f"sqlite:///{place}") as opened:
            opened.projects.put(project)
    for place, number in ((tmp_path / "new.db", 2), (path, 1)):
        sqlite3.connect(place).execute(f"CREATE TABLE t AS SELECT {number} AS n").connection.close()
    with over_http("-d", str(path), "-s", f"sqlite:///{store}", "--static", "--no-auth") as server:
        assert call(server.url, "query", sql="SELECT n FROM t")["rows"] == [[1]]
        assert call(server.url, "list_projects")["rows"][0][0] == "apollo"
        for place in (path, store):
            for old in tmp_path.glob(f"{place.name}*"):
                old.rename(tmp_path / f"gone-{old.name}")
        assert call(server.url, "query", sql="SELECT n FROM t")["error"] == "target.unreadable"
        assert_unreachable(call(server.url, "put_project", id="lost"))
        assert {one["state"] for one in call(server.url, "health_check").values()} == {"unreachable"}
        (tmp_path / "new.db").rename(path)
        (tmp_path / "other.db").rename(store)
        assert call(server.url, "query", sql="SELECT n FROM t")["rows"] == [[2]]
        assert [row[0] for row in call(server.url, "list_projects")["rows"]] == ["gemini"]


def test_a_database_that_refuses_is_not_called_unreachable(any_url: str, tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"no database at all" * 1000)
    with over_http("-d", any_url, "-s", f"sqlite:///{tmp_path}/junk.db", "--static", "--no-auth") as server:
        found = call(server.url, "health_check")
        assert found["database"]["state"] == "refused"
        assert "guard_roles" in found["database"]["hint"]
        assert found["store"]["state"] == "refused"
        answer = httpx.get(f"{server.root}/health", timeout=30)
        assert answer.status_code == 503
        assert answer.json() == {"status": "degraded", "database": "refused", "store": "refused"}
        for name in ("diagnose", "list_tables"):
            assert call(server.url, name)["error"] == "guard.superuser"


def test_a_store_whose_login_fails_is_told_what_to_correct(any_url: str) -> None:
    nobody = any_url.replace("//postgres@", "//nobody_at_all:hunter2@").replace("//postgres:", "//nobody_at_all:")
    assert nobody != any_url
    with over_http("-s", nobody, "--static", "--no-auth") as server:
        answer = call(server.url, "list_projects")
        assert_unreachable(answer)
        assert "user" in answer["hint"]
        assert call(server.url, "health_check")["store"]["state"] == "refused"
    assert "hunter2" not in "".join(server.said)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh.ijkl",
        "token exu_0123456789abcdef_abcdefghijkl in a header",
        "postgresql://me:abcdefgh@host/db refused",
        "the password abcdefghijkl was wrong",
    ],
)
def test_the_log_shows_no_secret(text: str) -> None:
    entry = logging.LogRecord("x", logging.ERROR, __file__, 1, "%s", (text,), None)
    shown = Discreet(["abcdefghijkl"]).format(entry)
    assert "abcdefgh" not in shown
    assert "***" in shown
