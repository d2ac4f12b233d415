"""Words of a text as SQLite's tokenizer unicode61 finds them, which PostgreSQL's function search_fold does alike.

A word is a run of letters and digits of any script, in lower case and without accents; everything else separates words.
See https://sqlite.org/fts5.html#unicode61_tokenizer.
"""

from __future__ import annotations

import threading
from typing import Any, Final, NamedTuple

import apsw

LONGEST_WORD: Final = 255
"""Characters of a word that a query can ask for; PostgreSQL keeps one more of longer words."""


class Word(NamedTuple):
    """A word and where it stands in its text: ``text[start:end]``."""

    word: str
    start: int
    end: int


class _Tokenizers(threading.local):
    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.tokenizer = self.connection.fts5_tokenizer("unicode61", ["remove_diacritics", "2"])


_OWN: Final = _Tokenizers()


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text, in order."""
    found: Any = _OWN.tokenizer(
        text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False, include_colocated=False
    )
    return tuple(found)


def located(text: str) -> tuple[Word, ...]:
    """Return the words of a text with their places in it."""
    encoded = text.encode()
    found: Any = _OWN.tokenizer(encoded, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_colocated=False)
    if len(encoded) == len(text):
        return tuple(Word(word, start, end) for start, end, word in found)
    placed, characters, last = [], 0, 0
    for start, end, word in found:
        begins = characters + len(encoded[last:start].decode())
        characters, last = begins + len(encoded[start:end].decode()), end
        placed.append(Word(word, begins, characters))
    return tuple(placed)
