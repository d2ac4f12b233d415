"""Searching names and titles although they, or the query, are misspelt.

A word is sought by pieces of it, in an index of trigrams, and what is found is compared word by word. Of a word with at
most k errors at least one of k + 1 pieces is intact (Wu and Manber, Fast Text Searching Allowing Errors, CACM 1992).
Errors are insertions, deletions, substitutions and transpositions of neighbours (Damerau 1964; counted by optimal
string alignment); how alike two words are is told by the trigrams that they share, as pg_trgm's ``similarity`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

_ONE_ERROR_FROM: Final = 4  # letters
_TWO_ERRORS_FROM: Final = 9
_SPLIT_FROM: Final = 6  # below, a half would be less than a trigram


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word.

    Args:
        text: Its letters.
        begins: Whether it is sought at the beginnings of words only.
    """

    text: str
    begins: bool = False


def allowed_errors(word: str) -> int:
    """Return how many errors a word of a query may have."""
    return (len(word) >= _ONE_ERROR_FROM) + (len(word) >= _TWO_ERRORS_FROM)


def pieces(word: str) -> tuple[Piece, ...]:
    """Return pieces of a word that few titles have."""
    if len(word) < _ONE_ERROR_FROM:
        return (Piece(word, begins=True),)
    if len(word) < _SPLIT_FROM:
        return (Piece(word[:2], begins=True),)
    parts = allowed_errors(word) + 1
    bounds = [len(word) * part // parts for part in range(parts + 1)]
    return tuple(Piece(word[start:end]) for start, end in pairwise(bounds))


def more_pieces(word: str) -> tuple[Piece, ...]:
    """Return the pieces, and one more that many titles have: two swapped letters may have been in two pieces."""
    found = pieces(word)
    if len(word) < _ONE_ERROR_FROM:
        return found
    return (*found, Piece(word[: 1 if found[0].begins else 2], begins=True))


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a title matches.

    Args:
        score: How alike the words are, up to 1.
        words: The title's words that were meant.
    """

    score: float
    words: tuple[str, ...]


def matcher(words: Sequence[str]) -> Callable[[Sequence[str]], Likeness | None]:
    """Return what compares titles with a query.

    Args:
        words: The query's words.

    Returns:
        A function of a title's words, which returns None if a word of the query is there in no form.
    """
    known: dict[tuple[str, str], float] = {}

    def likeness(word: str, other: str) -> float:
        key = (word, other)
        if key not in known:
            known[key] = similarity(word, other) if _is_meant(word, other) else 0.0
        return known[key]

    def compare(title: Sequence[str]) -> Likeness | None:
        best = [max(((likeness(word, other), other) for other in title), default=(0.0, "")) for word in words]
        if not all(score for score, _ in best):
            return None
        return Likeness(sum(score for score, _ in best) / len(best), tuple(other for _, other in best))

    return compare


def similarity(one: str, other: str) -> float:
    """Return the share of the words' trigrams that both have, as pg_trgm's ``similarity``."""
    mine, theirs = trigrams(one), trigrams(other)
    return len(mine & theirs) / len(mine | theirs)


@lru_cache(maxsize=8192)
def trigrams(word: str) -> frozenset[str]:
    """Return a word's trigrams, two blanks put before it and one after it."""
    padded = f"  {word} "
    return frozenset(padded[place : place + 3] for place in range(len(padded) - 2))


def errors(one: str, other: str, most: int) -> int | None:
    """Count the errors between two words: None when there are more than ``most``."""
    if abs(len(one) - len(other)) > most:
        return None
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before_last[column - 2] + 1)
            now.append(cost)
        if min(now) > most:
            return None
        before_last, last = last, now
    return last[-1] if last[-1] <= most else None


def _is_meant(word: str, other: str) -> bool:
    return other.startswith(word) or errors(word, other, allowed_errors(word)) is not None
