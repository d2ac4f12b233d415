"""Arithmetic of SQLite: integers of 64 bits that become floating point with others, text that is a number."""

from __future__ import annotations

from dataclasses import replace

from exuvia.catalog.types import Base
from exuvia.engines.postgres.translate.fold import evaluate, literal
from exuvia.engines.postgres.translate.scope import is_null
from exuvia.engines.postgres.translate.values import (
    BIGINT,
    DOUBLE,
    EXACT_FLOAT,
    INT32_MAX,
    INT64_MAX,
    INT64_MIN,
    INTEGER,
    Kind,
    NotExact,
    Value,
    as_integer,
    as_real,
    constant_value,
    derive,
    describe,
    integer,
    real,
)

ROUNDED_WHOLE = "whole numbers over 53 bits in a column that also holds fractions are calculated as floating point"


def negative(value: Value) -> Value:
    """Return ``- value``."""
    value = as_integer(value)
    if value.kind is Kind.NULL:
        return constant_value(None)
    if value.kind is Kind.INTEGER:
        return integer(f"(- {_wide(value)})", value, low=-value.high, high=-value.low)
    value = _number(value)
    return derive(Value(f"(- {value.sql})", value.kind, DOUBLE), value)


def complement(value: Value) -> Value:
    """Return ``~ value``.

    Raises:
        NotExact: It is no integer.
    """
    value = as_integer(value)
    if value.kind is not Kind.INTEGER:
        raise NotExact(f"~ is applied to {describe(value)}")
    return integer(f"(~ {_wide(value)})", value, low=-value.high - 1, high=-value.low - 1)


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Return ``left operator right`` for +, -, *, / and %.

    Raises:
        NotExact: PostgreSQL would calculate something else.
    """
    left, right = _number(left), _number(right)
    if is_null(left) or is_null(right):
        return constant_value(None)
    if left.kind is Kind.INTEGER and right.kind is Kind.INTEGER:
        return _integers(operator, left, right)
    if operator == "%":
        raise NotExact("% is applied to floating-point numbers")
    if operator == "/" and Kind.REAL not in (left.kind, right.kind):
        raise NotExact("it divides numbers that may be whole or not, and SQLite divides whole ones without rest")
    low, high = _range(operator, left, right)
    first, second = as_real(left), as_real(right)
    divisor = f"nullif({second.sql}, 0)" if operator == "/" and not second.constant else second.sql
    result = real(f"({first.sql} {operator} {divisor})", left, right)
    if Kind.REAL in (left.kind, right.kind):
        return result
    result = replace(result, kind=Kind.NUMBER, low=max(low, INT64_MIN), high=min(high, INT64_MAX))
    if low < -EXACT_FLOAT or high > EXACT_FLOAT:
        return replace(result, remarks=result.remarks | {ROUNDED_WHOLE})
    return result


def bitwise(operator: str, left: Value, right: Value) -> Value:
    """Return ``left operator right`` for &, |, << and >>.

    Raises:
        NotExact: PostgreSQL would calculate something else.
    """
    left, right = as_integer(left), as_integer(right)
    if is_null(left) or is_null(right):
        return constant_value(None)
    if left.kind is not Kind.INTEGER or right.kind is not Kind.INTEGER:
        raise NotExact(f"{operator} is applied to what is no integer")
    if operator in ("<<", ">>"):
        if not (right.is_constant and 0 <= right.low <= 63):
            raise NotExact(f"{operator} shifts by a number that is not fixed")
        return integer(f"({_wide(left)} {operator} {right.sql})", left, right)
    return integer(f"({_wide(left)} {operator} {right.sql})", left, right, low=INT64_MIN, high=INT64_MAX)


def _number(value: Value) -> Value:
    value = as_integer(value)
    if value.kind is Kind.TEXT and value.is_constant:
        return constant_value(evaluate(f"CAST({literal(value.constant)} AS NUMERIC)"))
    if value.kind in (Kind.INTEGER, Kind.NULL):
        return value
    return integer(value.number, value) if value.number is not None else as_real(value)


def _wide(value: Value) -> str:
    return value.sql if value.pg.base is Base.BIGINT else f"{value.sql}::bigint"


def _integers(operator: str, left: Value, right: Value) -> Value:
    low, high = _range(operator, left, right)
    narrow = left.pg.base is right.pg.base is Base.INTEGER and low >= -INT32_MAX and high <= INT32_MAX
    wide = Base.BIGINT in (left.pg.base, right.pg.base)
    first = left.sql if narrow or wide else _wide(left)
    second = right.sql
    if operator in ("/", "%") and not right.constant:
        second = f"nullif({right.sql}, 0)"
    return integer(f"({first} {operator} {second})", left, right, low=low, high=high, pg=INTEGER if narrow else BIGINT)


def _range(operator: str, left: Value, right: Value) -> tuple[int, int]:
    if operator == "+":
        return left.low + right.low, left.high + right.high
    if operator == "-":
        return left.low - right.high, left.high - right.low
    if operator == "*":
        corners = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
        return min(corners), max(corners)
    if operator == "%":
        most = max(abs(right.low), abs(right.high)) - 1
        return (-most if left.low < 0 else 0), (most if left.high > 0 else 0)
    most = max(abs(left.low), abs(left.high))
    return -most, most
