"""Texts of the memory as parts of a line, and how long texts are in tokens."""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(r"[A-Za-z]{1,6}|\d{1,3}|\s(?=\s)|[^\sA-Za-z\d]")


def tokens(text: str) -> int:
    """Return about how many tokens a model reads a text as: a little more, rather than less."""
    return len(_PIECE.findall(text))


def line(text: str, longest: int = 300) -> str:
    """Return a text of the memory as a part of one line that a terminal shows as it is."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest]).split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1].rstrip()}…"


def plural(count: int | None, noun: str) -> str:
    """Return a number of things in words."""
    if count == 1:
        return f"1 {noun}"
    many = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"more than were counted {many}" if count is None else f"{count:,} {many}"


def listed(words: list[str] | tuple[str, ...], joint: str = "and") -> str:
    """Return words as a list in a sentence."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def quoted(words: tuple[str, ...], joint: str = "and") -> str:
    """Return words in quotation marks as a list in a sentence."""
    return listed([f"“{line(word, 80)}”" for word in words], joint)
