"""Which rows of the memory a question's kinds and states are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from exuvia.ask.records import Interpretation
from exuvia.store.filters import Filter, field


@dataclass(frozen=True, slots=True)
class Target:
    """Rows to look among.

    Args:
        kinds: Their kinds as search knows them; none for all.
        types: Their types: an event's kind, a plan's status, an anchor's type; none for all.
        filter: What their data have to be like.
        states: The states of frames, which are not what search calls their types.
    """

    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    filter: Filter | None = None
    states: tuple[str, ...] = ()


_EVENTS: Final = {
    "decision": "decision_made",
    "bug": "bug_encountered",
    "learning": "learning_captured",
    "pattern": "pattern_discovered",
    "task": "task_completed",
    "goal": "goal_defined",
    "validation": "validation_passed",
}
_PINNED: Final = {"decision": "decision", "constraint": "constraint", "risk": "risk", "todo": "todo"}
_ENTRIES: Final = {"document": "resource"}
_OWN: Final = frozenset(
    "plan session frame anchor resource annotation node workflow message thread event task".split()  # noqa: SIM905
)
AUTHORED: Final = ("event", "plan", "session", "task", "annotation", "resource")
"""Kinds that are somebody's."""
_TOPICAL: Final = ("event", "plan", "session", "resource", "annotation", "workflow")
_STATES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "plan": {
        "open": ("planned", "active", "paused"),
        "blocked": ("paused",),
        **{state: (state,) for state in ("complete", "active", "planned", "paused", "cancelled", "superseded")},
    },
    "session": {
        "open": ("active", "paused"),
        "blocked": ("paused",),
        **{state: (state,) for state in ("complete", "active", "paused", "abandoned")},
    },
    "frame": {"open": ("open",), "active": ("open",), "complete": ("closed",)},
    "task": {
        "open": ("pending", "running"),
        "active": ("running",),
        "planned": ("pending",),
        "complete": ("succeeded",),
        "failed": ("failed",),
        "cancelled": ("cancelled",),
    },
}
_SOLVED: Final = field("data.solution").exists() & (field("data.solution") != None)  # noqa: E711 - a filter
_BLOCKED: Final = field("data.blockers").exists() & (field("data.blockers") != [])
_EVENT_STATES: Final[dict[tuple[str, str], Filter]] = {
    ("bug", "open"): ~_SOLVED,
    ("bug", "complete"): _SOLVED,
    ("task", "complete"): field("data.outcome") != "failed",
    ("task", "failed"): field("data.outcome") == "failed",
    ("task", "blocked"): _BLOCKED,
}


def targets_of(interpretation: Interpretation) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Return where to look for what a question asks, and notes on what its kinds do not have."""
    kinds, states = interpretation.kinds, interpretation.statuses
    if interpretation.priority is not None and not kinds:
        kinds = ("plan",)
    if not kinds and states:
        kinds = ("plan", "session", "task", "frame")
    if not kinds:
        return (Target(_default(interpretation)),), ()
    found: list[Target] = []
    notes: list[str] = []
    for kind in kinds:
        fitting = list(_of_kind(kind, states))
        if not fitting:
            named = " or ".join(states)
            if not interpretation.kinds:
                continue
            notes.append(f"no {kind} is kept as {named}: all are looked at")
            fitting = list(_of_kind(kind, ()))
        found += fitting
        entries = {entry for target in fitting for entry in target.kinds}
        if interpretation.authors and not entries & set(AUTHORED):
            notes.append(f"nobody is named with {_many(kind)}")
        if interpretation.priority is not None and entries != {"plan"}:
            notes.append(f"{_many(kind)} have no priority: all are looked at")
    return _apart(found), tuple(notes)


def _many(kind: str) -> str:
    return f"{kind.replace('_', ' ')}s"


def _apart(targets: list[Target]) -> tuple[Target, ...]:
    """Leave out what is within another target, so that nothing is counted twice."""
    whole = {target.kinds for target in targets if target == Target(target.kinds)}
    kept: list[Target] = []
    for target in targets:
        if target not in kept and (target.kinds not in whole or target == Target(target.kinds)):
            kept.append(target)
    return tuple(kept)


def entry_of(kind: str) -> str:
    """Return what search calls the entries of a kind."""
    return _ENTRIES.get(kind, kind)


def _default(interpretation: Interpretation) -> tuple[str, ...]:
    """Return the kinds to look among where the question names none."""
    if interpretation.authors or interpretation.shape == "who":
        return AUTHORED
    if interpretation.topics:
        return _TOPICAL
    return () if interpretation.words else ("event",)


def _of_kind(kind: str, states: tuple[str, ...]) -> Iterable[Target]:
    if kind in _EVENTS:
        filters = [_EVENT_STATES.get((kind, state)) for state in states]
        if None not in filters:
            fitting = [one for one in filters if one is not None]
            yield Target(("event",), (_EVENTS[kind],), reduce(or_, fitting) if fitting else None)
    if kind in _PINNED and not states:
        yield Target(("anchor",), (_PINNED[kind],))
    entry = entry_of(kind)
    if entry in _OWN and entry not in {"anchor", "event"} and kind not in {"decision"}:
        yield from _of_entry(entry, states)
    elif entry in {"anchor", "event"} and not states:
        yield Target((entry,))
    elif kind not in _EVENTS and kind not in _PINNED and not states:
        yield Target(("event",), (kind,))


def _of_entry(entry: str, states: tuple[str, ...]) -> Iterable[Target]:
    if not states:
        yield Target((entry,))
        return
    known = _STATES.get(entry, {})
    chosen = tuple(dict.fromkeys(state for asked in states for state in known.get(asked, ())))
    if chosen:
        yield Target((entry,), states=chosen) if entry == "frame" else Target((entry,), chosen)
