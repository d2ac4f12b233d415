"""Which indexes could serve a statement: by its conditions, its joins and its order.

The rules are those of every guide to B-tree indexes (see M. Winand, https://use-the-index-luke.com): columns compared
for equality first, then those of ORDER BY where LIMIT stops early, else one range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from exuvia.catalog.names import fold
from exuvia.ops.heal.names import Expression
from exuvia.ops.heal.schema import Schema, Table
from exuvia.ops.heal.statement import Node, Statement, TableUse, name_of, resolve

_RANGES: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE)
_WIDEST: Final = 4
_WORTH_IT: Final = 100
_FUNCTIONS: Final = (exp.Lower, exp.Upper)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that may serve.

    Args:
        table: The table.
        parts: Its columns by name, and expressions.
        why: What of the statement it serves.
    """

    table: Table
    parts: tuple[str, ...]
    why: str


@dataclass(slots=True)
class _Wanted:
    """What a statement asks of one table, as parts of an index."""

    use: TableUse
    table: Table
    equal: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)


def candidates(statement: Statement, schema: Schema) -> list[Candidate]:
    """Return the indexes worth testing, the most promising first; none that is there already.

    Tables whose rows are found by a unique key already, and small ones, need none.

    Args:
        statement: The statement.
        schema: The tables.
    """
    wanted = [
        _Wanted(use, table)
        for use in statement.tables
        if (table := resolve(use, schema)) is not None and table.kind != "view" and table.rows >= _WORTH_IT
    ]
    for select in statement.tree.find_all(exp.Select, exp.Update, exp.Delete):
        for condition in _conditions(select):
            for one in wanted:
                _collect(condition, one, statement)
        _order(select, wanted, statement)
    found = [candidate for one in wanted if not _is_found(one) for candidate in _combine(one)]
    unique: dict[tuple[str, str, tuple[str, ...]], Candidate] = {}
    for candidate in found:
        unique.setdefault((candidate.table.schema, candidate.table.name, candidate.parts), candidate)
    return [candidate for candidate in unique.values() if not _is_there(candidate)]


def _conditions(select: Node) -> Iterator[Node]:
    """Yield what has to be true for every row: the parts of WHERE and of the joins' ON, cut at AND."""
    stack = [clause.this for clause in (select.args.get("where"),) if clause is not None]
    stack += [join.args["on"] for join in select.args.get("joins") or () if join.args.get("on") is not None]
    stack.reverse()
    while stack:
        node = stack.pop()
        if isinstance(node, exp.And):
            stack += [node.expression, node.this]
        elif isinstance(node, exp.Paren):
            stack.append(node.this)
        else:
            yield node


def _collect(condition: Node, wanted: _Wanted, statement: Statement) -> None:
    if isinstance(condition, exp.EQ):
        for own, other in ((condition.this, condition.expression), (condition.expression, condition.this)):
            part = _part(own, wanted, statement)
            if part is not None:
                is_join = isinstance(other, exp.Column) and not _is_of(other, wanted, statement)
                (wanted.joined if is_join else wanted.equal).append(part)
    elif isinstance(condition, exp.In) and (part := _part(condition.this, wanted, statement)) is not None:
        wanted.equal.append(part)
    elif isinstance(condition, exp.Between) and (part := _part(condition.this, wanted, statement)) is not None:
        wanted.ranges.append(part)
    elif isinstance(condition, _RANGES):
        wanted.ranges += [
            part
            for side in (condition.this, condition.expression)
            if (part := _part(side, wanted, statement)) is not None
        ]


def _order(select: Node, wanted: Sequence[_Wanted], statement: Statement) -> None:
    """Note an order that an index could give, where LIMIT makes it worth it: all columns of one table, one way."""
    order, limit = select.args.get("order"), select.args.get("limit")
    if order is None or limit is None or select.args.get("group") is not None:
        return
    directions = {bool(one.args.get("desc")) for one in order.expressions}
    for one in wanted:
        parts = [_part(ordered.this, one, statement) for ordered in order.expressions]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts) and len(directions) == 1:
            one.order = known


def _combine(wanted: _Wanted) -> Iterator[Candidate]:
    equal, joined = _once(wanted.equal), _once(wanted.joined)
    ranges = [part for part in _once(wanted.ranges) if part not in equal]
    order = [part for part in wanted.order if part not in equal]
    if equal or order:
        if order:
            yield _candidate(wanted, [*equal, *order], "its conditions and its order")
        for one in ranges[:2]:
            yield _candidate(wanted, [*equal, one], "its conditions")
        if equal:
            yield _candidate(wanted, equal, "its conditions")
    elif ranges:
        yield _candidate(wanted, ranges[:1], "its range")
    for join in joined:
        yield _candidate(wanted, [join, *(part for part in equal if part != join)], "its join")
    for one in equal if len(equal) > 1 else ():
        yield _candidate(wanted, [one], "one of its conditions")


def _candidate(wanted: _Wanted, parts: Sequence[str], why: str) -> Candidate:
    return Candidate(wanted.table, tuple(_once(parts))[:_WIDEST], why)


def _part(node: Node, wanted: _Wanted, statement: Statement) -> str | None:
    """Return what an index would have to be over to find a node's values: a column, or an expression of one."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Column) and _is_of(node, wanted, statement):
        column = wanted.table.column(name_of(node.this, statement.engine))
        return column.name if column is not None else None
    if isinstance(node, _FUNCTIONS) and isinstance(node.this, exp.Column) and _is_of(node.this, wanted, statement):
        column = wanted.table.column(name_of(node.this.this, statement.engine))
        quoted = exp.column(exp.to_identifier(column.name, quoted=True)).sql() if column is not None else ""
        return Expression(f"({type(node).__name__.lower()}({quoted}))") if quoted else None
    return None


def _is_of(column: Node, wanted: _Wanted, statement: Statement) -> bool:
    if column.table:
        return fold(column.table) == fold(wanted.use.alias)
    return wanted.table.column(name_of(column.this, statement.engine)) is not None and len(statement.tables) == 1


def _is_found(wanted: _Wanted) -> bool:
    """Whether a unique key is given, so that one row is found at once."""
    given = {fold(part) for part in wanted.equal}
    return any(
        index.unique and index.valid and not index.partial and {fold(part) for part in index.parts} <= given
        for index in wanted.table.indexes
    )


def _once(parts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(parts))


def _is_there(candidate: Candidate) -> bool:
    """Whether an index begins with the same parts in the same order, so that another would add nothing."""
    wanted = [_bare(part) for part in candidate.parts]
    return any(
        index.valid and not index.partial and [_bare(part) for part in index.parts[: len(wanted)]] == wanted
        for index in candidate.table.indexes
    )


def _bare(part: str) -> str:
    """Return a part without quotes, spaces and the parentheses around it, so that spellings of the same agree."""
    if not part.startswith("("):
        return fold(part)
    bare = fold(part).replace('"', "").replace(" ", "")
    while bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1]
    return bare
