"""What every tool is made of: its description, its arguments, its call, its answer, and how it fails."""

from exuvia.tools.frame.arguments import Arguments, Budgeted, Paged
from exuvia.tools.frame.call import Call, Desk, no_progress
from exuvia.tools.frame.errors import ArgumentError, SwitchedOffError, ToolError
from exuvia.tools.frame.invoking import invoke
from exuvia.tools.frame.outputs import Output, Reply, Table
from exuvia.tools.frame.paging import paged, rows_within, text_within
from exuvia.tools.frame.tool import Catalogue, Tool, tool

__all__ = [
    "ArgumentError",
    "Arguments",
    "Budgeted",
    "Call",
    "Catalogue",
    "Desk",
    "Output",
    "Paged",
    "Reply",
    "SwitchedOffError",
    "Table",
    "Tool",
    "ToolError",
    "invoke",
    "no_progress",
    "paged",
    "rows_within",
    "text_within",
    "tool",
]
