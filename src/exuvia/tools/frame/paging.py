"""Answers that fit: as many rows, or as much of a text, as the caller wants to read, and where the rest begins.

A continuation says where the last answer ended: the store's own page, and how much of it was told. It stands alone,
so any server can continue what another began; it belongs to the arguments it was given for.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import orjson
import xxhash

from exuvia.tools.frame.arguments import Budgeted, Paged
from exuvia.tools.frame.errors import ArgumentError
from exuvia.tools.frame.outputs import Json, Table
from exuvia.tools.frame.tokens import estimate

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_ENVELOPE: Final = 75
_CELL: Final = 400
_LEAST_CELL: Final = 10
_LETTERS: Final = 3  # of a token, with a share for commas and quotes
_SWAPPED: Final = str.maketrans({"'": '"', '"': "'"})  # so that answers need not escape the quotes
_UNCOUNTED: Final = {"after", "max_tokens", "limit"}


class Page(Protocol[R_co]):
    """What the store answers to a list."""

    @property
    def items(self) -> Sequence[R_co]: ...
    @property
    def total(self) -> int | None: ...
    @property
    def next(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Position:
    """Where an answer begins: in which page of the store, and after how many of its rows or characters.

    ``began`` is when the first answer was asked for, in seconds since 1970, if this is not the first.
    """

    page: str | None = None
    told: int = 0
    began: int | None = None


async def paged(
    given: Paged,
    fetch: Callable[[int, str | None], Awaitable[Page[R]]],
    columns: Sequence[str],
    row: Callable[[R], Sequence[Json]],
) -> Table:
    """Answer a list, from where the caller's ``after`` says, in as many rows as fit.

    Args:
        given: The tool's arguments.
        fetch: Reads a page of the store: how many rows at most, and its ``after``.
        columns: The names of the columns.
        row: Returns a record's values, one for each column.

    Raises:
        ArgumentError: ``after`` is none of this tool's, or belongs to other arguments.
    """
    at = position(given)
    page = await fetch(given.limit, at.page)
    rows = [list(row(item)) for item in page.items[at.told :]]
    table = rows_within(given, columns, rows, total=page.total, start=at)
    if table.next is None and page.next is not None:
        return table.model_copy(update={"next": continuation(given, Position(page.next))})
    return table


def rows_within(
    given: Paged, columns: Sequence[str], rows: Sequence[list[Json]], *, total: int | None, start: Position
) -> Table:
    """Answer as many rows as fit, one at least, whose long texts are then cut.

    Args:
        given: The tool's arguments.
        columns: The names of the columns.
        rows: The rows from ``start`` on.
        total: How many there are in all; None when nobody counted.
        start: Where the rows begin.
    """
    kept, notice = list(rows[: fitting(given.max_tokens, columns, rows)]), ""
    if rows and not kept:
        room = (given.max_tokens - _ENVELOPE) * _LETTERS // max(len(columns), 1)
        most = max(_LEAST_CELL, min(_CELL, room))
        kept, notice = [[_cut(value, most) for value in rows[0]]], "Long texts of this row are cut: read it by its id."
    rest = len(kept) < len(rows)
    following = continuation(given, Position(start.page, start.told + len(kept))) if rest else None
    return Table(columns=list(columns), rows=kept, total=total, next=following, notice=notice)


def fitting(max_tokens: int, columns: Sequence[str], rows: Sequence[list[Json]]) -> int:
    """Return how many rows fit into an answer together with the names of their columns."""
    left = max_tokens - _ENVELOPE - estimate(_text(list(columns)))
    for count, row in enumerate(rows):
        left -= estimate(_text(row)) + 1
        if left < 0:
            return count
    return len(rows)


def text_within(given: Budgeted, text: str, *, max_tokens: int | None = None) -> tuple[str, str | None]:
    """Return as much of a text as fits, from where ``after`` says, and the continuation; None when that is all.

    Args:
        given: The tool's arguments.
        text: The text.
        max_tokens: How long it may be where the answer holds something else, too; what was asked for if None.

    Raises:
        ArgumentError: ``after`` is none of this tool's, or belongs to other arguments.
    """
    start = position(given).told
    end = start + _characters(text[start:], (max_tokens or given.max_tokens) - _ENVELOPE)
    following = continuation(given, Position(None, end)) if end < len(text) else None
    return text[start:end], following


def position(given: Budgeted) -> Position:
    """Return where an answer begins.

    Raises:
        ArgumentError: ``after`` is none of this tool's, or belongs to other arguments.
    """
    if given.after is None:
        return Position()
    try:
        mark, page, told, began = orjson.loads(given.after.translate(_SWAPPED))
        known = Position(_sealed(page), int(told), int(began))
    except (ValueError, TypeError):
        raise ArgumentError("after", "This is no continuation.", hint="Pass `next` of an answer, whole.") from None
    if mark != _mark(given) or known.told < 0:
        raise ArgumentError(
            "after",
            "This continuation belongs to other arguments.",
            hint="Repeat the arguments that it was given for, or leave `after` out to begin anew.",
            code="continuation",
        )
    return known


def asked_at(given: Budgeted) -> datetime:
    """Return when the first of the answers that a call continues was asked for: what ``7d`` is counted from.

    Raises:
        ArgumentError: ``after`` is none of this tool's, or belongs to other arguments.
    """
    began = position(given).began
    return given.given_at if began is None else datetime.fromtimestamp(began, UTC)


def continuation(given: Budgeted, at: Position) -> str:
    """Return what the caller passes as ``after`` to go on from a position."""
    began = int(asked_at(given).timestamp())
    return orjson.dumps([_mark(given), _opened(at.page), at.told, began]).decode().translate(_SWAPPED)


def _opened(page: str | None) -> Json:
    """Return what the store's page token says, which is half as many tokens as the token itself, if it can be told."""
    if page is None:
        return None
    try:
        said = orjson.loads(urlsafe_b64decode(page + "=" * (-len(page) % 4)))
    except ValueError:
        return page
    return said if _sealed(said) == page else page


def _sealed(page: Json) -> str | None:
    """Return the store's page token that says this."""
    if page is None or isinstance(page, str):
        return page
    return urlsafe_b64encode(orjson.dumps(page)).decode().rstrip("=")


def _mark(given: Budgeted) -> str:
    told = given.model_dump(mode="json", exclude=_UNCOUNTED)
    return str(xxhash.xxh32_hexdigest(type(given).__name__.encode() + json.dumps(told, sort_keys=True).encode()))


def _text(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def _cut(value: Json, most: int) -> Json:
    text = value if isinstance(value, str) else _text(value)
    return value if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def _characters(text: str, tokens: int) -> int:
    """Return how many characters of a text are about so many tokens, to the end of a line where one is near."""
    if estimate(text) <= tokens:
        return len(text)
    low, high = 0, min(len(text), tokens * 12)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate(text[:middle]) <= tokens else (low, middle - 1)
    line = text.rfind("\n", low // 2, low)
    return line + 1 if line > 0 else max(low, 1)
