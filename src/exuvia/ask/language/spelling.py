"""Words with one typing error."""

from __future__ import annotations

from collections.abc import Iterable


def is_near(one: str, other: str) -> bool:
    """Whether two words differ by one letter that is missing, too many, wrong, or swapped with its neighbour.

    (One edit of the optimal string alignment distance, Damerau 1964.)
    """
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    swapped = a[:2] == b[1::-1] and len(a) > 1 and len(b) > 1 and a[2:] == b[2:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or swapped


def nearest(word: str, known: Iterable[str], *, shortest: int = 5) -> tuple[str, ...]:
    """Return the known words that a word of at least ``shortest`` letters may have been meant to be, in order."""
    if len(word) < shortest or any(letter.isdigit() for letter in word):
        return ()
    return tuple(sorted({other for other in known if is_near(word, other)}))
