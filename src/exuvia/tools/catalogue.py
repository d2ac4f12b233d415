"""All tools, and those that are served with what a server has and allows."""

from __future__ import annotations

from typing import Final

from exuvia.tools import database, healing, memory
from exuvia.tools.asking import ask
from exuvia.tools.database.checking import health_check
from exuvia.tools.frame import Catalogue, Desk, Tool

EVERYTHING: Final = Catalogue((*database.TOOLS, *healing.TOOLS, *memory.TOOLS, ask))

_NO_DATABASE: Final = "A person has to start the server with --database."
_NO_STORE: Final = "A person has to start the server with --store."


def served(desk: Desk) -> Catalogue:
    """Return the tools that make sense for what is served: no SQL without a database, no writing that is off.

    Args:
        desk: The databases.
    """
    reasons = {tool: _database_lacks(tool, desk) for tool in (*database.TOOLS, *healing.TOOLS)}
    reasons |= dict.fromkeys((*memory.TOOLS, ask), "" if desk.has_store else _NO_STORE)
    return Catalogue(
        (tool for tool, reason in reasons.items() if not reason),
        {tool: reason for tool, reason in reasons.items() if reason},
    )


def _database_lacks(tool: Tool, desk: Desk) -> str:
    """Return what a person has to do before a tool can be served; empty when it can."""
    if desk.location is None:
        return "" if tool is health_check and desk.has_store else _NO_DATABASE
    if desk.policy.is_on(tool.scope):
        return ""
    setting = f"guard_{tool.scope}"
    return f"A person has to name the tables for it: {setting} in exuvia.toml, or EXUVIA_{setting.upper()}."
