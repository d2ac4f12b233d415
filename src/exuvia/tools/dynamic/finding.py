"""Which tools do what somebody means: full-text relevance over what people say when they mean a tool.

A tool is one document: its name, its summary, and what people say (``said.toml``). They are ranked by BM25 (Robertson
and Zaragoza, 2009) over stems and pairs of neighbouring words; a word that no document has is taken for the nearest.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Final

import apsw

from exuvia.tools.frame import Catalogue, Tool

_WORD: Final = re.compile(r"[^\W_]+")
_CREATE: Final = "CREATE VIRTUAL TABLE tools USING fts5(name, said, tokenize = 'porter unicode61')"
_KNOWN: Final = "SELECT 1 FROM tools WHERE tools MATCH ? LIMIT 1"
_FIND: Final = "SELECT rowid FROM tools WHERE tools MATCH ?1 ORDER BY bm25(tools, 2, 1), rowid LIMIT ?2"
_SHORTEST_TYPO: Final = 4
_DULL: Final = (
    "a about all also an and any are as at be been by can could d did do does don for from had has have he her here him"
    " how i if in into is it its just ll m me my no not of on or our out over please plz re s shall she should so some"
    " t than that the them then there these they this those to up us ve was we were what when where which who whom"
    " whose why will with would you your"
)


class Finder:
    """An index over a catalogue, in memory; what is switched off is found, too.

    Args:
        catalogue: The tools.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._tools: Sequence[Tool] = (*catalogue, *catalogue.off)
        told = {tool: " . ".join([tool.summary, *said().get(tool.name, ())]) for tool in self._tools}
        self._words = sorted({word for text in told.values() for word in _words(text)})
        self._dull = frozenset(_DULL.split())
        self._index = apsw.Connection(":memory:")
        self._index.execute(_CREATE)
        self._index.executemany(
            "INSERT INTO tools (rowid, name, said) VALUES (?, ?, ?)",
            [(number, tool.name.replace("_", " "), text) for number, (tool, text) in enumerate(told.items())],
        )

    def find(self, intent: str, limit: int) -> tuple[Tool, ...]:
        """Return the tools that an intent is about, the likeliest first.

        Args:
            intent: What somebody wants to do, in plain words.
            limit: How many at most.
        """
        terms = " OR ".join(f'"{term}"' for term in self._terms(intent))
        if not terms:
            return ()
        return tuple(self._tools[number] for (number,) in self._index.execute(_FIND, (terms, limit)))

    def _terms(self, intent: str) -> Iterator[str]:
        """Yield the words that tell tools apart, as the documents spell them, and the pairs of neighbours."""
        words = _words(intent)
        for word in words:
            if word not in self._dull:
                yield word if self._knows(word) else self._nearest(word)
        yield from (f"{first} {second}" for first, second in pairwise(words))

    def _knows(self, word: str) -> bool:
        return bool(list(self._index.execute(_KNOWN, (f'"{word}"',))))

    def _nearest(self, word: str) -> str:
        near = get_close_matches(word, self._words, n=1, cutoff=0.8) if len(word) >= _SHORTEST_TYPO else ()
        return near[0] if near else word


@lru_cache(maxsize=8)
def finder(catalogue: Catalogue) -> Finder:
    """Return the index over a catalogue, which is made once."""
    return Finder(catalogue)


@lru_cache(maxsize=1)
def said() -> dict[str, list[str]]:
    """Return what people say when they mean a tool, by its name."""
    text = resources.files("exuvia.tools.dynamic").joinpath("said.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
