"""Which tools do what somebody means: full-text relevance over what the catalogue says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import apsw

from exuvia.tools.frame import Catalogue, Tool

_WORD: Final = re.compile(r"\w+")
_CREATE: Final = (
    "CREATE VIRTUAL TABLE tools USING fts5(name, words, summary, details, arguments, tokenize = 'porter unicode61')"
)
_FIND: Final = "SELECT rowid FROM tools WHERE tools MATCH ?1 ORDER BY bm25(tools, 8, 4, 4, 1, 1), rowid LIMIT ?2"


class Finder:
    """An index over a catalogue, in memory; what is switched off is found, too.

    Args:
        catalogue: The tools.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._tools: Sequence[Tool] = (*catalogue, *catalogue.off)
        self._index = apsw.Connection(":memory:")
        self._index.execute(_CREATE)
        self._index.executemany(
            "INSERT INTO tools (rowid, name, words, summary, details, arguments) VALUES (?, ?, ?, ?, ?, ?)",
            [(number, *_told(tool)) for number, tool in enumerate(self._tools)],
        )

    def find(self, intent: str, limit: int) -> tuple[Tool, ...]:
        """Return the tools that an intent is about, the likeliest first.

        Args:
            intent: What somebody wants to do, in plain words.
            limit: How many at most.
        """
        words = " OR ".join(f'"{word}"' for word in _WORD.findall(intent))
        if not words:
            return ()
        return tuple(self._tools[number] for (number,) in self._index.execute(_FIND, (words, limit)))


@lru_cache(maxsize=8)
def finder(catalogue: Catalogue) -> Finder:
    """Return the index over a catalogue, which is made once."""
    return Finder(catalogue)


def _told(tool: Tool) -> tuple[str, str, str, str, str]:
    arguments = " ".join(tool.arguments.model_fields).replace("_", " ")
    return tool.name.replace("_", " "), tool.words, tool.summary, tool.details, arguments
