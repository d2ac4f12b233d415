"""Expressions of SQLite as expressions of PostgreSQL with the same value for every row.

Two differences remain and are loud: an integer that leaves 64 bits becomes floating point in SQLite and an error in
PostgreSQL, and so does a floating-point number that leaves its range, which is infinite in SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from sqlglot import exp

from exuvia.catalog.model import Affinity
from exuvia.engines.postgres.translate.aggregates import AGGREGATES
from exuvia.engines.postgres.translate.arithmetic import arithmetic, bitwise, complement, negative
from exuvia.engines.postgres.translate.cast import affinity_of, cast
from exuvia.engines.postgres.translate.compare import compare
from exuvia.engines.postgres.translate.fold import evaluate, fold
from exuvia.engines.postgres.translate.functions import call
from exuvia.engines.postgres.translate.logic import choose, truth
from exuvia.engines.postgres.translate.parse import Node
from exuvia.engines.postgres.translate.patterns import glob, like
from exuvia.engines.postgres.translate.scope import Scope, is_null
from exuvia.engines.postgres.translate.values import (
    Kind,
    NotExact,
    Value,
    as_text,
    boolean,
    constant_value,
    derive,
    text,
)

_COMPARISONS = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_BITWISE = {exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseLeftShift: "<<", exp.BitwiseRightShift: ">>"}


class Subqueries(Protocol):
    """Translates the queries inside an expression."""

    def scalar(self, tree: Node, scope: Scope) -> Value:
        """Return the first column of the first row."""

    def exists(self, tree: Node, scope: Scope) -> Value:
        """Return whether there is a row."""

    def member(self, value: Value, tree: Node, scope: Scope) -> Value:
        """Return whether the query's only column holds the value."""

    def ordered(self, value: Value, item: Node) -> str:
        """Return one part of ORDER BY."""

    def remark(self, text: str) -> None:
        """Keep something that a reader should know."""


class Compiler:
    """Translates expressions in one scope.

    Args:
        scope: What names mean.
        subqueries: Translates queries; None where SQLite allows none.
        grouped: Aggregates are allowed.
    """

    def __init__(self, scope: Scope, subqueries: Subqueries | None = None, *, grouped: bool = False) -> None:
        self.scope = scope
        self._subqueries = subqueries
        self._grouped = grouped
        self._handlers: dict[type, Callable[[Node], Value]] = {
            exp.Paren: lambda node: self.value(node.this),
            exp.Column: self._column,
            exp.Literal: self._literal,
            exp.HexString: lambda node: constant_value(bytes.fromhex(node.this)),
            exp.Null: lambda _node: constant_value(None),
            exp.Boolean: lambda node: constant_value(int(node.this)),
            exp.CurrentTimestamp: lambda _node: call("datetime", [constant_value("now")]),
            exp.CurrentDate: lambda _node: call("date", [constant_value("now")]),
            exp.CurrentTime: lambda _node: call("time", [constant_value("now")]),
            exp.Collate: self._collate,
            exp.Neg: lambda node: negative(self.value(node.this)),
            exp.Not: self._not,
            exp.And: lambda node: self._logic(node, "AND"),
            exp.Or: lambda node: self._logic(node, "OR"),
            exp.NullSafeEQ: lambda node: self._is(node, negate=False),
            exp.NullSafeNEQ: lambda node: self._is(node, negate=True),
            exp.Between: self._between,
            exp.In: self._in,
            exp.Case: self._case,
            exp.DPipe: self._concatenation,
            exp.BitwiseNot: lambda node: complement(self.value(node.this)),
            exp.Anonymous: self._call,
            exp.Subquery: lambda node: self.queries().scalar(_plain_subquery(node), self.scope),
            exp.Exists: lambda node: self.queries().exists(node.this, self.scope),
            exp.Filter: self._filter,
            exp.Window: self._window,
        }

    def value(self, node: Node) -> Value:
        """Return the translation of an expression.

        Raises:
            NotExact: It has no exact equivalent.
        """
        value = self._value(node)
        if self._subqueries is not None:
            for remark in value.remarks:
                self._subqueries.remark(remark)
        return value

    def _value(self, node: Node) -> Value:
        folded = fold(node) if not isinstance(node, exp.Literal | exp.Paren) else None
        if folded is not None:
            return self._folded(node, folded[0])
        if type(node) in _COMPARISONS:
            return compare(_COMPARISONS[type(node)], self.value(node.this), self.value(node.expression))
        if type(node) in _ARITHMETIC:
            return arithmetic(_ARITHMETIC[type(node)], self.value(node.this), self.value(node.expression))
        if type(node) in _BITWISE:
            return bitwise(_BITWISE[type(node)], self.value(node.this), self.value(node.expression))
        handler = self._handlers.get(type(node))
        if handler is None:
            raise NotExact(f"{type(node).__name__} has no translation")
        return handler(node)

    def truth(self, node: Node) -> Value:
        """Return an expression where SQLite asks whether it is true, as a boolean."""
        return truth(self.value(node))

    def values(self, nodes: Sequence[Node]) -> list[Value]:
        """Return the translations of several expressions."""
        return [self.value(node) for node in nodes]

    def queries(self) -> Subqueries:
        """Return what translates queries; NotExact where SQLite allows none."""
        if self._subqueries is None:
            raise NotExact("it holds a query")
        return self._subqueries

    def _folded(self, node: Node, value: object) -> Value:
        found = constant_value(value)  # type: ignore[arg-type]
        if isinstance(node, exp.Anonymous) and node.this == "CAST":
            return replace(found, affinity=affinity_of(node.expressions[1].this))
        return found

    def _literal(self, node: Node) -> Value:
        return constant_value(node.this if node.is_string else evaluate(node.this))

    def _column(self, node: Node) -> Value:
        identifier = node.this
        if not isinstance(identifier, exp.Identifier):
            raise NotExact("a * stands where a value is needed")
        table = node.text("table") or None
        return self.scope.column(identifier.this, table, quoted=bool(identifier.args.get("quoted")))

    def _collate(self, node: Node) -> Value:
        value = self.value(node.this)
        name = node.expression.name.upper()
        if name not in ("BINARY", "NOCASE", "RTRIM"):
            raise NotExact(f"the collation {name} is the application's own")
        return replace(value, collation=name, explicit=True)

    def _not(self, node: Node) -> Value:
        value = self.truth(node.this)
        return boolean(f"(NOT {value.sql})", value)

    def _logic(self, node: Node, operator: str) -> Value:
        left, right = self.truth(node.this), self.truth(node.expression)
        return boolean(f"({left.sql} {operator} {right.sql})", left, right)

    def _is(self, node: Node, *, negate: bool) -> Value:
        if isinstance(node.expression, exp.Boolean):
            value = self.truth(node.this)
            word = "TRUE" if node.expression.this else "FALSE"
            return boolean(f"({value.sql} IS {'NOT ' if negate else ''}{word})", value)
        left, right = self.value(node.this), self.value(node.expression)
        return compare("IS DISTINCT FROM" if negate else "IS NOT DISTINCT FROM", left, right)

    def _between(self, node: Node) -> Value:
        value = self.value(node.this)
        if value.volatile:
            raise NotExact("it tests a random value twice")
        low = compare(">=", value, self.value(node.args["low"]))
        high = compare("<=", value, self.value(node.args["high"]))
        return boolean(f"({low.sql} AND {high.sql})", low, high)

    def _in(self, node: Node) -> Value:
        value = self.value(node.this)
        if node.args.get("query") is not None:
            return self.queries().member(value, node.args["query"].this, self.scope)
        if node.args.get("field") is not None:
            raise NotExact("IN is followed by the name of a table")
        if value.volatile:
            raise NotExact("it tests a random value several times")
        items = [
            replace(item, affinity=Affinity.BLOB, collation="BINARY", explicit=False, named=False)
            for item in self.values(node.expressions)
        ]
        if not items:
            return boolean("FALSE", value)
        return _member(value, items)

    def _case(self, node: Node) -> Value:
        base = self.value(node.this) if node.this else None
        if base is not None and base.volatile:
            raise NotExact("it tests a random value several times")
        tests, results = [], []
        for branch in node.args["ifs"]:
            tests.append(self.truth(branch.this) if base is None else compare("=", base, self.value(branch.this)))
            results.append(self.value(branch.args["true"]))
        default = node.args.get("default")
        results.append(self.value(default) if default is not None else constant_value(None))
        return choose(tests, results)

    def _concatenation(self, node: Node) -> Value:
        left, right = as_text(_plain(self.value(node.this))), as_text(_plain(self.value(node.expression)))
        if is_null(left) or is_null(right):
            return constant_value(None)
        return text(f"({left.sql} || {right.sql})", left, right)

    def _call(self, node: Node) -> Value:
        if not isinstance(node.this, str):
            raise NotExact(f"{node.this.name} is no function of SQLite")
        name, arguments = node.this, node.expressions
        if name == "+":
            return replace(self.value(arguments[0]), affinity=Affinity.BLOB)
        if name == "CAST":
            return cast(self.value(arguments[0]), arguments[1].this)
        if name in ("LIKE", "GLOB"):
            values = [_plain(value) for value in self.values(arguments)]
            return like(*values) if name == "LIKE" else glob(*values)
        name = name.lower()
        if name in AGGREGATES and not (name in ("min", "max") and len(arguments) > 1):
            return self._aggregate(name, arguments, "")
        return call(name, [_plain(value) for value in self.values(arguments)])

    def _aggregate(self, name: str, arguments: Sequence[Node], suffix: str) -> Value:
        if not self._grouped:
            raise NotExact(f"{name}() stands where no aggregate can")
        inner = Compiler(self.scope, self._subqueries)
        distinct = len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)
        given = arguments[0].expressions if distinct else arguments
        if any(isinstance(argument, exp.Order) or argument.find(exp.Order) for argument in given):
            raise NotExact(f"{name}() has an ORDER BY")
        star = len(given) == 1 and isinstance(given[0], exp.Star)
        values = [] if star else [_plain(value) for value in inner.values(given)]
        found = AGGREGATES[name](values, distinct, suffix)
        kept = derive(found, *values)
        return replace(kept, columns=frozenset(), aggregate=True)

    def _filter(self, node: Node) -> Value:
        inner = Compiler(self.scope, self._subqueries).truth(node.expression.this)
        function = node.this
        return self._aggregate(function.this.lower(), function.expressions, f" FILTER (WHERE {inner.sql})")

    def _window(self, node: Node) -> Value:
        if not self._grouped:
            raise NotExact("OVER stands where no window function can")
        from exuvia.engines.postgres.translate.windows import over

        return over(Compiler(self.scope, self._subqueries), node)


def _plain_subquery(node: Node) -> Node:
    while isinstance(node, exp.Subquery):
        if any(value for key, value in node.args.items() if key != "this"):
            raise NotExact("a query in parentheses has more after it")
        node = node.this
    return node


def _plain(value: Value) -> Value:
    if value.explicit and value.collation != "BINARY":
        raise NotExact(f"COLLATE {value.collation} is inside an expression")
    return value


def _member(value: Value, items: Sequence[Value]) -> Value:
    constants = [item.constant for item in items if item.is_constant]
    if value.kind is Kind.BOOLEAN and set(constants) == {0, 1} and len(constants) == len(items):
        return boolean(f"({value.sql} IN (FALSE, TRUE))", value)
    tests = [compare("=", value, item) for item in items]
    prefix = f"({value.sql} = "
    if len(tests) > 1 and all(test.sql.startswith(prefix) for test in tests):
        listed = ", ".join(test.sql[len(prefix) : -1] for test in tests)
        return boolean(f"({value.sql} IN ({listed}))", *tests)
    return boolean("(" + " OR ".join(test.sql for test in tests) + ")", *tests)
