"""The memory's tools as a client of the protocol sees them, which holds each answer against its schema."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import orjson
import pytest
from mcp.client.client import Client
from mcp_types import CreateMessageRequestParams, CreateMessageResult, TextContent

from exuvia.mcp.server import Serving, make_server
from exuvia.settings import load
from exuvia.store import open_store
from exuvia.tools import memory
from exuvia.tools.desk import ServedDatabases
from remembering import EMBEDDER, fill


async def _called(url: str) -> dict[str, Any]:
    desk = ServedDatabases(load(embedder=EMBEDDER), location=None, store=url)
    async with desk, Client(make_server(Serving(desk, project="shop", static=True))) as client:
        return {tool.name: await client.call_tool(tool.name, dict(tool.example)) for tool in memory.TOOLS}


def test_the_answer_to_each_example_is_as_its_schema_says(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/memory.db"
    with open_store(url) as store:
        store.projects.put("shop")
        fill(store, "shop")
    answers = asyncio.run(_called(url))
    for tool in memory.TOOLS:
        answer = answers[tool.name]
        if tool.name != "add_frame_events":  # the frame is closed by then
            assert not answer.is_error, (tool.name, answer.content)
        if not answer.is_error:
            assert tool.output is not None
            jsonschema.validate(answer.structured_content, tool.output.schema_for_callers())
            assert orjson.loads(answer.content[0].text) == answer.structured_content


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
def test_the_hosts_model_writes_the_answer_to_a_question(tmp_path: Path, era: str) -> None:
    url = f"sqlite:///{tmp_path}/memory.db"
    with open_store(url) as store:
        store.projects.put("shop")
        fill(store, "shop")

    async def lent(context: Any, params: CreateMessageRequestParams) -> CreateMessageResult:
        assert "The form forgets the name" in str(params.messages)
        return CreateMessageResult(role="assistant", content=TextContent(text="One: the form [1]."), model="m")

    async def asked() -> Any:
        desk = ServedDatabases(load(), location=None, store=url)
        server = make_server(Serving(desk, project="shop", static=True))
        async with desk, Client(server, mode=era, sampling_callback=lent) as client:
            return await client.call_tool("ask", {"question": "which bugs are open?", "write": True})

    assert asyncio.run(asked()).structured_content["text"] == "One: the form [1]."
