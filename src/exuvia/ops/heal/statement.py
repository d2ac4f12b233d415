"""What a statement asks for: its tables, its columns, what they are compared with, and how its rows are found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from exuvia.catalog.names import fold
from exuvia.engines.sqlite.tokens import Kind as TokenKind
from exuvia.engines.sqlite.tokens import tokenize
from exuvia.guard.result import Json
from exuvia.ops.heal.model import Engine
from exuvia.ops.heal.placeholders import parameterize
from exuvia.ops.heal.schema import Schema, Table

Node = Any  # sqlglot is not typed strictly; its trees are checked where they are read
_DIALECTS: Final[dict[Engine, str]] = {"postgresql": "postgres", "sqlite": "sqlite"}


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table that a statement names: ``alias`` is how its columns are qualified there."""

    schema: str
    name: str
    alias: str
    is_target: bool = False


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column that a statement names: ``qualifier`` is the alias before it, or empty."""

    name: str
    qualifier: str
    node: Node = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement.

    Args:
        text: As the engine takes it.
        values: Its parameters' values.
        tree: sqlglot's tree.
        tables: The tables that it names, without those of its own WITH queries.
        columns: The columns that it names.
    """

    text: str
    values: tuple[Json, ...]
    tree: Node
    tables: tuple[TableUse, ...]
    columns: tuple[ColumnUse, ...]
    engine: Engine

    def uses_of(self, qualifier: str) -> TableUse | None:
        """Return the table behind an alias."""
        return next((use for use in self.tables if fold(use.alias) == fold(qualifier)), None)

    def value_of(self, node: Node) -> tuple[bool, Json]:
        """Return whether a node is a literal or a parameter whose value is known, and that value."""
        if isinstance(node, exp.Neg):
            known, value = self.value_of(node.this)
            return known and isinstance(value, int | float), -value if isinstance(value, int | float) else None
        if isinstance(node, exp.Boolean):
            return True, bool(node.this)
        if isinstance(node, exp.Literal):
            return True, node.this if node.is_string else _number(node.this)
        if isinstance(node, exp.Placeholder) and str(node.this or "").startswith("p"):
            place = int(str(node.this)[1:]) - 1
            return 0 <= place < len(self.values), self.values[place] if 0 <= place < len(self.values) else None
        return False, None


def parse(sql: str, values: Sequence[Json] | Mapping[str, Json], engine: Engine) -> Statement | None:
    """Read a statement, whose parameters may be written in any driver's way; None where it cannot be understood."""
    given = parameterize(sql, values, engine)
    try:
        trees = sqlglot.parse(given.analyzable, dialect=_DIALECTS[engine])
    except (SqlglotError, RecursionError):
        return None
    if len(trees) != 1 or trees[0] is None:
        return None
    tree = trees[0]
    return Statement(
        given.text, given.values, tree, tuple(_tables(tree, engine)), tuple(_columns(tree, engine)), engine
    )


def _tables(tree: Node, engine: Engine) -> Iterator[TableUse]:
    queries = {fold(query.alias) for query in tree.find_all(exp.CTE)}
    target = tree.find(exp.Table) if isinstance(tree, exp.Insert | exp.Update | exp.Delete) else None
    for node in tree.find_all(exp.Table):
        if isinstance(node.this, exp.Identifier) and not (not node.db and fold(node.name) in queries):
            yield TableUse(
                name_of(node.args.get("db"), engine), name_of(node.this, engine), node.alias_or_name, node is target
            )


def _columns(tree: Node, engine: Engine) -> Iterator[ColumnUse]:
    for node in tree.find_all(exp.Column):
        if isinstance(node.this, exp.Identifier):
            yield ColumnUse(name_of(node.this, engine), node.table, node)
    if isinstance(tree, exp.Insert) and isinstance(tree.this, exp.Schema):
        for identifier in tree.this.expressions:
            if isinstance(identifier, exp.Identifier):
                yield ColumnUse(name_of(identifier, engine), "", identifier)


def name_of(identifier: Node, engine: Engine) -> str:
    """Return a name as the engine takes it: PostgreSQL folds what stands without quotes."""
    if identifier is None:
        return ""
    return str(identifier.this) if identifier.args.get("quoted") or engine == "sqlite" else fold(str(identifier.this))


def rename(sql: str, wrong: str, right: str) -> str:
    """Return a statement with one name for another wherever it stands as a name, and nothing else changed.

    Args:
        sql: The statement.
        wrong: The name as it stands there, with regard to nothing but its letters.
        right: The name to put there, as SQL spells it, with quotes and a schema where needed.
    """
    tokens = list(tokenize(sql))
    pieces: list[str] = []
    end = 0
    for token in tokens:
        if token.kind in (TokenKind.WORD, TokenKind.QUOTED) and fold(token.value) == fold(wrong):
            pieces += [sql[end : token.start], right]
            end = token.end
    return "".join((*pieces, sql[end:]))


def resolve(use: TableUse, schema: Schema) -> Table | None:
    """Return the table that a name in a statement means."""
    return schema.find(use.name, use.schema)


def _number(text: str) -> int | float | None:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return None
