"""The memory's calls in docs/tools.md answer what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from exuvia.tools import memory
from remembering import Server

SECTION = (
    (Path(__file__).parents[1] / "docs" / "tools.md").read_text(encoding="utf-8").partition("\n## The memory\n")[2]
)
CALLS = re.findall(r"^> (\w+) (\{.*\})\n(\{.*\})$", SECTION.partition("\n## ")[0], re.MULTILINE)


def test_calls_answer_what_the_page_says(tmp_path: Path) -> None:
    with Server(f"sqlite:///{tmp_path}/memory.db") as server:
        agent = server.agent("shop")
        for name, given, expected in CALLS:
            asked: dict[str, Any] = orjson.loads(given)
            assert agent.reply(name, asked).data == orjson.loads(expected), given
    assert len(CALLS) == 9


def test_every_tool_is_named() -> None:
    assert [tool.name for tool in memory.TOOLS if f"`{tool.name}`" not in SECTION] == []
