"""What a tool has to know of a statement before it runs: its parameters, its order, and rows that it means wholesale.

The guard judges statements; this only helps their writer, so that what cannot be read is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from exuvia.engines.sqlite.tokens import Kind, Token, tokenize
from exuvia.guard.postgres.parse import UnreadableError, parse
from exuvia.location import Location, SqliteLocation
from exuvia.tools.frame import ArgumentError

_ORDERED_OTHERWISE: Final = {"EXPLAIN", "PRAGMA", "SHOW"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement.

    Args:
        sql: The text to run, in which SQLite's parameters are numbered.
        verb: Its first word, in capitals.
        parameters: How many values it takes.
        is_ordered: Whether its rows come in an order of their own.
        changes_all: UPDATE or DELETE where one of these has no WHERE; empty otherwise.
    """

    sql: str
    verb: str
    parameters: int = 0
    is_ordered: bool = True
    changes_all: str = ""

    def require(self, values: Sequence[Any]) -> None:
        """Refuse another number of values than the statement takes.

        Raises:
            ArgumentError: About ``values``.
        """
        if len(values) != self.parameters:
            raise ArgumentError(
                "values",
                f"The statement takes {self.parameters} values, and {len(values)} came.",
                hint="Pass one value for each of $1, $2 and so on, in this order.",
                code="values",
            )


def study(sql: str, location: Location | None) -> Statement:
    """Return what is to be known of a statement.

    Args:
        sql: Any text.
        location: The database that it is for.
    """
    tokens = list(tokenize(sql))
    verb = tokens[0].word if tokens else ""
    return _in_sqlite(sql, verb, tokens) if isinstance(location, SqliteLocation) else _in_postgres(sql, verb)


def _in_postgres(sql: str, verb: str) -> Statement:
    try:
        trees = parse(sql)
    except UnreadableError:
        return Statement(sql, verb)
    nodes = [node for tree in trees for node in _nodes(tree)]
    numbers = [int(node.get("number", 0)) for kind, node in nodes if kind == "ParamRef"]
    wholesale = (kind for kind, node in nodes if kind in _WHOLESALE and "whereClause" not in node)
    ordered = any("sortClause" in tree["stmt"].get("SelectStmt", {}) for tree in trees if tree.get("stmt"))
    return Statement(
        sql,
        verb,
        max(numbers, default=0),
        ordered or verb in _ORDERED_OTHERWISE,
        next((_WHOLESALE[kind] for kind in wholesale), ""),
    )


_WHOLESALE: Final = {"UpdateStmt": "UPDATE", "DeleteStmt": "DELETE"}


def _nodes(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node of a parse tree with its kind."""
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            stack += value.values()
            yield from ((kind, node) for kind, node in value.items() if isinstance(node, dict))


def _in_sqlite(sql: str, verb: str, tokens: Sequence[Token]) -> Statement:
    words = list(_outer_words(tokens))
    main = next((word for word in words if word in ("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE")), "")
    ordered = any(pair == ("ORDER", "BY") for pair in pairwise(words))
    return Statement(
        _numbered(sql, tokens),
        verb,
        _parameters(tokens),
        ordered or verb in _ORDERED_OTHERWISE,
        main if main in ("UPDATE", "DELETE") and "WHERE" not in words else "",
    )


def _outer_words(tokens: Sequence[Token]) -> Iterator[str]:
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind is Kind.WORD:
            yield token.word


def _marks(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Yield each token that begins a parameter, and the number or name that is its rest."""
    for token, following in zip(tokens, (*tokens[1:], None), strict=True):
        if token.kind is Kind.OPERATOR and token.text in "?$:@":
            joined = following is not None and following.start == token.end
            yield token, following.text if joined and following is not None else ""


def _parameters(tokens: Sequence[Token]) -> int:
    """Count parameters as SQLite does (https://sqlite.org/lang_expr.html#varparam)."""
    highest = 0
    named: set[str] = set()
    for mark, rest in _marks(tokens):
        if rest.isdecimal():
            highest = max(highest, int(rest))
        elif mark.text == "?" or (rest and mark.text + rest not in named):
            highest += 1
            named.add(mark.text + rest)
    return highest


def _numbered(sql: str, tokens: Sequence[Token]) -> str:
    """Write ``?1`` for ``$1``, which SQLite would take for a name, numbered by its first place in the text."""
    letters = list(sql)
    for mark, rest in _marks(tokens):
        if mark.text == "$" and rest.isdecimal():
            letters[mark.start] = "?"
    return "".join(letters)
