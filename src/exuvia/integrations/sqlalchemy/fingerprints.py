"""Statements without their values: what makes two of them the same question, and what may be logged of one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import xxhash

_TOKEN: Final = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<name>"(?:[^"]|"")*"|`[^`]*`|\[[A-Za-z_][^\]]*\])
    |(?P<value>
        [eE]'(?:[^'\\]|\\.|'')*(?:'|\Z) | [xXbBnN]?'(?:[^']|'')*(?:'|\Z) | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$
        | %\(\w+\)s | %s | \$\d+ | \? | (?<![:\w]):[A-Za-z_]\w*
        | (?<![\w.])[-+]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)(?!\w)
    )
    |(?P<space>\s+)
    """,
    re.VERBOSE | re.DOTALL,
)
_LIST: Final = re.compile(r"\( ?\?(?:::[\w ]+)?(?: ?, ?\?(?:::[\w ]+)?)* ?\)")
_LISTS: Final = re.compile(r"\(\?\)(?: ?, ?\(\?\))+")


@lru_cache(maxsize=1024)
def normalize(statement: str) -> str:
    """Return a statement with ``?`` for every value, one for a list of any length, without comments.

    Statements that differ only in values, in their drivers' way of writing parameters, in the number of rows they
    insert or in the length of an IN list are the same afterwards.
    """
    text = _TOKEN.sub(_replacement, statement).strip()
    return _LISTS.sub("(?)", _LIST.sub("(?)", text))


def fingerprint(statement: str) -> str:
    """Return 16 hexadecimal digits that stand for a statement whatever its values are."""
    return xxhash.xxh3_64_hexdigest(normalize(statement).encode())


def redact(parameters: Any) -> Any:
    """Return the kinds and lengths of parameters instead of the parameters themselves."""
    if isinstance(parameters, Mapping):
        return {str(key): _kind(value) for key, value in parameters.items()}
    if isinstance(parameters, Sequence) and not isinstance(parameters, str | bytes):
        return tuple(_kind(value) for value in parameters)
    return _kind(parameters)


def _replacement(match: re.Match[str]) -> str:
    if match["value"] is not None:
        return "?"
    if match["name"] is not None:
        return match["name"]
    return " "


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind}({len(value)})" if isinstance(value, str | bytes | list | tuple | dict) else kind
