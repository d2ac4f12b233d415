"""How plans and projects stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from exuvia.ask.finding import findings
from exuvia.ask.finding.findings import Finding
from exuvia.ask.records import Call, Interpretation
from exuvia.store.core.composing import Ask, Steps
from exuvia.store.core.operations import Sync
from exuvia.store.memory import Memory

STATUSES: Final = ("active", "planned", "paused", "complete")
_LAST: Final = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """How something stands.

    Args:
        counts: How many plans there are of each status; empty for a single plan.
        last: What happened last.
        calls: The calls that were made.
    """

    counts: tuple[tuple[str, int], ...] = ()
    last: tuple[Finding, ...] = ()
    calls: tuple[Call, ...] = ()


def of_plan(store: Memory[Sync], plan: Finding) -> Steps[Standing]:
    """Return what happened last in a plan; of anything else nothing."""
    if plan.kind != "plan":
        return Standing()
    asked: dict[str, Any] = {"plan": plan.id, "project": plan.project}
    page = yield Ask(partial(store.events.list, **asked, limit=_LAST))
    last = tuple(map(findings.of_event, page.items))
    return Standing((), last, (Call("events.list", asked, page.total),))


def of_projects(store: Memory[Sync], asked: Interpretation) -> Steps[Standing]:
    """Return how many plans of each status projects have, and what happened in them last."""
    standing = Standing()
    counts = dict.fromkeys(STATUSES, 0)
    for project in asked.projects or (None,):
        for status in STATUSES:
            page = yield Ask(partial(store.plans.list, project=project, status=status, limit=1))
            counts[status] += page.total or 0
            call = Call("plans.list", {"project": project, "status": status}, page.total)
            standing = replace(standing, calls=(*standing.calls, call))
        page = yield Ask(partial(store.events.list, project=project, limit=_LAST))
        call = Call("events.list", {"project": project}, page.total)
        last = (*standing.last, *map(findings.of_event, page.items))
        standing = Standing((), last, (*standing.calls, call))
    return replace(standing, counts=tuple(counts.items()))
