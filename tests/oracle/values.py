"""What it means for a value of SQLite and a value of PostgreSQL to be equal, type by type.

Each source value has one canonical form for a target type, and each target value, read as text, has one too: two
values are equal when these are. Written for clarity from the manuals of both databases, not for speed.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from oracle.claim import ClaimedColumn
from oracle.source import Text, Value
from oracle.times import DAY, Unequal, clock, days, moment_of, stamp

Canonical = tuple[object, ...]

NULL: Canonical = ("null",)
_TRUE = {"true", "t", "yes", "y", "on", "1"}
_FALSE = {"false", "f", "no", "n", "off", "0"}
_INTEGER = re.compile(r"-?(0|[1-9]\d*)")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def source_form(value: Value, kind: str, column: ClaimedColumn) -> Canonical:
    """Return the canonical form that a source value has in a target column of a type.

    Args:
        value: The value as SQLite stores it.
        kind: The target column's type, as format_type() prints it.
        column: How the mover says it converted the column.

    Raises:
        Unequal: No value of the type is equal to it.
    """
    if value is None:
        return NULL
    base = kind.partition("(")[0]
    reader = _READERS.get("numeric" if base == "numeric" else base)
    return reader(value, column) if reader else _text(value, column)


def target_form(text: str | None, kind: str) -> Canonical:
    """Return the canonical form of a target value, given its text as PostgreSQL prints it."""
    if text is None:
        return NULL
    base = kind.partition("(")[0]
    if base in ("date", "timestamp without time zone", "timestamp with time zone"):
        return ("word", text) if text.endswith("infinity") else ("moment", stamp(text))
    if base == "bytea":
        return ("bytes", bytes.fromhex(text[2:]))
    if base == "uuid":
        return ("uuid", text.replace("-", ""))
    if base in _TARGETS:
        return _TARGETS[base](text)
    return ("text", text.encode())


def _refuse(value: Value, wanted: str) -> NoReturn:
    raise Unequal(f"{shown(value)} is no {wanted}")


def shown(value: object) -> str:
    """Return a value for people, shortened."""
    text = repr(bytes(value)) if isinstance(value, Text) else repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def _string(value: Value) -> str:
    if not isinstance(value, Text):
        _refuse(value, "text")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        _refuse(value, "valid UTF-8")
    if "\0" in text:
        _refuse(value, "text without NUL")
    return text


def _number_text(value: Value, shape: re.Pattern[str]) -> str:
    text = _string(value)
    if not shape.fullmatch(text):
        _refuse(value, "number in its plain spelling")
    return text


def _boolean(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, Text):
        word = _string(value).lower()
    elif isinstance(value, int | float) and value in (0, 1):
        word = str(int(value))
    else:
        _refuse(value, "boolean")
    if word not in _TRUE | _FALSE:
        _refuse(value, "boolean")
    return ("boolean", word in _TRUE)


def _integer(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, Text):
        return ("number", Decimal(_number_text(value, _INTEGER)))
    if isinstance(value, bytes) or value is None or not math.isfinite(value) or value != int(value):
        _refuse(value, "integer")
    return ("number", Decimal(int(value)))


def _double(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, Text):
        word = _string(value)
        if word.lower().lstrip("-") in ("nan", "inf", "infinity"):
            return ("float", _bits(float(word)))
        number = float(_number_text(value, _DECIMAL))
        if not math.isfinite(number) or Decimal(repr(number)) != Decimal(word):
            _refuse(value, "double")
        return ("float", _bits(number))
    if isinstance(value, bytes) or value is None or (isinstance(value, int) and int(float(value)) != value):
        _refuse(value, "double")
    return ("float", _bits(float(value)))


def _bits(number: float) -> str:
    return "nan" if math.isnan(number) else number.hex()


def _numeric(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, Text):
        word = _string(value)
        if word.lower().lstrip("-") in ("nan", "inf", "infinity"):
            return _numeric_target(word)
        return ("number", Decimal(_number_text(value, _DECIMAL)))
    if isinstance(value, bytes) or value is None:
        _refuse(value, "number")
    return _numeric_target(repr(value))


def _numeric_target(text: str) -> Canonical:
    number = Decimal(text)
    return ("number", "NaN" if number.is_nan() else number)


def _text(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, Text):
        return ("text", _string(value).encode())
    if isinstance(value, bytes):
        return ("text", _string(Text(value)).encode())
    return ("text", repr(value).encode())


def _bytes(value: Value, _: ClaimedColumn) -> Canonical:
    return ("bytes", bytes(value) if isinstance(value, bytes) else repr(value).encode())


def _uuid(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, bytes) and not isinstance(value, Text):
        if len(value) != 16:
            _refuse(value, "UUID")
        return ("uuid", value.hex())
    text = _string(value).lower()
    if not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        _refuse(value, "UUID")
    return ("uuid", text.replace("-", ""))


def _timestamp(value: Value, column: ClaimedColumn) -> Canonical:
    if isinstance(value, int | float):
        return ("moment", moment_of(value, column.epoch))
    return ("moment", stamp(_string(value)))


def _date(value: Value, column: ClaimedColumn) -> Canonical:
    form = _timestamp(value, column)
    if not isinstance(form[1], int) or form[1] % DAY:
        _refuse(value, "day without a time")
    return form


def _time(value: Value, _: ClaimedColumn) -> Canonical:
    return ("clock", clock(_string(value)))


def _json(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, int | float):
        return _document(repr(value))
    return _document(_string(Text(value)) if isinstance(value, bytes) else _string(value))


def _document(text: str) -> Canonical:
    """Return JSON text as nested tuples in which numbers are exact and members are in a set, so order is no matter."""
    try:
        return ("json", _frozen(json.loads(text, **_STRICT)))
    except RecursionError:
        return ("json text", re.sub(r"\s", "", text))
    except (ValueError, InvalidOperation) as error:
        raise Unequal(f"{text[:60]!r} is no JSON that jsonb holds: {error}") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_STRICT: dict[str, Any] = {
    "parse_float": Decimal,
    "parse_int": Decimal,
    "parse_constant": _constant,
    "object_pairs_hook": _members,
}


def _frozen(document: Any) -> object:
    if isinstance(document, dict):
        return ("object", frozenset((_jsonb_string(k), _frozen(v)) for k, v in document.items()))
    if isinstance(document, list):
        return ("array", tuple(_frozen(item) for item in document))
    if isinstance(document, str):
        return ("string", _jsonb_string(document))
    return (type(document).__name__, document)


def _jsonb_string(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("jsonb has no NUL and no lone surrogate")
    return text


def _json_text(value: Value, column: ClaimedColumn) -> Canonical:
    return _text(value, column)


def _array(value: Value, column: ClaimedColumn) -> Canonical:
    text = _string(value)
    items = json.loads(text) if text.startswith("[") else text.split(column.separator) if text else []
    return ("array", tuple(str(item).strip() for item in items))


def _array_target(text: str) -> Canonical:
    items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)', text[1:-1])
    return ("array", tuple(re.sub(r"\\(.)", r"\1", a) if a else b for a, b in items))


def _vector(value: Value, _: ClaimedColumn) -> Canonical:
    if isinstance(value, bytes) and not isinstance(value, Text):
        return ("vector", struct.unpack(f"<{len(value) // 4}f", value))
    return _vector_target(_string(value))


def _vector_target(text: str) -> Canonical:
    numbers = [float(part) for part in text.strip("[]{}").split(",") if part.strip()]
    return ("vector", struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers)))


_READERS: dict[str, Callable[[Value, ClaimedColumn], Canonical]] = {
    "boolean": _boolean,
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "double precision": _double,
    "real": _double,
    "numeric": _numeric,
    "bytea": _bytes,
    "uuid": _uuid,
    "date": _date,
    "timestamp without time zone": _timestamp,
    "timestamp with time zone": _timestamp,
    "time without time zone": _time,
    "json": _json_text,
    "jsonb": _json,
    "text[]": _array,
    "real[]": _vector,
    "vector": _vector,
}

_TARGETS: dict[str, Callable[[str], Canonical]] = {
    "boolean": lambda text: ("boolean", text in ("t", "true")),
    "smallint": _numeric_target,
    "integer": _numeric_target,
    "bigint": _numeric_target,
    "numeric": _numeric_target,
    "double precision": lambda text: ("float", _bits(float(text))),
    "real": lambda text: ("float", _bits(float(text))),
    "jsonb": _document,
    "time without time zone": lambda text: ("clock", clock(text)),
    "text[]": _array_target,
    "real[]": _vector_target,
    "vector": _vector_target,
}


def same_number_as_text(value: Value, form: Canonical) -> bool:
    """Tell whether a target's text or bytes spell a source's number in some other way, exactly."""
    if not isinstance(value, int | float) or form[0] not in ("text", "bytes") or not isinstance(form[1], bytes):
        return False
    try:
        number = Decimal(form[1].decode())
        return float(number) == value if isinstance(value, float) else number == value
    except (UnicodeDecodeError, InvalidOperation, OverflowError):
        return False


def calendar_day(text: str) -> int:
    """Return the days from 1970-01-01 of ``YYYY-MM-DD``, for tests of this module."""
    year, month, day = (int(part) for part in text.split("-"))
    return days(year, month, day)
