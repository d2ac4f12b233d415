"""PostgreSQL's query plans (https://www.postgresql.org/docs/current/using-explain.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from exuvia.guard.policy import Policy
from exuvia.tools.database.plans import Plan
from exuvia.tools.database.relations import shown_in_postgres

Node = Mapping[str, Any]
LARGE: Final = 10_000

_SYSTEM: Final = ("pg_catalog", "information_schema")
_FEW: Final = 1_000
_FAR_OFF: Final = 10
# They pass on the rows of what is below them.
_PASSING: Final = {
    *("Limit", "Gather", "Gather Merge", "Materialize", "Hash", "Memoize", "Subquery Scan", "Append", "Result"),
    *("ProjectSet", "Bitmap Index Scan"),
}
_CONDITIONS: Final = ("Index Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter", "Recheck Cond")
_KEYS: Final = ("Sort Key", "Group Key")
_IN_HEAD: Final = {
    *("Node Type", "Join Type", "Relation Name", "Schema", "Alias", "Index Name", "Plans", "Output", "Plan Width"),
    *("Parent Relationship", "Parallel Aware", "Async Capable", "Disabled", "Startup Cost", "Total Cost", "Plan Rows"),
    *("Actual Rows", "Actual Loops", "Actual Total Time", "Actual Startup Time", "Scan Direction"),
}


def prefix(*, analyze: bool) -> str:
    """Return what goes before a statement; VERBOSE tells the tables' schemas."""
    return f"EXPLAIN (FORMAT JSON, VERBOSE{', ANALYZE, BUFFERS' if analyze else ''}) "


class Reading:
    """A plan, without what it tells of tables that may not be read.

    Args:
        answer: What EXPLAIN (FORMAT JSON) answered.
        policy: What may be read.
    """

    def __init__(self, answer: Any, policy: Policy) -> None:
        self._answer: Node = answer[0]
        self._policy = policy
        self._nodes = list(_walk(self._answer["Plan"], 0))
        self._is_whole = all(self._may(node) for _, node in self._nodes)

    @property
    def scanned(self) -> set[tuple[str, str]]:
        """The tables that are read from end to end for a condition."""
        return {(node["Schema"], node["Relation Name"]) for _, node in self._nodes if self._is_sifted(node)}

    def summarized(self, rows: Mapping[tuple[str, str], int]) -> Plan:
        """Return the plan in short.

        Args:
            rows: About how many rows the tables of ``scanned`` have.
        """
        top: Node = self._answer["Plan"]
        ms = self._answer.get("Execution Time")
        analyzed = "Actual Rows" in top
        return Plan(
            cost=top["Total Cost"],
            rows=top["Plan Rows"],
            ms=ms,
            actual_rows=round(top["Actual Rows"]) if analyzed else None,
            nodes=self._lines(),
            warnings=list(dict.fromkeys(self._warnings(rows))),
            plan="\n".join(self._full()),
        )

    def _lines(self) -> list[str]:
        depths: list[int] = []
        lines = []
        for depth, node in self._nodes:
            passing = node["Node Type"] in _PASSING and len(self._nodes) > 1
            outer = depths[depth - 1] if depth else 0
            depths[depth:] = [outer if passing else outer + 1]
            if not passing:
                lines.append("  " * outer + self._line(node))
        return lines

    def _line(self, node: Node) -> str:
        parts = [_count(node), f"cost {node['Total Cost']:.0f}"]
        if "Actual Total Time" in node:
            parts.append(f"{node['Actual Total Time'] * node.get('Actual Loops', 1):.1f} ms")
        if self._is_whole:
            parts += [f"{key.lower()} {node[key]}" for key in _CONDITIONS if key in node and key != "Recheck Cond"]
            parts += [f"{key.lower()} {', '.join(node[key])}" for key in _KEYS if key in node]
        if "Rows Removed by Filter" in node:
            parts.append(f"{_times(node, 'Rows Removed by Filter'):,} rows removed")
        return f"{self._head(node)}: {'; '.join(parts)}"

    def _head(self, node: Node) -> str:
        join = node.get("Join Type", "Inner")
        kind = str(node["Node Type"]) + (f" ({join})" if join != "Inner" else "")
        index = node.get("Index Name") if self._is_whole else None
        return kind + self._on(node) + (f" using {index}" if index else "")

    def _on(self, node: Node) -> str:
        if "Relation Name" not in node:
            return ""
        if not self._may(node):
            return " on a table behind a view"
        name = shown_in_postgres(self._policy, node.get("Schema", ""), node["Relation Name"])
        alias = node.get("Alias")
        return f" on {name}" + (f" {alias}" if alias and alias != node["Relation Name"] else "")

    def _full(self) -> Iterator[str]:
        for depth, node in self._nodes:
            yield "  " * depth + self._line(node)
            if self._is_whole:
                for key, value in node.items():
                    if key not in _IN_HEAD and key not in _CONDITIONS and key not in _KEYS and value not in (0, False):
                        yield "  " * depth + f"    {key}: {value}"

    def _may(self, node: Node) -> bool:
        if "Relation Name" not in node:
            return True
        schema = node.get("Schema", "")
        return schema in _SYSTEM or self._policy.allows("read", schema, node["Relation Name"])

    def _is_sifted(self, node: Node) -> bool:
        return node["Node Type"] == "Seq Scan" and "Filter" in node and self._may(node)

    def _warnings(self, rows: Mapping[tuple[str, str], int]) -> Iterator[str]:
        for _, node in self._nodes:
            where = self._on(node) or f" at {node['Node Type']}"
            if self._is_sifted(node):
                count = rows.get((node["Schema"], node["Relation Name"]), 0)
                condition = f" to find {node['Filter']}" if self._is_whole else ""
                if count >= LARGE:
                    yield f"All {count:,} rows{where} are read{condition}: an index may help."
            yield from _misjudged(node, where)
            if node.get("Sort Space Type") == "Disk":
                yield f"A sort went to the disk ({node['Sort Space Used']:,} kB)."
            if node.get("Hash Batches", 1) > 1:
                yield f"A hash table did not fit into memory ({node['Hash Batches']} batches)."
            if _is_product(node):
                yield "Every row of one side meets every row of the other: a join condition may be missing."


def _walk(node: Node, depth: int) -> Iterator[tuple[int, Node]]:
    stack = [(depth, node)]
    while stack:
        level, current = stack.pop()
        yield level, current
        children: Sequence[Node] = current.get("Plans", ())
        stack += [(level + 1, child) for child in reversed(children)]


def _times(node: Node, key: str) -> int:
    """Return a count that the plan tells by the loop."""
    product: float = node.get(key, 0) * node.get("Actual Loops", 1)
    return round(product)


def _count(node: Node) -> str:
    estimated = f"{node['Plan Rows']:,} row{'' if node['Plan Rows'] == 1 else 's'}"
    return f"{estimated} (really {_times(node, 'Actual Rows'):,})" if "Actual Rows" in node else estimated


def _misjudged(node: Node, where: str) -> Iterator[str]:
    if "Actual Rows" not in node or not node.get("Actual Loops"):
        return
    estimated, actual = max(node["Plan Rows"], 1), max(node["Actual Rows"], 1)
    if max(estimated, actual) >= _FEW and max(estimated / actual, actual / estimated) >= _FAR_OFF:
        yield f"{estimated:,} rows were expected{where} and {actual:,.0f} came: ANALYZE may help."


def _is_product(node: Node) -> bool:
    """Whether a nested loop has no condition, neither its own nor in what it repeats."""
    if node["Node Type"] != "Nested Loop" or "Join Filter" in node or node["Plan Rows"] < LARGE:
        return False
    inner = node["Plans"][-1]
    while inner["Node Type"] == "Materialize":
        inner = inner["Plans"][0]
    return inner["Node Type"] == "Seq Scan" and "Filter" not in inner
