"""PostgreSQL's values as JSON can hold them; what JSON has no exact type for is as the server spells it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final

import orjson
from psycopg import BaseConnection, postgres
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.array import ArrayLoader
from psycopg.types.bool import BoolLoader
from psycopg.types.numeric import FloatLoader, IntLoader
from psycopg.types.string import TextLoader

from exuvia.errors import TargetError
from exuvia.guard.result import Json, number

_HOLD_JSON: Final = {postgres.types[name].oid for name in ("json", "jsonb", "text", "varchar")}
_LONGEST_INTEGER: Final = 18  # digits that 64 bits hold, whatever they are


class _JsonLoader(Loader):
    """Reads JSON; what writers of JSON would refuse, nested very deeply, stays text."""

    def load(self, data: Buffer) -> Json:
        text = bytes(data)
        try:
            value = json.loads(text, parse_int=_integer, parse_float=_float)
            orjson.dumps(value)
        except (ValueError, TypeError, RecursionError):
            return text.decode()
        return value


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


_EXACT: Final[dict[str, type[Loader]]] = {
    "bool": BoolLoader,
    **dict.fromkeys(("int2", "int4", "int8", "oid"), IntLoader),
    **dict.fromkeys(("float4", "float8"), FloatLoader),
    **dict.fromkeys(("json", "jsonb"), _JsonLoader),
}


class PlainContext:
    """Makes a psycopg transformer read booleans, integers, floats, JSON and arrays as such, and all else as text."""

    connection: BaseConnection[Any] | None = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(types=postgres.types)
        self.adapters.register_loader(0, TextLoader)
        for info in postgres.types:
            self.adapters.register_loader(info.oid, _EXACT.get(info.name, TextLoader))
            if info.array_oid:
                array = {"base_oid": info.oid, "delimiter": info.delimiter.encode()}
                self.adapters.register_loader(info.array_oid, type("PlainArrayLoader", (ArrayLoader,), array))


CONTEXT: Final = PlainContext()


def plain(value: Any) -> Json:
    """Return a value that the loaders made as JSON can hold it."""
    if isinstance(value, float):
        return number(value)
    return [plain(item) for item in value] if isinstance(value, list) else value


def has_list(values: Sequence[Json]) -> bool:
    """Whether a value can be written in two ways, by the type of its parameter."""
    return any(isinstance(value, list) for value in values)


def parameters(values: Sequence[Json], types: Sequence[int] = ()) -> list[bytes | None]:
    """Return the values of ``$1``, ``$2`` and so on as PostgreSQL reads them; it finds their types by itself.

    Args:
        values: The values.
        types: The parameters' types by their oids, which lists are written for; without, they are JSON.

    Raises:
        TargetError: A text has a NUL character.
    """
    lists = [oid not in _HOLD_JSON for oid in types] + [False] * len(values)
    written = [
        _array(value).encode() if isinstance(value, list) and as_array else _parameter(value)
        for value, as_array in zip(values, lists, strict=False)
    ]
    for place, text in enumerate(written, 1):
        if text is not None and b"\0" in text:  # the protocol's texts end there
            raise TargetError(
                f"The value of ${place} has a NUL character, which PostgreSQL's texts cannot hold.",
                hint="Take it out.",
                code="nul",
            )
    return written


def _array(items: Sequence[Json]) -> str:
    """Return an array as PostgreSQL spells it (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO)."""
    return "{" + ",".join(_array(item) if isinstance(item, list) else _element(item) for item in items) + "}"


def _element(item: Json) -> str:
    text = _parameter(item)
    if text is None:
        return "NULL"
    escaped = text.decode().replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _parameter(value: Json) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()  # integers of any length
    return str(value).encode()
