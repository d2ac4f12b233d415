"""FTS5's query language (https://sqlite.org/fts5.html#full_text_query_syntax) as text for to_tsquery().

Columns are told apart by the weights A, B, C and D, which the search columns give to the first four searched columns
in order; the others share D.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from exuvia.catalog.names import fold

_TOKENS = re.compile(
    r"""
    \s*(?: (?P<string>"[^"]*(?:""[^"]*)*") | (?P<word>[A-Za-z0-9_\x1a\u0080-\U0010ffff]+) | (?P<mark>[(){}:^+\-*,]) )
    """,
    re.VERBOSE,
)
_WEIGHTS = "ABCD"
_NEAR_DEFAULT = 10
_NEAR_MOST = 64
_ACCENTS = "PostgreSQL keeps accents, which FTS5 takes off"
_STEMS = "PostgreSQL stems by a later algorithm of Porter's and leaves out stop words"


@dataclass(frozen=True, slots=True)
class Match:
    """A query in PostgreSQL's words.

    Args:
        tsquery: The text for to_tsquery(); None where FTS5 would not take the query, or nothing like it can be said.
        reason: Why the same documents might not be found, or why there is no text; empty where they are the same.
    """

    tsquery: str | None
    reason: str = ""


def weight(position: int) -> str:
    """Return the weight of the searched column at ``position``, counted from 0."""
    return _WEIGHTS[min(position, len(_WEIGHTS) - 1)]


def translate_match(query: str, config: str, columns: Sequence[str] = ()) -> Match:
    """Translate the right side of FTS5's MATCH.

    Args:
        query: The query: words, "phrases", prefix*, ^first, AND, OR, NOT, NEAR(), and column filters.
        config: The text search configuration by which the search column was made.
        columns: The searched columns in order; empty for one column whose name does not matter.

    Returns:
        The text for ``to_tsquery(config, …)`` and what is not exact about it.
    """
    try:
        parser = _Parser(list(_tokens(query)), [fold(name) for name in columns])
        found = parser.whole()
    except _NotAQueryError as error:
        return Match(None, str(error))
    reasons = [*parser.reasons, *([_STEMS] if config != "simple" else [])]
    return Match(found.sql if found is not None else "", "; ".join(dict.fromkeys(reasons)))


class _NotAQueryError(ValueError):
    """The text is no query of FTS5, or says what a tsquery cannot."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    quoted: bool = False

    @property
    def is_text(self) -> bool:
        return self.quoted or self.text not in "(){}:^+-*,"


@dataclass(frozen=True, slots=True)
class _Query:
    """A part of a tsquery; ``loose`` ones need parentheses inside of another."""

    sql: str
    loose: bool = False

    def closed(self) -> str:
        return f"({self.sql})" if self.loose else self.sql


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Words in a row; ``prefix`` says that the last of them is only a beginning."""

    words: tuple[str, ...]
    prefix: bool = False


def _tokens(query: str) -> Iterator[_Token]:
    position, end = 0, len(query.rstrip())
    while position < end:
        match = _TOKENS.match(query, position)
        if match is None:
            raise _NotAQueryError(f"FTS5 does not take it: syntax error near {query[position:].strip()[:20]!r}")
        position = match.end()
        if match["string"] is not None:
            yield _Token(match["string"][1:-1].replace('""', '"'), quoted=True)
        else:
            yield _Token(match["word"] or match["mark"])


def words_of(text: str) -> tuple[str, ...]:
    """Return the words that FTS5's tokenizer unicode61 finds in a text, in lower case."""
    kept = "".join(char if unicodedata.category(char)[0] in "LN" or _is_mark(char) else " " for char in text)
    return tuple(word.lower() for word in kept.split())


def _is_mark(char: str) -> bool:
    """Whether a character belongs to the word around it: an accent, or one of private use."""
    return unicodedata.category(char) in ("Mn", "Mc", "Co")


@dataclass(slots=True)
class _Parser:
    """Reads a query by FTS5's grammar: OR binds least, then AND, then NOT, and words side by side most."""

    tokens: list[_Token]
    columns: list[str]
    reasons: list[str] = field(default_factory=list)
    _at: int = 0

    def whole(self) -> _Query | None:
        """Read everything; None for a query without words."""
        found = self._or(None)
        if self._at < len(self.tokens):
            raise self._error()
        return found

    def _or(self, weights: frozenset[str] | None) -> _Query | None:
        parts = [self._and(weights)]
        while self._keyword("OR"):
            parts.append(self._and(weights))
        some = [part for part in parts if part is not None]
        return _joined(some, " | ") if some else None

    def _and(self, weights: frozenset[str] | None) -> _Query | None:
        parts = [self._not(weights)]
        while self._keyword("AND"):
            parts.append(self._not(weights))
        some = [part for part in parts if part is not None]
        return _joined(some, " & ") if len(some) == len(parts) else None

    def _not(self, weights: frozenset[str] | None) -> _Query | None:
        found = self._side_by_side(weights)
        while self._keyword("NOT"):
            other = self._side_by_side(weights)
            if found is not None and other is not None:
                found = _Query(f"{found.closed()} & !{other.closed()}", loose=True)
        return found

    def _side_by_side(self, weights: frozenset[str] | None) -> _Query | None:
        if self._mark("("):
            found = self._or(weights)
            self._expect(")")
            return found
        parts: list[_Query | None] = []
        while self._begins_phrase():
            chosen = self._filter(weights)
            if chosen is not weights and self._mark("("):
                if parts:
                    raise self._error()
                found = self._or(chosen)
                self._expect(")")
                return found
            parts.append(self._near_or_phrase(chosen))
        if not parts:
            raise self._error()
        some = [part for part in parts if part is not None]
        return _joined(some, " & ") if some else None

    def _begins_phrase(self) -> bool:
        token = self._peek()
        if token is None:
            return False
        if not token.quoted and token.text in ("AND", "OR", "NOT"):
            return False
        return token.is_text or token.text in "^{-"

    def _filter(self, weights: frozenset[str] | None) -> frozenset[str] | None:
        """Read ``column :``, ``{a b} :`` or one of them after ``-``, and return the weights that are left."""
        start = self._at
        without = self._mark("-")
        names: list[str] = []
        if self._mark("{"):
            while (token := self._peek()) is not None and token.is_text:
                names.append(fold(token.text))
                self._at += 1
            self._expect("}")
        elif (token := self._peek()) is not None and token.is_text:
            names.append(fold(token.text))
            self._at += 1
        if not self._mark(":"):
            if without or (start < len(self.tokens) and self.tokens[start].text == "{"):
                raise self._error()
            self._at = start
            return weights
        return self._weights(names, without, weights)

    def _weights(self, names: Sequence[str], without: bool, around: frozenset[str] | None) -> frozenset[str]:
        unknown = [name for name in names if name not in self.columns]
        if unknown:
            raise _NotAQueryError(f"it names the column {unknown[0]}, which is not searched")
        inside = {at for at, name in enumerate(self.columns) if (name in names) != without}
        chosen = frozenset(weight(at) for at in inside)
        if any(weight(at) in chosen for at in range(len(self.columns)) if at not in inside):
            self.reasons.append("the columns after the third share one weight")
        return chosen if around is None else chosen & around

    def _near_or_phrase(self, weights: frozenset[str] | None) -> _Query | None:
        if self._mark("^"):
            self.reasons.append("a tsquery cannot ask for the first word of a column (^)")
        token, following = self._peek(), self._peek(1)
        if token is not None and not token.quoted and token.text == "NEAR" and following == _Token("("):
            self._at += 2
            return self._near(weights)
        return self._phrase_query(self._phrase(), weights)

    def _near(self, weights: frozenset[str] | None) -> _Query | None:
        phrases: list[_Phrase] = []
        while (token := self._peek()) is not None and token.is_text:
            phrases.append(self._phrase())
        distance = _NEAR_DEFAULT
        if self._mark(","):
            token = self._peek()
            if token is None or not token.text.isdecimal():
                raise self._error()
            distance = int(token.text)
            self._at += 1
        self._expect(")")
        if not phrases:
            raise self._error()
        if any(not phrase.words for phrase in phrases):
            return None
        if len(phrases) == 1:
            return self._phrase_query(phrases[0], weights)
        first, second = phrases[0], phrases[1]
        overlap = first.prefix or second.prefix or set(first.words) & set(second.words)
        if len(phrases) > 2 or distance > _NEAR_MOST or overlap:
            self.reasons.append("NEAR of many phrases, far apart or such that may overlap asks for all of them")
            return _joined([query for phrase in phrases if (query := self._phrase_query(phrase, weights))], " & ")
        apart = [f" <{steps}> " for steps in range(1, distance + 2)]
        return self._in_one_column(
            [(before, between, after) for between in apart for before, after in ((first, second), (second, first))],
            weights,
        )

    def _phrase(self) -> _Phrase:
        words: list[str] = []
        while True:
            token = self._peek()
            if token is None or not token.is_text:
                raise self._error()
            self._at += 1
            words += words_of(token.text)
            prefix = self._mark("*")
            if not self._mark("+"):
                return _Phrase(tuple(words), prefix)
            if prefix:
                raise self._error()

    def _phrase_query(self, phrase: _Phrase, weights: frozenset[str] | None) -> _Query | None:
        self._note_accents(phrase)
        if not phrase.words:
            return None
        if len(phrase.words) == 1:
            label = "" if weights is None else "".join(sorted(weights))
            return _never() if weights is not None and not weights else _Query(_row(phrase, label))
        return self._in_one_column([(phrase, "", None)], weights)

    def _in_one_column(
        self, rows: Sequence[tuple[_Phrase, str, _Phrase | None]], weights: frozenset[str] | None
    ) -> _Query:
        """Rows of words that must stand in one column: PostgreSQL numbers the words of all columns in one go, so that
        the last of one stands before the first of the next."""
        labels = sorted(weights) if weights is not None else sorted({weight(at) for at in range(len(self.columns))})
        if len(self.columns) > len(_WEIGHTS) and "D" in labels:
            self.reasons.append("the columns after the third share one weight")
        if weights is None and len(self.columns) <= 1:
            labels = [""]
        if not labels:
            return _never()
        found = []
        for before, between, after in rows:
            for phrase in (before, after):
                if phrase is not None:
                    self._note_accents(phrase)
            for label in labels:
                sql = _row(before, label) + (between + _row(after, label) if after is not None else "")
                found.append(_Query(sql, loose=True))
        return found[0] if len(found) == 1 else _joined(found, " | ")

    def _note_accents(self, phrase: _Phrase) -> None:
        for word in phrase.words:
            if any(unicodedata.combining(char) for char in unicodedata.normalize("NFD", word)):
                self.reasons.append(_ACCENTS)

    def _peek(self, ahead: int = 0) -> _Token | None:
        at = self._at + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def _mark(self, mark: str) -> bool:
        if self._peek() != _Token(mark):
            return False
        self._at += 1
        return True

    def _keyword(self, word: str) -> bool:
        return self._mark(word)

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._error()

    def _error(self) -> _NotAQueryError:
        token = self._peek()
        near = f"near {token.text!r}" if token is not None else "at its end"
        return _NotAQueryError(f"FTS5 does not take it: syntax error {near}")


def _joined(parts: Sequence[_Query], operator: str) -> _Query:
    if len(parts) == 1:
        return parts[0]
    return _Query(operator.join(part.closed() for part in parts), loose=True)


def _never() -> _Query:
    """A query that no document meets."""
    return _Query("exuvia & !exuvia", loose=True)


def _row(phrase: _Phrase, label: str) -> str:
    last = len(phrase.words) - 1
    operands = []
    for at, word in enumerate(phrase.words):
        marks = ("*" if phrase.prefix and at == last else "") + label
        operands.append(f"'{word}'" + (f":{marks}" if marks else ""))
    return " <-> ".join(operands)
