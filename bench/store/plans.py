"""How the engine reads each list of events: by which indexes, and whether it has to sort."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.store.events import AUTHORS, LARGEST, TOPICS, ticket
from exuvia.store import Store, field
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.knowledge.events import Events

_LISTS: Final[dict[str, dict[str, Any]]] = {
    "project": {"project": LARGEST},
    "project, kind": {"project": LARGEST, "kind": "bug_encountered"},
    "project, two kinds": {"project": LARGEST, "kind": ("bug_encountered", "decision_made")},
    "project, author": {"project": LARGEST, "author": AUTHORS[0]},
    "project, frequent topic": {"project": LARGEST, "topic": TOPICS[0]},
    "project, rare topic": {"project": LARGEST, "topic": TOPICS[150]},
    "project, session": {"project": LARGEST, "session": "session-000000"},
    "project, rare JSON value": {"project": LARGEST, "filter": field("data.ticket") == ticket(0)},
    "project, JSON range": {"project": LARGEST, "filter": field("data.effort") >= 90},
    "all projects": {},
    "all projects, kind": {"kind": "bug_encountered"},
    "all projects, rare topic": {"topic": TOPICS[150]},
    "all projects, rare JSON value": {"filter": field("data.ticket") == ticket(0)},
}
_ON_POSTGRES: Final = re.compile(r"((?:Bitmap )?(?:Index|Seq)(?: Only)? Scan)(?: Backward)?(?: using| on) (\w+)")
_ON_SQLITE: Final = re.compile(r"(SCAN|SEARCH) (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")


@dataclass(frozen=True, slots=True)
class Plan:
    """How one list's first page is read.

    Args:
        name: What is asked for.
        steps: Scans with the names of the indexes, and sorts.
    """

    name: str
    steps: str


def plans(store: Store) -> list[Plan]:
    """Have the engine explain each list of events."""
    return [Plan(name, _explained(store, given)) for name, given in _LISTS.items()]


def _explained(store: Store, given: dict[str, Any]) -> str:
    kept: list[Row] = []

    def watched() -> Operation[Any]:
        operation = Events.list.steps(store.events, count=False, **given)
        request = next(operation)
        explain = "EXPLAIN" if store.dialect.is_postgres else "EXPLAIN QUERY PLAN"
        assert isinstance(request, Statement)
        kept.extend((yield Statement(f"{explain} {request.sql}", request.parameters)))
        operation.close()

    store._runner.run(watched, Kind.READ, idempotent=True)
    return ", ".join(dict.fromkeys(_steps([str(row[-1]) for row in kept])))


def _steps(lines: Sequence[str]) -> list[str]:
    found = []
    for line in lines:
        if scan := _ON_POSTGRES.search(line):
            found.append(f"{scan[1].lower()} {scan[2]}")
        elif scan := _ON_SQLITE.match(line):
            found.append(f"{scan[1].lower()} {scan[3] or scan[2]}")
        elif ("Sort" in line and "Key" not in line) or "TEMP B-TREE" in line:
            found.append("sort")
    return found
