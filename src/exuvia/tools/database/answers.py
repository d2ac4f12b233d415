"""Rows of SQL as an answer: values that every reader of JSON reads alike, and cells that leave room for the others."""

from __future__ import annotations

from typing import Final

import orjson

from exuvia.guard import Result
from exuvia.tools.frame import Paged, Table, rows_within
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import Position, continuation
from exuvia.tools.frame.tokens import estimate

# Readers that hold numbers as floats of 64 bits, such as JavaScript's, read larger integers as others.
_LARGEST: Final = 2**53 - 1
_LONGEST_NAME: Final = 80


def plain(value: Json) -> Json:
    """Return a value with integers beyond 2^53 as text, at any depth."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_LARGEST <= value <= _LARGEST else str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def cut(value: Json, most: int) -> Json:
    """Return a value, or the beginning of its text where that is longer than ``most`` characters."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode() if isinstance(value, list | dict) else ""
    return value if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def told(given: Paged, result: Result, start: Position, *, is_ordered: bool) -> Table:
    """Answer as many rows as fit, and where the rest begins.

    Args:
        given: The tool's arguments.
        result: The rows from ``start`` on, and whether more follow.
        start: Where they begin.
        is_ordered: Whether the rows come in the same order when they are asked for again.
    """
    columns = _named(result, given.max_tokens // 2)
    rows = [row[: len(columns)] for row in shortened(result, most=given.max_tokens)]
    table = rows_within(given, columns, rows, total=None, start=start)
    notices = [_about_columns(result, columns), _about_cells(result, table)]
    following = table.next
    if following is None and result.truncated:
        following = continuation(given, Position(None, start.told + max(len(result.rows), 1)))
        if not result.rows:
            notices.append("The next row alone is larger than an answer may be: select parts of it with substr().")
    if (following is not None or start.told) and not is_ordered:
        notices.append("Without ORDER BY the rest may repeat or miss rows.")
    return table.model_copy(update={"next": following, "notice": " ".join(filter(None, notices))})


def shortened(result: Result, *, most: int) -> list[list[Json]]:
    """Return the rows, with cells of more than ``most`` characters cut."""
    return [[cut(plain(value), most) for value in row] for row in result.rows]


def _named(result: Result, tokens: int) -> list[str]:
    """Return the columns' names, of which an expression's is cut, until they fill the budget."""
    names: list[str] = []
    for name in result.columns:
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
        tokens -= estimate(shown) + 2
        if tokens < 0 and names:
            break
        names.append(shown)
    return names


def _about_columns(result: Result, columns: list[str]) -> str:
    if len(columns) == len(result.columns):
        return ""
    return f"Only {len(columns)} of {len(result.columns):,} columns are here: name those that are needed."


def _about_cells(result: Result, table: Table) -> str:
    changed = {
        name: None
        for before, after in zip(result.rows, table.rows, strict=False)
        for name, value, kept in zip(table.columns, before, after, strict=False)
        if plain(value) != kept
    }
    if not changed:
        return ""
    names = ", ".join(list(changed)[:3]) + (", …" if len(changed) > 3 else "")
    return f"Long values of {names} are cut: read on with substr(), or ask for fewer columns."
