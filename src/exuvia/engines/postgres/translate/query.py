"""What a translated query is, and what all kinds of queries have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from exuvia.engines.postgres.translate.expressions import Compiler
from exuvia.engines.postgres.translate.parse import Node
from exuvia.engines.postgres.translate.scope import Scope
from exuvia.engines.postgres.translate.values import Kind, NamedColumn, NotExact, Value
from exuvia.values.cells import StorageClass

_CLASSES = {
    Kind.BOOLEAN: frozenset({StorageClass.INTEGER}),
    Kind.INTEGER: frozenset({StorageClass.INTEGER}),
    Kind.REAL: frozenset({StorageClass.REAL}),
    Kind.NUMBER: frozenset({StorageClass.INTEGER, StorageClass.REAL}),
    Kind.BLOB: frozenset({StorageClass.BLOB}),
    Kind.LABEL: frozenset({StorageClass.INTEGER, StorageClass.TEXT}),
    Kind.OPAQUE: frozenset(StorageClass),
}


@dataclass(frozen=True, slots=True)
class Query:
    """A translated SELECT: its text, its columns by output name, and what a reader should know about it."""

    sql: str
    columns: tuple[tuple[str, Value], ...]
    remarks: frozenset[str] = field(default=frozenset())
    one_row: bool = False


def named(name: str, value: Value) -> NamedColumn:
    """Return a query's column as the query around it finds it."""
    classes = _CLASSES.get(value.kind, frozenset({StorageClass.TEXT}))
    return NamedColumn(name, value.pg, value.affinity, value.collation, classes, value.spelling)


def relation_columns(names: Sequence[str], query: Query) -> dict[str, NamedColumn]:
    """Return a query's columns under their names."""
    return {name: named(name, value) for name, (_, value) in zip(names, query.columns, strict=True)}


def only(tree: Node, parts: frozenset[str]) -> None:
    """Raise NotExact where a tree has other parts than these."""
    extra = sorted(key for key, value in tree.args.items() if value and key not in parts)
    if extra:
        raise NotExact(f"it has {extra[0].strip('_').upper()}, which has no translation")


def output_position(tree: Node) -> int | None:
    """Return the number of an output column that ORDER BY or GROUP BY names, None for other expressions."""
    while isinstance(tree, exp.Paren):
        return None
    return int(tree.this) if isinstance(tree, exp.Literal) and not tree.is_string and tree.this.isdigit() else None


def limit_clause(tree: Node) -> str:
    """Return LIMIT and OFFSET as SQL."""
    parts = []
    for key, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
        node = tree.args.get(key)
        if node is None:
            continue
        value = Compiler(Scope()).value(node.expression)
        if not isinstance(value.constant, int):
            raise NotExact(f"{word} is not a fixed number")
        if word == "LIMIT" and value.constant >= 0:
            parts.append(f" LIMIT {value.constant}")
        elif word == "OFFSET" and value.constant > 0:
            parts.append(f" OFFSET {value.constant}")
    return "".join(parts)
