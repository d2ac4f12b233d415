"""The order of what was found, from counts of words that both engines deliver alike.

BM25F (Robertson, Zaragoza, Taylor: Simple BM25 Extension to Multiple Weighted Fields, CIKM 2004): the counts of a term
in the fields are weighted and added, and only then saturated. How rare a term is is judged among the rows that were
found and not in the whole database, whose other projects nobody may hear of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WEIGHTS: Final = (5.0, 3.0, 1.0)
"""Of the title, the tags and the body."""
_SATURATION: Final = 1.2
_LENGTH_MATTERS: Final = 0.5
_USUAL_LENGTH: Final = 100.0  # words of a body


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a row has the query's terms.

    Args:
        terms: For each term, how often it is in the title, the tags and the body.
        length: The body's length, in words.
    """

    terms: tuple[tuple[int, int, int], ...]
    length: int

    @classmethod
    def read(cls, written: str) -> Counts:
        """Read counts as a statement returns them: numbers joined by commas, the length last."""
        *numbers, length = map(int, written.split(","))
        return cls(tuple(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)), length)


def scores(rows: Sequence[Counts]) -> list[float]:
    """Return each row's score, more than 0 and less than 1, higher for better ones.

    Args:
        rows: All rows that are to be ordered; each with at least one term.
    """
    if not rows:
        return []
    rarities = [_rarity(sum(any(row.terms[term]) for row in rows), len(rows)) for term in range(len(rows[0].terms))]
    whole = sum(rarities)
    return [
        sum(rarity * _saturated(counts, row.length) for rarity, counts in zip(rarities, row.terms, strict=True)) / whole
        for row in rows
    ]


def _rarity(having: int, rows: int) -> float:
    return math.log(1 + (rows - having + 0.5) / (having + 0.5))


def _saturated(counts: tuple[int, int, int], length: int) -> float:
    title, tags, body = counts
    shortened = body / (1 - _LENGTH_MATTERS + _LENGTH_MATTERS * length / _USUAL_LENGTH)
    weighted = WEIGHTS[0] * title + WEIGHTS[1] * tags + WEIGHTS[2] * shortened
    return weighted / (_SATURATION + weighted)
