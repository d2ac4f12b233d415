"""Three tools in the place of the whole catalogue: what they find, what they show, and what they save."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from rs_bpe.bpe import openai

from exuvia.location import parse
from exuvia.mcp.server import definition
from exuvia.settings import load
from exuvia.tools import dynamic
from exuvia.tools.catalogue import EVERYTHING, served
from exuvia.tools.desk import ServedDatabases
from exuvia.tools.dynamic import finding
from exuvia.tools.dynamic.finding import finder
from exuvia.tools.frame import Call, Catalogue, Reply, Tool, invoke


def tokens(tools: Iterable[Tool]) -> int:
    """Return the tokens of the tools' definitions, as a host gives them to its model."""
    listed = [definition(tool, EVERYTHING).model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
    return len(openai.o200k_base().encode(orjson.dumps(listed).decode()))


def test_the_three_tools_take_a_tenth_of_the_tokens_of_all() -> None:
    assert tokens(dynamic.TOOLS) <= tokens(EVERYTHING) / 10


INTENTS = tomllib.loads((Path(__file__).parent / "data" / "tool_intents.toml").read_text(encoding="utf-8"))["intent"]


@pytest.mark.parametrize("split", ["tune", "held_out"])
def test_the_right_tool_is_among_the_first_three_for_nine_of_ten_intents(split: str) -> None:
    intents = [intent for intent in INTENTS if intent["split"] == split]
    index = finder(EVERYTHING)
    right = [{tool.name for tool in index.find(one["text"], 3)} & set(one["tools"]) for one in intents]
    assert sum(map(bool, right)) >= 0.9 * len(intents)


def test_what_people_say_is_known_for_every_tool_and_for_no_other() -> None:
    assert set(finding.said()) == {tool.name for tool in EVERYTHING}


@pytest.mark.parametrize("intent", ["", "?!", "the", "\0", "zzzz qqqq", 'a "quoted" AND NOT (thing) *', "查询"])
def test_any_intent_is_answered(orders: ServedDatabases, intent: str) -> None:
    reply = ask(orders, "search_tools", intent=intent)
    assert reply.failed == (intent == "")
    assert reply.data


@pytest.fixture
def orders(tmp_path: Path) -> ServedDatabases:
    path = tmp_path / "app.db"
    path.touch()
    return ServedDatabases(load(), location=parse(str(path)), store=None)


def ask(desk: ServedDatabases, name: str, /, **arguments: Any) -> Reply:
    catalogue = served(desk)

    async def asked() -> Reply:
        async with desk:
            return await invoke(Call(desk, catalogue), Catalogue(dynamic.TOOLS).named(name), arguments)

    return asyncio.run(asked())


def test_what_is_switched_off_is_not_offered_and_says_how_it_is_switched_on(orders: ServedDatabases) -> None:
    found = ask(orders, "search_tools", intent="insert a row into a table")
    assert "execute" not in found.data["tools"]
    assert "execute" in found.data["notice"]
    reply = ask(orders, "execute_tool", name="execute", arguments={"sql": "DELETE FROM orders"})
    assert reply.failed
    assert "EXUVIA_GUARD_WRITE" in reply.data["hint"]


def test_a_tool_that_does_not_exist_is_named_with_one_that_does(orders: ServedDatabases) -> None:
    reply = ask(orders, "execute_tool", name="qery", arguments={})
    assert reply.failed
    assert reply.data["argument"] == "name"
    assert "query" in reply.data["hint"]


def test_a_wrong_argument_of_the_tool_that_is_called_shows_a_right_call_of_it(orders: ServedDatabases) -> None:
    reply = ask(orders, "execute_tool", name="query", arguments={"statement": "SELECT 1"})
    assert reply.failed
    assert reply.data["example"] == dict(EVERYTHING.named("query").example)
