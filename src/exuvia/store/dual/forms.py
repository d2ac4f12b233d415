"""Values in one form, whichever engine they come from: so rows can be compared, and written to the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import orjson

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Value
from exuvia.store.core.values import Json, decode_json, encode_json, time_text

Neutral = None | int | float | str | bytes
"""Times are texts as SQLite has them, flags 0 and 1, and JSON documents texts with sorted keys."""
Key = tuple[str | int, ...]
NeutralRow = tuple[Neutral, ...]

_TYPES: Final = {
    "time": "timestamptz",
    "json": "jsonb",
    "bool": "boolean",
    "int": "bigint",
    "float": "double precision",
    "bytes": "bytea",
    "text": "text",
}


def reader(kind: str) -> Callable[[Any], Neutral] | None:
    """Return what makes a column's values neutral; None where they are so already."""
    found: dict[str, Callable[[Any], Neutral]] = {"time": _time, "json": _document, "bool": int}
    return found.get(kind)


def parameter(name: str, kind: str, dialect: Dialect) -> str:
    """Return a parameter as a column's value."""
    return f"CAST(:{name} AS {_TYPES[kind]})" if dialect.is_postgres and kind in _TYPES else f":{name}"


def array_type(kind: str) -> str:
    """Return PostgreSQL's type of a part of a key."""
    return _TYPES.get(kind, "text")


def bound(value: Neutral, kind: str, dialect: Dialect) -> Value:
    """Return a neutral value to be bound to such a parameter."""
    return bool(value) if kind == "bool" and value is not None and dialect.is_postgres else value


def _time(stored: datetime | str) -> str:
    return stored if isinstance(stored, str) else time_text(stored)


def _document(stored: str | bytes) -> str:
    document = decode_json(stored)
    if b"-0" in (stored if isinstance(stored, bytes) else stored.encode()):
        document = _without_negative_zero(document)
    return encode_json(orjson.loads(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)))


def _without_negative_zero(document: Json) -> Json:
    """jsonb knows no negative zero."""
    if isinstance(document, dict):
        return {name: _without_negative_zero(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_without_negative_zero(value) for value in document]
    return 0.0 if isinstance(document, float) and document == 0 else document
