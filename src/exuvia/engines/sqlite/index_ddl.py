"""What CREATE INDEX says and SQLite's PRAGMAs leave out: the expressions and the condition of a partial index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exuvia.engines.sqlite.tokens import Token, closing, split, tokenize


@dataclass(frozen=True, slots=True)
class PartClause:
    """One part of an index, without its order. ``collation`` is that of a COLLATE at the end of ``text``, which may
    belong to the whole expression or, as in ``a || b COLLATE NOCASE``, to its last operand."""

    text: str
    text_before_collate: str
    collation: str | None = None

    def expression(self, collation: str) -> str:
        """The expression without its COLLATE, given the collation that SQLite found the part to have."""
        own = self.collation is not None and self.collation.upper() == collation.upper()
        return self.text_before_collate if own else self.text


@dataclass(frozen=True, slots=True)
class IndexClauses:
    """The parts of an index, and the condition after WHERE."""

    parts: tuple[PartClause, ...]
    where: str | None = None


def parse_index(sql: str) -> IndexClauses:
    """Read the parts of a CREATE INDEX statement that SQLite has accepted.

    Raises:
        ValueError: The text has no complete list of parts.
    """
    tokens = list(tokenize(sql))
    on = next((i for i, token in enumerate(tokens) if token.word == "ON"), len(tokens))
    opening = next((i for i in range(on, len(tokens)) if tokens[i].text == "("), len(tokens))
    close = closing(tokens, opening)
    if close == len(tokens):
        raise ValueError("its definition has no complete list of columns")
    parts = tuple(_part(sql, piece) for piece in split(tokens[opening + 1 : close]))
    return IndexClauses(parts, _where(sql, tokens[close + 1 :]))


def _part(sql: str, tokens: Sequence[Token]) -> PartClause:
    end = len(tokens)
    if end > 2 and tokens[end - 2].word == "NULLS":
        end -= 2
    if end > 1 and tokens[end - 1].word in ("ASC", "DESC"):
        end -= 1
    text = sql[tokens[0].start : tokens[end - 1].end]
    if end > 2 and tokens[end - 2].word == "COLLATE":
        return PartClause(text, sql[tokens[0].start : tokens[end - 3].end], tokens[end - 1].value)
    return PartClause(text, text)


def _where(sql: str, tokens: Sequence[Token]) -> str | None:
    if len(tokens) < 2 or tokens[0].word != "WHERE":
        return None
    last = tokens[-2] if tokens[-1].text == ";" else tokens[-1]
    return sql[tokens[1].start : last.end]
