"""Functions of SQLite that take the product of two lengths, replaced by ones that take their sum or refuse.

SQLite looks at the clock between the steps of its virtual machine, and one step of ``trim(x, y)`` with two long texts
takes hours. What is not two texts is left to SQLite's own function, on a connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import apsw

_LARGEST: Final = 10_000_000  # the product of two lengths that is still done at once
_FLAGS: Final = apsw.SQLITE_INNOCUOUS

Value = str | bytes | int | float | None


class TooMuchError(Exception):
    """Two texts are too long for each other."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the texts given to {name}() are too long")


def bound(connection: apsw.Connection, longest: int) -> None:
    """Replace the functions on a connection.

    Args:
        connection: Any.
        longest: Bytes of a text at most; a longer one is refused before it is made.
    """
    own = apsw.Connection(":memory:")
    functions: dict[str, Callable[..., Value]] = {
        "instr": _instr,
        "replace": partial(_replace, longest=longest),
        "trim": partial(_trim, "trim", str.strip),
        "ltrim": partial(_trim, "ltrim", str.lstrip),
        "rtrim": partial(_trim, "rtrim", str.rstrip),
    }
    for name, function in functions.items():
        places = 3 if name == "replace" else 2
        fast = _Function(name, function, own, f"SELECT {name}({', '.join('?' * places)})")
        connection.create_scalar_function(name, fast, places, deterministic=True, flags=_FLAGS)


class _Function:
    """One of the functions: for texts here, for anything else by SQLite, if it does not take too long."""

    def __init__(self, name: str, of_texts: Callable[..., Value], own: apsw.Connection, sql: str) -> None:
        self.name, self.of_texts, self.own, self.sql = name, of_texts, own, sql

    def __call__(self, *values: Value) -> Value:
        if None in values:
            return None
        if all(isinstance(value, str) for value in values):
            return self.of_texts(*values)
        first, second = (len(value) if isinstance(value, str | bytes) else 30 for value in values[:2])
        if first * second > _LARGEST:
            raise TooMuchError(self.name)
        (row,) = self.own.execute(self.sql, values).fetchall()
        return row[0]


def _instr(text: str, part: str) -> int:
    return text.find(part) + 1


def _replace(text: str, old: str, new: str, *, longest: int) -> str:
    if not old or old[0] == "\0":
        return text
    if len(text) + text.count(old) * (len(new) - len(old)) > longest:
        raise TooMuchError("replace")
    return text.replace(old, new)


def _trim(name: str, strip: Callable[[str, str], str], text: str, characters: str) -> str:
    if len(text) * len(characters) > _LARGEST:
        raise TooMuchError(name)
    return strip(text, characters)
