"""Constant expressions, computed by SQLite itself: no rule of ours can be closer to SQLite than SQLite."""

from __future__ import annotations

import re
from collections.abc import Callable

import apsw
from sqlglot import exp

from exuvia.engines.postgres.translate.parse import Node
from exuvia.engines.postgres.translate.values import Constant, NotExact

_LONGEST = 1_000_000  # characters or bytes of a constant's value
_STEPS = 10_000_000  # virtual machine instructions

_BINARY = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.DPipe: "||",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.And: "AND",
    exp.Or: "OR",
    exp.NullSafeEQ: "IS",
    exp.NullSafeNEQ: "IS NOT",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}
_UNARY = {exp.Neg: "-", exp.BitwiseNot: "~", exp.Not: "NOT "}
_OPERATORS = frozenset({"->", "->>", "LIKE", "GLOB"})
_FUNCTIONS = frozenset(
    {
        *("abs", "char", "coalesce", "concat", "concat_ws", "format", "hex", "if", "ifnull", "iif", "instr", "length"),
        *("json", "json_array", "json_array_length", "json_extract", "json_object", "json_quote", "json_type"),
        *("json_valid", "lower", "ltrim", "max", "min", "nullif", "octet_length", "printf", "quote", "replace"),
        *("round", "rtrim", "sign", "substr", "substring", "trim", "typeof", "unhex", "unicode", "upper"),
    }
)
_TIMES = {"date": 1, "datetime": 1, "time": 1, "julianday": 1, "unixepoch": 1, "strftime": 2}
_MOMENTARY = re.compile(r"\s*(now|localtime|utc)\s*", re.IGNORECASE)


_LEAVES: dict[type, Callable[[Node], str]] = {
    exp.Literal: lambda tree: "'" + tree.this.replace("'", "''") + "'" if tree.is_string else str(tree.this),
    exp.Null: lambda _tree: "NULL",
    exp.Boolean: lambda tree: "TRUE" if tree.this else "FALSE",
    exp.HexString: lambda tree: f"x'{tree.this}'",
}


class _NotConstant(Exception):  # noqa: N818  # an answer, not a failure
    pass


def fold(tree: Node) -> tuple[Constant] | None:
    """Return the value of a constant expression in a tuple, None when the expression is not constant.

    Raises:
        NotExact: SQLite cannot compute it.
    """
    try:
        sql = _render(tree)
    except _NotConstant:
        return None
    return (evaluate(sql),)


def evaluate(sql: str) -> Constant:
    """Return what SQLite makes of an expression without columns.

    Raises:
        NotExact: SQLite refuses it, or it takes too long.
    """
    connection = apsw.Connection(":memory:")
    try:
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST)
        connection.set_progress_handler(lambda: True, _STEPS)
        ((value,),) = connection.execute(f"SELECT {sql}").fetchall()
    except (apsw.Error, UnicodeError) as error:
        raise NotExact(f"SQLite cannot compute {sql} ({error})") from None
    finally:
        connection.close()
    return value  # type: ignore[no-any-return, unused-ignore]


def literal(value: Constant) -> str:
    """Return a value as SQLite's literal."""
    return str(apsw.format_sql_value(value))


def _render(tree: Node) -> str:
    kind = type(tree)
    if kind in _LEAVES:
        return _LEAVES[kind](tree)
    if kind is exp.Paren:
        return f"({_render(tree.this)})"
    if kind in _UNARY:
        return f"({_UNARY[kind]} {_render(tree.this)})"
    if kind in _BINARY:
        return f"({_render(tree.this)} {_BINARY[kind]} {_render(tree.expression)})"
    return _render_rest(tree)


def _render_rest(tree: Node) -> str:
    if isinstance(tree, exp.Between):
        return f"({_render(tree.this)} BETWEEN {_render(tree.args['low'])} AND {_render(tree.args['high'])})"
    if isinstance(tree, exp.In) and tree.expressions and not tree.args.get("query"):
        return f"({_render(tree.this)} IN ({', '.join(map(_render, tree.expressions))}))"
    if isinstance(tree, exp.Case):
        return _render_case(tree)
    if isinstance(tree, exp.Anonymous) and isinstance(tree.this, str):
        return _render_call(tree.this.lower(), tree.this, tree.expressions)
    raise _NotConstant


def _render_case(tree: Node) -> str:
    parts = ["CASE"]
    if tree.this:
        parts.append(_render(tree.this))
    parts += [f"WHEN {_render(branch.this)} THEN {_render(branch.args['true'])}" for branch in tree.args["ifs"]]
    if tree.args.get("default"):
        parts.append(f"ELSE {_render(tree.args['default'])}")
    return "(" + " ".join([*parts, "END"]) + ")"


def _render_call(name: str, written: str, arguments: list[Node]) -> str:
    operands = [_render(argument) for argument in arguments]
    if written in _OPERATORS:
        escape = f" ESCAPE {operands[2]}" if len(operands) > 2 else ""
        return f"({operands[0]} {written} {operands[1]}{escape})"
    if written == "+":
        return f"(+ {operands[0]})"
    if written == "CAST":
        return f'CAST({operands[0]} AS "{arguments[1].this}")'
    if name in _TIMES:
        texts = all(isinstance(argument, exp.Literal | exp.Neg) for argument in arguments)
        if len(arguments) < _TIMES[name] or not texts or any(_MOMENTARY.fullmatch(a.name) for a in arguments):
            raise _NotConstant
    elif name not in _FUNCTIONS:
        raise _NotConstant
    return f"{name}({', '.join(operands)})"
