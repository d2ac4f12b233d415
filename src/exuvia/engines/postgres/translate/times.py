"""Date and time functions (https://sqlite.org/lang_datefunc.html): the same texts and instants that SQLite writes.

SQLite's ``now`` is the time of the statement, in UTC, to the millisecond; its PostgreSQL twin is
``statement_timestamp()``. Texts that are made from a column use ``extract`` instead of ``to_char``: the latter is not
immutable, and so of no use to indexes and generated columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from exuvia.catalog.types import Base
from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.translate.values import (
    Kind,
    NotExact,
    Value,
    constant_value,
    derive,
    describe,
    integer,
    real,
    text,
)

NOW = "(statement_timestamp() AT TIME ZONE 'UTC')"

_SHIFT = re.compile(r"\s*([+-]?)([0-9]{1,6})\s+(day|hour|minute|second)s?\s*", re.IGNORECASE)
_START = re.compile(r"\s*start of (day|month|year)\s*", re.IGNORECASE)
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799  # the years 1 to 9999

_TO_CHAR = {
    "Y": "YYYY",
    "m": "MM",
    "d": "DD",
    "H": "HH24",
    "M": "MI",
    "S": "SS",
    "f": "SS.MS",
    "j": "DDD",
    "F": "YYYY-MM-DD",
    "T": "HH24:MI:SS",
    "R": "HH24:MI",
}
_WHOLE = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M"}
_PARTS = {
    "Y": ("year", 4),
    "m": ("month", 2),
    "d": ("day", 2),
    "H": ("hour", 2),
    "M": ("minute", 2),
    "S": ("second", 2),
    "j": ("doy", 3),
}
_FORMATS = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%d %H:%M:%S", "time": "%H:%M:%S"}
_RESOLUTION = {
    "%H:%M:%S": "second",
    "%Y-%m-%d": "day",
    "%Y-%m-%d %H:%M": "minute",
    "%Y-%m-%d %H:%M:%S": "second",
    "%Y-%m-%d %H:%M:%f": "milliseconds",
}


@dataclass(frozen=True, slots=True)
class _Moment:
    """A timestamp without time zone, in UTC. ``moving`` is true when it is counted from now; ``guard`` is the
    condition outside of which SQLite gives NULL."""

    sql: str
    source: Value | None
    moving: bool
    guard: str = ""


def _moment(values: Sequence[Value]) -> _Moment:
    first = values[0] if values else constant_value("now")
    rest = list(values[1:])
    if isinstance(first.constant, str) and first.constant.lower() == "now":
        found = _Moment(NOW, None, moving=True)
    elif rest and str(rest[0].constant).strip().lower() == "unixepoch":
        found = _epoch(first)
        rest = rest[1:]
    else:
        found = _kept(first)
    for modifier in rest:
        found = replace(found, sql=_modified(found.sql, modifier))
    return found


def _kept(value: Value) -> _Moment:
    if value.kind is Kind.DATE:
        return _Moment(f"({value.sql}::timestamp)", value, moving=False)
    if value.kind is Kind.TIMESTAMP and value.pg.base is Base.TIMESTAMP:
        return _Moment(value.sql, value, moving=False)
    if value.kind is Kind.TIMESTAMP and value.spelling and re.search(r"(Z|[+-]00:?00)$", value.spelling):
        return _Moment(f"({value.sql} AT TIME ZONE 'UTC')", value, moving=False)
    if value.kind is Kind.TEXT:
        raise NotExact(f"it reads the text {value.sql} as a date, and what SQLite takes for one PostgreSQL may refuse")
    raise NotExact(f"it reads {describe(value)} as a date")


def _epoch(value: Value) -> _Moment:
    if value.kind is not Kind.INTEGER or value.low < _EARLIEST:
        raise NotExact(f"it reads {describe(value)} as seconds since 1970, and it may lie before the year 1")
    guard = f"{value.sql} <= {_LATEST}" if value.high > _LATEST else ""
    return _Moment(f"(to_timestamp({value.sql}) AT TIME ZONE 'UTC')", value, moving=False, guard=guard)


def _modified(sql: str, modifier: Value) -> str:
    written = modifier.constant
    if not isinstance(written, str):
        raise NotExact("a date function has a modifier that depends on a column")
    if shift := _SHIFT.fullmatch(written):
        return f"({sql} {'-' if shift[1] == '-' else '+'} interval '{shift[2]} {shift[3].lower()}')"
    if start := _START.fullmatch(written):
        return f"date_trunc('{start[1].lower()}', {sql})"
    if written.strip().lower() in ("localtime", "utc"):
        raise NotExact("it uses the local time of the application's machine, which the server does not know")
    raise NotExact(f"the modifier {written!r} of a date function has no exact equivalent")


def _text_of(moment: _Moment, shown: str) -> Value:
    sql = f"(CASE WHEN {moment.guard} THEN {shown} END)" if moment.guard else shown
    return text(sql, moment.source) if moment.source else text(sql)


def _formatted(format_: str, moment: _Moment) -> Value:
    pieces = _pieces(format_)
    value = _text_of(moment, _shown(pieces, moment))
    plain = _canonical(format_)
    if moment.moving and plain in _RESOLUTION:
        step = _RESOLUTION[plain]
        spelled = "".join(letter if kind == "" else _SPELLED[kind] for kind, letter in pieces)
        instant = f"date_trunc('{step}', {moment.sql})"
        value = replace(value, instant=instant, spelling=spelled)
    if format_ == "%s":
        value = replace(value, number=_seconds(moment))
    return value


_SPELLED = {"Y": "0000", "m": "00", "d": "00", "H": "00", "M": "00", "S": "00", "f": "00.000", "j": "000"}


def _canonical(format_: str) -> str:
    return format_.removesuffix("Z").replace("T", " ", 1) if format_[:9] == "%Y-%m-%dT" else format_.removesuffix("Z")


def _pieces(format_: str) -> list[tuple[str, str]]:
    """Split a format into directives (letter, '') and literal text ('', text)."""
    for short, long in _WHOLE.items():
        format_ = re.sub(rf"(?<!%)((?:%%)*)%{short}", rf"\g<1>{long}", format_)
    pieces: list[tuple[str, str]] = []
    for part in re.findall(r"%.|[^%]+|%", format_):
        if part == "%%":
            pieces.append(("", "%"))
        elif part[0] == "%":
            if part[1:] not in (*_SPELLED, "s", "w"):
                raise NotExact(f"strftime's {part} has no exact equivalent")
            pieces.append((part[1:], ""))
        else:
            pieces.append(("", part))
    return pieces


def _shown(pieces: Sequence[tuple[str, str]], moment: _Moment) -> str:
    if moment.moving and pieces and all(kind in _TO_CHAR or not kind for kind, _ in pieces):
        return f"to_char({moment.sql}, {literal(''.join(_to_char(*piece) for piece in pieces))})"
    parts = [literal(found) if not kind else _part(kind, moment) for kind, found in pieces] or ["''"]
    return f"({' || '.join(parts)})" if len(parts) > 1 else parts[0]


def _to_char(kind: str, found: str) -> str:
    if kind:
        return _TO_CHAR[kind]
    if re.fullmatch(r"[-/:., ]*", found):
        return found
    return '"' + found.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _part(kind: str, moment: _Moment) -> str:
    if kind == "s":
        return f"{_seconds(moment)}::text"
    if kind == "w":
        return f"extract(dow FROM {moment.sql})::integer::text"
    if kind == "f":
        seconds = f"extract(second FROM {moment.sql})"
        return f"lpad((CASE WHEN {seconds} > 59.999 THEN 59.999 ELSE round({seconds}, 3) END)::text, 6, '0')"
    field, width = _PARTS[kind]
    number = f"extract({field} FROM {moment.sql})"
    whole = f"floor({number})" if field == "second" else number
    return f"lpad({whole}::integer::text, {width}, '0')"


def _seconds(moment: _Moment) -> str:
    return f"floor(extract(epoch FROM {moment.sql}))::bigint"


def _text_function(name: str) -> Callable[..., Value]:
    return lambda *values: _null_safe(values, lambda: _formatted(_FORMATS[name], _moment(values)))


def _strftime(format_: Value, *values: Value) -> Value:
    if not isinstance(format_.constant, str):
        raise NotExact("strftime has a format that is not fixed")
    written = format_.constant
    return _null_safe(values, lambda: _formatted(written, _moment(values)))


def _unixepoch(*values: Value) -> Value:
    def seconds() -> Value:
        moment = _moment(values)
        sql = f"(CASE WHEN {moment.guard} THEN {_seconds(moment)} END)" if moment.guard else _seconds(moment)
        found = integer(sql, low=-(1 << 40), high=1 << 40)
        return derive(found, moment.source) if moment.source else found

    return _null_safe(values, seconds)


def _julianday(*values: Value) -> Value:
    def days() -> Value:
        moment = _moment(values)
        milliseconds = f"floor(extract(epoch FROM {moment.sql}) * 1000)"
        sql = f"(({milliseconds} + 210866760000000)::double precision / 86400000)"
        if moment.guard:
            sql = f"(CASE WHEN {moment.guard} THEN {sql} END)"
        return real(sql, moment.source) if moment.source else real(sql)

    return _null_safe(values, days)


def _null_safe(values: Sequence[Value], found: Callable[[], Value]) -> Value:
    return constant_value(None) if any(value.kind is Kind.NULL for value in values) else found()


_MANY = 20

TIME_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Value]]] = {
    "date": (0, _MANY, _text_function("date")),
    "datetime": (0, _MANY, _text_function("datetime")),
    "time": (0, _MANY, _text_function("time")),
    "strftime": (1, _MANY, _strftime),
    "unixepoch": (0, _MANY, _unixepoch),
    "julianday": (0, _MANY, _julianday),
}
