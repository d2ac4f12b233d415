"""Excerpts with the found words marked."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exuvia.store.errors import InvalidValueError
from exuvia.store.search.syntax import Term
from exuvia.store.search.words import Word, located


@dataclass(frozen=True, slots=True)
class Highlight:
    """How found words are marked.

    Args:
        before: What is put before one.
        after: What is put after one.
        words: How long an excerpt of a body is, in words.
        cut: What stands where the text goes on.
        escape: Write the texts between the marks as HTML: ``&``, ``<``, ``>`` and quotes as references.
    """

    before: str = "**"
    after: str = "**"
    words: int = 30
    cut: str = "…"
    escape: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.words <= 1000:
            raise InvalidValueError(
                f"An excerpt cannot have {self.words} words.", hint="Ask for 1 to 1,000.", code="highlight"
            )

    def marked(self, text: str, terms: Sequence[Term]) -> str:
        """Return a whole text with the found words marked."""
        return self._mark(text, (0, len(text)), _hits(located(text), terms).values())

    def excerpt(self, text: str, terms: Sequence[Term]) -> str:
        """Return the part of a text that has the most different terms in it, the first one of several such."""
        found = located(text)
        hits = _hits(found, terms)
        first = min(_densest(hits, self.words), max(0, len(found) - self.words))
        last = min(first + self.words, len(found))
        start = found[first].start if first else 0
        end = found[last - 1].end if last < len(found) else len(text)
        marks = [span for place, span in hits.items() if first <= place < last]
        return (
            (self.cut if start else "") + self._mark(text, (start, end), marks) + (self.cut if end < len(text) else "")
        )

    def _mark(self, text: str, bounds: tuple[int, int], spans: Iterable[_Span]) -> str:
        shown = html.escape if self.escape else str
        pieces, done, end = [], *bounds
        for span in sorted(spans, key=lambda span: span.start):
            stop = min(span.end, end)
            if span.start < done:
                continue
            pieces += [shown(text[done : span.start]), self.before, shown(text[span.start : stop]), self.after]
            done = stop
        return "".join([*pieces, shown(text[done:end])])


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    term: int


def _hits(found: Sequence[Word], terms: Sequence[Term]) -> dict[int, _Span]:
    """Return what is to be marked, by the place of its first word; of several terms there the longest."""
    words = [word.word for word in found]
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        places.setdefault(word, []).append(place)
    hits: dict[int, _Span] = {}
    for number, term in enumerate(terms):
        for place in _starts(term, words, places):
            span = _Span(found[place].start, found[place + len(term.words) - 1].end, number)
            if place not in hits or hits[place].end < span.end:
                hits[place] = span
    return hits


def _starts(term: Term, words: Sequence[str], places: dict[str, list[int]]) -> Iterable[int]:
    *firsts, last = term.words
    if firsts:
        candidates: Iterable[int] = places.get(firsts[0], ())
    elif term.prefix:
        candidates = [place for word, found in places.items() if word.startswith(last) for place in found]
    else:
        candidates = places.get(last, ())
    for place in candidates:
        end = place + len(firsts)
        if end >= len(words) or list(words[place:end]) != firsts:
            continue
        if words[end] == last or (term.prefix and words[end].startswith(last)):
            yield place


def _densest(hits: dict[int, _Span], width: int) -> int:
    """Return the first word of the excerpt: a little before the run of hits with the most different terms."""
    places = sorted(hits)
    best, best_start, best_end, left = 0, 0, 0, 0
    inside: Counter[int] = Counter()
    for place in places:
        inside[hits[place].term] += 1
        while place - places[left] >= width:
            inside[hits[places[left]].term] -= 1
            left += 1
        different = sum(count > 0 for count in inside.values())
        if different > best:
            best, best_start, best_end = different, places[left], place
    spare = max(0, width - (best_end - best_start + 1))
    return max(0, best_start - spare // 3)
