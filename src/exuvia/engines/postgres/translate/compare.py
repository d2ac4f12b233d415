"""Comparisons with SQLite's affinity and collation rules (https://sqlite.org/datatype3.html, sections 4 and 7)."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date

from exuvia.catalog.model import Affinity
from exuvia.catalog.types import Base
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.translate.json import compare_json
from exuvia.engines.postgres.translate.values import (
    EXACT_FLOAT,
    INT64_MAX,
    INT64_MIN,
    NUMERIC_AFFINITIES,
    NUMERIC_KINDS,
    Kind,
    NotExact,
    Value,
    as_integer,
    as_real,
    as_text,
    boolean,
    constant_value,
    describe,
)

_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t\n\v\f\r]*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EQUALITIES = frozenset({"=", "<>", "IS NOT DISTINCT FROM", "IS DISTINCT FROM"})
_NULL_SAFE = frozenset({"IS NOT DISTINCT FROM", "IS DISTINCT FROM"})
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
# A text that goes on after the day is greater than the day alone, so >= and > are one, and so are < and <=.
_DAY_BOUND = {">": ">=", ">=": ">=", "<": "<", "<=": "<"}
_TEMPORAL = frozenset({Kind.DATE, Kind.TIMESTAMP})


def compare(operator: str, left: Value, right: Value) -> Value:
    """Return the comparison of two values; ``operator`` is PostgreSQL's (``=``, ``<``, ``IS DISTINCT FROM`` ...).

    Raises:
        NotExact: SQLite's answer cannot be told, or PostgreSQL would give another one.
    """
    collation = collation_of(left, right)
    if Kind.NULL in (left.kind, right.kind):
        return _with_null(operator, left, right)
    extracted = compare_json(operator, left, right)
    if extracted is not None:
        return extracted
    left, right = _apply_affinity(left, right)
    if left.kind in NUMERIC_KINDS and right.kind in NUMERIC_KINDS:
        return _numbers(operator, left, right)
    if left.kind is Kind.TEXT and right.kind is Kind.TEXT:
        return _texts(operator, left, right, collation)
    if left.kind is Kind.BLOB and right.kind is Kind.BLOB:
        return boolean(f"({left.sql} {operator} {right.sql})", left, right)
    kinds = {left.kind, right.kind}
    if Kind.LABEL in kinds or kinds & _TEMPORAL:
        return _labels(operator, left, right, collation) if Kind.LABEL in kinds else _times(operator, left, right)
    for value in (left, right):
        if value.kind not in (*NUMERIC_KINDS, Kind.TEXT, Kind.BLOB):
            raise NotExact(f"it compares {describe(value)}")
    raise NotExact(f"it compares {describe(left)} with {describe(right)}")


def collation_of(left: Value, right: Value | None = None) -> str:
    """Return the collation of a comparison: an explicit one, left before right, else the left column's, else the
    right's."""
    for value in (left, right):
        if value is not None and value.explicit:
            return value.collation
    for value in (left, right):
        if value is not None and value.named:
            return value.collation
    return "BINARY"


def collated(value: Value, collation: str, *, ordered: bool = True) -> str:
    """Return a text's SQL so that PostgreSQL orders (or only equates) it as SQLite does under ``collation``."""
    if collation == "BINARY":
        return f'{value.sql} COLLATE "C"' if ordered else value.sql
    if collation == "NOCASE":
        return f'lower({value.sql} COLLATE "C")'
    if collation == "RTRIM":
        return f"rtrim({value.sql} COLLATE \"C\", ' ')"
    raise NotExact(f"the collation {collation} is the application's own")


def looks_numeric(text: str) -> bool:
    """Tell whether a numeric affinity turns ``text`` into a number."""
    return _NUMBER.fullmatch(text) is not None


def numeric_constant(text: str) -> int | float:
    """Return the number that a numeric affinity makes of a text that looks like one."""
    stripped = text.strip(" \t\n\v\f\r")
    if re.fullmatch(r"[+-]?[0-9]+", stripped) and INT64_MIN <= int(stripped) <= INT64_MAX:
        return int(stripped)
    number = float(stripped)
    return int(number) if number.is_integer() and abs(number) < EXACT_FLOAT else number


def _with_null(operator: str, left: Value, right: Value) -> Value:
    if operator not in _NULL_SAFE:
        return boolean("NULL::boolean", left, right)
    other = right if left.kind is Kind.NULL else left
    test = "IS NULL" if operator == "IS NOT DISTINCT FROM" else "IS NOT NULL"
    return boolean(f"({other.sql} {test})", left, right)


def _apply_affinity(left: Value, right: Value) -> tuple[Value, Value]:
    if None in (left.affinity, right.affinity):
        # Values of one class that no affinity could turn into another class compare as they are.
        numbers = left.kind in NUMERIC_KINDS and right.kind in NUMERIC_KINDS
        texts = left.kind is right.kind is Kind.TEXT
        if numbers or (texts and not {left.affinity, right.affinity} & NUMERIC_AFFINITIES):
            return left, right
        raise NotExact("it compares a column of a UNION whose parts differ in affinity")
    left_number, right_number = (value.affinity in NUMERIC_AFFINITIES for value in (left, right))
    if left_number and not right_number:
        return left, _to_number(right)
    if right_number and not left_number:
        return _to_number(left), right
    if left.affinity is Affinity.TEXT and right.affinity is Affinity.BLOB:
        return left, _to_text(right)
    if right.affinity is Affinity.TEXT and left.affinity is Affinity.BLOB:
        return _to_text(left), right
    return left, right


def _to_number(value: Value) -> Value:
    if value.number is not None:
        return replace(value, sql=value.number, kind=Kind.INTEGER)
    if value.kind is not Kind.TEXT or (value.spelling is not None and re.search(r"[-:]", value.spelling)):
        return value
    if not value.is_constant:
        raise NotExact(f"it compares a number with the text {value.sql}, which may read as a number")
    found = str(value.constant)
    return constant_value(numeric_constant(found)) if looks_numeric(found) else value


def _to_text(value: Value) -> Value:
    if value.kind in NUMERIC_KINDS:
        if value.is_constant and isinstance(value.constant, float):
            raise NotExact("it compares text with a floating-point number")
        return as_text(value)
    return value


def _numbers(operator: str, left: Value, right: Value) -> Value:
    if Kind.BOOLEAN in (left.kind, right.kind):
        return _truths(operator, left, right)
    pair = [left, right]
    for index, value in enumerate(pair):
        other = pair[1 - index]
        if isinstance(value.constant, float) and value.is_constant and other.pg.base is not Base.DOUBLE:
            pair[index] = replace(value, sql=_decimal(value.constant))
        elif value.pg.base is Base.NUMERIC and other.pg.base is Base.DOUBLE and not other.is_constant:
            pair[index] = as_real(value)
        elif _wide_integer(value) and other.pg.base is Base.DOUBLE and not other.is_constant:
            return _wide(operator, pair, index)
    return boolean(f"({pair[0].sql} {operator} {pair[1].sql})", left, right)


def _wide_integer(value: Value) -> bool:
    return value.kind is Kind.INTEGER and (value.low < -EXACT_FLOAT or value.high > EXACT_FLOAT)


def _wide(operator: str, pair: list[Value], index: int) -> Value:
    """Compare a 64-bit integer with a floating-point number by their exact values, as SQLite does."""
    whole, number = pair[index], pair[1 - index]
    if whole.volatile or number.volatile:
        raise NotExact("it compares a random 64-bit integer with a floating-point number")

    def test(left: str, right: str) -> str:
        sides = (left, right) if index == 0 else (right, left)
        return f"{sides[0]} {operator} {sides[1]}"

    known = f"{whole.sql} IS NULL OR {number.sql} IS NULL OR abs({number.sql}) < {EXACT_FLOAT}"
    sql = (
        f"(CASE WHEN {known} THEN {test(f'{whole.sql}::double precision', number.sql)}"
        f" WHEN {number.sql} >= {1 << 63} THEN {test('0', '1')} WHEN {number.sql} < -{1 << 63} THEN {test('1', '0')}"
        f" ELSE {test(whole.sql, f'{number.sql}::bigint')} END)"
    )
    return boolean(sql, *pair)


def _decimal(value: float) -> str:
    if math.isinf(value):
        return f"'{'-' if value < 0 else ''}Infinity'::double precision"
    digits = str(int(value)) if value.is_integer() else repr(value)
    return f"({digits}::numeric)" if value < 0 or value.is_integer() else f"{digits}::numeric"


def _truths(operator: str, left: Value, right: Value) -> Value:
    if left.kind is right.kind:
        return boolean(f"({left.sql} {operator} {right.sql})", left, right)
    truth, number = (left, right) if left.kind is Kind.BOOLEAN else (right, left)
    if number.is_constant and number.constant in (0, 1) and operator in _EQUALITIES:
        wanted = (number.constant == 1) == (operator in ("=", "IS NOT DISTINCT FROM"))
        if operator in _NULL_SAFE:
            test = "IS" if operator == "IS NOT DISTINCT FROM" else "IS NOT"
            return boolean(f"({truth.sql} {test} {'TRUE' if number.constant == 1 else 'FALSE'})", left, right)
        return boolean(truth.sql if wanted else f"(NOT {truth.sql})", left, right)
    return _numbers(operator, as_integer(left), as_integer(right))


def _labels(operator: str, left: Value, right: Value, collation: str) -> Value:
    """Compare integers and texts that do not look like numbers, which are equal where their texts are."""
    for value in (left, right):
        if not (value.kind in (Kind.LABEL, Kind.INTEGER) or is_label(value)):
            raise NotExact(f"it compares {describe(left)} with {describe(right)}")
    if operator not in _EQUALITIES or collation != "BINARY":
        raise NotExact(f"it orders {describe(left if left.kind is Kind.LABEL else right)}")
    return boolean(f"({as_text(left).sql} {operator} {as_text(right).sql})", left, right)


def is_label(value: Value) -> bool:
    """Tell whether a text cannot look like a number: a constant that does not, or the content of a numeric column."""
    if value.kind is not Kind.TEXT:
        return False
    if isinstance(value.constant, str):
        return not looks_numeric(value.constant)
    return value.affinity in NUMERIC_AFFINITIES


def _texts(operator: str, left: Value, right: Value, collation: str) -> Value:
    if operator in _EQUALITIES and collation == "BINARY":
        return boolean(f"({left.sql} {operator} {right.sql})", left, right)
    first, second = collated(left, collation), collated(right, collation)
    if collation == "BINARY":
        second = right.sql
    return boolean(f"({first} {operator} {second})", left, right)


def _times(operator: str, left: Value, right: Value) -> Value:
    if left.kind is right.kind and left.pg == right.pg and left.spelling and left.spelling == right.spelling:
        return boolean(f"({left.sql} {operator} {right.sql})", left, right)
    if right.kind in _TEMPORAL and left.kind not in _TEMPORAL:
        return _times(_FLIPPED.get(operator, operator), right, left)
    if right.instant is not None:
        return _with_instant(operator, left, right)
    if left.kind not in _TEMPORAL or not (right.is_constant and isinstance(right.constant, str)):
        raise NotExact("it compares dates or times as text, and their spelling is not kept")
    spelled = re.sub(r"[0-9]", "0", right.constant)
    if left.spelling is not None and spelled == left.spelling and is_time(right.constant):
        return boolean(f"({left.sql} {operator} {_time_literal(right.constant, left)})", left, right)
    if left.kind is Kind.TIMESTAMP and left.pg.base is Base.TIMESTAMP and is_day(right.constant):
        bound = _DAY_BOUND.get(operator)
        if bound is not None:
            return boolean(f"({left.sql} {bound} {literal(right.constant)}::timestamp)", left, right)
    raise NotExact("it compares dates or times as text, and their spelling is not kept")


def _with_instant(operator: str, left: Value, right: Value) -> Value:
    if left.spelling == right.spelling and left.pg.base in (Base.DATE, Base.TIMESTAMP):
        return boolean(f"({left.sql} {operator} {right.instant}::{left.pg.base.value})", left, right)
    if left.spelling == right.spelling and right.spelling is not None and right.spelling.endswith("Z"):
        return boolean(f"({left.sql} {operator} ({right.instant} AT TIME ZONE 'UTC'))", left, right)
    bound = _DAY_BOUND.get(operator)
    if bound is not None and left.pg.base is Base.TIMESTAMP and right.spelling == "0000-00-00":
        return boolean(f"({left.sql} {bound} {right.instant})", left, right)
    raise NotExact("it compares dates or times as text, and their spelling is not kept")


def is_day(found: str) -> bool:
    if not _DAY.fullmatch(found):
        return False
    try:
        date.fromisoformat(found)
    except ValueError:
        return False
    return True


def is_time(found: str) -> bool:
    if not is_day(found[:10]):
        return False
    rest = re.fullmatch(r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,6})?)?)?", found[10:])
    if rest is None:
        return False
    return all(int(part or 0) < limit for part, limit in zip(rest.groups(), (24, 60, 60), strict=True))


def _time_literal(found: str, like: Value) -> str:
    if like.pg.base is Base.TIMESTAMPTZ:
        raise NotExact("it compares times with a zone as text")
    return f"{literal(found)}::{like.pg.base.value}"
