"""Values that a type cannot hold."""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.move.planning.words import Words, counted
from exuvia.values.facts import Example


@dataclass(frozen=True, slots=True)
class Misfit:
    """Values that a type cannot hold: what they are in words, count included, how many (0 when the facts cannot
    count them), and the first of them."""

    what: str
    count: int
    examples: tuple[Example, ...] = ()


def some(words: Words, count: int, examples: tuple[Example, ...] = ()) -> list[Misfit]:
    """Return a counted misfit, or nothing when there are none."""
    return [Misfit(counted(count, words), count, examples)] if count > 0 else []
