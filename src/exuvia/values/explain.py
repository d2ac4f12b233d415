"""Why a value does not fit its target type, in words. Nothing is decided here: only values already turned down come."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable
from decimal import Decimal

from exuvia.catalog.types import Base
from exuvia.values.cells import StorageClass
from exuvia.values.convert_numbers import NUMBER_TEXT, RANGES, decimal_of
from exuvia.values.jsonparse import NotJsonError, read_json
from exuvia.values.numbers import plain_digits
from exuvia.values.rules import Rule
from exuvia.values.utf8 import malformed_at, shortened

Value = int | float | bytes

_NAMES = {
    Base.BOOLEAN: "a boolean",
    Base.SMALLINT: "an integer",
    Base.INTEGER: "an integer",
    Base.BIGINT: "an integer",
    Base.DOUBLE: "a number",
    Base.NUMERIC: "a number",
    Base.UUID: "a UUID",
    Base.DATE: "a date",
    Base.TIME: "a time",
    Base.TIMESTAMP: "a timestamp",
    Base.TIMESTAMPTZ: "a timestamp",
    Base.TEXT_ARRAY: "a list of texts",
    Base.REAL_ARRAY: "a list of float32 numbers",
    Base.VECTOR: "a vector",
    Base.BIT: "a string of bits",
    Base.JSON: "JSON",
    Base.JSONB: "JSON",
}
_TEXTUAL = (Base.TEXT, Base.VARCHAR, Base.JSON, Base.JSONB, Base.TEXT_ARRAY)
_DATED = re.compile(
    r"(?P<year>[0-9]{4}|[1-9][0-9]{4,8})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.(?P<fraction>[0-9]+))?"
    r"(?P<zone> ?(?:[Zz]|UTC|GMT|[+-][0-9:]+))?)?"
)
_ZONE = re.compile(r" ?(?:[Zz]|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)| UTC| GMT")
_CLOCK = re.compile(r"(?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.(?P<fraction>[0-9]+))?")


def explain(kind: StorageClass, value: Value, rule: Rule) -> str:
    """Return the reason why ``value``, of storage class ``kind``, was turned down by ``rule``."""
    if isinstance(value, bytes):
        return _text(value, rule) if kind is StorageClass.TEXT else _blob(value, rule)
    return _number(value, rule)


def _text(value: bytes, rule: Rule) -> str:
    place = malformed_at(value)
    if place is not None:
        return f"malformed UTF-8 at byte {place}"
    if b"\0" in value and rule.type.base in _TEXTUAL:
        return "holds U+0000, which PostgreSQL text cannot"
    text = value.decode()
    special = _SPECIAL.get(rule.type.base)
    reason = special(text, rule) if special else ""
    return reason or f"the text {_shown(value)} is not {_NAMES.get(rule.type.base, rule.type.base.value)}"


def _shown(value: bytes) -> str:
    return f"'{shortened(value)}'"


def _integer_text(text: str, rule: Rule) -> str:
    return _out_of_range(text, rule) if re.fullmatch("[+-]?[0-9]+", text) else ""


def _out_of_range(number: str, rule: Rule) -> str:
    lower, upper = RANGES[rule.type.base]
    return f"the number {shortened(number.encode())} is outside {rule.type.base.value} ({lower} to {upper})"


def _double_text(text: str, _: Rule) -> str:
    if NUMBER_TEXT.fullmatch(text.encode()) is None:
        return ""
    return f"the number '{shortened(text.encode())}' has more digits than double precision keeps"


def _numeric_text(text: str, rule: Rule) -> str:
    if NUMBER_TEXT.fullmatch(text.encode()) is None:
        return ""
    number = decimal_of(text.encode())
    return _beyond(shortened(text.encode()), rule) if number is None else _decimal(number, text, rule)


def _beyond(shown: str, rule: Rule) -> str:
    return f"the number {shown} is beyond {rule.type}"


def _decimal(number: Decimal, spelled: str, rule: Rule) -> str:
    shown = shortened(spelled.encode())
    if rule.type.size is None or not number.is_finite() or abs(number.adjusted()) > 200_000:
        return _beyond(shown, rule)
    whole, _, decimals = plain_digits(abs(number)).partition(".")
    decimals, scale = decimals.rstrip("0"), rule.type.scale or 0
    if len(decimals) > scale:
        return f"the number {shown} has {_count(len(decimals), 'decimal')}, {rule.type} keeps {scale}"
    digits = len(whole.lstrip("0"))
    return (
        f"the number {shown} has {_count(digits, 'digit')} before the point, {rule.type} holds {rule.type.size - scale}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _varchar_text(text: str, rule: Rule) -> str:
    return f"{len(text)} characters, {rule.type} holds {rule.type.size}"


def _json_text(text: str, _: Rule) -> str:
    try:
        return read_json(text.encode()).obstacle
    except NotJsonError as error:
        return f"the text '{shortened(text.encode())}' is {error}"


def _moment_text(text: str, rule: Rule) -> str:
    base = rule.type.base
    shape = _DATED.fullmatch(text)
    if shape is None:
        return ""
    return (
        _bad_day(int(shape["year"]), int(shape["month"]), int(shape["day"]))
        or _bad_clock(shape["clock"])
        or _bad_fraction(shape["fraction"])
        or _bad_year(int(shape["year"]), base)
        or _too_much(f"'{shortened(text.encode())}'", shape["zone"] or "", base)
    )


def _too_much(shown: str, zone: str, base: Base) -> str:
    if base is Base.TIME:
        return f"the text {shown} has a date, which time does not keep"
    if zone and base is not Base.TIMESTAMPTZ and _ZONE.fullmatch(zone):
        return f"the text {shown} has a time zone, which {base.value} does not keep"
    if zone:
        return f"the time zone of {shown} is not one that PostgreSQL reads"
    if base is Base.DATE:
        return f"the text {shown} has a time of day, which date does not keep"
    return f"the time {shown} does not exist in the local time zone"


def _bad_day(year: int, month: int, day: int) -> str:
    if year == 0:
        return "the year 0 does not exist"
    if not 1 <= month <= 12:
        return f"month {month} does not exist"
    longest = calendar.monthrange(2000 + year % 400, month)[1]
    if not 1 <= day <= longest:
        return f"day {day} does not exist in {calendar.month_name[month]} {year}"
    return ""


def _bad_clock(clock: str | None) -> str:
    hour, minute, second = (*map(int, (clock or "0:0").split(":")), 0)[:3]
    if hour > 23 or minute > 59 or second > 59:
        return f"the time of day {clock} does not exist"
    return ""


def _bad_fraction(fraction: str | None) -> str:
    digits = len((fraction or "").rstrip("0"))
    return f"{digits} fraction digits, PostgreSQL keeps 6" if digits > 6 else ""


def _bad_year(year: int, base: Base) -> str:
    last = 5_874_897 if base is Base.DATE else 294_246
    return f"the year {year} is after {last}, the last that {base.value} holds here" if year > last else ""


def _time_text(text: str, rule: Rule) -> str:
    shape = _CLOCK.fullmatch(text)
    if shape is None:
        return _moment_text(text, rule)
    return _bad_clock(shape["clock"]) or _bad_fraction(shape["fraction"])


def _vector_text(text: str, rule: Rule) -> str:
    try:
        read_json(text.encode())
    except NotJsonError:
        return ""
    size = f" {rule.type.size}" if rule.type.size else ""
    return f"the text '{shortened(text.encode())}' is not a JSON array of{size} numbers that float32 holds"


_SPECIAL: dict[Base, Callable[[str, Rule], str]] = {
    Base.SMALLINT: _integer_text,
    Base.INTEGER: _integer_text,
    Base.BIGINT: _integer_text,
    Base.DOUBLE: _double_text,
    Base.NUMERIC: _numeric_text,
    Base.VARCHAR: _varchar_text,
    Base.JSON: _json_text,
    Base.JSONB: _json_text,
    Base.DATE: _moment_text,
    Base.TIMESTAMP: _moment_text,
    Base.TIMESTAMPTZ: _moment_text,
    Base.TIME: _time_text,
    Base.VECTOR: _vector_text,
    Base.REAL_ARRAY: _vector_text,
}


def _blob(value: bytes, rule: Rule) -> str:
    base, size = rule.type.base, len(value)
    if base in (Base.TEXT, Base.VARCHAR):
        text = malformed_at(value) is None and b"\0" not in value
        return _varchar_text(value.decode(), rule) if text else f"a BLOB of {_count(size, 'byte')} that is not text"
    if base in (Base.JSON, Base.JSONB):
        text = malformed_at(value) is None and b"\0" not in value
        reason = _json_text(value.decode(), rule) if text else ""
        return reason if reason and value[:1] in (b"{", b"[", b'"') else "a BLOB, not JSON text"
    if base is Base.UUID:
        return f"a BLOB of {_count(size, 'byte')}, a UUID has 16"
    if base is Base.VECTOR and size == 4 * (rule.type.size or 0):
        return f"a BLOB with a number that is not finite, which {rule.type} cannot hold"
    if base in (Base.VECTOR, Base.BIT):
        taken = 4 * (rule.type.size or 0) if base is Base.VECTOR else (rule.type.size or 0) // 8
        return f"a BLOB of {_count(size, 'byte')}, {rule.type} takes {taken}"
    return f"a BLOB of {_count(size, 'byte')} is not {_NAMES.get(base, base.value)}"


def _number(value: int | float, rule: Rule) -> str:
    base = rule.type.base
    shown = repr(value)
    if base in RANGES:
        whole = isinstance(value, int) or (math.isfinite(value) and value == int(value))
        return _out_of_range(shown, rule) if whole else f"the number {shown} is not whole"
    if base is Base.DOUBLE:
        return f"the number {shown} has more digits than double precision keeps"
    if base is Base.NUMERIC:
        return _decimal(Decimal(shown), shown, rule)
    if base is Base.VARCHAR:
        return f"{len(shown)} characters, {rule.type} holds {rule.type.size}"
    if base in (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ):
        return _number_as_moment(shown, rule)
    return f"the number {shown} is not {_NAMES.get(base, base.value)}"


def _number_as_moment(shown: str, rule: Rule) -> str:
    base = rule.type.base
    if rule.epoch is None:
        return f"the number {shown} is not {_NAMES[base]}, and the plan does not say what it counts"
    if base is Base.DATE:
        return f"the number {shown} read as {rule.epoch.value} is not midnight of a day that date holds"
    return f"the number {shown} read as {rule.epoch.value} is no moment that {base.value} holds exactly"
