"""A question as words, phrases and what was taken from it already."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_PIECE: Final = re.compile(r'"(?P<q1>[^"]*)"|“(?P<q2>[^”]*)”|«(?P<q3>[^»]*)»|`(?P<q4>[^`]*)`|(?P<word>[^\s"“”«»`]+)')
_EDGES: Final = ".,;:!?()[]{}<>'\u2018…*|"
_DASHES: Final = frozenset("-\u2013\u2014")
_APOSTROPHE: Final = "\u2019"
_IS: Final = frozenset(
    {"what", "who", "where", "when", "how", "why", "which", "that", "it", "there", "here", "he", "she", "let"}
)
_SPELLINGS: Final = {
    "whats": ("what", "is"),
    "whos": ("who", "is"),
    "hows": ("how", "is"),
    "wheres": ("where", "is"),
    "wich": ("which",),
    "wat": ("what",),
    "wht": ("what",),
    "gimme": ("give", "me"),
    "lemme": ("let", "me"),
    "dont": ("do", "not"),
    "didnt": ("did", "not"),
    "isnt": ("is", "not"),
    "cannot": ("can", "not"),
    "wats": ("what", "is"),
    "w/o": ("without",),
    "abuot": ("about",),
    "baout": ("about",),
    "abotu": ("about",),
    "lst": ("last",),
    "yday": ("yesterday",),
    "wk": ("week",),
    "wks": ("weeks",),
    "qtr": ("quarter",),
    "mth": ("month",),
    "&": ("and",),
    "+": ("and",),
}
_SHORT: Final = re.compile(r"(?P<stem>.+)'(?P<end>ve|re|ll|d|m)")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a quoted phrase.

    Args:
        text: As it was typed, without quotation marks.
        low: Folded, for comparisons.
        start: Where it begins in the question.
        end: Where it ends.
        quoted: Whether it was in quotation marks.
    """

    text: str
    low: str
    start: int
    end: int
    quoted: bool = False


def fold(text: str) -> str:
    """Return a text for comparisons: whatever its case, its apostrophes and how its words are joined."""
    return " ".join(re.split(r"[\s_\-]+", text.replace(_APOSTROPHE, "'").casefold())).strip()


def split(question: str) -> list[Token]:
    """Return the words and phrases of a question."""
    tokens: list[Token] = []
    for piece in _PIECE.finditer(question):
        word = piece["word"]
        if word is None:
            phrase = " ".join(next(part for part in piece.group("q1", "q2", "q3", "q4") if part is not None).split())
            if any(map(str.isalnum, phrase)):
                tokens.append(Token(phrase, phrase.casefold(), piece.start(), piece.end(), quoted=True))
        else:
            tokens += _words(word, piece.start())
    return tokens


def _words(word: str, at: int) -> Iterable[Token]:
    bare = word.strip(_EDGES)
    start = at + word.find(bare) if bare else at
    end = start + len(bare)
    if not bare or not (any(map(str.isalnum, bare)) or bare in _DASHES or bare in _SPELLINGS):
        return
    low = bare.replace(_APOSTROPHE, "'").casefold()
    for part in _expanded(low):
        shown = bare if part == low else part
        yield Token(bare[:-2] if part == low[:-2] and low.endswith("'s") else shown, part, start, end)


def _expanded(low: str) -> tuple[str, ...]:
    if low in _SPELLINGS:
        return _SPELLINGS[low]
    if low.endswith("n't"):
        return (low[:-3] if low not in {"can't", "won't"} else low[:-2], "not")
    if low.endswith("'s"):
        return (low[:-2], "is" if low[:-2] in _IS else "'s")
    if short := _SHORT.fullmatch(low):
        return (short["stem"],)
    return (low,)


@dataclass(slots=True)
class Reading:
    """A question while it is read: what of it has been understood, and what is left.

    Args:
        question: The question.
        tokens: Its words.
        roles: What each was taken as; None while it was not.
        notes: How words were read.
        lost: The parts that are not understood.
    """

    question: str
    tokens: list[Token]
    roles: list[str | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, question: str) -> Reading:
        """Begin to read a question."""
        tokens = split(question)
        return cls(question, tokens, [None] * len(tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    def low(self, place: int) -> str:
        """Return the word at a place, folded; an empty text beyond the ends, for phrases, and for what was taken."""
        if not 0 <= place < len(self.tokens) or self.roles[place] is not None or self.tokens[place].quoted:
            return ""
        return self.tokens[place].low

    def said(self, place: int) -> str:
        """Return the word at a place, folded, even if it was taken; an empty text beyond the ends."""
        return self.tokens[place].low if 0 <= place < len(self.tokens) else ""

    def is_free(self, place: int) -> bool:
        """Whether there is a word or a phrase at a place that was not taken."""
        return 0 <= place < len(self.tokens) and self.roles[place] is None

    def matches(self, place: int, *words: str) -> bool:
        """Whether these words stand at a place, one after the other."""
        return all(self.low(place + number) == word for number, word in enumerate(words))

    def take(self, role: str, first: int, after: int) -> None:
        """Note what words are understood as."""
        for place in range(max(0, first), min(after, len(self.tokens))):
            self.roles[place] = role

    def text(self, first: int, after: int) -> str:
        """Return a part of the question, as it was typed."""
        if not 0 <= first < after <= len(self.tokens):
            return ""
        return " ".join(self.question[self.tokens[first].start : self.tokens[after - 1].end].split())

    def replace(self, place: int, low: str) -> None:
        """Correct the spelling of a word, and note that."""
        token = self.tokens[place]
        self.notes.append(f"read “{token.text}” as “{low}”")
        self.tokens[place] = Token(low, low, token.start, token.end)
