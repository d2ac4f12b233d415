"""SQLite's expressions, views and triggers as PostgreSQL's, where that is exact, else the reason why it is not.

sqlglot reads SQLite's SQL; what is written is decided here, by the types that the columns have in the target and by the
rules of SQLite (affinity, collation, truth, NULL). An expression that could give another value for any row is not
translated: the report lists it with its text and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from exuvia.catalog.model import Affinity, IndexPart, Trigger, View
from exuvia.catalog.names import quote
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.translate.assign import assign, own_affinity
from exuvia.engines.postgres.translate.compare import collated
from exuvia.engines.postgres.translate.expressions import Compiler
from exuvia.engines.postgres.translate.fold import evaluate
from exuvia.engines.postgres.translate.logic import truth
from exuvia.engines.postgres.translate.parse import expression
from exuvia.engines.postgres.translate.scope import Scope, Source, find
from exuvia.engines.postgres.translate.triggers import trigger_sql
from exuvia.engines.postgres.translate.values import Kind, NamedColumn, NotExact, Relation, Value, shown
from exuvia.engines.postgres.translate.views import Queries, view_relation, view_sql

__all__ = [
    "NamedColumn",
    "Names",
    "Relation",
    "Translation",
    "translate_default",
    "translate_expression",
    "translate_index_part",
    "translate_trigger",
    "translate_view",
    "translate_views",
]

_SAMPLES = 16
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_HEX32 = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Names:
    """What the source's names are in the target.

    Args:
        relations: Tables that are moved (and views that are translated), by source name.
        schema: The schema in which views and trigger functions are made.
        objects: Target names of views and triggers by source name, where they differ.
        fold: Column names of views are made lower case.
    """

    relations: Mapping[str, Relation]
    schema: str = "public"
    objects: Mapping[str, str] = field(default_factory=dict)
    fold: bool = False

    def target(self, name: str) -> str:
        """Return the target name of a view or trigger."""
        return self.objects.get(name, name)


@dataclass(frozen=True, slots=True)
class Translation:
    """A translation, or why there is none.

    Args:
        sql: PostgreSQL's text; None when there is no exact equivalent.
        reason: Why there is none; with ``sql``, what a reader should know about it, mostly empty.
    """

    sql: str | None
    reason: str = ""


def translate_expression(
    sql: str,
    table: str,
    names: Names,
    *,
    use: Literal["value", "condition"] = "value",
    column: str | None = None,
) -> Translation:
    """Translate an expression over one table's row.

    Args:
        sql: SQLite's text.
        table: The source table whose columns it reads.
        names: The names of the target.
        use: 'condition' for a CHECK and a partial index's WHERE, which ask whether it is true.
        column: For a generated column, its source name: the result is what the target's column stores.
    """
    try:
        relation = _relation(table, names)
        value = Compiler(Scope((Source(table, relation, ""),))).value(expression(sql))
        notes = "; ".join(sorted(value.remarks))
        if use == "condition":
            return Translation(truth(value).sql, notes)
        if column is None:
            return Translation(shown(value), notes)
        target = find(relation.columns, column)
        if target is None:
            return Translation(None, f"{column} is not moved")
        return Translation(assign(value, target.type, target.affinity), notes)
    except (NotExact, RecursionError) as reason:
        return _left(reason)


def translate_index_part(part: IndexPart, table: str, names: Names) -> Translation:
    """Translate one part of an index: a quoted column, or an expression in parentheses.

    A column under BINARY keeps the database's collation; one under NOCASE or RTRIM becomes the expression whose
    equality and order are that collation's.
    """
    try:
        relation = _relation(table, names)
        if part.expression is not None:
            value = Compiler(Scope((Source(table, relation, ""),))).value(expression(part.expression))
            collation = part.collation if part.collation != "BINARY" else value.collation
        else:
            found = Source(table, relation, "").column(part.column or "")
            if found is None:
                return Translation(None, f"{part.column} is not moved")
            value, collation = found, part.collation
        if collation.upper() != "BINARY" and value.kind is Kind.TEXT:
            return Translation(f"({collated(value, collation.upper())})")
        if part.column is not None and part.expression is None:
            named = find(relation.columns, part.column)
            return Translation(quote(named.name) if named else value.sql)
        return Translation(f"({shown(value)})")
    except (NotExact, RecursionError) as reason:
        return _left(reason)


def translate_default(sql: str, type: SqlType, *, affinity: Affinity | None = None) -> Translation:  # noqa: A002
    """Translate a column's default into an expression of its target type.

    Args:
        sql: SQLite's text, as PRAGMA table_info gives it.
        type: The column's target type.
        affinity: The source column's affinity; the type's usual one when left out.
    """
    try:
        value = _default_value(sql)
        if type.base in (Base.UUID, Base.TEXT, Base.VARCHAR) and value.volatile:
            value = _uuid_default(sql, value)
        return Translation(assign(value, type, affinity or own_affinity(type)))
    except (NotExact, RecursionError) as reason:
        return _left(reason)


def translate_view(view: View, names: Names) -> Translation:
    """Translate a view into a whole CREATE VIEW statement; the relations that it reads must be in ``names``."""
    try:
        query = Queries(names.relations).view(view)
        notes = "; ".join(sorted(query.remarks))
        return Translation(view_sql(view, query, names.schema, names.target(view.name), fold=names.fold), notes)
    except (NotExact, RecursionError) as reason:
        return _left(reason)


def translate_views(views: Sequence[View], names: Names) -> tuple[Mapping[str, Translation], Names]:
    """Translate views that may read each other.

    Returns:
        The translations by view name, in an order in which they can be made, and names that include the views.
    """
    done: dict[str, Translation] = {}
    waiting = list(views)
    while waiting:
        left = []
        for view in waiting:
            found = translate_view(view, names)
            if found.sql is None:
                left.append(view)
                continue
            done[view.name] = found
            relation = view_relation(Queries(names.relations).view(view), view, names)
            names = replace(names, relations={**names.relations, view.name: relation})
        if len(left) == len(waiting):
            done.update({view.name: translate_view(view, names) for view in left})
            break
        waiting = left
    return done, names


def translate_trigger(trigger: Trigger, names: Names) -> Translation:
    """Translate a trigger into CREATE FUNCTION and CREATE TRIGGER, two statements in one text."""
    try:
        return Translation(*trigger_sql(trigger, names.relations, names.schema, names.target(trigger.name)))
    except (NotExact, RecursionError) as reason:
        return _left(reason)


def _left(reason: Exception) -> Translation:
    return Translation(None, "it is nested too deeply" if isinstance(reason, RecursionError) else str(reason))


def _relation(table: str, names: Names) -> Relation:
    relation = find(names.relations, table)
    if relation is None:
        raise NotExact(f"{table} is not moved")
    return relation


def _default_value(sql: str) -> Value:
    # A bare word is a string in a DEFAULT, with or without double quotes.
    word = re.fullmatch(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*", sql)
    known = {"null", "true", "false", "current_timestamp", "current_date", "current_time"}
    if word and word[1].lower() not in known:
        return Compiler(Scope()).value(expression("'" + word[1] + "'"))
    return Compiler(Scope()).value(expression(sql))


def _uuid_default(sql: str, value: Value) -> Value:
    samples = [str(evaluate(f"({sql}\n)")) for _ in range(_SAMPLES)]
    if all(_UUID4.fullmatch(sample) for sample in samples):
        return replace(value, sql="gen_random_uuid()::text", uuid="gen_random_uuid()")
    if value.kind is Kind.TEXT and all(_HEX32.fullmatch(sample) for sample in samples):
        return replace(value, uuid=f"{value.sql}::uuid")
    return value
