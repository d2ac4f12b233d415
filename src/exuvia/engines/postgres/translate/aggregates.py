"""Aggregate functions (https://sqlite.org/lang_aggfunc.html).

Sums and averages of floating-point numbers depend on the order of the rows and on SQLite's version in their last digit;
they are translated, and the translation says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from exuvia.catalog.model import Affinity
from exuvia.engines.postgres.translate.compare import collated
from exuvia.engines.postgres.translate.values import (
    NUMERIC_KINDS,
    Kind,
    NotExact,
    Value,
    as_integer,
    as_real,
    as_text,
    describe,
    forget,
    integer,
    real,
    text,
)

UNORDERED = "group_concat() joins the texts in the order in which the rows come, which neither engine promises"
Aggregate = Callable[[Sequence[Value], bool, str], Value]

ROUNDED = "sums and averages of floating-point numbers may differ in the last digit, as between versions of SQLite"


def _one(name: str, values: Sequence[Value]) -> Value:
    if len(values) != 1:
        raise NotExact(f"{name}() has {len(values)} arguments")
    return values[0]


def _distinct(value: Value, distinct: bool) -> str:
    if not distinct:
        return value.sql
    if value.kind is Kind.TEXT:
        return f"DISTINCT {collated(value, value.collation, ordered=False)}"
    if value.kind in NUMERIC_KINDS or value.kind is Kind.BLOB:
        return f"DISTINCT {value.sql}"
    raise NotExact(f"it tells {describe(value)} apart")


def _count(values: Sequence[Value], distinct: bool, suffix: str) -> Value:
    if not values:
        return integer(f"count(*){suffix}", low=0)
    return integer(f"count({_distinct(_one('count', values), distinct)}){suffix}", low=0)


def _number(name: str, values: Sequence[Value]) -> Value:
    value = as_integer(_one(name, values))
    if value.kind not in NUMERIC_KINDS:
        raise NotExact(f"{name}() is applied to {describe(value)}")
    return value


def _sum(values: Sequence[Value], distinct: bool, suffix: str) -> Value:
    value = _number("sum", values)
    given = "DISTINCT " if distinct else ""
    if value.kind is Kind.INTEGER:
        return integer(f"sum({given}{value.sql}){suffix}::bigint")
    found = real(f"sum({given}{as_real(value).sql}){suffix}")
    return replace(found, kind=value.kind, remarks=frozenset({ROUNDED}))


def _total(values: Sequence[Value], distinct: bool, suffix: str) -> Value:
    value = _number("total", values)
    given = "DISTINCT " if distinct else ""
    found = real(f"coalesce(sum({given}{_summed(value)}){suffix}::double precision, 0::double precision)")
    return _rounded(found, value)


def _avg(values: Sequence[Value], distinct: bool, suffix: str) -> Value:
    value = _number("avg", values)
    given = f"{'DISTINCT ' if distinct else ''}{_summed(value)}"
    return _rounded(real(f"(sum({given}){suffix}::double precision / nullif(count({given}){suffix}, 0))"), value)


def _rounded(found: Value, value: Value) -> Value:
    return found if value.kind is Kind.INTEGER else replace(found, remarks=frozenset({ROUNDED}))


def _summed(value: Value) -> str:
    return value.sql if value.kind is Kind.INTEGER else as_real(value).sql


def _extreme(name: str) -> Aggregate:
    def extreme(values: Sequence[Value], _ignored: bool, suffix: str) -> Value:
        value = as_integer(_one(name, values))
        plain = replace(forget(value), affinity=Affinity.BLOB, collation="BINARY")
        if value.kind is Kind.TEXT and value.collation == "BINARY":
            return replace(plain, sql=f'{name}({value.sql} COLLATE "C"){suffix}')
        if value.kind in NUMERIC_KINDS or (value.kind is Kind.DATE and value.spelling == "0000-00-00"):
            return replace(plain, sql=f"{name}({value.sql}){suffix}")
        if value.kind is Kind.TIMESTAMP and value.spelling is not None:
            return replace(plain, sql=f"{name}({value.sql}){suffix}")
        raise NotExact(f"{name}() is applied to {describe(value)}")

    return extreme


def _group_concat(values: Sequence[Value], distinct: bool, suffix: str) -> Value:
    if distinct or not 1 <= len(values) <= 2:
        raise NotExact("group_concat() with DISTINCT keeps the order of first appearance")
    shown = as_text(values[0])
    separator = as_text(values[1]).sql if len(values) > 1 else "','"
    found = text(f"string_agg({shown.sql}, {separator}){suffix}")
    return replace(found, remarks=frozenset({UNORDERED}))


AGGREGATES: dict[str, Aggregate] = {
    "count": _count,
    "sum": _sum,
    "total": _total,
    "avg": _avg,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "group_concat": _group_concat,
    "string_agg": _group_concat,
}
