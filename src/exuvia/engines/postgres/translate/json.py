"""JSON functions on jsonb columns (https://sqlite.org/json1.html).

What ``json_extract`` gives differs in class row by row, which no PostgreSQL type can follow; but whether it is NULL,
and whether it equals a constant, can be told exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from exuvia.catalog.types import Base
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.translate.values import (
    INTEGER,
    JSONB,
    Kind,
    NotExact,
    Value,
    boolean,
    derive,
    describe,
    integer,
)

_STEP = re.compile(r'\.(?:"([^"\\]*)"|([^."\[\]]+))|\[(#-)?([0-9]{1,9})\]')
_TYPES = {"object": "object", "array": "array", "text": "string", "null": "null"}


def _document(value: Value) -> str:
    if value.kind is Kind.JSON:
        return value.sql
    if value.kind is Kind.TEXT:
        raise NotExact(f"it reads the text {value.sql} as JSON, which PostgreSQL before version 16 cannot test")
    raise NotExact(f"it reads {describe(value)} as JSON")


def _steps(path: Value) -> list[str]:
    written = path.constant
    if not isinstance(written, str) or not written.startswith("$"):
        raise NotExact("a JSON path is not fixed")
    steps, position = [], 1
    while position < len(written):
        step = _STEP.match(written, position)
        if step is None:
            raise NotExact(f"the JSON path {written!r} has no exact equivalent")
        if step[4] is not None:
            if step[3] and int(step[4]) == 0:
                raise NotExact(f"the JSON path {written!r} names the place after the last")
            steps.append(f"-{int(step[4])}" if step[3] else str(int(step[4])))
        else:
            steps.append(literal(step[1] if step[1] is not None else step[2]))
        position = step.end()
    return steps


def _arrow_steps(label: Value) -> list[str]:
    if isinstance(label.constant, int):
        return [str(label.constant)]
    if isinstance(label.constant, str) and not label.constant.startswith("$"):
        return [literal(label.constant)]
    return _steps(label)


def _reached(value: Value, steps: Sequence[str]) -> str:
    sql = _document(value)
    for step in steps:
        found = f"({sql} -> {step})"
        # To PostgreSQL a scalar is an array of one element here.
        sql = found if step.endswith("'") else f"(CASE jsonb_typeof({sql}) WHEN 'array' THEN {found} END)"
    return sql


def _extracted(value: Value, steps: Sequence[str]) -> Value:
    sql = f"nullif({_reached(value, steps)}, 'null'::jsonb)"
    return derive(Value(sql, Kind.OPAQUE, JSONB, json=sql), value)


def _json_extract(value: Value, path: Value) -> Value:
    return _extracted(value, _steps(path))


def _arrow(value: Value, label: Value) -> Value:
    return derive(Value(_reached(value, _arrow_steps(label)), Kind.JSON, JSONB), value)


def _double_arrow(value: Value, label: Value) -> Value:
    return _extracted(value, _arrow_steps(label))


def _json_valid(value: Value) -> Value:
    if value.pg.base in (Base.JSON, Base.JSONB) and value.json is None:
        return boolean(f"(CASE WHEN {value.sql} IS NOT NULL THEN TRUE END)", value)
    if value.kind in (Kind.INTEGER, Kind.BOOLEAN):
        return boolean(f"(CASE WHEN {value.sql} IS NOT NULL THEN TRUE END)", value)
    _document(value)
    raise NotExact("json_valid() is applied to what is not kept as JSON")


def _json_type(value: Value, path: Value | None = None) -> Value:
    sql = _reached(value, [] if path is None else _steps(path))
    return derive(Value(sql, Kind.OPAQUE, JSONB, type_of=sql), value)


def _json_array_length(value: Value, path: Value | None = None) -> Value:
    sql = _reached(value, [] if path is None else _steps(path))
    cases = f"WHEN jsonb_typeof({sql}) = 'array' THEN jsonb_array_length({sql}) WHEN {sql} IS NOT NULL THEN 0"
    return integer(f"(CASE {cases} END)", value, low=0, high=1 << 30, pg=INTEGER)


def _json(value: Value) -> Value:
    return replace(value, sql=_document(value))


def compare_json(operator: str, left: Value, right: Value) -> Value | None:
    """Return the comparison of something extracted from JSON with a constant; None when it is not that."""
    if left.is_constant and not right.is_constant:
        left, right = right, left
    if operator not in ("=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM") or not right.is_constant:
        return None
    if left.type_of is not None and isinstance(right.constant, str):
        test = _type_test(left.type_of, right.constant)
    elif left.json is not None:
        test = _value_test(left.json, right)
    else:
        return None
    if operator.startswith("IS"):
        test = f"coalesce({test}, FALSE)"
    if operator in ("<>", "IS DISTINCT FROM"):
        test = f"(NOT {test})"
    return boolean(test, left)


def _type_test(sql: str, name: str) -> str:
    if name in ("true", "false"):
        return f"({sql} = '{name}'::jsonb)"
    if name in _TYPES:
        return f"(jsonb_typeof({sql}) = '{_TYPES[name]}')"
    raise NotExact("json_type() tells whole numbers from others by their spelling, which jsonb does not keep")


def _value_test(sql: str, right: Value) -> str:
    constant = right.constant
    if isinstance(constant, str):
        if constant[:1] in ("{", "["):
            raise NotExact("it compares the spelling of JSON")
        return f"({sql} = {literal(json.dumps(constant, ensure_ascii=False))}::jsonb)"
    if constant in (0, 1) and isinstance(constant, int):
        return f"({sql} IN ('{constant}'::jsonb, '{'true' if constant else 'false'}'::jsonb))"
    if isinstance(constant, int) and abs(constant) < 1 << 53:
        return f"({sql} = '{constant}'::jsonb)"
    raise NotExact(f"it compares a number inside JSON with {right.sql}")


JSON_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Value]]] = {
    "json_extract": (2, 2, _json_extract),
    "->": (2, 2, _arrow),
    "->>": (2, 2, _double_arrow),
    "json_valid": (1, 1, _json_valid),
    "json_type": (1, 2, _json_type),
    "json_array_length": (1, 2, _json_array_length),
    "json": (1, 1, _json),
}
