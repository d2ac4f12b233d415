"""Triggers that keep a full-text table up to date, with and without what they do for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from exuvia.catalog.names import fold
from exuvia.engines.sqlite.tokens import Token, tokenize


def without_feeding(sql: str, fed: Collection[str]) -> tuple[frozenset[str], str]:
    """Take the statements that write to full-text tables out of a trigger.

    Args:
        sql: The CREATE TRIGGER statement.
        fed: Names of full-text tables, folded.

    Returns:
        The full-text tables that were written to, folded, and the trigger without those statements: empty where no
        other is left, ``sql`` itself where there was none.
    """
    tokens = list(tokenize(sql))
    begin = next((at for at, token in enumerate(tokens) if token.word == "BEGIN"), None)
    if begin is None or not fed:
        return frozenset(), sql
    statements = _statements(tokens[begin + 1 : -1])
    written = [_written(statement) for statement in statements]
    found = frozenset(name for name in written if name in fed)
    if not found:
        return found, sql
    kept = [statement for statement, name in zip(statements, written, strict=True) if name not in fed]
    if not kept:
        return found, ""
    body = "; ".join(sql[statement[0].start : statement[-1].end] for statement in kept)
    return found, f"{sql[: tokens[begin].end]} {body}; END"


def _statements(tokens: Sequence[Token]) -> list[list[Token]]:
    statements: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == ";":
            statements.append([])
        else:
            statements[-1].append(token)
    return [statement for statement in statements if statement]


def _written(statement: Sequence[Token]) -> str:
    """The table that a statement writes to, folded; empty where it writes to none, or begins with WITH."""
    verb = statement[0].word
    if verb == "UPDATE":
        at = 3 if len(statement) > 1 and statement[1].word == "OR" else 1
    elif verb in ("INSERT", "REPLACE", "DELETE"):
        after = "FROM" if verb == "DELETE" else "INTO"
        at = next((i + 1 for i, token in enumerate(statement) if token.word == after), len(statement))
    else:
        return ""
    if at + 2 < len(statement) and statement[at + 1].text == ".":
        at += 2
    return fold(statement[at].value) if at < len(statement) else ""
