"""What definitions of tools cost a model's context: all of them, and the three that find them; and how well."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from rs_bpe.bpe import openai

from bench.tables import markdown
from exuvia.mcp.server import definition
from exuvia.tools import dynamic
from exuvia.tools.catalogue import EVERYTHING
from exuvia.tools.dynamic.finding import finder
from exuvia.tools.frame import Tool

_INTENTS = Path(__file__).parent.parent / "tests" / "data" / "tool_intents.toml"
_FOR_THE_MODEL = ("name", "description", "inputSchema")


def report(facts: str) -> str:
    """Return the figures in Markdown."""
    rows = []
    for what, parts in (("as tools/list answers", None), ("name, description, arguments", _FOR_THE_MODEL)):
        every, three = _tokens(EVERYTHING, parts), _tokens(dynamic.TOOLS, parts)
        rows.append((what, f"{every:,}", f"{three:,}", f"{1 - three / every:.1%}"))
    found = [(split, *_found(split)) for split in ("tune", "held_out")]
    return (
        "# Definitions of tools\n\n"
        f"{facts}.\n\n"
        f"Tokens (o200k_base) of all {len(EVERYTHING)} definitions, as `--static` lists them, and of search_tools,"
        " describe_tools and execute_tool, which stand for them.\n\n"
        + markdown(("definitions", f"all {len(EVERYTHING)}", "the three", "fewer"), rows)
        + "\nA right tool for an intent in plain words (tests/data/tool_intents.toml, older than the tuning):\n\n"
        + markdown(("intents", "number", "among the first three", "first"), found)
    )


def _tokens(tools: Iterable[Tool], parts: Iterable[str] | None) -> int:
    listed = []
    for tool in tools:
        told: dict[str, Any] = definition(tool, EVERYTHING).model_dump(mode="json", by_alias=True, exclude_none=True)
        listed.append(told if parts is None else {part: told[part] for part in parts})
    return len(openai.o200k_base().encode(orjson.dumps(listed).decode()))


def _found(split: str) -> tuple[str, str, str]:
    intents = tomllib.loads(_INTENTS.read_text(encoding="utf-8"))["intent"]
    chosen = [intent for intent in intents if intent["split"] == split]
    ranks = [([tool.name for tool in finder(EVERYTHING).find(one["text"], 3)], set(one["tools"])) for one in chosen]
    three = sum(bool(right & set(names)) for names, right in ranks)
    first = sum(bool(right & set(names[:1])) for names, right in ranks)
    return f"{len(chosen)}", f"{three / len(chosen):.1%}", f"{first / len(chosen):.1%}"
