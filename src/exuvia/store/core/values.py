"""Values as the store keeps them: ids, times, texts and JSON documents, alike on both engines."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson

from exuvia.store.errors import InvalidValueError

Json = Any
"""A JSON document: None, bool, int, float, str, and lists and mappings of those."""

LONGEST_ID: Final = 255
_EXPONENT: Final = re.compile(rb"[0-9][eE][+-]?[0-9]")
_TEXT_OR_EXPONENT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9.]+[eE][+-]?[0-9]+')


def new_id() -> str:
    """Return a new UUID of version 7 (RFC 9562): the time in milliseconds, then 74 random bits."""
    random = int.from_bytes(os.urandom(10))
    number = (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return str(UUID(int=number & (2**128 - 1)))


def checked_id(given: object, *, what: str = "id") -> str:
    """Return an id of the caller's own, checked.

    Raises:
        InvalidValueError: It is not a text of 1 to 255 characters, or has control characters in it.
    """
    if isinstance(given, str) and 0 < len(given) <= LONGEST_ID and given.isprintable():
        return given
    shown = repr(given)[:60]
    raise InvalidValueError(
        f"{shown} cannot be the {what}.",
        hint=f"An id is a text of 1 to {LONGEST_ID} characters without control characters.",
        code="id",
    )


def chosen_id(given: object) -> str:
    """Return the caller's own id, checked, or a new one if it is None.

    Raises:
        InvalidValueError: It cannot be one.
    """
    return new_id() if given is None else checked_id(given)


def checked_text(given: object, *, what: str, longest: int | None = None) -> str:
    """Return a text, checked.

    Args:
        given: What the caller passed.
        what: What it is, for the error.
        longest: Characters at most, and at least one; None where any text will do.

    Raises:
        InvalidValueError: It is not a text, or empty or too long where ``longest`` is given.
    """
    if isinstance(given, str) and (longest is None or 0 < len(given) <= longest):
        return given
    hint = "Pass a text." if longest is None else f"Pass a text of 1 to {longest} characters."
    raise InvalidValueError(f"{repr(given)[:60]} cannot be the {what}.", hint=hint, code="text")


def checked_time(given: object, *, what: str = "time") -> datetime:
    """Return a time in UTC.

    Raises:
        InvalidValueError: It is not a datetime, or has no time zone.
    """
    if isinstance(given, datetime) and given.tzinfo is not None:
        return given.astimezone(UTC)
    raise InvalidValueError(
        f"{given!r} cannot be the {what}.", hint="Pass a datetime with a time zone: datetime.now(UTC).", code="time"
    )


def time_text(moment: datetime) -> str:
    """Write a time for SQLite: UTC, to the microsecond, of fixed width, so that texts sort as times do."""
    # strftime is ten times slower, and leaves out a year's leading zeros
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"


def encode_json(document: Json, *, what: str = "data") -> str:
    """Write a JSON document so that both engines give it back as it was.

    Raises:
        InvalidValueError: It holds what JSON does not have (NaN, other types), integers beyond 64 bits, or U+0000.
    """
    try:
        written = orjson.dumps(document)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(
            f"The {what} cannot be written as JSON: {error}.",
            hint="Use None, bool, int (64 bits), float, str, and lists and dicts with text keys.",
            code="json",
        ) from None
    if b"null" in written:
        _refuse_nan(document, what)
    if b"\\u0000" in written:
        _refuse_nul(written, what)
    if _EXPONENT.search(written):
        # jsonb would give 1e22 back as an integer
        written = _TEXT_OR_EXPONENT.sub(_without_exponent, written)
    return written.decode()


def decode_json(written: str | bytes) -> Json:
    """Read a JSON document that ``encode_json`` wrote, from either engine."""
    return orjson.loads(written)


def _refuse_nan(document: Json, what: str) -> None:
    for value in _leaves(document):
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidValueError(
                f"The {what} holds {value}, which JSON does not have.", hint="Use None instead.", code="json"
            )


def _refuse_nul(written: bytes, what: str) -> None:
    texts = (text for text in _texts(orjson.loads(written)) if "\0" in text)
    if (found := next(texts, None)) is not None:
        raise InvalidValueError(
            f"The {what} holds U+0000, in {found[:40]!r}, which PostgreSQL cannot store.",
            hint="Take the character out.",
            code="nul",
        )


def _leaves(document: Json) -> Iterator[Json]:
    if isinstance(document, Mapping):
        for value in document.values():
            yield from _leaves(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _leaves(value)
    else:
        yield document


def _texts(document: Json) -> Iterator[str]:
    if isinstance(document, Mapping):
        yield from document
    yield from (leaf for leaf in _leaves(document) if isinstance(leaf, str))


def _without_exponent(piece: re.Match[bytes]) -> bytes:
    if piece[0].startswith(b'"'):
        return piece[0]
    digits = format(Decimal(piece[0].decode()), "f")
    return (digits if "." in digits else digits + ".0").encode()
