"""Tools over the store: what agents remember, by subject."""

from exuvia.tools.frame import Tool

TOOLS: tuple[Tool, ...] = ()

__all__ = ["TOOLS"]
