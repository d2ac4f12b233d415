"""Names in double quotes that SQLite takes for texts, because nothing has them (https://sqlite.org/quirks.html#dblquote).

A misspelled column gives its own name for every row then, and no error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from exuvia.engines.sqlite.tokens import Kind, Token, tokenize

_EXPECTING: Final = """
    SELECT DISTINCT ALL WHERE AND OR NOT ON BY HAVING WHEN THEN ELSE CASE IN LIKE GLOB IS BETWEEN LIMIT OFFSET SET FROM
    JOIN USING MATCH REGEXP ESCAPE UNION INTERSECT EXCEPT RETURNING VALUES INTO UPDATE INDEXED
"""
_BEFORE_VALUES: Final = frozenset(_EXPECTING.split())


def quoted_names(sql: str) -> tuple[str, ...]:
    """Return the names in double quotes that stand alone where a value can stand, and are no aliases of the statement.

    Args:
        sql: A statement.
    """
    tokens = [token for token in tokenize(sql) if token.text != ";"]
    aliases = {token.value.lower() for token in _aliases(tokens)}
    alone = (token.value for token in _alone(tokens) if token.value.lower() not in aliases)
    return tuple(dict.fromkeys(alone))


def taken_for_texts(names: Collection[str], known: Collection[str]) -> str:
    """Return a notice about names that nothing has; empty for none.

    Args:
        names: Of ``quoted_names``.
        known: The names of tables and columns, in lower case.
    """
    unknown = [name for name in names if name.lower() not in known]
    if not unknown:
        return ""
    shown = ", ".join(f'"{name}"' for name in unknown[:3])
    verb = "is no column, so that SQLite takes it" if len(unknown) == 1 else "are no columns, so that SQLite takes them"
    return f"{shown} {verb} for a text: texts are written in single quotes."


def _around(tokens: Sequence[Token]) -> Iterator[tuple[Token | None, Token, Token | None]]:
    return zip([None, *tokens[:-1]], tokens, [*tokens[1:], None], strict=True)


def _aliases(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield what names something: what comes after AS, after an operand, or before AS in a WITH query."""
    for before, token, after in _around(tokens):
        named = before is not None and (before.word == "AS" or before.text == ")" or _is_operand(before))
        if token.kind is Kind.QUOTED and (named or (after is not None and after.word == "AS")):
            yield token


def _is_operand(token: Token) -> bool:
    return token.kind is not Kind.OPERATOR and token.word not in _BEFORE_VALUES


def _alone(tokens: Sequence[Token]) -> Iterator[Token]:
    for before, token, after in _around(tokens):
        dotted = any(other is not None and other.text == "." for other in (before, after))
        if token.kind is Kind.QUOTED and token.text.startswith('"') and not dotted:
            yield token
