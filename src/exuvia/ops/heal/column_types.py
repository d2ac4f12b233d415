"""The type that a column would need, by what a statement does with it: never without a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from exuvia.guard.result import Json
from exuvia.ops.heal.model import Engine
from exuvia.ops.heal.schema import Schema
from exuvia.ops.heal.statement import ColumnUse, Node, Statement, name_of, resolve

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)
_CONDITIONS: Final = (exp.Where, exp.And, exp.Or, exp.Not)
_TEXTS: Final = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE), "uuid"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "date"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)"), "timestamp with time zone"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?"), "timestamp without time zone"),
)
_KINDS: Final[dict[Engine, tuple[tuple[type, str], ...]]] = {
    "postgresql": ((bool, "boolean"), (int, "bigint"), (float, "double precision"), (list, "jsonb"), (dict, "jsonb")),
    "sqlite": ((int, "INTEGER"), (float, "REAL"), (str, "TEXT"), (list, "TEXT"), (dict, "TEXT")),
}
# A statement's casts and a file's declarations may hold anything; it would be run as a part of the DDL.
_PLAIN: Final = re.compile(r"[A-Za-z_][\w .]*(?:\(\d+(?:, ?\d+)?\))?[a-z ]*(?:\[\])*")
_WIDTH: Final = ("boolean", "bigint", "INTEGER", "numeric", "REAL", "double precision")


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A type, and why it is the one."""

    type: str
    reason: str


def type_of(name: str, statement: Statement, schema: Schema) -> Reasoned | None:
    """Return the type that a statement's use of a column tells; None where it tells none.

    Args:
        name: The column's name.
        statement: The statement.
        schema: What it is compared with is looked up there.
    """
    uses = [use for use in statement.columns if use.name.lower() == name.lower()]
    every = (reasoned for use in uses for reasoned in _reasons(use, statement, schema))
    found = [reasoned for reasoned in every if _PLAIN.fullmatch(reasoned.type)]
    # What is compared with a text and with a number holds texts; of two numbers the wider type holds both
    return max(found, key=lambda one: _WIDTH.index(one.type) if one.type in _WIDTH else len(_WIDTH), default=None)


def type_of_value(value: Json, engine: Engine) -> str | None:
    """Return the type for a value; None for a null."""
    if engine == "postgresql" and isinstance(value, str):
        return next((type_ for pattern, type_ in _TEXTS if pattern.fullmatch(value)), "text")
    return next((type_ for kind, type_ in _KINDS[engine] if isinstance(value, kind)), None)


def _reasons(use: ColumnUse, statement: Statement, schema: Schema) -> Iterator[Reasoned]:
    node, parent = use.node, use.node.parent
    while isinstance(parent, exp.Paren):
        node, parent = parent, parent.parent
    if isinstance(parent, _COMPARISONS):
        other = parent.expression if parent.this is node else parent.this
        yield from _like(other, statement, schema)
    elif isinstance(parent, exp.In) and parent.this is node:
        for other in parent.expressions:
            yield from _like(other, statement, schema)
    elif isinstance(parent, exp.Between) and parent.this is node:
        yield from _like(parent.args["low"], statement, schema)
    elif isinstance(parent, exp.Like | exp.ILike):
        yield Reasoned("text" if statement.engine == "postgresql" else "TEXT", "it is compared by LIKE")
    elif isinstance(parent, _CONDITIONS) and statement.engine == "postgresql":
        yield Reasoned("boolean", "it is a condition by itself")
    elif isinstance(parent, exp.Schema) and isinstance(statement.tree, exp.Insert):
        yield from _inserted(parent.expressions.index(node), statement, schema)


def _inserted(place: int, statement: Statement, schema: Schema) -> Iterator[Reasoned]:
    source = statement.tree.expression
    if isinstance(source, exp.Values):
        for row in source.expressions:
            if place < len(row.expressions):
                yield from _like(row.expressions[place], statement, schema, verb="gets")
    elif isinstance(source, exp.Select) and place < len(source.expressions):
        yield from _like(source.expressions[place].unalias(), statement, schema, verb="gets")


def _like(other: Node, statement: Statement, schema: Schema, *, verb: str = "is compared with") -> Iterator[Reasoned]:
    """Tell the type from what a column is compared with, or gets."""
    while isinstance(other, exp.Paren):
        other = other.this
    if isinstance(other, exp.Cast):
        yield Reasoned(other.to.sql(dialect="postgres"), f"it {verb} {other.sql(dialect='postgres')}")
        return
    if isinstance(other, exp.Column):
        for use in statement.tables:
            table = resolve(use, schema)
            column = table.column(name_of(other.this, statement.engine)) if table is not None else None
            if column is not None and other.table in ("", use.alias):
                yield Reasoned(column.type, f"it {verb} {use.name}.{column.name}, which is {column.type}")
                return
    known, value = statement.value_of(other)
    type_ = type_of_value(value, statement.engine) if known else None
    if isinstance(value, float) and isinstance(other, exp.Literal) and statement.engine == "postgresql":
        type_ = "numeric"
    if type_ is not None:
        shown = value if not isinstance(value, str) else f"'{value[:40]}'"
        yield Reasoned(type_, f"it {verb} {shown}")
