"""SELECT statements and views (https://sqlite.org/lang_select.html)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Protocol

from sqlglot import exp

from exuvia.catalog.model import View
from exuvia.catalog.names import fit, qualify, quote
from exuvia.catalog.names import fold as fold_name
from exuvia.engines.postgres.translate.compare import collated, compare
from exuvia.engines.postgres.translate.parse import Node, statement
from exuvia.engines.postgres.translate.query import Query, limit_clause, named, only, output_position, relation_columns
from exuvia.engines.postgres.translate.scope import Scope, find
from exuvia.engines.postgres.translate.select import Select
from exuvia.engines.postgres.translate.unify import unify
from exuvia.engines.postgres.translate.values import (
    BIGINT,
    NUMERIC_KINDS,
    TEXT,
    Kind,
    NotExact,
    Relation,
    Value,
    boolean,
    column_value,
    describe,
    distinguishable,
    forget,
)

_SET_PARTS = frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"})
INSTANT_ORDER = "times are ordered as instants; SQLite orders them as text"


class NewNames(Protocol):
    """Where a view is made, and how it is called."""

    @property
    def schema(self) -> str:
        """The schema that views are made in."""

    @property
    def fold(self) -> bool:
        """Whether column names are made lower case."""

    def target(self, name: str) -> str:
        """Return the target name of a view."""


def view_sql(view: View, query: Query, schema: str, name: str, *, fold: bool) -> str:
    """Return CREATE VIEW for a translated query; its column list is the source's."""
    names = ", ".join(quote(fold_name(column) if fold else column) for column in _names(view, query))
    return f"CREATE VIEW {qualify(schema, name)} ({names}) AS\n{query.sql}"


def view_relation(query: Query, view: View, names: NewNames) -> Relation:
    """Return a translated view as other views and triggers find it."""
    labels = _names(view, query)
    columns = {
        label: named(fold_name(label) if names.fold else label, value)
        for label, (_, value) in zip(labels, query.columns, strict=True)
    }
    return Relation(names.schema, names.target(view.name), columns, is_view=True)


def _names(view: View, query: Query) -> list[str]:
    if view.columns and len(view.columns) != len(query.columns):
        raise NotExact("it shows columns that are not moved")
    labels = [fit(label) for label in view.columns or (label for label, _ in query.columns)]
    if len({fold_name(label) for label in labels}) < len(labels):
        raise NotExact("two of its columns have one name")
    return labels


class Queries:
    """Translates the queries of one statement.

    Args:
        relations: Tables and views by source name.
        note: Told of each relation that is read.
    """

    def __init__(self, relations: Mapping[str, Relation], note: Callable[[str], None] | None = None) -> None:
        self._relations = relations
        self._note = note
        self.remarks: set[str] = set()
        self._numbers = count()

    def view(self, view: View) -> Query:
        """Translate a view's text; NotExact when that cannot be exact."""
        tree = statement(view.sql)
        if not isinstance(tree, exp.Create) or tree.args.get("kind") != "VIEW":
            raise NotExact("it cannot be read as a view")
        if tree.args.get("properties"):
            raise NotExact("it is temporary")
        if not isinstance(tree.expression, exp.Query):
            raise NotExact("it cannot be read as a view")
        query = self.query(tree.expression, None)
        labels = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
        if labels and len(labels) == len(query.columns):
            renamed = ((label.name, value) for label, (_, value) in zip(labels, query.columns, strict=True))
            query = replace(query, columns=tuple(renamed))
        return replace(query, remarks=frozenset(self.remarks))

    def scalar(self, tree: Node, scope: Scope) -> Value:
        """Return a query's first column of its first row."""
        query, used = self._within(tree, scope)
        if len(query.columns) != 1:
            raise NotExact("a query that stands for a value has more than one column")
        value = forget(query.columns[0][1])
        limit = "" if query.one_row or tree.args.get("limit") else " LIMIT 1"
        plain = replace(value, collation="BINARY", aggregate=False, columns=used)
        return replace(plain, sql=f"({query.sql}{limit})")

    def exists(self, tree: Node, scope: Scope) -> Value:
        """Return whether a query has a row."""
        query, used = self._within(tree, scope)
        return replace(boolean(f"EXISTS ({query.sql})"), columns=used)

    def member(self, value: Value, tree: Node, scope: Scope) -> Value:
        """Return whether a query's only column holds ``value``."""
        query, used = self._within(tree, scope)
        if len(query.columns) != 1:
            raise NotExact("IN compares rows of several columns")
        other = replace(forget(query.columns[0][1]), sql="exuvia_in", collation="BINARY", columns=used, aggregate=False)
        test = compare("=", value, other)
        prefix, suffix = "(", " = exuvia_in)"
        if not test.sql.startswith(prefix) or not test.sql.endswith(suffix):
            raise NotExact("IN compares different types")
        left = test.sql[len(prefix) : -len(suffix)]
        return replace(test, sql=f"({left} IN ({query.sql}))")

    def _within(self, tree: Node, scope: Scope) -> tuple[Query, frozenset[str]]:
        """Translate a query inside an expression; also return the columns that it reads from around it."""
        used: set[str] = set()
        query = self.query(tree, replace(scope, used=used))
        return query, frozenset(used)

    def query(self, tree: Node, outer: Scope | None) -> Query:
        """Translate a SELECT or a combination of several; ``outer`` is the scope around it."""
        if tree is None:
            raise NotExact("a query is missing")
        while isinstance(tree, exp.Subquery) and not any(v for k, v in tree.args.items() if k != "this"):
            tree = tree.this
        with_ = tree.args.get("with_")
        if with_ is not None:
            return self._with(tree, with_, outer)
        if isinstance(tree, exp.Select):
            return Select(self, tree, outer).query()
        if isinstance(tree, exp.Union | exp.Intersect | exp.Except):
            return self._combined(tree, outer)
        raise NotExact(f"{type(tree).__name__} stands where a query is needed")

    def relation(self, name: str) -> Relation:
        """Return a table or view; NotExact when it is not moved."""
        found = find(self._relations, name)
        if found is None:
            raise NotExact(f"it reads {name}, which is not moved as a table")
        if self._note:
            self._note(name)
        return found

    def remark(self, text: str) -> None:
        """Keep something that a reader should know."""
        self.remarks.add(text)

    def _with(self, tree: Node, with_: Node, outer: Scope | None) -> Query:
        inner = self._inside(self._relations)
        parts = []
        for part in with_.expressions:
            name = f"exuvia_with_{next(self._numbers)}"
            recursive = any(fold_name(table.name) == fold_name(part.alias) for table in part.this.find_all(exp.Table))
            query, relation = inner._recursive(part, name) if recursive else inner._common(part, name)
            inner._relations = {**inner._relations, part.alias: relation}
            listed = ", ".join(quote(column.name) for column in relation.columns.values())
            parts.append(f"{name} ({listed}) AS ({query.sql})")
        rest = tree.copy()
        rest.set("with_", None)
        query = inner.query(rest, outer)
        word = "WITH RECURSIVE" if with_.args.get("recursive") else "WITH"
        return replace(query, sql=f"{word} {', '.join(parts)} {query.sql}")

    def _inside(self, relations: Mapping[str, Relation]) -> Queries:
        inner = Queries(relations, self._note)
        inner.remarks, inner._numbers = self.remarks, self._numbers
        return inner

    def _common(self, part: Node, name: str) -> tuple[Query, Relation]:
        query = self.query(part.this, None)
        return query, Relation("", name, relation_columns(_labels(part, query), query))

    def _recursive(self, part: Node, name: str) -> tuple[Query, Relation]:
        """Translate a part that reads itself: PostgreSQL wants the types of its first half in the second."""
        tree = part.this
        if not isinstance(tree, exp.Union):
            raise NotExact("it is recursive, and not a UNION of a start and a step")
        only(tree, frozenset({"this", "expression", "distinct"}))
        distinct = bool(tree.args.get("distinct"))
        start = self.query(tree.this, None)
        kept = []
        for _, value in start.columns:
            _, like = unify([replace(value, is_constant=False)])
            pg = BIGINT if like.kind is Kind.INTEGER else TEXT if like.kind is Kind.TEXT else like.pg
            kept.append(replace(like, affinity=value.affinity, collation=value.collation, pg=pg))
        columns = tuple((label, value) for (label, _), value in zip(start.columns, kept, strict=True))
        relation = Relation("", name, relation_columns(_labels(part, start), replace(start, columns=columns)))
        inner = self._inside({**self._relations, part.alias: relation})
        step = inner.query(tree.expression, None)
        if len(step.columns) != len(columns):
            raise NotExact("its parts have different numbers of columns")
        for (_, first), (_, second) in zip(columns, step.columns, strict=True):
            if self._paired(first, second, distinct=distinct).kind is not first.kind:
                raise NotExact("it is recursive, and its parts are of different classes")
        word = "UNION" if distinct else "UNION ALL"
        sql = f"{_selected(start, kept, 0)} {word} {_selected(step, kept, 1)}"
        return Query(sql, columns), relation

    def _combined(self, tree: Node, outer: Scope | None) -> Query:
        only(tree, _SET_PARTS)
        left, right = self.query(tree.this, outer), self.query(tree.expression, outer)
        if len(left.columns) != len(right.columns):
            raise NotExact("its parts have different numbers of columns")
        word = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}[type(tree)]
        if not tree.args.get("distinct"):
            word += " ALL"
        columns, casts = [], []
        for (label, first), (_, second) in zip(left.columns, right.columns, strict=True):
            value = self._paired(first, second, distinct=bool(tree.args.get("distinct")))
            columns.append((label, value))
            casts.append(value)
        sides = [_selected(side, casts, number) for number, side in enumerate((left, right))]
        query = Query(f"{sides[0]} {word} {sides[1]}", tuple(columns))
        return self._arranged(query, tree)

    def _paired(self, first: Value, second: Value, *, distinct: bool) -> Value:
        _, like = unify([replace(value, is_constant=False) for value in (first, second)])
        if distinct:
            distinguishable(replace(first, kind=like.kind))
            distinguishable(replace(second, kind=like.kind))
        affinity = first.affinity if first.affinity is second.affinity else None
        return replace(like, affinity=affinity, collation=first.collation)

    def _arranged(self, query: Query, tree: Node) -> Query:
        """Add ORDER BY and LIMIT to a combination, which orders by its own columns only."""
        order, limit = tree.args.get("order"), limit_clause(tree)
        if order is None:
            return replace(query, sql=f"{query.sql}{limit}")
        labels = [f"c{number}" for number in range(len(query.columns))]
        values = {
            label: column_value(f"q.{labels[number]}", named(labels[number], value))
            for number, (label, value) in enumerate(query.columns)
        }
        items = []
        for item in order.expressions:
            position = output_position(item.this)
            if position is None and isinstance(item.this, exp.Column) and not item.this.table:
                value = find(values, item.this.name)
            else:
                value = list(values.values())[position - 1] if position and position <= len(values) else None
            if value is None:
                raise NotExact("ORDER BY is over more than the columns of a combination")
            items.append(self.ordered(value, item))
        listed = ", ".join(labels)
        sql = f"SELECT {listed} FROM ({query.sql}) AS q ({listed}) ORDER BY {', '.join(items)}{limit}"
        return replace(query, sql=sql)

    def ordered(self, value: Value, item: Node) -> str:
        """Return one part of ORDER BY."""
        if value.kind is Kind.TEXT:
            shown = collated(value, value.collation)
        elif value.kind in NUMERIC_KINDS or value.kind in (Kind.BLOB, Kind.NULL):
            shown = value.sql
        elif value.kind in (Kind.DATE, Kind.TIMESTAMP):
            shown = value.sql
            if value.spelling is None:
                self.remark(INSTANT_ORDER)
        else:
            raise NotExact(f"it orders by {describe(value)}")
        direction = "DESC" if item.args.get("desc") else "ASC"
        nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
        return f"{shown} {direction} NULLS {nulls}"


def _labels(part: Node, query: Query) -> list[str]:
    written = [column.name for column in part.args["alias"].args.get("columns") or []]
    labels = written or [label for label, _ in query.columns]
    if len(labels) != len(query.columns) or len({fold_name(label) for label in labels}) < len(labels):
        raise NotExact("a WITH has two columns of one name")
    return labels


def _selected(query: Query, casts: Sequence[Value], number: int) -> str:
    labels = ", ".join(f"c{index}" for index in range(len(casts)))
    shown = []
    for index, ((_, value), cast) in enumerate(zip(query.columns, casts, strict=True)):
        from_boolean = value.kind is Kind.BOOLEAN and cast.kind is not Kind.BOOLEAN
        sql = f"c{index}::integer" if from_boolean else f"c{index}"
        shown.append(sql if cast.kind is Kind.NULL else f"{sql}::{cast.pg}")
    return f"(SELECT {', '.join(shown)} FROM ({query.sql}) AS s{number} ({labels}))"
