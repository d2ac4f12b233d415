"""PostgreSQL's expressions in SQLite's SQL, where both give the same for every value.

Only what is the same in both is translated: comparisons of numbers, equality of texts, logic, whole-number
arithmetic, and a few functions. Everything else raises, and the caller says what was left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import sqlglot
from sqlglot import exp

Kind = Literal["whole", "number", "text", "boolean", "date", "null", "other"]

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("int2", "int4", "int8"), "whole"),
    **dict.fromkeys(("float4", "float8"), "number"),
    **dict.fromkeys(("text", "varchar", "name", "uuid"), "text"),
    "bool": "boolean",
    "date": "date",
}
_TEXT_TYPES = frozenset({"TEXT", "VARCHAR"})
_NUMBER_TYPES = frozenset({"INT", "BIGINT", "SMALLINT", "DECIMAL", "DOUBLE", "FLOAT"})
_ORDER: Mapping[type[Any], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_EQUALITY: Mapping[type[Any], str] = {exp.EQ: "=", exp.NEQ: "<>"}
_ARITHMETIC: Mapping[type[Any], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_LOGIC: Mapping[type[Any], str] = {exp.And: "AND", exp.Or: "OR"}
_ORDERED = frozenset({"whole", "number", "date"})
_NUMERIC = frozenset({"whole", "number"})


# An argument that is not known would be dropped, and with it a part of the expression.
_UNDERSTOOD = frozenset({"this", "expression", "expressions", "to", "low", "high", "is_string", "safe", "_type"})
_NEGATED = "negate"


class NotExactError(Exception):
    """An expression that SQLite has no exact counterpart of."""


@dataclass(frozen=True, slots=True)
class Names:
    """The columns that an expression may name: PostgreSQL's name to SQLite's name, type and declared type."""

    columns: Mapping[str, tuple[str, str, str]]

    def kind(self, name: str) -> Kind:
        """Return what sort of values a column has in SQLite."""
        _, type_, declared = self.columns[name]
        if type_ == "numeric":
            return "number" if declared.upper().startswith(("NUMERIC", "DECIMAL")) else "other"
        return _KINDS.get(type_, "other")


@dataclass(frozen=True, slots=True)
class _Sql:
    """SQL and what sort of value it gives."""

    text: str
    kind: Kind


def translate(expression: str, names: Names) -> str:
    """Return SQLite's SQL for an expression over columns.

    Args:
        expression: As PostgreSQL prints it.
        names: The columns.

    Raises:
        NotExactError: It holds something that is not the same in SQLite.
    """
    try:
        tree = sqlglot.parse_one(expression, read="postgres")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise NotExactError("it cannot be read") from error
    return _Translation(names).sql(tree).text


class _Translation:
    """One expression's translation."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def sql(self, node: Any) -> _Sql:
        known = _UNDERSTOOD | ({_NEGATED} if isinstance(node, exp.Is) else set())
        if {key for key, value in node.args.items() if value} - known:
            raise NotExactError(f"{node.sql(dialect='postgres')} has no exact counterpart in SQLite")
        if type(node) in _ORDER or type(node) in _EQUALITY:
            return self._comparison(node)
        if type(node) in _ARITHMETIC:
            return self._arithmetic(node)
        if type(node) in _LOGIC:
            left, right = self._boolean(node.this), self._boolean(node.expression)
            return _Sql(f"({left} {_LOGIC[type(node)]} {right})", "boolean")
        way = _ways().get(type(node))
        if way is None:
            raise NotExactError(f"{node.sql(dialect='postgres')} has no exact counterpart in SQLite")
        return way(self, node)

    def column(self, node: Any) -> _Sql:
        name = node.name if node.this.quoted else node.name.lower()
        if name not in self._names.columns:
            raise NotExactError(f"it names {name}")
        quoted = '"' + self._names.columns[name][0].replace('"', '""') + '"'
        return _Sql(quoted, self._names.kind(name))

    def literal(self, node: Any) -> _Sql:
        if node.is_string:
            return _Sql("'" + node.this.replace("'", "''") + "'", "text")
        return _Sql(node.this, "whole" if node.this.isdigit() and len(node.this) < 19 else "number")

    def cast(self, node: Any) -> _Sql:
        wanted = node.to.this.name if isinstance(node.to.this, exp.DType) else ""
        inner = node.this.this if isinstance(node.this, exp.Paren) else node.this
        value = self.sql(inner)
        constant = isinstance(inner, exp.Literal | exp.Neg)
        if node.to.expressions:
            raise NotExactError(f"{node.sql(dialect='postgres')} may cut the value")
        if wanted in _TEXT_TYPES and value.kind == "text":
            return value
        if wanted in _NUMBER_TYPES and constant and value.kind in _NUMERIC:
            return value
        if wanted in _NUMBER_TYPES and constant and value.kind == "text" and _is_number(inner.this):
            return _Sql(inner.this, "whole" if inner.this.lstrip("-").isdigit() else "number")
        if wanted in ("DOUBLE", "BIGINT", "DECIMAL") and value.kind == "whole":
            return value if wanted != "DOUBLE" else _Sql(value.text, "number")
        if wanted == "DOUBLE" and value.kind == "number":
            return value
        if wanted == "DATE" and constant and value.kind == "text" and _is_date(inner.this):
            return _Sql(value.text, "date")
        raise NotExactError(f"{node.sql(dialect='postgres')} has no exact counterpart in SQLite")

    def paren(self, node: Any) -> _Sql:
        inner = self.sql(node.this)
        return _Sql(f"({inner.text})", inner.kind)

    def negation(self, node: Any) -> _Sql:
        return _Sql(f"NOT ({self._boolean(node.this)})", "boolean")

    def minus(self, node: Any) -> _Sql:
        inner = self._of(node.this, _NUMERIC)
        return _Sql(f"-{inner.text}" if isinstance(node.this, exp.Literal) else f"-({inner.text})", inner.kind)

    def is_(self, node: Any) -> _Sql:
        left = self.sql(node.this)
        word = "IS NOT" if node.args.get(_NEGATED) else "IS"
        if isinstance(node.expression, exp.Null):
            return _Sql(f"({left.text} {word} NULL)", "boolean")
        if isinstance(node.expression, exp.Boolean) and left.kind == "boolean":
            return _Sql(f"({left.text} {word} {self.sql(node.expression).text})", "boolean")
        raise NotExactError(f"{node.sql(dialect='postgres')} has no exact counterpart in SQLite")

    def within(self, node: Any) -> _Sql:
        parts = [self._of(node.args[key], _ORDERED) for key in ("this", "low", "high")]
        _alike(parts)
        return _Sql(f"({parts[0].text} BETWEEN {parts[1].text} AND {parts[2].text})", "boolean")

    def among(self, node: Any) -> _Sql:
        if node.args.get("query") or node.args.get("unnest") or not node.expressions:
            raise NotExactError("it has a query in it")
        return self._list(node.this, node.expressions, "IN")

    def length(self, node: Any) -> _Sql:
        inner = self._of(node.this, {"text"})
        return _Sql(f"length({inner.text})", "whole")

    def coalesce(self, node: Any) -> _Sql:
        parts = [self.sql(part) for part in (node.this, *node.expressions)]
        return _Sql(f"coalesce({', '.join(part.text for part in parts)})", _alike(parts))

    def abs(self, node: Any) -> _Sql:
        inner = self._of(node.this, _NUMERIC)
        return _Sql(f"abs({inner.text})", inner.kind)

    def concat(self, node: Any) -> _Sql:
        left, right = self._of(node.this, {"text"}), self._of(node.expression, {"text"})
        return _Sql(f"({left.text} || {right.text})", "text")

    def _list(self, value: Any, items: list[Any], word: str) -> _Sql:
        parts = [self.sql(part) for part in (value, *items)]
        _alike(parts)
        return _Sql(f"({parts[0].text} {word} ({', '.join(part.text for part in parts[1:])}))", "boolean")

    def _comparison(self, node: Any) -> _Sql:
        right = node.expression
        every = isinstance(right, exp.Anonymous) and right.name.upper() == "ALL"
        if isinstance(right, exp.Any) or every:
            array = _bare(right.expressions[0] if every else right.this)
            word = {(exp.EQ, False): "IN", (exp.NEQ, True): "NOT IN"}.get((type(node), every))
            if word is None or not isinstance(array, exp.Array) or not array.expressions:
                raise NotExactError(f"{node.sql(dialect='postgres')} has no exact counterpart in SQLite")
            return self._list(node.this, array.expressions, word)
        parts = [self.sql(node.this), self.sql(right)]
        kind = _alike(parts)
        if type(node) in _ORDER and kind not in _ORDERED:
            raise NotExactError("texts have another order in SQLite")
        sign = _ORDER.get(type(node)) or _EQUALITY[type(node)]
        return _Sql(f"({parts[0].text} {sign} {parts[1].text})", "boolean")

    def _arithmetic(self, node: Any) -> _Sql:
        parts = [self._of(node.this, {"whole"}), self._of(node.expression, {"whole"})]
        return _Sql(f"({parts[0].text} {_ARITHMETIC[type(node)]} {parts[1].text})", "whole")

    def _boolean(self, node: Any) -> str:
        return self._of(node, {"boolean", "null"}).text

    def _of(self, node: Any, kinds: Any) -> _Sql:
        found = self.sql(node)
        if found.kind not in kinds:
            raise NotExactError(f"{node.sql(dialect='postgres')} is not the same in SQLite")
        return found


def _bare(node: Any) -> Any:
    """Return what stands in parentheses and casts."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _alike(parts: list[_Sql]) -> Kind:
    """Return the kind that all parts have.

    Raises:
        NotExactError: They are of several kinds.
    """
    kinds = {part.kind for part in parts} - {"null"}
    if kinds <= _NUMERIC and kinds:
        return "number" if "number" in kinds else "whole"
    if len(kinds) != 1 or "other" in kinds:
        raise NotExactError("it compares values that SQLite holds in another form")
    return next(iter(kinds))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _is_date(text: str) -> bool:
    return len(text) == 10 and text[4] == text[7] == "-" and text.replace("-", "").isdigit()


@cache
def _ways() -> Mapping[type[Any], Callable[[_Translation, Any], _Sql]]:
    return {
        exp.Column: _Translation.column,
        exp.Literal: _Translation.literal,
        exp.Boolean: lambda _, node: _Sql("1" if node.this else "0", "boolean"),
        exp.Null: lambda _, __: _Sql("NULL", "null"),
        exp.Cast: _Translation.cast,
        exp.Paren: _Translation.paren,
        exp.Not: _Translation.negation,
        exp.Neg: _Translation.minus,
        exp.Is: _Translation.is_,
        exp.Between: _Translation.within,
        exp.In: _Translation.among,
        exp.Length: _Translation.length,
        exp.Coalesce: _Translation.coalesce,
        exp.Abs: _Translation.abs,
        exp.DPipe: _Translation.concat,
    }
