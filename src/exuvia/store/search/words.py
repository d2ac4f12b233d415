"""Words of a text as SQLite's tokenizer unicode61 finds them, which PostgreSQL's function search_fold does alike.

A word is a run of letters and digits of any script, in lower case and without accents; everything else separates words.
See https://sqlite.org/fts5.html#unicode61_tokenizer.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import apsw

LONGEST_WORD: Final = 255
"""Characters of a word that a query can ask for; PostgreSQL keeps one more of longer words."""


Located = tuple[int, int, str]
"""Where a word begins and ends in a text's UTF-8, and the word."""


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


def located(encoded: bytes) -> list[Located]:
    """Return the words of a text in UTF-8, with their places in it."""
    found: Any = _OWN.tokenizer(encoded, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_colocated=False)
    return list(found)
