"""Where in a TOML text each key stands, for error messages."""

from __future__ import annotations

import re
import tomllib

Path = tuple[str, ...]

_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")


def key_lines(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, of each table header and each key that begins a line.

    The text must be valid TOML; keys inside of inline tables have the line of the key that they belong to.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.split("\n"), 1):
        content = line.strip()
        is_header = content.startswith("[")
        path, end = _dotted(content, content.count("[", 0, 2) if is_header else 0)
        if not path:
            continue
        if is_header:
            table = path
            lines.setdefault(table, number)
        elif content[end : end + 1] == "=":
            lines.setdefault(table + path, number)
    return lines


def _dotted(content: str, position: int) -> tuple[Path, int]:
    """Read a dotted key, and return it with the position behind it."""
    parts: list[str] = []
    while (match := _PART.match(content, position)) is not None:
        parts.append(_unescaped(match[1]) if match[1] is not None else match[2] or match[3] or "")
        position = match.end()
        if content[position : position + 1] != ".":
            break
        position += 1
    return tuple(parts), position


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(tomllib.loads(f'key = "{text}"')["key"])
    except tomllib.TOMLDecodeError:
        return text
