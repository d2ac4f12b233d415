"""CAST and assignment: what becomes of a value in a type (https://sqlite.org/lang_expr.html#castexpr)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from exuvia.catalog.model import Affinity
from exuvia.engines.postgres.translate.compare import looks_numeric
from exuvia.engines.postgres.translate.fold import evaluate, literal
from exuvia.engines.postgres.translate.values import (
    BYTEA,
    EXACT_FLOAT,
    INT64_MAX,
    INT64_MIN,
    Kind,
    NotExact,
    Value,
    as_integer,
    as_real,
    as_text,
    constant_value,
    derive,
    describe,
    integer,
)

_TWO_63 = "9223372036854775808"


def affinity_of(declared: str) -> Affinity:
    """Return the affinity of a declared type (https://sqlite.org/datatype3.html, section 3.1)."""
    upper = declared.upper()
    if "INT" in upper:
        return Affinity.INTEGER
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if "BLOB" in upper or not upper:
        return Affinity.BLOB
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC


def cast(value: Value, declared: str) -> Value:
    """Return ``CAST(value AS declared)``; the result keeps the value's collation."""
    affinity = affinity_of(declared)
    if value.kind is Kind.NULL:
        return replace(value, affinity=affinity)
    result = _CASTS[affinity](value)
    kept = replace(result, affinity=affinity, collation=value.collation, explicit=value.explicit)
    return replace(kept, named=value.named)


def _to_integer(value: Value) -> Value:
    value = as_integer(value)
    if value.kind is Kind.INTEGER:
        return value
    if value.number is not None:
        return integer(value.number, value)
    if value.kind in (Kind.REAL, Kind.NUMBER):
        sql = as_real(value).sql
        clamped = f"WHEN {sql} >= {_TWO_63} THEN {INT64_MAX} WHEN {sql} <= -{_TWO_63} THEN {_smallest()}"
        return integer(f"(CASE {clamped} ELSE trunc({sql})::bigint END)", value)
    if value.kind is Kind.TEXT:
        digits = f"substring({value.sql} COLLATE \"C\" FROM '^[ \\t\\n\\v\\f\\r]*([+-]?[0-9]+)')"
        number = f"least(greatest(coalesce({digits}, '0')::numeric, {-INT64_MAX - 1}), {INT64_MAX})::bigint"
        return integer(f"(CASE WHEN {value.sql} IS NOT NULL THEN {number} END)", value)
    raise NotExact(f"it casts {describe(value)} to an integer")


def _smallest() -> str:
    return f"('{INT64_MIN}'::bigint)"


def _to_real(value: Value) -> Value:
    if value.kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.NUMBER):
        return replace(as_real(value), kind=Kind.REAL)
    raise NotExact(f"it casts {describe(value)} to floating point")


def _to_numeric(value: Value) -> Value:
    value = as_integer(value)
    if value.kind in (Kind.INTEGER, Kind.REAL, Kind.NUMBER):
        return value
    if value.number is not None:
        return integer(value.number, value)
    raise NotExact(f"it casts {describe(value)} to a number")


def _to_blob(value: Value) -> Value:
    if value.kind is Kind.BLOB:
        return value
    sql = f"convert_to({as_text(value).sql}, 'UTF8')"
    return derive(Value(sql, Kind.BLOB, BYTEA), value)


def _to_text(value: Value) -> Value:
    found = as_text(value)
    return replace(found, affinity=Affinity.TEXT)


_CASTS: dict[Affinity, Callable[[Value], Value]] = {
    Affinity.INTEGER: _to_integer,
    Affinity.REAL: _to_real,
    Affinity.NUMERIC: _to_numeric,
    Affinity.TEXT: _to_text,
    Affinity.BLOB: _to_blob,
}


def stored(value: Value, affinity: Affinity | None) -> Value:
    """Return what a column of ``affinity`` stores when a constant is written to it; other values stay as they are."""
    constant = value.constant
    if constant is None or isinstance(constant, bytes) or affinity in (Affinity.BLOB, None):
        return value
    if affinity is Affinity.TEXT:
        return constant_value(evaluate(f"CAST({literal(constant)} AS TEXT)"))
    if isinstance(constant, str) and not looks_numeric(constant):
        return value
    found = evaluate(f"CAST({literal(constant)} AS {'REAL' if affinity is Affinity.REAL else 'NUMERIC'})")
    if affinity is not Affinity.REAL and isinstance(found, float) and found.is_integer() and abs(found) < EXACT_FLOAT:
        found = int(found)
    return constant_value(found)
