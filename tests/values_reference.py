"""What a text is, said once more value by value with Python's own datetime, Decimal and json: slow, plain, and written
apart from exuvia.values, for tests to compare with."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from hypothesis import assume
from hypothesis import strategies as st

from exuvia.values.facts import TextForm

_CLOCK = r"(?P<h>\d\d):(?P<m>\d\d)(?::(?P<s>\d\d)(?:\.(?P<f>\d{1,40}))?)?"
_ZONE = r"(?P<zone> ?[Zz]| UTC| GMT| ?(?P<sign>[+-])(?P<zh>\d\d)(?::?(?P<zm>\d\d))?)"
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(_CLOCK, re.ASCII)
_STAMP = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)[T ]{_CLOCK}{_ZONE}?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_TRUTHS = {"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off"}


def form_of(text: bytes) -> TextForm:
    """Return the form of one text whose year has four digits, if it has one."""
    if b"\0" in text and _is_utf8(text):
        return TextForm.NUL
    if not _is_utf8(text):
        return TextForm.MALFORMED
    return _number(text.decode()) or _word(text.decode()) or _moment(text.decode()) or _json(text.decode())


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _number(text: str) -> TextForm | None:
    if text == "":
        return TextForm.EMPTY
    if re.fullmatch("[+-]?[0-9]+", text):
        return TextForm.INTEGER if -(2**63) <= int(text) < 2**63 else TextForm.DECIMAL
    if re.fullmatch(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+)", text):
        return TextForm.DECIMAL
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+", text):
        return TextForm.FLOAT
    return None


def _word(text: str) -> TextForm | None:
    if text.isascii() and text.lower() in _TRUTHS:
        return TextForm.BOOLEAN
    if _UUID.fullmatch(text):
        return TextForm.UUID
    return TextForm.UUID_HEX if re.fullmatch("[0-9a-fA-F]{32}", text) else None


def _moment(text: str) -> TextForm | None:
    if date_of(text) is not None:
        return TextForm.DATE
    if time_of(text) is not None:
        return TextForm.TIME
    stamp = stamp_of(text)
    if stamp is None:
        return None
    return TextForm.TIMESTAMP if stamp[1] is None else TextForm.TIMESTAMP_ZONE


def date_of(text: str) -> date | None:
    shape = _DATE.fullmatch(text)
    try:
        return date(*map(int, shape.groups())) if shape else None
    except ValueError:
        return None


def time_of(text: str) -> time | None:
    shape = _TIME.fullmatch(text)
    return _clock(shape) if shape else None


def _clock(shape: re.Match[str]) -> time | None:
    fraction = (shape["f"] or "").ljust(6, "0")
    if fraction[6:].strip("0"):
        return None
    try:
        return time(int(shape["h"]), int(shape["m"]), int(shape["s"] or 0), int(fraction[:6]))
    except ValueError:
        return None


def stamp_of(text: str) -> tuple[datetime, timedelta | None] | None:
    """Return the wall-clock time that is written, and the offset of the zone behind it."""
    shape = _STAMP.fullmatch(text)
    day = date_of(text[:10])
    clock = _clock(shape) if shape else None
    if shape is None or day is None or clock is None:
        return None
    if shape["zone"] is None:
        return datetime.combine(day, clock), None
    hours, minutes = int(shape["zh"] or 0), int(shape["zm"] or 0)
    if hours > 15 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return datetime.combine(day, clock), -offset if shape["sign"] == "-" else offset


def _json(text: str) -> TextForm:
    try:
        value = json_of(text)
    except ValueError:
        return TextForm.OTHER
    if isinstance(value, dict):
        return TextForm.JSON_OBJECT
    if isinstance(value, list):
        return TextForm.JSON_ARRAY
    return TextForm.JSON_SCALAR if value is None or isinstance(value, str) else TextForm.OTHER


def json_of(text: str) -> object:
    """Return a JSON value with its numbers as Decimal (as text beyond Decimal's range); ValueError when it is none."""

    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    def number(text: str) -> Decimal | str:
        try:
            return Decimal(text)
        except InvalidOperation:
            return text

    return json.loads(text, parse_int=number, parse_float=number, parse_constant=refuse)


_digits = st.text("0123456789", max_size=22)
_two = st.integers(0, 99).map("{:02}".format) | st.integers(1, 28).map("{:02}".format)
_dates = st.builds("{:04}-{}-{}".format, st.integers(0, 9999), _two, _two) | st.dates().map(str)
_clocks = st.builds("{}:{}".format, _two, _two) | st.builds("{}:{}:{}".format, _two, _two, _two) | st.times().map(str)
_fractions = st.just("") | st.builds(".{}{}".format, _digits, st.text("0", max_size=30))
_zones = (
    st.sampled_from(
        ["", "", "Z", "z", " Z", " UTC", " GMT", "UTC", "+", "-1", "+00:00", "+05:30", "-0800", " +02", "+2:00"]
    )
    | st.builds("{}{}{}".format, st.sampled_from("+-"), _two, _two)
    | st.builds("{}{}:{}".format, st.sampled_from(["+", "-", " +", " -"]), _two, _two)
)
_stamps = st.builds("{}{}{}{}{}".format, _dates, st.sampled_from("T t"), _clocks, _fractions, _zones)
_numbers = (
    st.integers().map(str)
    | st.integers(-(2**64), 2**64).map(str)
    | st.decimals(allow_nan=False, allow_infinity=False).map(str)
    | st.floats(allow_nan=False).map(repr)
    | st.builds(
        "{}{}{}{}".format, st.sampled_from(["", "+", "-", "+-"]), _digits, st.sampled_from(["", ".", ".."]), _digits
    )
    | st.builds("{}{}e{}".format, st.sampled_from(["", "+", "-"]), _digits, st.integers(-400, 400))
)
_uuids = (
    st.text("0123456789eE", min_size=32, max_size=32)
    | st.uuids().map(str)
    | st.uuids().map(lambda uuid: uuid.hex)
    | st.uuids().map(lambda uuid: str(uuid).upper())
)
_words = st.sampled_from(sorted(_TRUTHS)).flatmap(
    lambda word: st.sampled_from([word, word.upper(), word.title(), word + "s"])
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
_jsons = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    json_values,
    st.sampled_from([None, 1]),
    st.booleans(),
)
_odd_jsons = st.sampled_from(
    [
        r'"\ud800"',
        r'"\u0000"',
        '{"a":1,"a":2}',
        "[1e999]",
        " null ",
        "null",
        "nul",
        '"',
        "[1,]",
        "[01]",
        "NaN",
        "{}x",
        "[-]",
    ]
)
_well_formed = (
    _numbers
    | _dates
    | _clocks
    | st.builds(str.__add__, _clocks, _fractions)
    | _stamps
    | _uuids
    | _words
    | _jsons
    | _odd_jsons
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A text that has a form, or nearly has one, or has none; years have four digits."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=12))
    if kind == 1:
        return draw(st.text(max_size=40)).encode()
    text = draw(_well_formed).encode("utf-8", "replace")
    if kind < 7 or not text:
        return text
    place = draw(st.integers(0, len(text) - 1))
    byte = draw(st.sampled_from(b'0159-+:. TZeE\x00\x11\x1a\xc3\xff"{[,aG/:'))
    text = text[:place] + bytes([byte]) + text[place + (kind < 9) :]
    assume(not re.match(rb"[0-9]{5,}-", text))
    return text
