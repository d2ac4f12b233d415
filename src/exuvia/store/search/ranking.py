"""The order of what was found, from counts of words that both engines deliver alike.

BM25F (Robertson, Zaragoza, Taylor: Simple BM25 Extension to Multiple Weighted Fields, CIKM 2004): the counts of a term
in the fields are weighted and added, and only then saturated. How rare a term is is judged among the rows that were
found and not in the whole database, whose other projects nobody may hear of.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from exuvia.store.search.syntax import Term

WEIGHTS: Final = (5.0, 3.0, 1.0)
"""Of the title, the tags and the body."""
_SATURATION: Final = 1.2
_LENGTH_MATTERS: Final = 0.5
_USUAL_LENGTH: Final = 100.0  # words of a body


Counts = tuple[int, int, int]
"""How often a term is in the title, the tags and the body."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a row has of a query.

    Args:
        length: The body's length, in words.
        counts: How often it has each term; those that it has not are left out.
    """

    length: int
    counts: dict[Term, Counts] = field(default_factory=dict)

    def add(self, terms: Sequence[Term], numbers: Sequence[int]) -> None:
        """Add counts, three for each term."""
        for place, term in enumerate(terms):
            counts = (numbers[3 * place], numbers[3 * place + 1], numbers[3 * place + 2])
            if any(counts):
                self.counts[term] = counts


def numbers(written: str) -> tuple[list[int], int]:
    """Read counts as a statement returns them, joined by commas, the body's length last; return both."""
    *counts, length = map(int, written.split(","))
    return counts, length


def scores(rows: Sequence[Tally], terms: Sequence[Term], common: Collection[Term] = ()) -> list[float]:
    """Return each row's score, from 0 to 1, higher for better ones.

    Args:
        rows: All rows that are to be ordered.
        terms: The query's terms.
        common: Those that are known to be in more rows than these.
    """
    having = Counter(term for row in rows for term in row.counts)
    rarities = {term: _rarity(len(rows) if term in common else having[term], len(rows)) for term in terms}
    whole = sum(rarities.values())
    return [
        sum(rarities[term] * _saturated(counts, row.length) for term, counts in row.counts.items()) / whole
        for row in rows
    ]


def _rarity(having: int, rows: int) -> float:
    return math.log(1 + (rows - having + 0.5) / (having + 0.5))


def _saturated(counts: Counts, length: int) -> float:
    title, tags, body = counts
    shortened = body / (1 - _LENGTH_MATTERS + _LENGTH_MATTERS * length / _USUAL_LENGTH)
    weighted = WEIGHTS[0] * title + WEIGHTS[1] * tags + WEIGHTS[2] * shortened
    return weighted / (_SATURATION + weighted)
