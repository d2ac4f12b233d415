"""Excerpts with the found words marked."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from exuvia.store.errors import InvalidValueError
from exuvia.store.search.syntax import Term
from exuvia.store.search.words import Located, located


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
        encoded = text.encode()
        return self._mark(encoded, 0, len(encoded), _hits(located(encoded), terms).values())

    def excerpt(self, text: str, terms: Sequence[Term]) -> str:
        """Return the part of a text that has the most different terms in it, the first one of several such."""
        encoded = text.encode()
        found = located(encoded)
        hits = _hits(found, terms)
        first = min(_densest(hits, self.words), max(0, len(found) - self.words))
        last = min(first + self.words, len(found))
        start = found[first][0] if first else 0
        end = found[last - 1][1] if last < len(found) else len(encoded)
        marked = self._mark(encoded, start, end, [span for place, span in hits.items() if first <= place < last])
        return (self.cut if start else "") + marked + (self.cut if end < len(encoded) else "")

    def _mark(self, encoded: bytes, start: int, end: int, spans: Iterable[_Span]) -> str:
        pieces, done = [], start
        for span in sorted(spans, key=lambda span: span.start):
            if span.start < done:
                continue
            stop = min(span.end, end)
            between, found = self._shown(encoded[done : span.start]), self._shown(encoded[span.start : stop])
            pieces += [between, self.before, found, self.after]
            done = stop
        return "".join([*pieces, self._shown(encoded[done:end])])

    def _shown(self, encoded: bytes) -> str:
        text = encoded.decode()
        return html.escape(text) if self.escape else text


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes to be marked, for a term by its number."""

    start: int
    end: int
    term: int


def _hits(found: Sequence[Located], terms: Sequence[Term]) -> dict[int, _Span]:
    """Return what is to be marked, by the place of its first word; of several terms there the longest."""
    words = [word for _, _, word in found]
    hits: dict[int, _Span] = {}
    for number, term in enumerate(terms):
        for place in _starts(term, words):
            span = _Span(found[place][0], found[place + len(term.words) - 1][1], number)
            if place not in hits or hits[place].end < span.end:
                hits[place] = span
    return hits


def _starts(term: Term, words: Sequence[str]) -> Iterator[int]:
    """Yield the places where a term begins."""
    *firsts, last = term.words
    if not firsts:
        if term.prefix:
            yield from (place for place, word in enumerate(words) if word.startswith(last))
        else:
            yield from (place for place, word in enumerate(words) if word == last)
        return
    for place, word in enumerate(words[: -len(firsts)]):
        end = place + len(firsts)
        if word != firsts[0] or list(words[place:end]) != firsts:
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
