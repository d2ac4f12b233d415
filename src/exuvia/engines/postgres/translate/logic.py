"""Truth and choice: what SQLite takes for true, and CASE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exuvia.engines.postgres.translate.fold import evaluate, literal
from exuvia.engines.postgres.translate.unify import unify
from exuvia.engines.postgres.translate.values import Kind, NotExact, Value, boolean, constant_value, derive, describe


def truth(value: Value) -> Value:
    """Return a value where SQLite asks whether it is true, as a boolean; NotExact for text and blobs."""
    if value.kind is Kind.BOOLEAN:
        return value
    if value.kind is Kind.NULL:
        return boolean("NULL::boolean")
    if value.kind is Kind.TEXT and value.is_constant:
        value = constant_value(evaluate(f"CAST({literal(value.constant)} AS NUMERIC)"))
    if value.is_constant and isinstance(value.constant, int | float):
        return boolean("TRUE" if value.constant else "FALSE")
    if value.kind in (Kind.INTEGER, Kind.REAL, Kind.NUMBER):
        return boolean(f"({value.sql} <> 0)", value)
    raise NotExact(f"it asks whether {describe(value)} is true")


def choose(tests: Sequence[Value], results: Sequence[Value]) -> Value:
    """Return CASE: the result whose test is the first to be true, else the last result."""
    unified, like_value = unify(results)
    branches = " ".join(f"WHEN {test.sql} THEN {result.sql}" for test, result in zip(tests, unified, strict=False))
    otherwise = "" if results[-1].kind is Kind.NULL else f" ELSE {unified[-1].sql}"
    return derive(replace(like_value, sql=f"(CASE {branches}{otherwise} END)"), *tests, *unified)
