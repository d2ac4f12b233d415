"""What a tool has to know of a statement before it runs: its parameters, its order, and rows that it means wholesale.

The guard judges statements; this only helps their writer, so that what cannot be read is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any, Final

from exuvia.engines.sqlite.tokens import Kind, Token, tokenize
from exuvia.guard.postgres.parse import Node, UnreadableError, parse
from exuvia.location import Location, SqliteLocation
from exuvia.tools.frame import ArgumentError


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement.

    Args:
        sql: The text to run, in which SQLite's parameters are numbered.
        is_explain: Whether it is an EXPLAIN itself.
        parameters: How many values it takes; None for a text that cannot be read.
        is_ordered: Whether its rows come in an order of their own.
        changes_all: UPDATE or DELETE where one of these has no WHERE; empty otherwise.
        unused: Numbers of parameters below the highest that it does not use, which PostgreSQL gives no type.
        drops_if_there: Whether it drops a table, a view or an index if that exists.
    """

    sql: str
    is_explain: bool = False
    parameters: int | None = None
    is_ordered: bool = True
    changes_all: str = ""
    unused: tuple[int, ...] = ()
    drops_if_there: bool = False

    def require(self, values: Sequence[Any]) -> None:
        """Refuse another number of values than the statement takes, and parameters that are numbered with gaps.

        Raises:
            ArgumentError: About ``values``.
        """
        if self.parameters is not None and len(values) != self.parameters:
            raise ArgumentError(
                "values",
                f"The statement takes {self.parameters} value{'s' * (self.parameters != 1)}, and {len(values)} came.",
                hint="Pass one value for each of $1, $2 and so on, in this order.",
                code="values",
            )
        if self.unused:
            raise ArgumentError(
                "sql",
                f"The statement uses ${self.parameters} and not ${self.unused[0]}.",
                hint="Number the parameters from $1 on without gaps.",
                code="values",
            )


def study(sql: str, location: Location | None) -> Statement:
    """Return what is to be known of a statement.

    Args:
        sql: Any text.
        location: The database that it is for.
    """
    return _in_sqlite(sql) if isinstance(location, SqliteLocation) else _in_postgres(sql)


def _in_postgres(sql: str) -> Statement:
    try:
        trees = parse(sql)
    except UnreadableError:
        return Statement(sql)
    statement: Node = trees[0].get("stmt", {}) if trees else {}
    kind = next(iter(statement), "")
    numbers, changes_all = _found(trees)
    return Statement(
        sql,
        is_explain=kind == "ExplainStmt",
        parameters=max(numbers, default=0),
        is_ordered="sortClause" in statement.get("SelectStmt", {}) or kind in ("ExplainStmt", "VariableShowStmt"),
        changes_all=changes_all,
        unused=tuple(sorted(set(range(1, max(numbers, default=0))) - set(numbers))),
    )


_IF: Final = ("IF", "EXISTS")
_WHOLESALE: Final = {"UpdateStmt": "UPDATE", "DeleteStmt": "DELETE"}


def _found(trees: list[Node]) -> tuple[list[int], str]:
    """Return the numbers of the parameters, and UPDATE or DELETE where one has no WHERE, at any depth."""
    numbers: list[int] = []
    changes_all = ""
    stack: list[Any] = [trees]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            for kind, node in value.items():
                if kind == "ParamRef":
                    numbers.append(int(node.get("number", 0)))
                elif kind in _WHOLESALE and "whereClause" not in node:
                    changes_all = _WHOLESALE[kind]
                if isinstance(node, list | dict):
                    stack.append(node)
    return numbers, changes_all


def _in_sqlite(sql: str) -> Statement:
    tokens = list(tokenize(sql))
    words = list(_outer_words(tokens))
    main = next((word for word in words if word in ("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE")), "")
    ordered = any(pair == ("ORDER", "BY") for pair in pairwise(words))
    first = words[0] if words else ""
    return Statement(
        _numbered(sql, tokens),
        is_explain=first == "EXPLAIN",
        parameters=_parameters(tokens),
        is_ordered=ordered or first in ("EXPLAIN", "PRAGMA"),
        changes_all=main if main in ("UPDATE", "DELETE") and "WHERE" not in words else "",
        drops_if_there=first == "DROP" and words[1:4] in (["TABLE", *_IF], ["VIEW", *_IF], ["INDEX", *_IF]),
    )


def _outer_words(tokens: Sequence[Token]) -> Iterator[str]:
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind is Kind.WORD:
            yield token.word


def _marks(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Yield each token that begins a parameter, and the number or name that is its rest."""
    for token, following in zip_longest(tokens, tokens[1:]):
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
