"""All tools, and those that are served with what a server has and allows."""

from __future__ import annotations

from exuvia.tools import database, memory
from exuvia.tools.frame import Catalogue, Desk, Tool


def served(desk: Desk) -> Catalogue:
    """Return the tools that make sense for what is served: no SQL without a database, no writing that is off.

    Args:
        desk: The databases.
    """
    chosen: list[Tool] = []
    if desk.location is not None:
        chosen += [tool for tool in database.TOOLS if desk.policy.is_on(tool.scope)]
    if desk.has_store:
        chosen += memory.TOOLS
    return Catalogue(chosen)


def everything() -> Catalogue:
    """Return all tools that there are."""
    return Catalogue((*database.TOOLS, *memory.TOOLS))
