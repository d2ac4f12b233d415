"""A statement's plan in a few lines."""

from __future__ import annotations

from pydantic import Field

from exuvia.tools.frame import Output


class Plan(Output):
    """How a database would run a statement.

    ``cost`` is in the planner's own units; ``ms`` and ``actual_rows`` are there when it ran. ``nodes`` are the steps
    that matter, each indented below what needs it. ``plan`` is all of them with their
    details.
    """

    cost: float | None = None
    rows: int | None = None
    ms: float | None = None
    actual_rows: int | None = None
    nodes: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    plan: str = ""
    next: str | None = None
    notice: str = ""
