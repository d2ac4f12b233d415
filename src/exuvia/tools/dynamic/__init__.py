"""Three tools that stand for the whole catalogue: find a tool, read how it is called, call it."""

from exuvia.tools.dynamic.toolset import TOOLS

__all__ = ["TOOLS"]
