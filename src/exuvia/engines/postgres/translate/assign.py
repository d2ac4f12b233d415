"""What a value becomes in a target column: defaults, generated columns, and what triggers write."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal

from exuvia.catalog.model import Affinity
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.translate.cast import stored
from exuvia.engines.postgres.translate.compare import is_day, is_time
from exuvia.engines.postgres.translate.fold import evaluate
from exuvia.engines.postgres.translate.fold import literal as sqlite_literal
from exuvia.engines.postgres.translate.times import NOW
from exuvia.engines.postgres.translate.values import (
    NUMERIC_AFFINITIES,
    Kind,
    NotExact,
    Value,
    as_integer,
    as_real,
    as_text,
    describe,
)

_CLOCK = "00:00:00"
_TRUE = frozenset({"true", "t", "yes", "y", "on"})
_FALSE = frozenset({"false", "f", "no", "n", "off"})
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_UNSAFE_JSON = re.compile(r"\\u(?:0000|[dD][89abAB])")
_LIMITS = {Base.SMALLINT: 1 << 15, Base.INTEGER: 1 << 31, Base.BIGINT: 1 << 63}
_OWN_AFFINITY = {
    Base.SMALLINT: Affinity.INTEGER,
    Base.INTEGER: Affinity.INTEGER,
    Base.BIGINT: Affinity.INTEGER,
    Base.DOUBLE: Affinity.REAL,
    Base.TEXT: Affinity.TEXT,
    Base.VARCHAR: Affinity.TEXT,
    Base.BYTEA: Affinity.BLOB,
}


def own_affinity(type_: SqlType) -> Affinity:
    """Return the affinity of a source column that usually becomes ``type_``."""
    return _OWN_AFFINITY.get(type_.base, Affinity.NUMERIC)


def assign(value: Value, type_: SqlType, affinity: Affinity | None) -> str:
    """Return the expression that stores in a column of ``type_`` what SQLite would store in one of ``affinity``.

    Raises:
        NotExact: The type cannot hold it, or what it would hold cannot be told.
    """
    if value.kind is Kind.NULL:
        return f"NULL::{type_}"
    writer = _WRITERS.get(type_.base)
    if writer is None:
        raise NotExact(f"{describe(value)} does not fit {type_}")
    return writer(stored(value, affinity), type_, affinity)


def _refused(value: Value, type_: SqlType) -> NotExact:
    shown = value.sql if value.is_constant else describe(value)
    return NotExact(f"{shown} does not fit {type_}")


def _boolean(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if value.kind is Kind.BOOLEAN:
        return value.sql
    if isinstance(value.constant, int) and value.constant in (0, 1):
        return "TRUE" if value.constant else "FALSE"
    if isinstance(value.constant, str) and value.constant.lower() in _TRUE | _FALSE:
        return "TRUE" if value.constant.lower() in _TRUE else "FALSE"
    raise _refused(value, type_)


def _integer(value: Value, type_: SqlType, affinity: Affinity | None) -> str:
    value = as_integer(value)
    limit = _LIMITS[type_.base]
    if value.is_constant:
        constant = value.constant
        if isinstance(constant, float) and constant.is_integer() and affinity in NUMERIC_AFFINITIES:
            whole: int | None = int(constant)
        else:
            whole = constant if isinstance(constant, int) else None
        if whole is None or not -limit <= whole < limit:
            raise _refused(value, type_)
        return str(whole) if isinstance(constant, float) else value.sql
    if value.kind is Kind.INTEGER:
        return value.sql
    if value.number is not None and affinity in NUMERIC_AFFINITIES:
        return value.number
    raise _refused(value, type_)


def _double(value: Value, type_: SqlType, affinity: Affinity | None) -> str:
    if value.number is not None and affinity in NUMERIC_AFFINITIES:
        return f"({value.number})::double precision"
    if value.kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.NUMBER):
        return as_real(value).sql
    raise _refused(value, type_)


def _numeric(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    value = as_integer(value)
    if value.is_constant:
        if not isinstance(value.constant, int | float) or not math.isfinite(value.constant):
            raise _refused(value, type_)
        number = Decimal(repr(value.constant))
        exponent = number.normalize().as_tuple().exponent
        scale = max(-exponent, 0) if isinstance(exponent, int) else 0
        whole = len(str(abs(int(number)))) if abs(number) >= 1 else 0
        if type_.size is not None and (scale > (type_.scale or 0) or whole > type_.size - (type_.scale or 0)):
            raise _refused(value, type_)
        return format(number, "f")
    if value.kind is Kind.INTEGER or value.pg == type_:
        return value.sql
    raise _refused(value, type_)


def _text(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if not value.is_constant:
        return as_text(value).sql
    if isinstance(value.constant, bytes):
        raise _refused(value, type_)
    shown = str(evaluate(f"CAST({sqlite_literal(value.constant)} AS TEXT)"))
    if type_.size is not None and len(shown) > type_.size:
        raise _refused(value, type_)
    return literal(shown)


def _bytea(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if value.kind is Kind.BLOB:
        return value.sql
    if isinstance(value.constant, str):
        return f"'\\x{value.constant.encode().hex()}'::bytea"
    raise _refused(value, type_)


def _json(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if value.kind is Kind.JSON and value.pg == type_:
        return value.sql
    if isinstance(value.constant, str | int | float):
        shown = str(evaluate(f"CAST({sqlite_literal(value.constant)} AS TEXT)"))
        try:
            json.loads(shown, parse_constant=_no_json)
        except ValueError:
            raise _refused(value, type_) from None
        if not _UNSAFE_JSON.search(shown):
            return f"{literal(shown)}::{type_}"
    raise _refused(value, type_)


def _no_json(name: str) -> object:
    raise ValueError(name)


def _uuid(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if value.uuid is not None:
        return value.uuid
    if value.kind is Kind.UUID:
        return value.sql
    if isinstance(value.constant, str) and _UUID.fullmatch(value.constant):
        return f"{value.sql}::uuid"
    raise _refused(value, type_)


def _date(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if value.kind is Kind.DATE:
        return value.sql
    if value.instant is not None and value.spelling == "0000-00-00":
        return f"{value.instant}::date"
    if isinstance(value.constant, str) and is_day(value.constant):
        return f"{value.sql}::date"
    raise _refused(value, type_)


def _time(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if isinstance(value.constant, str) and is_time(f"2000-01-01 {value.constant}"):
        return f"{value.sql}::time"
    if value.instant is not None and value.spelling == _CLOCK:
        return f"{value.instant}::time"
    raise _refused(value, type_)


def _timestamp(value: Value, type_: SqlType, _affinity: Affinity | None) -> str:
    if value.kind is Kind.TIMESTAMP and value.pg == type_:
        return value.sql
    if value.instant is not None and value.kind is Kind.TEXT and value.spelling != _CLOCK:
        return _instant(value.instant, type_)
    if isinstance(value.constant, str):
        zoned = re.fullmatch(r"(.*?)(?:Z|[+-][0-9]{2}:[0-9]{2})", value.constant)
        if zoned is None and type_.base is Base.TIMESTAMP and is_time(value.constant):
            return f"{value.sql}::timestamp"
        if zoned is not None and type_.base is Base.TIMESTAMPTZ and is_time(zoned[1]) and len(zoned[1]) > 10:
            return f"{value.sql}::timestamptz"
    raise _refused(value, type_)


def _instant(sql: str, type_: SqlType) -> str:
    if type_.base is Base.TIMESTAMP:
        return sql
    plain = re.fullmatch(rf"(date_trunc\('(?:minute|second|milliseconds)', ){re.escape(NOW)}\)", sql)
    return f"{plain[1]}statement_timestamp())" if plain else f"({sql} AT TIME ZONE 'UTC')"


_WRITERS: dict[Base, Callable[[Value, SqlType, Affinity | None], str]] = {
    Base.BOOLEAN: _boolean,
    Base.SMALLINT: _integer,
    Base.INTEGER: _integer,
    Base.BIGINT: _integer,
    Base.DOUBLE: _double,
    Base.NUMERIC: _numeric,
    Base.TEXT: _text,
    Base.VARCHAR: _text,
    Base.BYTEA: _bytea,
    Base.JSON: _json,
    Base.JSONB: _json,
    Base.UUID: _uuid,
    Base.DATE: _date,
    Base.TIME: _time,
    Base.TIMESTAMP: _timestamp,
    Base.TIMESTAMPTZ: _timestamp,
}
