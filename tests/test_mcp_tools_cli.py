"""``exuvia mcp tools`` as a person or a program meets it."""

from __future__ import annotations

import json

from commands import exuvia


def test_every_tool_is_listed_with_what_it_does() -> None:
    done = exuvia("mcp", "tools")
    assert done.returncode == 0
    assert "Run one read-only SELECT" in done.stdout
    listed = {tool["name"]: tool for tool in json.loads(exuvia("mcp", "tools", "--json").stdout)}
    assert listed["query"]["scopes"] == ["read", "sql"]
    assert listed["record_events"]["scopes"] == ["write"]


def test_a_wish_finds_the_tools_that_an_agent_would_find() -> None:
    found = json.loads(exuvia("mcp", "tools", "--find", "jot down that we chose JWT", "--json").stdout)
    assert "record_events" in [tool["name"] for tool in found]


def test_a_tool_that_does_not_exist_is_an_error_that_names_a_near_one() -> None:
    done = exuvia("mcp", "tools", "qery")
    assert done.returncode == 2
    assert "Did you mean query?" in done.stderr
    assert "exuvia mcp tools" in exuvia("mcp", "tools", "nothing-like-it").stderr
