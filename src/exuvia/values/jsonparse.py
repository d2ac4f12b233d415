"""JSON read exactly as PostgreSQL's json and jsonb read it (https://www.postgresql.org/docs/current/datatype-json.html).

The reader keeps its own stack, so that depth is a limit and not a crash, and never turns a number into a float.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import orjson

from exuvia.values.numbers import MAX_DECIMALS, MAX_INTEGER_DIGITS

MAX_DEPTH = 5000
"""Nesting that PostgreSQL reads within its default max_stack_depth of 2 MB (6,000 levels of objects still pass)."""

MAX_JSONB_BYTES = 0x0FFFFFFF

_TOKEN = re.compile(
    rb"[ \t\n\r]*+(?:"
    rb"(?P<mark>[][{},:])"
    rb'|(?P<text>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    rb"|(?P<number>(?P<whole>-?(?:0|[1-9][0-9]*+))(?:\.(?P<decimals>[0-9]++))?(?:[eE](?P<exponent>[+-]?[0-9]++))?)"
    rb"|(?P<word>true|false|null))"
)
_SPACE = re.compile(rb"[ \t\n\r]*")


class NotJsonError(ValueError):
    """The text is not JSON; the message says why, in words for people."""


@dataclass(slots=True)
class _Level:
    closer: bytes
    parts: list[bytes] = field(default_factory=list)
    members: dict[str, bytes] = field(default_factory=dict)
    key: str | None = None


@dataclass(slots=True)
class Reading:
    """What one JSON text holds.

    Args:
        canonical: The same value with sorted keys, no spaces, and one spelling for equal numbers and strings.
        obstacle: Why jsonb cannot hold it exactly; empty when it can.
    """

    canonical: bytes
    obstacle: str


def read_json(text: bytes) -> Reading:
    """Read one JSON text.

    Args:
        text: Valid UTF-8.

    Raises:
        NotJsonError: PostgreSQL's json type would refuse it.
    """
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: bytes) -> None:
        self.text = text
        self.obstacle = ""
        self.stack: list[_Level] = []
        self.place = 0

    def read(self) -> Reading:
        if len(self.text) > MAX_JSONB_BYTES:
            self.obstacle = "more than 256 MB, which jsonb cannot hold"
        root = _Level(b"")
        self.stack.append(root)
        self._value()
        while len(self.stack) > 1:
            self._member()
        end = _SPACE.match(self.text, self.place)
        if end is None or end.end() != len(self.text):
            raise self._wrong("something follows the JSON value")
        return Reading(root.parts[0], self.obstacle)

    def _next(self) -> re.Match[bytes]:
        token = _TOKEN.match(self.text, self.place)
        if token is None:
            blank = _SPACE.match(self.text, self.place)
            if blank is not None and blank.end() == len(self.text):
                raise self._wrong("the JSON text ends too early")
            raise self._wrong("no JSON value begins here")
        self.place = token.end()
        return token

    def _wrong(self, what: str) -> NotJsonError:
        return NotJsonError(f"not JSON: {what}, at byte {self.place}")

    def _value(self, token: re.Match[bytes] | None = None) -> None:
        token = token or self._next()
        mark = token["mark"]
        if mark in (b"{", b"["):
            if len(self.stack) > MAX_DEPTH:
                raise NotJsonError(f"nested deeper than {MAX_DEPTH} levels, more than PostgreSQL's stack holds")
            self.stack.append(_Level(b"}" if mark == b"{" else b"]"))
            return
        if mark is not None:
            raise self._wrong(f"{mark.decode()!r} where a value belongs")
        if token["text"] is not None:
            self._add(self._spelled(self._string(token["text"])))
        elif token["number"] is not None:
            self._add(self._number(token))
        else:
            self._add(token["word"])

    def _add(self, canonical: bytes) -> None:
        level = self.stack[-1]
        if level.key is None:
            level.parts.append(canonical)
            return
        if level.key in level.members:
            self.obstacle = self.obstacle or f"the key {level.key[:60]!r} stands twice in one object; jsonb keeps one"
        level.members[level.key] = canonical
        level.key = None

    def _member(self) -> None:
        level = self.stack[-1]
        token = self._next()
        filled = bool(level.parts or level.members)
        if token["mark"] == level.closer:
            self._close()
            return
        if filled:
            if token["mark"] != b",":
                raise self._wrong("a comma or a closing bracket is missing")
            token = self._next()
        if level.closer == b"}":
            if token["text"] is None:
                raise self._wrong("a key in quotes is missing")
            level.key = self._string(token["text"])
            if self._next()["mark"] != b":":
                raise self._wrong("a colon is missing")
            token = self._next()
        self._value(token)

    def _close(self) -> None:
        level = self.stack.pop()
        if level.closer == b"]":
            self._add(b"[" + b",".join(level.parts) + b"]")
            return
        members = sorted(level.members.items())
        self._add(b"{" + b",".join(self._spelled(key) + b":" + value for key, value in members) + b"}")

    def _string(self, token: bytes) -> str:
        if b"\\" not in token:
            return token[1:-1].decode()
        value: str = json.loads(token)
        if "\0" in value:
            self.obstacle = self.obstacle or "holds \\u0000, which jsonb cannot"
        if any("\ud800" <= character <= "\udfff" for character in value):
            self.obstacle = self.obstacle or "holds half of a surrogate pair, which jsonb cannot"
        return value

    @staticmethod
    def _spelled(value: str) -> bytes:
        try:
            return orjson.dumps(value)
        except orjson.JSONEncodeError:
            return json.dumps(value).encode()

    def _number(self, token: re.Match[bytes]) -> bytes:
        whole, decimals = token["whole"].lstrip(b"-"), token["decimals"] or b""
        power = token["exponent"] or b"0"
        exponent = int(power) if len(power) <= 8 else (10**8 if not power.startswith(b"-") else -(10**8))
        digits = (whole + decimals).lstrip(b"0")
        scale = len(decimals) - exponent
        if scale > MAX_DECIMALS or len(digits) - scale > MAX_INTEGER_DIGITS or abs(exponent) >= 10**8:
            self.obstacle = self.obstacle or "holds a number beyond the range of numeric"
            return token["number"]
        sign = b"-" if token["whole"].startswith(b"-") and digits else b""
        return sign + _without_exponent(digits, scale)


def _without_exponent(digits: bytes, scale: int) -> bytes:
    """Spell digits with ``scale`` decimals, without needless zeros."""
    if not digits:
        return b"0"
    if scale <= 0:
        return digits + b"0" * -scale
    whole = digits[:-scale] if len(digits) > scale else b"0"
    decimals = digits.rjust(scale, b"0")[-scale:].rstrip(b"0")
    return whole + b"." + decimals if decimals else whole
