"""Window functions (https://sqlite.org/windowfunctions.html)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from exuvia.engines.postgres.translate.aggregates import AGGREGATES
from exuvia.engines.postgres.translate.parse import Node
from exuvia.engines.postgres.translate.unify import unify
from exuvia.engines.postgres.translate.values import NotExact, Value, derive, distinguishable, forget, integer

if TYPE_CHECKING:
    from exuvia.engines.postgres.translate.expressions import Compiler

_PARTS = frozenset({"this", "partition_by", "order", "spec", "over"})
_BOUNDS = frozenset({"CURRENT ROW", "UNBOUNDED"})


def over(compiler: Compiler, node: Node) -> Value:
    """Return a function with OVER; NotExact when that cannot be exact."""
    extra = [key for key, value in node.args.items() if value and key not in _PARTS]
    if extra:
        raise NotExact("it names a window")
    partition = compiler.values(node.args.get("partition_by") or [])
    for value in partition:
        distinguishable(value)
    order = node.args.get("order")
    items = order.expressions if order is not None else []
    ordered = [compiler.value(item.this) for item in items]
    parts = [f"PARTITION BY {', '.join(value.sql for value in partition)}"] if partition else []
    if items:
        shown = [compiler.queries().ordered(value, item) for value, item in zip(ordered, items, strict=True)]
        parts.append(f"ORDER BY {', '.join(shown)}")
    if node.args.get("spec") is not None:
        parts.append(_frame(node.args["spec"]))
    found = _function(compiler, node.this, f" OVER ({' '.join(parts)})")
    return derive(found, *partition, *ordered)


def _function(compiler: Compiler, node: Node, suffix: str) -> Value:
    if isinstance(node, exp.Filter):
        test = compiler.truth(node.expression.this)
        return _function(compiler, node.this, f" FILTER (WHERE {test.sql}){suffix}")
    if not isinstance(node, exp.Anonymous) or not isinstance(node.this, str):
        raise NotExact("OVER follows what is no function")
    name = node.this.lower()
    star = len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Star)
    values = [] if star else compiler.values(node.expressions)
    if name in AGGREGATES:
        if name in ("group_concat", "string_agg"):
            raise NotExact(f"{name}() has OVER")
        return derive(AGGREGATES[name](values, False, suffix), *values)
    if name not in _WINDOW_FUNCTIONS:
        raise NotExact(f"{name}() with OVER has no translation")
    return derive(_WINDOW_FUNCTIONS[name](name, values, suffix), *values)


def _rank(name: str, values: Sequence[Value], suffix: str) -> Value:
    if values:
        raise NotExact(f"{name}() has arguments")
    return integer(f"{name}(){suffix}", low=1)


def _neighbour(name: str, values: Sequence[Value], suffix: str) -> Value:
    if not 1 <= len(values) <= 3:
        raise NotExact(f"{name}() has {len(values)} arguments")
    offset = values[1].constant if len(values) > 1 else 1
    if not isinstance(offset, int) or not 0 <= offset < 1 << 31:
        raise NotExact(f"{name}() has an offset that is not fixed")
    kept, like = unify([values[0], *values[2:]])
    rest = "".join(f", {value.sql}" for value in kept[1:])
    return replace(like, sql=f"{name}({kept[0].sql}, {offset}{rest}){suffix}")


def _end(name: str, values: Sequence[Value], suffix: str) -> Value:
    if len(values) != 1:
        raise NotExact(f"{name}() has {len(values)} arguments")
    return replace(forget(values[0]), sql=f"{name}({values[0].sql}){suffix}")


_WINDOW_FUNCTIONS: dict[str, Callable[[str, Sequence[Value], str], Value]] = {
    "row_number": _rank,
    "rank": _rank,
    "dense_rank": _rank,
    "lag": _neighbour,
    "lead": _neighbour,
    "first_value": _end,
    "last_value": _end,
}


def _frame(spec: Node) -> str:
    kind = spec.args.get("kind")
    if kind not in ("ROWS", "GROUPS") or spec.args.get("exclude"):
        raise NotExact("it has a frame of values")
    start = _bound(spec.args.get("start"), spec.args.get("start_side"))
    if spec.args.get("end") is None:
        return f"{kind} {start}"
    return f"{kind} BETWEEN {start} AND {_bound(spec.args['end'], spec.args.get('end_side'))}"


def _bound(bound: Node, side: str | None) -> str:
    shown = bound if isinstance(bound, str) else bound.this if isinstance(bound, exp.Literal) else ""
    if shown not in _BOUNDS and not str(shown).isdigit():
        raise NotExact("it has a frame whose bounds are not fixed")
    return f"{shown} {side}" if side else str(shown)
