"""What the planner asks of the translator: expressions, views and triggers of SQLite as PostgreSQL's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from exuvia.catalog.model import Affinity, Column, IndexPart, Trigger, View
from exuvia.catalog.types import SqlType
from exuvia.engines.postgres.translate import (
    NamedColumn,
    Names,
    Relation,
    Translation,
    translate_default,
    translate_expression,
    translate_index_part,
    translate_trigger,
    translate_views,
)
from exuvia.move.planning.columns import classes_of
from exuvia.move.planning.constraints import Shape
from exuvia.move.planning.naming import Names as TargetNames
from exuvia.move.planning.proposals import only_forms
from exuvia.values.facts import ColumnFacts, TextForm

_MOMENTS = (TextForm.DATE, TextForm.TIME, TextForm.TIMESTAMP, TextForm.TIMESTAMP_ZONE)


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates what refers to the moved tables.

    Args:
        names: What the source's names are in the target.
        computed: By source table, its generated columns.
    """

    names: Names
    computed: Mapping[str, frozenset[str]]

    @classmethod
    def over(cls, shapes: Mapping[str, Shape], names: TargetNames, triggers: Sequence[Trigger]) -> Translator:
        """Return the translator for the moved tables."""
        objects = {trigger.name: names.legal(trigger.name) for trigger in triggers} | names.views
        relations = {name: _relation(shape) for name, shape in shapes.items()}
        computed = {
            name: frozenset(column.name for column in shape.table.columns if column.generated is not None)
            for name, shape in shapes.items()
        }
        return cls(Names(relations, names.schema, objects, names.fold), computed)

    def default(self, shape: Shape, column: Column) -> Translation:
        """Translate a column's default into an expression of its target type."""
        return _default(column.default or "", shape.types[column.name], column.affinity)

    def condition(self, expression: str, table: str) -> Translation:
        """Translate a CHECK, or the condition of a partial index, over a table's columns."""
        return translate_expression(expression, table, self.names, use="condition")

    def generated(self, expression: str, table: str, column: str) -> Translation:
        """Translate the expression of a generated column into what the target's column stores.

        In PostgreSQL it cannot read another generated column.
        """
        found = translate_expression(expression, table, self.names, column=column)
        relation, hidden = self.names.relations[table], self.computed[table] - {column}
        plain = {name: named for name, named in relation.columns.items() if name not in hidden}
        names = replace(self.names, relations={**self.names.relations, table: replace(relation, columns=plain)})
        if translate_expression(expression, table, names, column=column) != found:
            return Translation(None, "it reads another generated column, which PostgreSQL does not allow")
        return found

    def index_part(self, part: IndexPart, table: str) -> Translation:
        """Translate a part of an index: a quoted column, or an expression in parentheses."""
        return translate_index_part(part, table, self.names)

    def views(self, views: Sequence[View]) -> tuple[Mapping[str, Translation], Translator]:
        """Translate views to whole statements, in an order in which they can be made; the translator that comes with
        them also knows the views."""
        found, names = translate_views(views, self.names)
        return found, replace(self, names=names)

    def trigger(self, trigger: Trigger) -> Translation:
        """Translate a trigger to whole statements."""
        return translate_trigger(trigger, self.names)


@lru_cache(maxsize=4096)
def _default(expression: str, wanted: SqlType, affinity: Affinity) -> Translation:
    """Translate a default once for all the columns that have it."""
    return translate_default(expression, wanted, affinity=affinity)


def _spelling(facts: ColumnFacts) -> str | None:
    """Return the one spelling that all values share; bare hexadecimal digits are none of a UUID's."""
    spelled = only_forms(facts, *_MOMENTS) or only_forms(facts, TextForm.UUID)
    return facts.texts.spellings.one if facts.texts is not None and spelled else None


def _relation(shape: Shape) -> Relation:
    table = shape.table
    columns = {
        column.name: NamedColumn(
            shape.columns[column.name],
            shape.types[column.name],
            column.affinity,
            column.collation,
            classes_of(facts := shape.profile.columns.get(column.name, ColumnFacts())) or None,
            _spelling(facts),
            generated=column.generated is not None,
        )
        for column in table.columns
        if column.name in shape.columns
    }
    rowid = table.rowid_column if table.rowid_column in columns else None
    key = table.primary_key.columns if table.primary_key is not None else ()
    return Relation(shape.schema, shape.name, columns, rowid, key)
