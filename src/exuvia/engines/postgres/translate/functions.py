"""SQLite's scalar functions (https://sqlite.org/lang_corefunc.html), each with the same result for every argument."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from exuvia.catalog.model import Affinity
from exuvia.catalog.types import Base
from exuvia.engines.postgres.translate.compare import compare
from exuvia.engines.postgres.translate.json import JSON_FUNCTIONS
from exuvia.engines.postgres.translate.logic import choose, truth
from exuvia.engines.postgres.translate.times import TIME_FUNCTIONS
from exuvia.engines.postgres.translate.unify import unify
from exuvia.engines.postgres.translate.values import (
    BYTEA,
    DOUBLE,
    INT64_MAX,
    INTEGER,
    Kind,
    NotExact,
    Value,
    as_integer,
    as_real,
    as_text,
    constant_value,
    derive,
    describe,
    forget,
    integer,
    real,
    text,
)

Function = Callable[..., Value]

_MOST_PLACES = 15
_LAST_BIT = "0." + str(5**62).zfill(62)  # 2**-62, exactly
_LONGEST = 1 << 30  # more characters than any PostgreSQL text has
_STATE = frozenset({"changes", "total_changes", "last_insert_rowid", "sqlite_version", "sqlite_source_id"})


def call(name: str, arguments: Sequence[Value]) -> Value:
    """Return a call of the scalar function ``name`` (in lower case).

    Raises:
        NotExact: The function, or this use of it, has no exact equivalent.
    """
    known = _FUNCTIONS.get(name)
    if known is None:
        if name in _STATE:
            raise NotExact(f"{name}() is about SQLite's connection")
        raise NotExact(f"{name}() has no exact equivalent")
    least, most, function = known
    if not least <= len(arguments) <= most:
        raise NotExact(f"{name}() has {len(arguments)} arguments")
    return function(*arguments)


def _null_if_any(sql: str, values: Sequence[Value]) -> str:
    tested = " OR ".join(f"{value.sql} IS NULL" for value in values if not value.is_constant)
    return f"(CASE WHEN NOT ({tested}) THEN {sql} END)" if tested else sql


def _abs(value: Value) -> Value:
    value = as_integer(value)
    if value.kind is Kind.INTEGER:
        wide = value.sql if value.pg.base is Base.BIGINT else f"{value.sql}::bigint"
        return integer(f"abs({wide})", value, low=0, high=max(abs(value.low), abs(value.high)))
    if value.kind in (Kind.REAL, Kind.NUMBER):
        return derive(Value(f"abs({as_real(value).sql})", value.kind, DOUBLE), value)
    raise NotExact(f"abs() is applied to {describe(value)}")


def _coalesce(*values: Value) -> Value:
    unified, like = unify(values)
    return derive(replace(like, sql=f"coalesce({', '.join(value.sql for value in unified)})"), *unified)


def _iif(*values: Value) -> Value:
    tests = [truth(value) for value in values[: len(values) // 2 * 2 : 2]]
    results = list(values[1 : len(values) // 2 * 2 : 2])
    results.append(values[-1] if len(values) % 2 else constant_value(None))
    return choose(tests, results)


def _nullif(value: Value, other: Value) -> Value:
    if value.volatile:
        raise NotExact("nullif() tests a random value")
    test = compare("=", replace(value, affinity=Affinity.BLOB), replace(other, affinity=Affinity.BLOB))
    plain = replace(forget(value), affinity=Affinity.BLOB, collation="BINARY")
    sql = f"(CASE WHEN {test.sql} THEN NULL ELSE {value.sql} END)"
    return derive(replace(plain, sql=sql), test)


def _extreme(function: str) -> Function:
    def extreme(*values: Value) -> Value:
        kinds = {value.kind for value in values}
        if Kind.NULL in kinds:
            return constant_value(None)
        if any(value.volatile for value in values):
            raise NotExact("min() or max() is applied to a random value")
        unified, like = unify(values)
        if like.kind is Kind.TEXT:
            if any(value.collation != "BINARY" for value in values):
                raise NotExact("min() or max() compares under another collation than BINARY")
            shown = [f'{value.sql} COLLATE "C"' for value in unified]
        elif like.kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.NUMBER):
            shown = [value.sql for value in unified]
        else:
            raise NotExact(f"min() or max() is applied to {describe(values[0])}")
        sql = _null_if_any(f"{function}({', '.join(shown)})", unified)
        return derive(replace(like, sql=sql), *unified)

    return extreme


def _instr(subject: Value, part: Value) -> Value:
    if Kind.BLOB in (subject.kind, part.kind):
        raise NotExact("instr() is applied to blobs")
    subject, part = as_text(subject), as_text(part)
    return integer(f"strpos({subject.sql}, {part.sql})", subject, part, low=0, high=_LONGEST, pg=INTEGER)


def _length(value: Value) -> Value:
    if value.kind is Kind.BLOB:
        return integer(f"octet_length({value.sql})", value, low=0, high=_LONGEST, pg=INTEGER)
    found = as_text(value)
    return integer(f"length({found.sql})", found, low=0, high=_LONGEST, pg=INTEGER)


def _octet_length(value: Value) -> Value:
    sql = value.sql if value.kind is Kind.BLOB else f"convert_to({as_text(value).sql}, 'UTF8')"
    return integer(f"octet_length({sql})", value, low=0, high=_LONGEST, pg=INTEGER)


def _case_of(function: str) -> Function:
    return lambda value: text(f'{function}({as_text(value).sql} COLLATE "C")', value)


def _trim(function: str) -> Function:
    def trim(value: Value, signs: Value | None = None) -> Value:
        shown = as_text(signs if signs is not None else constant_value(" "))
        return text(f"{function}({as_text(value).sql}, {shown.sql})", value, shown)

    return trim


def _replace(subject: Value, old: Value, new: Value) -> Value:
    subject, old, new = (as_text(value) for value in (subject, old, new))
    if old.constant == "":
        return text(subject.sql, subject)
    sql = f"replace({subject.sql}, {old.sql}, {new.sql})"
    if not old.is_constant and not new.constant:
        # Nothing to look for: SQLite does not look at what to put there, not even whether it is NULL.
        sql = f"(CASE WHEN {old.sql} = '' THEN {subject.sql} ELSE {sql} END)"
    return text(sql, subject, old, new)


def _substr(subject: Value, start: Value, length: Value | None = None) -> Value:
    if subject.kind is Kind.BLOB:
        raise NotExact("substr() is applied to a blob")
    found, start = as_text(subject), as_integer(start)
    count = as_integer(length) if length is not None else None
    given = [start] if count is None else [start, count]
    if any(value.kind is Kind.NULL for value in given):
        return constant_value(None)
    if any(value.kind is not Kind.INTEGER or max(-value.low, value.high) > _LONGEST for value in given):
        raise NotExact("substr() is called with a position or length that may be any number")
    sql = found.sql
    if start.low < 0:
        if not start.is_constant or (count is not None and count.low < 0):
            raise NotExact("substr() is called with a position that may be negative")
        begin = f"(length({sql}) - {-start.low - 1})"
        if found.volatile:
            raise NotExact("substr() counts from the end of a random text")
        shown = f"right({sql}, {-start.low})" if count is None else f"substr({sql}, {begin}, {_int4(count)})"
    elif count is None:
        shown = f"substr({sql}, {_int4(start)})"
    elif count.low >= 0:
        shown = f"substr({sql}, {_int4(start)}, {_int4(count)})"
    elif found.volatile or start.volatile or count.volatile:
        raise NotExact("substr() is called with a random length that may be negative")
    else:
        begin, size = _int4(start), _int4(count)
        before = f"substr({sql}, {begin} + {size}, - {size})"
        shown = f"(CASE WHEN {size} < 0 THEN {before} ELSE substr({sql}, {begin}, {size}) END)"
    return text(shown, found, *given)


def _int4(value: Value) -> str:
    return value.sql if value.pg.base is Base.INTEGER else f"{value.sql}::integer"


def _round(value: Value, digits: Value | None = None) -> Value:
    value = as_integer(value)
    if Kind.NULL in (value.kind, digits.kind if digits is not None else value.kind):
        return constant_value(None)
    if value.kind is Kind.INTEGER and (digits is None or isinstance(digits.constant, int)):
        return as_real(value)
    places = 0 if digits is None else digits.constant
    if value.kind not in (Kind.REAL, Kind.NUMBER) or value.volatile:
        raise NotExact(f"round() is applied to {describe(value)}")
    if not isinstance(places, int) or places > _MOST_PLACES:
        raise NotExact("round() is called with a number of decimals that is not fixed, or over 15")
    sql = as_real(value).sql
    if places <= 0:
        rounded = f"trunc({sql} + CASE WHEN {sql} < 0 THEN -0.5 ELSE 0.5 END)"
    else:
        rounded = f"round({_exactly(sql)}, {places})::double precision"
    return real(f"(CASE WHEN abs({sql}) >= 4503599627370496 THEN {sql} ELSE {rounded} END)", value)


def _exactly(sql: str) -> str:
    """Return a floating-point number below 2**53 as the decimal number that its bits stand for, to 62 binary places.

    PostgreSQL's own cast to numeric rounds to 15 digits, after which 1.005 looks like a tie and is none.
    """
    fraction = f"trunc(({sql} - trunc({sql})) * 4611686018427387904)::bigint::numeric"
    return f"(trunc({sql})::bigint::numeric + {fraction} * {_LAST_BIT})"


def _sign(value: Value) -> Value:
    value = as_integer(value)
    if value.kind not in (Kind.INTEGER, Kind.REAL, Kind.NUMBER):
        raise NotExact(f"sign() is applied to {describe(value)}")
    return integer(f"sign({value.sql})::integer", value, low=-1, high=1, pg=INTEGER)


def _hex(value: Value) -> Value:
    if value.kind is Kind.NULL:
        return constant_value("")
    data = value.sql if value.kind is Kind.BLOB else f"convert_to({as_text(value).sql}, 'UTF8')"
    shown = f"upper(encode({data}, 'hex'))"
    return text(shown if value.volatile else f"coalesce({shown}, '')", value)


def _randomblob(size: Value) -> Value:
    if not isinstance(size.constant, int) or not 0 < size.constant <= 1024:
        raise NotExact("randomblob() is called with a size that is not fixed, or over 1024")
    return replace(Value(random_bytes(size.constant), Kind.BLOB, BYTEA), volatile=True)


def random_bytes(size: int) -> str:
    """Return an expression for ``size`` bytes from the server's strong random source, without an extension: each 32
    bytes are the SHA-256 of two random UUIDs, which hold 244 random bits."""
    block = "sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))"
    blocks = " || ".join([block] * ((size + 31) // 32))
    return f"substring({blocks} FROM 1 FOR {size})"


def _random() -> Value:
    sql = f"('x' || encode({random_bytes(8)}, 'hex'))::bit(64)::bigint"
    # abs() of the one value without a positive counterpart is an error in both engines.
    return replace(integer(f"({sql})"), volatile=True)


def _typeof(value: Value) -> Value:
    names = {
        Kind.BOOLEAN: "integer",
        Kind.INTEGER: "integer",
        Kind.REAL: "real",
        Kind.TEXT: "text",
        Kind.BLOB: "blob",
        Kind.JSON: "text",
        Kind.UUID: "text",
        Kind.DATE: "text",
        Kind.TIMESTAMP: "text",
    }
    if value.kind not in names:
        raise NotExact(f"typeof() is applied to {describe(value)}")
    return text(f"(CASE WHEN {value.sql} IS NULL THEN 'null' ELSE '{names[value.kind]}' END)", value)


def _unicode(value: Value) -> Value:
    return integer(f"nullif(ascii({as_text(value).sql}), 0)", value, low=1, high=0x10FFFF, pg=INTEGER)


def _concat(*values: Value) -> Value:
    shown = [f"coalesce({as_text(value).sql}, '')" for value in values if value.kind is not Kind.NULL]
    return text(f"({' || '.join(shown)})", *values) if shown else constant_value("")


_DIRECTIVE = re.compile(r"%(?:%|0([1-9][0-9]?)d|[ds])")


def _format(pattern: Value, *values: Value) -> Value:
    if not isinstance(pattern.constant, str):
        raise NotExact("printf() has a format that is not fixed")
    directives = list(_DIRECTIVE.finditer(pattern.constant))
    plain = _DIRECTIVE.split(pattern.constant)[::2]
    given = iter(values)
    if any("%" in part for part in plain) or len(values) != sum(d[0] != "%%" for d in directives):
        raise NotExact(f"printf() has the format {pattern.constant!r}, whose parts have no exact equivalents")
    parts = [constant_value(plain[0])]
    for directive, rest in zip(directives, plain[1:], strict=True):
        parts.append(constant_value("%") if directive[0] == "%%" else _directive(directive, next(given)))
        parts.append(constant_value(rest))
    shown = [part.sql for part in parts if part.constant != ""] or ["''"]
    return text(f"({' || '.join(shown)})", *values)


def _directive(directive: re.Match[str], value: Value) -> Value:
    value = as_integer(value)
    if directive[0] == "%s":
        return _concat(value)
    if value.kind is Kind.NULL:
        value = constant_value(0)
    if value.kind is not Kind.INTEGER:
        raise NotExact("printf('%d') is applied to what is no integer")
    number = f"coalesce({value.sql}, 0)"
    if directive[1] is None:
        return text(f"{number}::text", value)
    if value.volatile or (value.low == -INT64_MAX - 1 and value.is_constant):
        raise NotExact("printf() pads a random number")
    width = int(directive[1])
    digits = f"ltrim({number}::text, '-')"
    wide = f"lpad({digits}, greatest({width}, length({digits})), '0')"
    narrow = f"'-' || lpad({digits}, greatest({width - 1}, length({digits})), '0')"
    return text(f"(CASE WHEN {number} < 0 THEN {narrow} ELSE {wide} END)", value)


_MANY = 100

_FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "abs": (1, 1, _abs),
    "coalesce": (2, _MANY, _coalesce),
    "ifnull": (2, 2, _coalesce),
    "iif": (2, _MANY, _iif),
    "if": (2, _MANY, _iif),
    "nullif": (2, 2, _nullif),
    "max": (2, _MANY, _extreme("greatest")),
    "min": (2, _MANY, _extreme("least")),
    "instr": (2, 2, _instr),
    "length": (1, 1, _length),
    "octet_length": (1, 1, _octet_length),
    "lower": (1, 1, _case_of("lower")),
    "upper": (1, 1, _case_of("upper")),
    "trim": (1, 2, _trim("btrim")),
    "ltrim": (1, 2, _trim("ltrim")),
    "rtrim": (1, 2, _trim("rtrim")),
    "replace": (3, 3, _replace),
    "substr": (2, 3, _substr),
    "substring": (2, 3, _substr),
    "round": (1, 2, _round),
    "sign": (1, 1, _sign),
    "hex": (1, 1, _hex),
    "randomblob": (1, 1, _randomblob),
    "random": (0, 0, _random),
    "typeof": (1, 1, _typeof),
    "unicode": (1, 1, _unicode),
    "concat": (1, _MANY, _concat),
    "printf": (1, _MANY, _format),
    "format": (1, _MANY, _format),
    "likely": (1, 1, lambda value: value),
    "unlikely": (1, 1, lambda value: value),
    "likelihood": (2, 2, lambda value, _chance: value),
    **TIME_FUNCTIONS,
    **JSON_FUNCTIONS,
}
