"""How an engine would find a statement's rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_STEP: Final = re.compile(
    r"(?P<how>SCAN|SEARCH) (?P<name>\S+)(?: AS \S+)?"
    r"(?: USING (?:(?P<automatic>AUTOMATIC )(?:PARTIAL )?)?(?:COVERING )?INDEX (?P<index>[^\s(]+)?)?"
)
_SCANS: Final = ("Seq Scan", "Parallel Seq Scan")


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that is read from beginning to end, the rows that are looked at and those that are thrown away."""

    table: str
    alias: str
    rows: float
    removed: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan.

    Args:
        cost: The planner's estimate, in its own unit; None in SQLite.
        indexes: The indexes that it uses.
        scans: The tables that it reads whole.
        sorts: Whether it sorts rows.
        text: The plan as the engine prints it, shortened.
    """

    cost: float | None
    indexes: frozenset[str]
    scans: tuple[Scan, ...]
    sorts: bool
    text: str


@dataclass(frozen=True, slots=True)
class Timing:
    """What one run took.

    Args:
        ms: Milliseconds, the best of the runs; None where it took longer than allowed.
        work: What was done, counted by the engine alike in every run: blocks of PostgreSQL, steps of SQLite's machine.
        plan: Its plan.
    """

    ms: float | None
    work: float | None
    plan: Plan


def read_postgres(document: Any) -> Plan:
    """Read what ``EXPLAIN (FORMAT JSON)`` answers."""
    root = document[0]["Plan"]
    nodes = list(_walk(root))
    indexes = frozenset(str(node["Index Name"]) for node in nodes if "Index Name" in node)
    scans = tuple(
        Scan(
            str(node.get("Relation Name", "")),
            str(node.get("Alias", "")),
            float(node.get("Actual Rows", node.get("Plan Rows", 0))),
            node.get("Rows Removed by Filter"),
        )
        for node in nodes
        if node["Node Type"] in _SCANS
    )
    sorts = any("Sort" in node["Node Type"] for node in nodes)
    return Plan(float(root["Total Cost"]), indexes, scans, sorts, " > ".join(_title(node) for node in nodes[:6]))


def read_sqlite(details: Sequence[str]) -> Plan:
    """Read what ``EXPLAIN QUERY PLAN`` answers; an index that is made anew for each run counts as none.

    See https://sqlite.org/eqp.html.
    """
    indexes: set[str] = set()
    scans: list[Scan] = []
    for detail in details:
        found = _STEP.match(detail)
        if found is None:
            continue
        if found["index"]:
            indexes.add(found["index"])
        elif found["how"] == "SCAN" or found["automatic"]:
            scans.append(Scan(found["name"], found["name"], 0))
    sorts = any("TEMP B-TREE" in detail for detail in details)
    return Plan(None, frozenset(indexes), tuple(scans), sorts, "; ".join(details[:6]))


def work_of(document: Any) -> float:
    """Return the blocks that ``EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)`` counted."""
    root = document[0]["Plan"]
    return float(sum(root.get(f"Shared {what} Blocks", 0) for what in ("Hit", "Read")))


def _walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)


def _title(node: Mapping[str, Any]) -> str:
    what = str(node["Node Type"])
    if "Index Name" in node:
        return f"{what} using {node['Index Name']}"
    return f"{what} on {node['Relation Name']}" if "Relation Name" in node else what
