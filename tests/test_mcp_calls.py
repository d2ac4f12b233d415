"""What a call tells its client: how far it is, what it asks the host's model, and what its tools are like."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CreateMessageRequestParams, CreateMessageResult, ErrorData, TextContent

import exuvia
from conformance.server import TOOLS, serving
from exuvia.location import parse
from exuvia.mcp.server import Serving, definition, make_server
from exuvia.settings import load
from exuvia.tools.catalogue import EVERYTHING
from exuvia.tools.desk import ServedDatabases
from exuvia.tools.dynamic import TOOLS as DYNAMIC
from exuvia.tools.frame import Catalogue
from exuvia.tools.frame.call import READING, SCOPES
from serving import Process, client_of, content, over_http

ERAS = ("legacy", "2026-07-28")
SERVER = (sys.executable, str(Path(__file__).parent / "conformance" / "server.py"))


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with over_http(command=SERVER) as started:
        yield started


@asynccontextmanager
async def connected(transport: str, era: str, process: Process, **options: Any) -> AsyncIterator[Client]:
    if transport == "http":
        async with client_of(process.url, mode=era, **options) as client:
            yield client
    else:
        async with Client(make_server(serving()), mode=era, **options) as client:
            yield client


async def lent(_context: Any, asked: CreateMessageRequestParams) -> CreateMessageResult:
    (message,) = asked.messages
    assert isinstance(message.content, TextContent)
    return CreateMessageResult(role="assistant", content=TextContent(text=message.content.text.upper()), model="m")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", ["memory", "http"])
def test_the_hosts_model_is_asked_where_the_host_lends_it(transport: str, era: str, process: Process) -> None:
    async def call(**options: Any) -> Any:
        async with connected(transport, era, process, **options) as client:
            return await client.call_tool("test_sampling", {"prompt": "why?"})

    assert content(asyncio.run(call(sampling_callback=lent))) == {"text": "LLM response: WHY?"}
    without = asyncio.run(call())
    assert without.is_error
    assert "lends no model" in content(without)["message"]


def test_a_host_that_refuses_its_model_is_an_error_of_the_tool(process: Process) -> None:
    async def refuse(_context: Any, _asked: CreateMessageRequestParams) -> Any:
        return ErrorData(code=-1, message="User rejected sampling request")

    async def call() -> Any:
        async with client_of(process.url, mode="legacy", sampling_callback=refuse) as client:
            return await client.call_tool("test_sampling", {"prompt": "why?"})

    assert content(asyncio.run(call()))["error"] == "tool.sampling"


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", ["memory", "http"])
def test_progress_grows_and_says_what_is_done(transport: str, era: str, process: Process) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async def call(name: str) -> None:
        heard.clear()
        async with connected(transport, era, process) as client:
            await client.call_tool(name, {}, progress_callback=hear)

    asyncio.run(call("test_tool_with_progress"))
    assert heard == [(0, 100, "step 0"), (50, 100, "step 50"), (100, 100, "step 100")]
    asyncio.run(call("test_slow"))
    numbers = [done for done, _, _ in heard]
    assert numbers
    assert numbers == sorted(set(numbers))
    assert all(re.fullmatch(r"test_slow, \d s", message or "") for _, _, message in heard)


@pytest.mark.parametrize("era", ERAS)
def test_an_unknown_tool_is_an_error_of_the_protocol(era: str) -> None:
    async def call() -> int:
        async with Client(make_server(serving()), mode=era) as client:
            with pytest.raises(MCPError) as caught:
                await client.call_tool("test_nothing", {})
            return caught.value.error.code

    assert asyncio.run(call()) == -32602


def test_read_only_switches_writing_off_and_says_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXUVIA_GUARD_WRITE", "main.*")

    async def called(scopes: frozenset[Any], *, static: bool) -> tuple[Any, dict[str, Any]]:
        desk = ServedDatabases(load(), location=parse(str(tmp_path / "app.db")), store=None)
        async with Client(make_server(Serving(desk, static=static, scopes=scopes))) as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            described = {} if static else content(await client.call_tool("describe_tools", {"names": ["execute"]}))
            return listed, described

    everything = frozenset(SCOPES)
    assert "execute" in asyncio.run(called(everything, static=True))[0]
    assert "execute" not in asyncio.run(called(READING, static=True))[0]
    listed, described = asyncio.run(called(READING, static=False))
    assert listed["execute_tool"].annotations.read_only_hint
    assert not listed["execute_tool"].annotations.destructive_hint
    assert "--read-only" in described["hint"]
    listed, described = asyncio.run(called(everything, static=False))
    assert not listed["execute_tool"].annotations.read_only_hint
    assert "execute" in described["tools"]


def test_answers_fit_the_schemas_that_they_were_promised_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's client checks each answer; every tool is called as its example says."""
    monkeypatch.setenv("EXUVIA_GUARD_WRITE", "main.*")
    monkeypatch.setenv("EXUVIA_GUARD_DDL", "main.*")
    with sqlite3.connect(tmp_path / "app.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, price REAL)")
        database.execute("INSERT INTO orders (status, price) VALUES ('open', 12)")
    database.close()
    memory = f"sqlite:///{tmp_path}/memory.db"
    with exuvia.open(memory) as store:
        store.projects.put("apollo")

    async def call_all() -> dict[str, dict[str, Any]]:
        desk = ServedDatabases(load(), location=parse(str(tmp_path / "app.db")), store=memory)
        async with desk, Client(make_server(Serving(desk, "apollo", static=True))) as client:
            listed = [tool.name for tool in (await client.list_tools()).tools]
            return {
                name: content(await client.call_tool(name, dict(EVERYTHING.named(name).example))) for name in listed
            }

    answers = asyncio.run(call_all())
    failed = {name: answer for name, answer in answers.items() if "error" in answer}
    assert len(answers) == len(EVERYTHING)
    assert all(answer["message"] and answer["error"] != "internal" for answer in failed.values()), failed
    assert "query" in answers.keys() - failed.keys()


def test_an_error_does_not_repeat_a_long_argument(tmp_path: Path) -> None:
    async def call(table: str) -> Any:
        sqlite3.connect(tmp_path / "app.db").execute("CREATE TABLE t (x)").connection.close()
        desk = ServedDatabases(load(), location=parse(str(tmp_path / "app.db")), store=None)
        async with desk, Client(make_server(Serving(desk, static=True))) as client:
            return await client.call_tool("query", {"sql": f"SELECT * FROM {table}"})

    told = content(asyncio.run(call("x" * 20_000)))
    assert "xxx […] xxx" in told["message"]
    assert len(told["message"]) < 2_000


@pytest.mark.parametrize("name", ["query", "execute", "schema_alter", "explain", "diagnose"])
def test_a_very_long_statement_is_refused_before_anybody_reads_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXUVIA_GUARD_WRITE", "main.*")
    monkeypatch.setenv("EXUVIA_GUARD_DDL", "main.*")

    async def call() -> Any:
        desk = ServedDatabases(load(), location=parse(str(tmp_path / "app.db")), store=None)
        async with desk, Client(make_server(Serving(desk, static=True))) as client:
            return await client.call_tool(name, {"sql": "SELECT 1" + "+1" * 3_000_000})

    told = content(asyncio.run(asyncio.wait_for(call(), 30)))
    assert (told["error"], told["argument"]) == ("argument.wrong", "sql")


DEFINITIONS = [definition(tool, EVERYTHING) for tool in (*EVERYTHING, *DYNAMIC, *TOOLS)]


@pytest.mark.parametrize("told", DEFINITIONS, ids=lambda told: told.name)
def test_every_definition_is_one_that_strict_hosts_take(told: Any) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", told.name)
    assert told.title
    for schema in filter(None, (told.input_schema, told.output_schema)):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf", "not", "enum", "$ref", "$defs"} & schema.keys()
        assert "$ref" not in str(schema)
    assert told.input_schema["additionalProperties"] is False
    hints = told.annotations
    assert hints.open_world_hint is False
    assert not (hints.read_only_hint and hints.destructive_hint)


def test_execute_tool_may_destroy_only_where_something_served_does() -> None:
    execute = next(tool for tool in DYNAMIC if tool.name == "execute_tool")
    harmless = Catalogue(tool for tool in EVERYTHING if tool.effect != "destroys")
    annotations = definition(execute, harmless).annotations
    assert annotations is not None
    assert annotations.destructive_hint is False
    reading = definition(execute, Catalogue(tool for tool in EVERYTHING if tool.effect == "reads")).annotations
    assert reading is not None
    assert reading.read_only_hint is True
