"""Names that somebody may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Final

_ENOUGH: Final = 0.78
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the known names that are spelled almost like one, the nearest first.

    The same words in another case, order, number or spelling (``createdAt``, ``created_at``) count as the nearest.

    Args:
        name: What somebody wrote.
        known: What there is.
        most: How many names at most.
    """
    rated = sorted(((likeness(name, other), other) for other in set(known)), key=lambda one: (-one[0], one[1]))
    return [other for score, other in rated if score >= _ENOUGH][:most]


def likeness(one: str, other: str) -> float:
    """Return how alike two names are, from 0 to 1 (Ratcliff and Obershelp's measure over their words)."""
    mine, theirs = _words(one), _words(other)
    if mine == theirs:
        return 1.0
    if sorted(mine) == sorted(theirs):
        return 0.95
    return SequenceMatcher(None, "".join(mine), "".join(theirs), autojunk=False).ratio()


def _words(name: str) -> list[str]:
    return [_singular(word.lower()) for word in _WORDS.findall(name)] or [name.lower()]


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
