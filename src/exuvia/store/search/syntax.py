"""One query syntax for both engines, read by us: no parser of an engine ever sees what a user wrote.

    red fox            both words            "red fox"      the phrase          fo*       words that begin so
    red OR fox         either                red -fox       without fox         (a OR b) c   groups

AND may be written between words that all have to be there, NOT instead of the minus; operators are in capitals. A word
with punctuation in it (``well-known``, ``a@b.org``) is the phrase of its parts; punctuation alone is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, NoReturn

from exuvia.store.errors import InvalidValueError
from exuvia.store.search.words import LONGEST_WORD, words

Joining = Literal["all", "any"]
"""What words are that stand beside each other: all to be found, or any of them."""

LONGEST_QUERY: Final = 4000
MOST_TERMS: Final = 64
DEEPEST: Final = 20
_SHORTEST_PREFIX: Final = 2  # bytes: two letters of Latin script, one of most others

_STRANGE: Final = re.compile("[\0\ud800-\udfff]")
_LEXEME: Final = re.compile(r'\s+|"(?P<phrase>[^"]*)(?P<closed>"?)(?P<star>\*?)|(?P<mark>[()])|(?P<word>[^\s"()]+)')


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase.

    Args:
        words: Its words, as they are indexed; one or more.
        prefix: Whether the last word may go on.
    """

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """All of some parts, and none of others.

    Args:
        parts: What has to be there; at least one.
        without: What must not be there.
    """

    parts: tuple[Node, ...]
    without: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of two or more parts."""

    parts: tuple[Node, ...]


Node = Term | All | AnyOf


def parse(query: str, joining: Joining = "all") -> Node:
    """Read a query.

    Args:
        query: What a user wrote.
        joining: What words beside each other mean.

    Raises:
        InvalidValueError: It is malformed, asks for nothing, or is too long; the message tells where.
    """
    if not isinstance(query, str) or not query.strip():
        raise InvalidValueError("The query is empty.", hint="Give at least one word.", code="query")
    if len(query) > LONGEST_QUERY:
        raise InvalidValueError(
            f"The query has {len(query):,} characters.",
            hint=f"A query has at most {LONGEST_QUERY:,}; search for the words that matter.",
            code="query",
        )
    if strange := _STRANGE.search(query):
        _refuse(f"U+{ord(strange[0]):04X} cannot be searched for", strange.start(), "Take the character out.")
    if joining not in ("all", "any"):
        raise InvalidValueError(f"{joining!r} is no way to join words.", hint="Use all or any.", code="query")
    return _Parser(query, joining).read()


def terms(node: Node) -> tuple[Term, ...]:
    """Return the terms that can make a text match, each once, in the query's order: not what is excluded."""
    if isinstance(node, Term):
        return (node,)
    return tuple(dict.fromkeys(term for part in node.parts for term in terms(part)))


def every_term(node: Node) -> Iterator[Term]:
    """Yield every term, those that are excluded as well, in the query's order."""
    if isinstance(node, Term):
        yield node
        return
    for part in (*node.parts, *(node.without if isinstance(node, All) else ())):
        yield from every_term(part)


class _Lexeme(NamedTuple):
    """``kind`` is ``(``, ``)``, ``-``, ``AND``, ``OR``, ``term`` (which may have no words) or ``end``."""

    kind: str
    place: int
    term: Term | None = None


def _lexemes(query: str) -> Iterator[_Lexeme]:
    place = 0
    while place < len(query):
        found = _LEXEME.match(query, place)
        assert found is not None
        if found["mark"]:
            yield _Lexeme(found["mark"], place)
        elif found["phrase"] is not None:
            if not found["closed"]:
                _refuse("The quotation mark is not closed", place, 'End the phrase by ".')
            yield _Lexeme("term", place, _term(found["phrase"], bool(found["star"]), place))
        elif word := found["word"]:
            yield from _word(word, place, followed=query[found.end() : found.end() + 1] in ('"', "("))
        place = found.end()
    yield _Lexeme("end", len(query))


def _word(word: str, place: int, *, followed: bool) -> Iterator[_Lexeme]:
    if word in ("AND", "OR"):
        yield _Lexeme(word, place)
        return
    if word == "NOT" or (word == "-" and followed):
        yield _Lexeme("-", place)
        return
    if word.startswith("-") and words(word):
        yield _Lexeme("-", place)
        word, place = word[1:], place + 1
    yield _Lexeme("term", place, _term(word, word.endswith("*"), place))


def _term(text: str, prefix: bool, place: int) -> Term | None:
    found = words(text)
    if not found:
        return None
    if longest := next((word for word in found if len(word) > LONGEST_WORD), None):
        _refuse(
            f"The word {longest[:20]}… has {len(longest)} characters",
            place,
            f"A word has at most {LONGEST_WORD}; ask for its beginning: {longest[:20]}*.",
        )
    if prefix and len(found[-1].encode()) < _SHORTEST_PREFIX:
        _refuse(f"{found[-1]}* asks for too many words", place, "Give at least two letters before the *.")
    return Term(found, prefix)


class _Parser:
    def __init__(self, query: str, joining: Joining) -> None:
        self._lexemes = list(_lexemes(query))
        self._joining = joining
        self._at = 0
        self._depth = 0
        if sum(lexeme.term is not None for lexeme in self._lexemes) > MOST_TERMS:
            raise InvalidValueError(
                f"The query has more than {MOST_TERMS} words and phrases.",
                hint="Search for the words that matter.",
                code="query",
            )

    def read(self) -> Node:
        node = self._either()
        if self._next.kind == ")":
            _refuse("The parenthesis was never opened", self._next.place, "Take it out, or put ( before the group.")
        if node is None:
            raise InvalidValueError(
                "The query has no words in it.", hint="Words are made of letters and digits.", code="query"
            )
        return node

    @property
    def _next(self) -> _Lexeme:
        return self._lexemes[self._at]

    def _either(self) -> Node | None:
        parts = [self._group()]
        while self._next.kind == "OR":
            self._at += 1
            self._expect_operand("OR")
            parts.append(self._group())
        return _joined([part for part in parts if part is not None])

    def _group(self) -> Node | None:
        """Read what stands beside each other."""
        start = self._next.place
        if self._next.kind in ("AND", "OR"):
            _refuse(f"Nothing stands before {self._next.kind}", start, "Put a word on each side of it.")
        parts: list[Node] = []
        without: list[Node] = []
        closely: list[Node] = []
        while self._next.kind not in ("end", ")", "OR"):
            excluded = self._next.kind == "-"
            self._at += excluded
            if excluded:
                self._expect_operand("-")
            node = self._single()
            together = self._next.kind == "AND"
            if together:
                self._at += 1
                self._expect_operand("AND")
            if node is not None:
                (without if excluded else closely).append(node)
            if closely and not together:
                parts.append(closely[0] if len(closely) == 1 else All(tuple(closely)))
                closely = []
        if without and not parts:
            _refuse("Only exclusions stand here", start, "Say also what is to be found.")
        return self._grouped(parts, without)

    def _grouped(self, parts: list[Node], without: list[Node]) -> Node | None:
        if not parts:
            return None
        if self._joining == "any":
            found = _joined(parts)
            return All((found,), tuple(without)) if without and found is not None else found
        flat = tuple(inner for part in parts for inner in _plain_parts(part))
        return flat[0] if len(flat) == 1 and not without else All(flat, tuple(without))

    def _single(self) -> Node | None:
        lexeme = self._next
        self._at += 1
        if lexeme.kind != "(":
            return lexeme.term
        self._depth += 1
        if self._depth > DEEPEST:
            _refuse(f"Groups are nested more than {DEEPEST} deep", lexeme.place, "Take some parentheses out.")
        node = self._either()
        if self._next.kind != ")":
            _refuse("The parenthesis is not closed", lexeme.place, "Put ) after the group.")
        self._at += 1
        self._depth -= 1
        return node

    def _expect_operand(self, operator: str) -> None:
        if self._next.kind in ("end", ")", "OR", "AND") or (operator == "-" and self._next.kind == "-"):
            _refuse(
                f"Nothing stands after {operator}",
                self._lexemes[self._at - 1].place,
                f'Put a word after it, or write the operator in quotes: "{operator}".',
            )


def _plain_parts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, All) and not node.without else (node,)


def _joined(parts: list[Node]) -> Node | None:
    flat = tuple(
        dict.fromkeys(inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,)))
    )
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else AnyOf(flat)


def _refuse(what: str, place: int, hint: str) -> NoReturn:
    raise InvalidValueError(f"{what} (character {place + 1} of the query).", hint=hint, code="query")
