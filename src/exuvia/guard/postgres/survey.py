"""What a parse tree touches: one walk over every node, which collects and judges nothing by table.

Names of CTEs hide tables as PostgreSQL has it: a WITH query sees the ones before it, all of them with RECURSIVE, and
the statement sees all. A name is looked up where it stands, so that a CTE in one place hides no table in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exuvia.guard.postgres import arguments, nodes, survey_ddl
from exuvia.guard.postgres.found import (
    Collector,
    Hidden,
    Place,
    Survey,
    kind_name,
    relation_name,
    strings,
    unknown_syntax,
)
from exuvia.guard.postgres.parse import Node


def survey(trees: list[Node]) -> Survey:
    """Walk the parse trees of a text's statements.

    Args:
        trees: What ``parse`` returned.
    """
    found = Survey()
    stack = [place for tree in trees for place in _nodes("RawStmt", "stmt", tree.get("stmt", {}), frozenset())]
    stack.reverse()
    while stack:
        place = stack.pop()
        stack += reversed(list(_look(place, found)))
    return found


def _look(place: Place, found: Survey) -> Iterator[Place]:
    level = nodes.level_of(place.kind)
    if place.kind.endswith("Stmt"):
        found.statements.append(kind_name(place.kind))
    if level is None:
        found.denials.append(unknown_syntax(kind_name(place.kind)))
        return
    found.levels.add(level)
    for name in place.node:
        if not nodes.is_known(place.kind, name):
            found.denials.append(
                unknown_syntax(_FIELD_NAMES.get((place.kind, name), f"{kind_name(place.kind)} {name}"))
            )
    collect = _COLLECT.get(place.kind)
    if collect is not None:
        collect(place, found)
    yield from _children(place)


_FIELD_NAMES: Final = {
    ("SelectStmt", "intoClause"): "SELECT INTO",
    ("SelectStmt", "lockingClause"): "FOR UPDATE",
    ("RangeVar", "catalogname"): "A table of another database",
    ("TypeName", "pct_type"): "%TYPE",
    ("TypeName", "setof"): "SETOF",
    ("IndexStmt", "concurrent"): "CREATE INDEX CONCURRENTLY",
    ("CreateStmt", "inhRelations"): "INHERITS and PARTITION OF",
    ("CreateStmt", "options"): "WITH (storage parameters)",
    ("CreateStmt", "tablespacename"): "TABLESPACE",
    ("DropStmt", "concurrent"): "DROP INDEX CONCURRENTLY",
}


def _children(place: Place) -> Iterator[Place]:
    inner = place.hidden
    ctes = place.node.get("withClause")
    if isinstance(ctes, dict):
        inner |= {query["CommonTableExpr"]["ctename"] for query in ctes.get("ctes", ())}
    for name, value in place.node.items():
        if name in ("ctes", "objects", "object") or not nodes.is_known(place.kind, name):
            continue
        hidden = place.hidden if name == "withClause" else inner
        target = name in _TARGETS.get(place.kind, ())
        yield from _nodes(place.kind, name, value, frozenset() if target else hidden, target=target)
    if place.kind == "WithClause":
        yield from _queries(place)


def _queries(place: Place) -> Iterator[Place]:
    queries = [query["CommonTableExpr"] for query in place.node.get("ctes", ())]
    every = frozenset(query["ctename"] for query in queries)
    before = place.hidden
    for query in queries:
        yield Place("CommonTableExpr", query, place.hidden | every if place.node.get("recursive") else before)
        before |= {query["ctename"]}


_TARGETS: Final = {
    "InsertStmt": ("relation",),
    "UpdateStmt": ("relation",),
    "DeleteStmt": ("relation",),
    "MergeStmt": ("relation",),
    "CreateStmt": ("relation",),
    "IntoClause": ("rel",),
    "AlterTableStmt": ("relation",),
    "RenameStmt": ("relation",),
    "IndexStmt": ("relation",),
    "ViewStmt": ("view",),
    "TruncateStmt": ("relations",),
    "Constraint": ("pktable",),
}


def _nodes(parent: str, name: str, value: Any, hidden: Hidden, *, target: bool = False) -> Iterator[Place]:
    """Yield the nodes that a field holds: with their names, without where only one kind can be, or in lists."""
    if isinstance(value, list):
        for item in value:
            yield from _nodes(parent, name, item, hidden, target=target)
    elif isinstance(value, dict) and value:
        first = next(iter(value))
        if len(value) == 1 and first[0].isupper():
            yield Place(first, value[first], hidden, target)
        else:
            yield Place(nodes.kind_within(parent, name) or f"{parent} {name}", value, hidden, target)


def _relation(place: Place, found: Survey) -> None:
    name = relation_name(place.node)
    if place.node.get("relpersistence", "p") != "p":
        found.denials.append(unknown_syntax("A temporary or unlogged table"))
    if not place.target and not (len(name) == 1 and name[0] in place.hidden):
        found.reads.append(name)


def _changing(place: Place, found: Survey) -> None:
    name = relation_name(place.node.get("relation", {}))
    found.writes.append(name)
    only_writes = place.kind == "InsertStmt" and not {"returningList", "onConflictClause"} & place.node.keys()
    if not only_writes:
        found.reads.append(name)


def _function(place: Place, found: Survey) -> None:
    name = strings(place.node.get("funcname"))
    found.functions.append(name)
    found.denials += arguments.refuse(name[-1] if name else "", place.node.get("args", []))


def _type(place: Place, found: Survey) -> None:
    found.types.append(strings(place.node.get("names")))


_EQUAL: Final = ("=",)
_BETWEEN: Final = (("<",), ("<=",), (">",), (">=",))


def _operator(place: Place, found: Survey) -> None:
    """Every form is found by the name of its operator: LIKE is ~~, BETWEEN two comparisons."""
    name = strings(place.node.get("name"))
    found.operators += _BETWEEN if "BETWEEN" in place.node.get("kind", "") else [name]


def _compared(place: Place, found: Survey) -> None:
    """CASE x WHEN y, and joins by columns of one name."""
    if {"arg", "usingClause", "isNatural"} & place.node.keys():
        found.operators.append(_EQUAL)


def _sort(place: Place, found: Survey) -> None:
    if "useOp" in place.node:
        found.operators.append(strings(place.node["useOp"]))


def _sublink(place: Place, found: Survey) -> None:
    if "testexpr" in place.node:
        found.operators.append(strings(place.node.get("operName")) or _EQUAL)


def _column(place: Place, found: Survey) -> None:
    found.attributes += [name for name in strings(place.node.get("fields"))[1:] if name]


def _indirection(place: Place, found: Survey) -> None:
    found.attributes += strings(place.node.get("indirection"))


def _sample(place: Place, found: Survey) -> None:
    if strings(place.node.get("method")) not in (("bernoulli",), ("system",)):
        found.denials.append(unknown_syntax("A sampling method other than BERNOULLI and SYSTEM"))


def _show(place: Place, found: Survey) -> None:
    found.settings.append(str(place.node.get("name", "")))


_EXPLAIN: Final = {
    *("analyze", "verbose", "costs", "buffers", "timing", "summary"),
    *("format", "wal", "generic_plan", "memory", "serialize"),
}


def _explain(place: Place, found: Survey) -> None:
    for option in place.node.get("options", ()):
        name = option["DefElem"].get("defname", "")
        if name not in _EXPLAIN:
            found.denials.append(unknown_syntax(f"EXPLAIN ({name})"))


_COLLECT: Final[dict[str, Collector]] = survey_ddl.COLLECT | {
    "RangeVar": _relation,
    "InsertStmt": _changing,
    "UpdateStmt": _changing,
    "DeleteStmt": _changing,
    "MergeStmt": _changing,
    "FuncCall": _function,
    "TypeName": _type,
    "A_Expr": _operator,
    "CaseExpr": _compared,
    "JoinExpr": _compared,
    "ColumnRef": _column,
    "A_Indirection": _indirection,
    "SortBy": _sort,
    "SubLink": _sublink,
    "RangeTableSample": _sample,
    "VariableShowStmt": _show,
    "ExplainStmt": _explain,
}
