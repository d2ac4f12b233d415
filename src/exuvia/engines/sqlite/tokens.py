"""SQLite's lexical grammar: SQL text as tokens with their positions (https://sqlite.org/draft/tokenreq.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a token is. ``WORD`` is an unquoted identifier or keyword, ``QUOTED`` an identifier in "", `` or []."""

    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    BLOB = "blob"
    NUMBER = "number"
    OPERATOR = "operator"


class Token(NamedTuple):
    """A token and where it stands: ``sql[start:end]`` is ``text``."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The token in capitals when it is an unquoted word, else ``""``: only such a word can be a keyword."""
        return self.text.upper() if self.kind is Kind.WORD else ""

    @property
    def names(self) -> bool:
        """Whether SQLite takes the token as a name; it also takes a string for one."""
        return self.kind in (Kind.WORD, Kind.QUOTED, Kind.STRING)

    @property
    def value(self) -> str:
        """The name or string that the token stands for, without its quotes."""
        if self.kind not in (Kind.QUOTED, Kind.STRING):
            return self.text
        quote = self.text[0]
        return self.text[1:-1] if quote == "[" else self.text[1:-1].replace(quote * 2, quote)


# U+FEFF counts as white space between tokens and as a letter within one, as in SQLite's own tokenizer.
_TOKENS = re.compile(
    r"""
      (?P<space>    [ \t\n\f\r\ufeff]+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<string>   '[^']*(?:''[^']*)*' )
    | (?P<blob>     [xX]'[^']*' )
    | (?P<quoted>   "[^"]*(?:""[^"]*)*" | `[^`]*(?:``[^`]*)*` | \[[^\]]*\] )
    | (?P<number>   0[xX][0-9a-fA-F_]+ | (?: [0-9][0-9_]*(?:\.[0-9_]*)? | \.[0-9][0-9_]* ) (?:[eE][+-]?[0-9_]+)? )
    | (?P<word>     [A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]* )
    | (?P<operator> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def tokenize(sql: str) -> Iterator[Token]:
    """Yield the tokens of ``sql``, without white space and comments. Every text has tokens: nothing is raised."""
    for match in _TOKENS.finditer(sql):
        group = match.lastgroup
        if group is not None and group != "space":
            yield Token(Kind(group), match[0], match.start(), match.end())


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Return the index of the parenthesis that closes the one at ``opening``, or ``len(tokens)`` if none does."""
    depth = 0
    for index in range(opening, len(tokens)):
        text = tokens[index].text
        depth += (text == "(") - (text == ")")
        if depth == 0:
            return index
    return len(tokens)


def split(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return ``tokens`` cut at the commas that stand outside parentheses; no tokens give no pieces."""
    pieces: list[list[Token]] = [[]] if tokens else []
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces
