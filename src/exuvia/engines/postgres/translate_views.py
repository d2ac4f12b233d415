"""SELECT statements and views (https://sqlite.org/lang_select.html)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlglot import exp

from exuvia.catalog.model import Affinity, View
from exuvia.catalog.names import fold as fold_name
from exuvia.catalog.names import qualify, quote
from exuvia.catalog.types import Base
from exuvia.engines.postgres.translate_compare import collated, compare
from exuvia.engines.postgres.translate_expressions import Compiler
from exuvia.engines.postgres.translate_parse import Node, statement
from exuvia.engines.postgres.translate_scope import Scope, Source, find
from exuvia.engines.postgres.translate_unify import unify
from exuvia.engines.postgres.translate_values import (
    NUMERIC_KINDS,
    Kind,
    NamedColumn,
    NotExact,
    Relation,
    Value,
    as_integer,
    boolean,
    column_value,
    constant_value,
    describe,
    forget,
    shown,
)
from exuvia.values.cells import StorageClass

_SELECT_PARTS = frozenset(
    {"with_", "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct"}
)
_SET_PARTS = frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"})
_SIDES = {"": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "FULL": "FULL JOIN"}
_CLASSES = {
    Kind.BOOLEAN: frozenset({StorageClass.INTEGER}),
    Kind.INTEGER: frozenset({StorageClass.INTEGER}),
    Kind.REAL: frozenset({StorageClass.REAL}),
    Kind.NUMBER: frozenset({StorageClass.INTEGER, StorageClass.REAL}),
    Kind.BLOB: frozenset({StorageClass.BLOB}),
    Kind.OPAQUE: frozenset(StorageClass),
}
INSTANT_ORDER = "times are ordered as instants; SQLite orders them as text"


@dataclass(frozen=True, slots=True)
class Query:
    """A translated SELECT: its text, its columns by output name, and what a reader should know about it."""

    sql: str
    columns: tuple[tuple[str, Value], ...]
    remarks: frozenset[str] = field(default=frozenset())
    one_row: bool = False


class NewNames(Protocol):
    """Where a view is made, and how it is called."""

    schema: str
    fold: bool

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
        label: _named(fold_name(label) if names.fold else label, value)
        for label, (_, value) in zip(labels, query.columns, strict=True)
    }
    return Relation(names.schema, names.target(view.name), columns, is_view=True)


def _names(view: View, query: Query) -> list[str]:
    labels = list(view.columns) if len(view.columns) == len(query.columns) else [label for label, _ in query.columns]
    if len({fold_name(label) for label in labels}) < len(labels):
        raise NotExact("two of its columns have one name")
    return labels


def _named(name: str, value: Value) -> NamedColumn:
    classes = _CLASSES.get(value.kind, frozenset({StorageClass.TEXT}))
    return NamedColumn(name, value.pg, value.affinity, value.collation, classes, value.spelling)


class Queries:
    """Translates the queries of one statement.

    Args:
        relations: Tables and views by source name.
        note: Told of each relation that is read.
    """

    def __init__(self, relations: Mapping[str, Relation], note: Callable[[str], None] | None = None) -> None:
        self._relations = relations
        self._note = note
        self._remarks: set[str] = set()

    def view(self, view: View) -> Query:
        """Translate a view's text; NotExact when that cannot be exact."""
        tree = statement(view.sql)
        if not isinstance(tree, exp.Create) or tree.args.get("kind") != "VIEW":
            raise NotExact("it cannot be read as a view")
        if tree.args.get("properties"):
            raise NotExact("it is temporary")
        query = self.query(tree.expression, None)
        labels = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
        if labels and len(labels) == len(query.columns):
            renamed = ((label.this, value) for label, (_, value) in zip(labels, query.columns, strict=True))
            query = replace(query, columns=tuple(renamed))
        return replace(query, remarks=frozenset(self._remarks))

    def scalar(self, tree: Node, scope: Scope) -> Value:
        """Return a query's first column of its first row."""
        query = self.query(tree, scope)
        if len(query.columns) != 1:
            raise NotExact("a query that stands for a value has more than one column")
        value = query.columns[0][1]
        limit = "" if query.one_row or tree.args.get("limit") else " LIMIT 1"
        return replace(forget(value), sql=f"({query.sql}{limit})", collation="BINARY", aggregate=False)

    def exists(self, tree: Node, scope: Scope) -> Value:
        """Return whether a query has a row."""
        query = self.query(tree, scope)
        return boolean(f"EXISTS ({query.sql})")

    def member(self, value: Value, tree: Node, scope: Scope) -> Value:
        """Return whether a query's only column holds ``value``."""
        query = self.query(tree, scope)
        if len(query.columns) != 1:
            raise NotExact("IN compares rows of several columns")
        other = replace(forget(query.columns[0][1]), sql="exuvia_in", collation="BINARY")
        test = compare("=", value, other)
        prefix, suffix = "(", " = exuvia_in)"
        if not test.sql.startswith(prefix) or not test.sql.endswith(suffix):
            raise NotExact("IN compares different types")
        left = test.sql[len(prefix) : -len(suffix)]
        return boolean(f"({left} IN ({query.sql}))", value)

    def query(self, tree: Node, outer: Scope | None) -> Query:
        """Translate a SELECT or a combination of several; ``outer`` is the scope around it."""
        while isinstance(tree, exp.Subquery) and not any(v for k, v in tree.args.items() if k != "this"):
            tree = tree.this
        with_ = tree.args.get("with_")
        if with_ is not None:
            return self._with(tree, with_, outer)
        if isinstance(tree, exp.Select):
            return _Select(self, tree, outer).query()
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
        self._remarks.add(text)

    def _with(self, tree: Node, with_: Node, outer: Scope | None) -> Query:
        if with_.args.get("recursive"):
            raise NotExact("it is recursive")
        inner = Queries(self._relations, self._note)
        inner._remarks = self._remarks
        parts = []
        for number, part in enumerate(with_.expressions):
            query = inner.query(part.this, None)
            labels = [column.this for column in part.args["alias"].args.get("columns") or []]
            names = labels or [label for label, _ in query.columns]
            if len(names) != len(query.columns) or len({fold_name(n) for n in names}) < len(names):
                raise NotExact("a WITH has two columns of one name")
            relation = Relation("", f"exuvia_{number}_{part.alias}", _columns(names, query))
            inner._relations = {**inner._relations, part.alias: relation}
            listed = ", ".join(quote(column.name) for column in relation.columns.values())
            parts.append(f"{quote(relation.name)} ({listed}) AS ({query.sql})")
        rest = tree.copy()
        rest.set("with_", None)
        query = inner.query(rest, outer)
        return replace(query, sql=f"WITH {', '.join(parts)} {query.sql}")

    def _combined(self, tree: Node, outer: Scope | None) -> Query:
        _only(tree, _SET_PARTS)
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
            _distinguishable(replace(first, kind=like.kind))
            _distinguishable(replace(second, kind=like.kind))
        affinity = first.affinity if first.affinity is second.affinity else Affinity.BLOB
        if first.affinity is not second.affinity and Affinity.TEXT in (first.affinity, second.affinity):
            raise NotExact("its parts have different affinities")
        return replace(like, affinity=affinity, collation=first.collation)

    def _arranged(self, query: Query, tree: Node) -> Query:
        """Add ORDER BY and LIMIT to a combination, which orders by its own columns only."""
        order, limit = tree.args.get("order"), _limit(tree)
        if order is None:
            return replace(query, sql=f"{query.sql}{limit}")
        labels = [f"c{number}" for number in range(len(query.columns))]
        values = {
            label: column_value(f"q.{labels[number]}", _named(labels[number], value))
            for number, (label, value) in enumerate(query.columns)
        }
        items = []
        for item in order.expressions:
            position = _position(item.this)
            if position is None and isinstance(item.this, exp.Column) and not item.this.table:
                value = find(values, item.this.name)
            else:
                value = list(values.values())[position - 1] if position else None
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


def _columns(names: Sequence[str], query: Query) -> dict[str, NamedColumn]:
    return {name: _named(name, value) for name, (_, value) in zip(names, query.columns, strict=True)}


def _selected(query: Query, casts: Sequence[Value], number: int) -> str:
    labels = ", ".join(f"c{index}" for index in range(len(casts)))
    shown = []
    for index, ((_, value), cast) in enumerate(zip(query.columns, casts, strict=True)):
        from_boolean = value.kind is Kind.BOOLEAN and cast.kind is not Kind.BOOLEAN
        sql = f"c{index}::integer" if from_boolean else f"c{index}"
        shown.append(sql if cast.kind is Kind.NULL else f"{sql}::{cast.pg}")
    return f"(SELECT {', '.join(shown)} FROM ({query.sql}) AS s{number} ({labels}))"


def _only(tree: Node, parts: frozenset[str]) -> None:
    extra = sorted(key for key, value in tree.args.items() if value and key not in parts)
    if extra:
        raise NotExact(f"it has {extra[0].strip('_').upper()}, which has no translation")


def _position(tree: Node) -> int | None:
    while isinstance(tree, exp.Paren):
        return None
    return int(tree.this) if isinstance(tree, exp.Literal) and not tree.is_string and tree.this.isdigit() else None


def _limit(tree: Node) -> str:
    parts = []
    for key, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
        node = tree.args.get(key)
        if node is None:
            continue
        value = Compiler(Scope()).value(node.expression)
        if not isinstance(value.constant, int):
            raise NotExact(f"{word} is not a fixed number")
        if word == "LIMIT" and value.constant >= 0:
            parts.append(f" LIMIT {value.constant}")
        elif word == "OFFSET" and value.constant > 0:
            parts.append(f" OFFSET {value.constant}")
    return "".join(parts)


def _distinguishable(value: Value) -> None:
    if value.kind is Kind.TEXT and value.collation != "BINARY":
        raise NotExact(f"it groups texts under the collation {value.collation}, and shows any one of a group")
    if value.kind in (Kind.JSON, Kind.UUID, Kind.OPAQUE):
        raise NotExact(f"it groups by {describe(value)}")
    if value.kind in (Kind.DATE, Kind.TIMESTAMP) and value.spelling is None:
        raise NotExact(f"it groups by {describe(value)}")


class _Select:
    """Translates one SELECT."""

    def __init__(self, queries: Queries, tree: Node, outer: Scope | None) -> None:
        _only(tree, _SELECT_PARTS)
        self._queries = queries
        self._tree = tree
        self._outer = outer
        self._sources: list[Source] = []

    def query(self) -> Query:
        from_ = self._from()
        scope = Scope(tuple(self._sources), self._outer)
        outputs = self._outputs(Compiler(scope, self._queries, grouped=True))
        scope = replace(scope, aliases=dict(outputs))
        where = self._where(scope)
        compiler = Compiler(scope, self._queries, grouped=True)
        groups = self._groups(compiler, outputs)
        having = self._having(compiler)
        orders = self._orders(compiler, outputs)
        aggregated = groups is not None or any(v.aggregate for v in [v for _, v in outputs] + having + orders)
        if aggregated:
            _check_groups(groups or [], [value for _, value in outputs] + having + orders)
        distinct = bool(self._tree.args.get("distinct"))
        if distinct:
            for _, value in outputs:
                _distinguishable(value)
        listed = ", ".join(_listed(value) for _, value in outputs)
        grouping = ""
        if groups is not None:
            for group in groups:
                _distinguishable(group)
            grouping = f" GROUP BY {', '.join(group.sql for group in groups)}" if groups else ""
        condition = f" HAVING {having[0].sql}" if having else ""
        body = f"{from_}{where}{grouping}{condition}"
        sql = f"SELECT {'DISTINCT ' if distinct else ''}{listed}{body}"
        sql = self._order(sql, orders, outputs, distinct=distinct)
        for value in (value for _, value in outputs):
            for remark in value.remarks:
                self._queries.remark(remark)
        columns = tuple((label, _output(value)) for label, value in outputs)
        return Query(sql + _limit(self._tree), columns, one_row=aggregated and groups is None)

    def _from(self) -> str:
        from_ = self._tree.args.get("from_")
        if from_ is None:
            return ""
        sql = " FROM " + self._source(from_.this)
        for join in self._tree.args.get("joins") or []:
            sql += self._join(join)
        return sql

    def _source(self, node: Node) -> str:
        number = len(self._sources)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            _only(node, frozenset({"this", "db", "alias", "indexed"}))
            if node.args.get("alias") and node.args["alias"].args.get("columns"):
                raise NotExact("a table's alias has a column list")
            relation = self._queries.relation(node.name)
            alias = node.alias or node.name
            place = qualify(relation.schema, relation.name) if relation.schema else quote(relation.name)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            _only(node, frozenset({"this", "alias"}))
            query = self._queries.query(node.this, None)
            names = [label for label, _ in query.columns]
            if len({fold_name(name) for name in names}) < len(names):
                raise NotExact("a query inside FROM has two columns of one name")
            relation = Relation("", "", _columns(names, query))
            alias = node.alias or f"exuvia_{number}"
            place = f"({query.sql})"
        else:
            raise NotExact("FROM reads what is no table, view or query")
        if any(fold_name(source.alias) == fold_name(alias) for source in self._sources):
            raise NotExact(f"FROM has two tables called {alias}")
        shown = quote(alias)
        if not relation.name:
            shown += " (" + ", ".join(quote(column.name) for column in relation.columns.values()) + ")"
        self._sources.append(Source(alias, relation, f"{quote(alias)}."))
        return f"{place} AS {shown}"

    def _join(self, node: Node) -> str:
        _only(node, frozenset({"this", "side", "kind", "on", "using"}))
        kind, side = node.args.get("kind") or "", node.args.get("side") or ""
        if kind not in ("", "INNER", "OUTER", "CROSS") or side not in _SIDES:
            raise NotExact(f"a {side} {kind} JOIN has no translation")
        left = tuple(self._sources)
        place = self._source(node.this)
        using = [column.name for column in node.args.get("using") or []]
        if using:
            condition = self._using(using, left, side)
        elif node.args.get("on") is not None:
            scope = Scope(tuple(self._sources), self._outer)
            condition = Compiler(scope, self._queries).truth(node.args["on"]).sql
        elif side:
            condition = "TRUE"
        else:
            return f" CROSS JOIN {place}"
        return f" {_SIDES[side]} {place} ON {condition}"

    def _using(self, names: Sequence[str], left: tuple[Source, ...], side: str) -> str:
        if side not in ("", "LEFT"):
            raise NotExact("a RIGHT or FULL JOIN has USING")
        right = self._sources[-1]
        tests = []
        for name in names:
            scope = Scope(left)
            mine = right.column(name)
            if mine is None:
                raise NotExact(f"USING names {name}, which is not moved")
            tests.append(compare("=", scope.column(name, None, quoted=False), mine).sql)
        self._sources[-1] = replace(right, merged=frozenset(fold_name(name) for name in names))
        return " AND ".join(tests)

    def _outputs(self, compiler: Compiler) -> list[tuple[str, Value]]:
        outputs: list[tuple[str, Value]] = []
        for number, node in enumerate(self._tree.expressions):
            if isinstance(node, exp.Star):
                _only(node, frozenset())
                outputs += [pair for source in self._sources for pair in _star(source)]
            elif isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
                named = [s for s in self._sources if fold_name(s.alias) == fold_name(node.text("table"))]
                if not named:
                    raise NotExact(f"{node.text('table')}.* names no table")
                outputs += _star(replace(named[0], merged=frozenset()))
            else:
                outputs.append(_labelled(node, compiler, number))
        return outputs

    def _where(self, scope: Scope) -> str:
        where = self._tree.args.get("where")
        return f" WHERE {Compiler(scope, self._queries).truth(where.this).sql}" if where is not None else ""

    def _groups(self, compiler: Compiler, outputs: Sequence[tuple[str, Value]]) -> list[Value] | None:
        group = self._tree.args.get("group")
        if group is None:
            return None
        _only(group, frozenset({"expressions"}))
        found = []
        for node in group.expressions:
            position = _position(node)
            value = outputs[position - 1][1] if position and position <= len(outputs) else compiler.value(node)
            if value.aggregate or value.volatile:
                raise NotExact("GROUP BY holds an aggregate or a random value")
            if not value.is_constant:
                found.append(value)
        if not found:
            raise NotExact("GROUP BY is over constants")
        return found

    def _having(self, compiler: Compiler) -> list[Value]:
        having = self._tree.args.get("having")
        return [compiler.truth(having.this)] if having is not None else []

    def _orders(self, compiler: Compiler, outputs: Sequence[tuple[str, Value]]) -> list[Value]:
        order = self._tree.args.get("order")
        if order is None:
            return []
        found = []
        by_label = dict(reversed(list(outputs)))
        for item in order.expressions:
            position = _position(item.this)
            alias = item.this.name if isinstance(item.this, exp.Column) and not item.this.table else ""
            if position is not None and position <= len(outputs):
                found.append(outputs[position - 1][1])
            elif alias and find(by_label, alias) is not None:
                found.append(by_label.get(alias) or find(by_label, alias) or compiler.value(item.this))
            else:
                found.append(compiler.value(item.this))
        return found

    def _order(self, sql: str, orders: Sequence[Value], outputs: Sequence[tuple[str, Value]], *, distinct: bool) -> str:
        if not orders:
            return sql
        items = self._tree.args["order"].expressions
        if not distinct:
            pairs = [(value, item) for value, item in zip(orders, items, strict=True) if not value.is_constant]
            listed = ", ".join(self._queries.ordered(value, item) for value, item in pairs)
            return f"{sql} ORDER BY {listed}" if listed else sql
        labels = [f"c{number}" for number in range(len(outputs))]
        shown = []
        for value, item in zip(orders, items, strict=True):
            place = next((n for n, (_, output) in enumerate(outputs) if output.sql == value.sql), None)
            if place is None:
                raise NotExact("SELECT DISTINCT is ordered by what it does not show")
            shown.append(self._queries.ordered(replace(value, sql=labels[place]), item))
        listed = ", ".join(labels)
        return f"SELECT {listed} FROM ({sql}) AS q ({listed}) ORDER BY {', '.join(shown)}"


def _star(source: Source) -> list[tuple[str, Value]]:
    pairs = []
    for name in source.relation.columns:
        value = source.column(name)
        if value is not None and fold_name(name) not in source.merged:
            pairs.append((name, value))
    return pairs


def _labelled(node: Node, compiler: Compiler, number: int) -> tuple[str, Value]:
    if isinstance(node, exp.Alias):
        return node.alias, compiler.value(node.this)
    value = compiler.value(node)
    label = node.name if isinstance(node, exp.Column) else f"column{number + 1}"
    return label, value


def _listed(value: Value) -> str:
    """The SELECT list's text: a computed truth value is SQLite's 0 or 1, a boolean column stays boolean."""
    if value.kind is Kind.BOOLEAN and value.pg.base is Base.BOOLEAN and value.sql not in value.columns:
        return as_integer(value).sql
    if value.kind is Kind.NULL:
        return f"NULL::{value.pg}"
    if value.kind is Kind.TEXT and value.is_constant:
        return f"{value.sql}::text"
    return shown(value)


def _output(value: Value) -> Value:
    """The value as the query around it finds it."""
    computed = value.kind is Kind.BOOLEAN and value.sql not in value.columns
    kept = as_integer(value) if computed else value
    if value.kind is Kind.NULL:
        kept = constant_value(None)
    return replace(
        kept, instant=None, number=None, uuid=None, json=None, type_of=None, is_constant=False, constant=None
    )


def _check_groups(groups: Sequence[Value], values: Sequence[Value]) -> None:
    known = {group.sql for group in groups}
    plain = {column for group in groups for column in group.columns if group.sql == column}
    for value in values:
        bare = value.columns - plain
        if bare and value.sql not in known:
            raise NotExact(f"it shows {sorted(bare)[0]}, which is neither grouped nor aggregated")
