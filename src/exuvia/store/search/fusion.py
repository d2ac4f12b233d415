"""One ranking out of several."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Final, TypeVar

K = TypeVar("K", bound=Hashable)

SMOOTHING: Final = 60
"""The constant of the paper: the larger it is, the less the first places count."""


def fuse(
    rankings: Iterable[Sequence[K]], weights: Sequence[float] | None = None, *, smoothing: float = SMOOTHING
) -> list[tuple[K, float]]:
    """Join rankings by reciprocal rank fusion.

    Each ranking gives the item at its place n, from 1, ``weight / (smoothing + n)``; scores are not looked at, so that
    rankings of any kind can be joined. Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods, SIGIR 2009.

    Args:
        rankings: Items, best first, each once in a ranking.
        weights: How much each ranking counts; all alike if None.
        smoothing: The constant of the formula, more than 0.

    Returns:
        Each item with its score, best first; of equal ones the one that was met first.
    """
    lists = list(rankings)
    scores: dict[K, float] = {}
    for ranking, weight in zip(lists, weights or [1.0] * len(lists), strict=True):
        for place, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + weight / (smoothing + place)
    return sorted(scores.items(), key=lambda pair: -pair[1])
