"""``:name`` parameters, as SQLite takes them, made PostgreSQL's ``$1``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_PIECE: Final = re.compile(
    r"""
      '(?:[^']|'')*'            # a text
    | "(?:[^"]|"")*"            # a quoted name
    | --[^\n]*                  # a comment
    | /\*.*?\*/
    | ::                        # a cast
    | :(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    """,
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=2048)
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Replace ``:name`` by ``$1``, ``$2`` …, each name by one number however often it stands.

    Returns:
        The statement, and the names in the order of their numbers.
    """
    names: dict[str, int] = {}

    def number(piece: re.Match[str]) -> str:
        name = piece["name"]
        return piece[0] if name is None else f"${names.setdefault(name, len(names) + 1)}"

    return _PIECE.sub(number, sql), tuple(names)
