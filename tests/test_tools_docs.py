"""The calls in docs/tools.md answer what the page says."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import apsw
import orjson
import pytest

from database_tools import Shop
from exuvia.tools.frame.call import SCOPES

PAGE = (Path(__file__).parents[1] / "docs" / "tools.md").read_text()
_CALL = re.compile(r"^> (\w+) (\{.*\})\n(\{.*\})$", re.MULTILINE)


def block(language: str) -> str:
    """Return the first block of a language."""
    return PAGE.partition(f"```{language}\n")[2].partition("```")[0]


@pytest.fixture
def documented(tmp_path: Path) -> Shop:
    path = str(tmp_path / "orders.db")
    with closing(apsw.Connection(path)) as connection:
        connection.execute(block("sql"))
    return Shop(path, path, "main", {"guard_write": ("main.orders",)})


def test_calls_answer_what_the_page_says(documented: Shop) -> None:
    calls = _CALL.findall(block("text"))
    assert len(calls) == block("text").count("> ")
    with closing(documented):
        for name, given, expected in calls:
            assert documented.reply(name, orjson.loads(given), frozenset(SCOPES)).data == orjson.loads(expected), given
