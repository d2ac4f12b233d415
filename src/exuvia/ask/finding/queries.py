"""Full-text queries of a question's words."""

from __future__ import annotations

from collections.abc import Sequence

from exuvia.ask.language.vocabulary import singular, stem
from exuvia.store.search.words import words

_SHORTEST = 4  # letters of a word that has other forms


def exact(asked: Sequence[str], excluded: Sequence[str] = (), *, any_word: bool = False) -> str:
    """Return a query for words in the singular or the plural."""
    return _joined([_forms(word) for word in asked], excluded, any_word=any_word)


def beginnings(asked: Sequence[str], excluded: Sequence[str] = (), *, any_word: bool = False) -> str:
    """Return a query for words that begin alike: ``cach*`` for caching, caches and cached."""
    return _joined([_beginning(word) for word in asked], excluded, any_word=any_word)


def _joined(parts: Sequence[str], excluded: Sequence[str], *, any_word: bool) -> str:
    asked = " OR ".join(parts) if any_word else " ".join(parts)
    asked = f"({asked})" if any_word and len(parts) > 1 else asked
    return " ".join([asked, *(f"-{_quoted(word)}" for word in excluded)])


def _forms(word: str) -> str:
    if len(word) < _SHORTEST or not word.isalpha() or not word.isascii():
        return _quoted(word)
    one = singular(word)
    forms = [word, one]
    if word.endswith("es"):
        forms.append(word[:-1])  # of caches the rules make cach
    forms.append(f"{one[:-1]}ies" if one.endswith("y") and one[-2] not in "aeiou" else f"{one}s")
    return f"({' OR '.join(_quoted(form) for form in dict.fromkeys(forms))})"


def _beginning(word: str) -> str:
    begin = stem(word)
    if len(begin) < _SHORTEST or not word.isalpha() or not word.isascii():
        return _quoted(word)
    return f"{_quoted(begin)}*"


def _quoted(word: str) -> str:
    return f'"{" ".join(words(word))}"'
