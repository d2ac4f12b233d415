"""What the planner asks of a translator: expressions, views and triggers of SQLite as PostgreSQL's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exuvia.catalog.model import Trigger, View
from exuvia.move.constraints import Shape


@dataclass(frozen=True, slots=True)
class Answer:
    """A translation, or the reason why there is no exact one (``sql`` is None)."""

    sql: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates what refers to the moved tables.

    Args:
        shapes: The moved tables by source name.
    """

    shapes: Mapping[str, Shape]

    def default(self, expression: str, table: str, column: str) -> Answer:
        """Translate a column's default."""
        return Answer(None, "it has no exact equivalent")

    def condition(self, expression: str, table: str) -> Answer:
        """Translate a CHECK, or the condition of a partial index, over a table's columns."""
        return Answer(None, "it has no exact equivalent")

    def generated(self, expression: str, table: str, column: str) -> Answer:
        """Translate the expression of a generated column."""
        return Answer(None, "it has no exact equivalent")

    def index_expression(self, expression: str, table: str, collation: str) -> Answer:
        """Translate a part of an index to a parenthesised expression."""
        return Answer(None, "it has no exact equivalent")

    def view(self, view: View, schema: str, name: str) -> Answer:
        """Translate a view to a whole CREATE VIEW statement."""
        return Answer(None, "it has no exact equivalent")

    def trigger(self, trigger: Trigger) -> Answer:
        """Translate a trigger to whole statements."""
        return Answer(None, "it has no exact equivalent")
