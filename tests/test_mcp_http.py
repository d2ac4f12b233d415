"""The MCP server over HTTP: who is let in, what the others are told, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import exuvia
from exuvia.cli.app import app
from exuvia.errors import ConfigError
from exuvia.location import parse
from exuvia.mcp.http import Address, listening, serve_http
from exuvia.mcp.server import Serving
from exuvia.mcp.web import Site
from exuvia.settings import load
from exuvia.store.errors import TokenError
from exuvia.tools.desk import ServedDatabases
from serving import Process, client_of, content, over_http

OWN = "a-token-of-the-server-itself"
ERAS = ("legacy", "2026-07-28")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a database and a store of two projects."""
    path = tmp_path_factory.mktemp("http")
    with sqlite3.connect(path / "orders.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT)")
        database.executemany("INSERT INTO orders (status) VALUES (?)", [("open",)] * 3)
    database.close()
    with exuvia.open(f"sqlite:///{path}/memory.db") as store:
        store.projects.put("apollo")
        store.projects.put("gemini")
    return path


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Process]:
    """A server of both, which writing is on for, with its own token and the store's."""
    options = ("--database", f"{place}/orders.db", "--store", f"sqlite:///{place}/memory.db")
    with over_http(*options, EXUVIA_MCP_TOKEN=OWN, EXUVIA_GUARD_WRITE="main.orders") as process:
        yield process


def token_of(place: Path, name: str, *, made: datetime | None = None, **options: Any) -> str:
    with exuvia.open(f"sqlite:///{place}/memory.db", clock=lambda: made or datetime.now(UTC)) as store:
        return store.tokens.create(name, project="apollo", **options).secret


def post(server: Process, token: str | None = None, **headers: str) -> httpx.Response:
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.post(server.url, json=INITIALIZE, headers={**ACCEPT, **bearer, **headers}, timeout=30)


def test_who_sends_no_token_is_told_to_send_one(server: Process) -> None:
    answer = post(server)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="exuvia"'
    assert "Authorization: Bearer" in answer.json()["error_description"]


def test_a_wrong_token_is_called_invalid_and_not_repeated(server: Process) -> None:
    answer = post(server, "exu_0123456789abcdef_" + "x" * 43)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "xxxx" not in answer.text + "".join(server.said)


def test_a_token_without_a_scope_of_ours_is_not_enough(server: Process, place: Path) -> None:
    answer = post(server, token_of(place, "deploy", scopes=["runs:write"]))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_an_expired_and_a_revoked_token_are_refused_at_once(server: Process, place: Path) -> None:
    hour = timedelta(hours=1)
    ended = datetime.now(UTC) - hour
    short = token_of(place, "short", scopes=["read"], made=ended - hour, expires_at=ended)
    taken = token_of(place, "taken", scopes=["read"])
    assert post(server, taken).status_code == 200
    with exuvia.open(f"sqlite:///{place}/memory.db") as store:
        (found,) = [token for token in store.tokens.list().items if token.name == "taken"]
        store.tokens.revoke(found.id, project="apollo")
    assert post(server, taken).status_code == 401
    assert "expired" in post(server, short).headers["www-authenticate"]


def test_who_guesses_is_told_to_wait(server: Process, place: Path) -> None:
    right = token_of(place, "guessed", scopes=["read"])
    wrong = right[:-8] + ("AAAAAAAA" if not right.endswith("AAAAAAAA") else "BBBBBBBB")
    answers = [post(server, wrong) for _ in range(7)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize("era", ERAS)
def test_a_token_of_the_store_does_what_its_scopes_say_in_both_eras(server: Process, place: Path, era: str) -> None:
    async def call(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        async with client_of(server.url, token, mode=era) as client:
            sql = "SELECT count(*) AS n FROM orders WHERE status = 'open'"
            read = await client.call_tool("execute_tool", {"name": "query", "arguments": {"sql": sql}})
            seen = await client.call_tool("describe_tools", {"names": ["query"]})
            return content(read), content(seen)

    read, seen = asyncio.run(call(token_of(place, f"reader-{era}", scopes=["read", "sql"])))
    assert read == {"columns": ["n"], "rows": [[3]]}
    assert "query" in seen["tools"]
    refused, _ = asyncio.run(call(token_of(place, f"memory-{era}", scopes=["read"])))
    assert refused["error"] == "off.tool"
    assert "sql" in refused["hint"]


def test_a_session_belongs_to_the_token_that_opened_it(server: Process, place: Path) -> None:
    mine, other = token_of(place, "mine", scopes=["read"]), token_of(place, "other", scopes=["read"])
    session = post(server, mine).headers["mcp-session-id"]
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    headers = {**ACCEPT, "Mcp-Session-Id": session, "Authorization": f"Bearer {other}"}
    assert httpx.post(server.url, json=ping, headers=headers).status_code == 404
    assert httpx.post(server.url, json=ping, headers=headers | {"Authorization": f"Bearer {mine}"}).status_code == 200


def test_a_name_that_is_not_the_servers_is_refused(server: Process) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        answer = post(server, OWN, **headers)
        assert answer.status_code in {403, 421}
        assert "--allow-host" in answer.json()["error_description"]
    assert post(server, OWN, Origin="http://localhost:6274").status_code == 200


def test_a_name_is_allowed_by_an_option_and_a_token_comes_from_a_file(place: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{OWN}\n")
    options = ("--database", f"{place}/orders.db", "--allow-host", "tools.example.com")
    with over_http(*options, EXUVIA_MCP_TOKEN_FILE=f"{tmp_path}/token") as process:
        assert post(process, OWN, Host="tools.example.com").status_code == 200
        assert post(process, OWN, Host="tools.example.com.evil").status_code == 421
        assert post(process, OWN + "x").status_code == 401


def test_health_tells_states_and_nothing_else_to_anybody(server: Process) -> None:
    answer = httpx.get(f"{server.root}/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "store": "ok"}


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGINT])
def test_a_signal_ends_it_also_while_a_client_listens(place: Path, number: int) -> None:
    async def listen(process: Process) -> int:
        async with httpx.AsyncClient(timeout=30) as web:
            opened = await web.post(process.url, json=INITIALIZE, headers=ACCEPT)
            headers = {"Accept": "text/event-stream", "Mcp-Session-Id": opened.headers["mcp-session-id"]}
            async with web.stream("GET", process.url, headers=headers) as stream:
                assert stream.status_code == 200
                return await asyncio.to_thread(process.stop, number)

    with over_http("-d", f"{place}/orders.db", "--no-auth") as process:
        assert asyncio.run(listen(process)) == 0


def test_tls_is_served_with_a_certificate(place: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "chain.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*made, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    files = ("--certfile", str(certificate), "--keyfile", str(key))
    with over_http("-d", f"{place}/orders.db", "--no-auth", *files) as process:
        assert process.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=certificate)
        assert httpx.get(f"{process.root}/health", verify=trusting).json()["database"] == "ok"


def refused(*arguments: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        app(["mcp", *arguments], standalone_mode=False)
    return caught.value


def test_what_would_let_everybody_in_or_nobody_is_refused(place: Path) -> None:
    everybody = refused("--http", "-d", f"{place}/orders.db", "--host", "0.0.0.0", "--no-auth")
    assert "without a token" in everybody.message
    nobody = refused("--http", "-d", f"{place}/orders.db")
    assert "EXUVIA_MCP_TOKEN" in nobody.hint
    assert "--no-auth" in nobody.hint


def test_a_short_token_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXUVIA_MCP_TOKEN", "secret")
    error = refused("--http", "-d", f"{place}/orders.db")
    assert "token_urlsafe" in error.hint
    assert "secret" not in error.message


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ConfigError) as caught, listening(address):
            pass
    assert "in use" in caught.value.message
    assert "--port" in caught.value.hint


def test_options_of_http_are_not_for_standard_input(place: Path) -> None:
    error = refused("-d", f"{place}/orders.db", "--port", "1")
    assert "--port" in error.message
    assert "--http" in error.hint


def test_a_certificate_that_is_none_is_said(place: Path, tmp_path: Path) -> None:
    broken = tmp_path / "chain.pem"
    broken.write_text("nothing")
    serving = Serving(ServedDatabases(load(), location=parse(f"{place}/orders.db"), store=None))
    for file in (broken, tmp_path / "none.pem"):
        with pytest.raises(ConfigError) as caught:
            asyncio.run(serve_http(serving, Site("/mcp", (), None), Address("127.0.0.1", 0, file), print))
        assert "--certfile" in caught.value.hint


def test_tokens_are_made_listed_and_revoked_by_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/memory.db"
    with exuvia.open(url) as store:
        store.projects.put("apollo")

    def token(*arguments: str) -> str:
        app(["mcp", "token", *arguments, "--store", url], standalone_mode=False)
        return capsys.readouterr().out

    secret = token("create", "ci", "--project", "apollo", "--scope", "write", "--expires", "30d", "--quiet").strip()
    assert secret.startswith("exu_")
    listed = json.loads(token("list", "--json"))
    assert [(one["name"], one["scopes"]) for one in listed] == [("ci", ["read", "write"])]
    assert secret not in token("list")
    assert json.loads(token("revoke", "ci", "--json"))["revoked_at"]
    assert json.loads(token("list", "--json")) == []
    with exuvia.open(url) as store, pytest.raises(TokenError):
        store.tokens.check(secret)
    with pytest.raises(ConfigError) as caught:
        token("create", "ci", "--project", "apolo")
    assert "apollo" in caught.value.hint
