"""One SELECT (https://sqlite.org/lang_select.html): its sources, its conditions, its columns and its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from exuvia.catalog.names import fold as fold_name
from exuvia.catalog.names import qualify, quote
from exuvia.catalog.types import Base
from exuvia.engines.postgres.translate.compare import compare
from exuvia.engines.postgres.translate.expressions import Compiler
from exuvia.engines.postgres.translate.parse import Node
from exuvia.engines.postgres.translate.query import Query, limit_clause, only, output_position, relation_columns
from exuvia.engines.postgres.translate.scope import Scope, Source, find
from exuvia.engines.postgres.translate.values import (
    Kind,
    NotExact,
    Relation,
    Value,
    as_integer,
    distinguishable,
    forget,
    shown,
)

if TYPE_CHECKING:
    from exuvia.engines.postgres.translate.views import Queries

_SELECT_PARTS = frozenset(
    {"with_", "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct"}
)
_SIDES = {"": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "FULL": "FULL JOIN"}


class Select:
    """Translates one SELECT."""

    def __init__(self, queries: Queries, tree: Node, outer: Scope | None) -> None:
        only(tree, _SELECT_PARTS)
        self._queries = queries
        self._tree = tree
        self._outer = outer
        self._sources: list[Source] = []

    def query(self) -> Query:
        """Return the translation."""
        from_ = self._from()
        scope = Scope(tuple(self._sources), self._outer)
        outputs = self._outputs(Compiler(scope, self._queries, grouped=True))
        scope = replace(scope, aliases=dict(reversed(outputs)))
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
                distinguishable(value)
        listed = ", ".join(_listed(value) for _, value in outputs)
        grouping = ""
        if groups is not None:
            for group in groups:
                distinguishable(group)
            grouping = f" GROUP BY {', '.join(group.sql for group in groups)}" if groups else ""
        condition = f" HAVING {having[0].sql}" if having else ""
        body = f"{from_}{where}{grouping}{condition}"
        sql = f"SELECT {'DISTINCT ' if distinct else ''}{listed}{body}"
        sql = self._order(sql, orders, outputs, distinct=distinct)
        columns = tuple((label, _output(value)) for label, value in outputs)
        return Query(sql + limit_clause(self._tree), columns, one_row=aggregated and groups is None)

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
            only(node, frozenset({"this", "db", "alias", "indexed"}))
            if node.args.get("alias") and node.args["alias"].args.get("columns"):
                raise NotExact("a table's alias has a column list")
            relation = self._queries.relation(node.name)
            alias = node.alias or node.name
            place = qualify(relation.schema, relation.name) if relation.schema else quote(relation.name)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            only(node, frozenset({"this", "alias"}))
            query = self._queries.query(node.this, None)
            names = [label for label, _ in query.columns]
            if len({fold_name(name) for name in names}) < len(names):
                raise NotExact("a query inside FROM has two columns of one name")
            relation = Relation("", "", relation_columns(names, query))
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
        only(node, frozenset({"this", "side", "kind", "on", "using"}))
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
                only(node, frozenset())
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
        only(group, frozenset({"expressions"}))
        found = []
        for node in group.expressions:
            position = output_position(node)
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
        by_label = dict(reversed(outputs))
        for item in order.expressions:
            position = output_position(item.this)
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
    # A constant and the current time are the same around the query as inside it.
    return replace(forget(kept), is_constant=kept.is_constant, constant=kept.constant, instant=kept.instant)


def _check_groups(groups: Sequence[Value], values: Sequence[Value]) -> None:
    known = {group.sql for group in groups}
    plain = {column for group in groups for column in group.columns if group.sql == column}
    for value in values:
        bare = value.columns - plain
        if bare and value.sql not in known:
            raise NotExact(f"it shows {sorted(bare)[0]}, which is neither grouped nor aggregated")
