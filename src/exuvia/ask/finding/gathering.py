"""The calls of the memory that find what fits: lists where a question has no words, else searches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from exuvia.ask.finding import findings
from exuvia.ask.finding.findings import Finding
from exuvia.ask.finding.targets import Target
from exuvia.ask.records import Call, Interpretation
from exuvia.store.core.composing import Ask, Steps
from exuvia.store.core.listing import LARGEST_PAGE
from exuvia.store.core.operations import Sync
from exuvia.store.core.values import time_text
from exuvia.store.errors import NotFoundError
from exuvia.store.filters import Filter, field
from exuvia.store.memory import Memory
from exuvia.store.search import fuse
from exuvia.store.search.search import RANKED
from exuvia.store.search.syntax import Joining

_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the memory, but for the words.

    Args:
        targets: Where to look.
        start: The first time.
        end: The first time after.
        projects: The projects; none for all.
        authors: Whose; none for everybody's.
        topics: Topics that have to be set.
        priority: The priority of plans.
        oldest_first: The earliest are asked for.
        counted: Their number is asked for.
    """

    targets: tuple[Target, ...]
    start: datetime | None = None
    end: datetime | None = None
    projects: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    priority: str | None = None
    oldest_first: bool = False
    counted: bool = False

    @classmethod
    def of(cls, asked: Interpretation, targets: tuple[Target, ...]) -> Wanted:
        """Return what an interpretation asks for."""
        start, end = (asked.time.start, asked.time.end) if asked.time else (None, None)
        oldest = asked.order == "earliest"
        named = (asked.projects, asked.authors, asked.topics)
        return cls(targets, start, end, *named, asked.priority, oldest, asked.shape == "count")

    @property
    def until(self) -> datetime | None:
        """The last time, for filters that include it."""
        return None if self.end is None else self.end - _TICK


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found.

    Args:
        items: The best, or the latest, first.
        total: How many fit; None where that is not known.
        calls: The calls that were made.
    """

    items: tuple[Finding, ...] = ()
    total: int | None = 0
    calls: tuple[Call, ...] = ()


_READERS: Final[dict[str, Callable[[Any], Finding]]] = {
    "event": findings.of_event,
    "plan": findings.of_plan,
    "session": findings.of_session,
    "frame": findings.of_frame,
    "anchor": findings.of_anchor,
    "task": findings.of_task,
    "resource": findings.of_resource,
    "annotation": findings.of_annotation,
    "workflow": findings.of_workflow,
    "thread": findings.of_thread,
    "node": findings.of_node,
}
_LISTS: Final = {
    "event": "events.list",
    "plan": "plans.list",
    "session": "sessions.list",
    "frame": "frames.list",
    "anchor": "frames.anchors",
    "task": "tasks.list",
    "resource": "documents.resources.list",
    "annotation": "documents.annotations.list",
    "workflow": "workflows.list",
    "thread": "chat.threads.list",
    "node": "graph.nodes",
}
_GETS: Final = {
    "event": "events.get",
    "plan": "plans.get",
    "session": "sessions.get",
    "frame": "frames.get",
    "task": "tasks.get",
    "resource": "documents.resources.get",
    "annotation": "documents.annotations.get",
}
_AUTHOR: Final = {"event": "author", "plan": "author", "session": "author", "task": "assignee"} | {
    "annotation": "author",
    "resource": "creator",
}
_TIMELESS: Final = frozenset({"node", "workflow"})


class Gathering:
    """Finds what fits in a store, by steps that are walked or awaited.

    Args:
        store: The store.
    """

    def __init__(self, store: Memory[Sync]) -> None:
        self._store = store

    def listed(self, wanted: Wanted, limit: int) -> Steps[Gathered]:
        """List what fits, the latest first (or the earliest), and count all of it."""
        items: list[Finding] = []
        calls: list[Call] = []
        for name, kind, arguments in _calls(wanted):
            page = yield from self._page(name, arguments, limit, wanted)
            calls.append(Call(name, _shown(arguments), page.total))
            items += map(_READERS[kind], page.items)
        kept = {item.key: item for item in items if self._in_time(item, wanted)}
        ordered = sorted(kept.values(), key=lambda item: by_time(item, oldest_first=wanted.oldest_first))
        return Gathered(tuple(ordered[:limit]), sum(call.found or 0 for call in calls), tuple(calls))

    def _page(self, name: str, arguments: dict[str, Any], limit: int, wanted: Wanted) -> Steps[Any]:
        method = self._method(name)
        if wanted.oldest_first and name == "events.list":
            return (yield Ask(partial(method, **arguments, oldest_first=True, limit=limit)))
        if not wanted.oldest_first:
            return (yield Ask(partial(method, **arguments, limit=limit)))
        page = last = yield Ask(partial(method, **arguments, limit=LARGEST_PAGE))
        rows = page.items
        while last.next is not None:
            last = yield Ask(partial(method, **arguments, limit=LARGEST_PAGE, after=last.next))
            rows = (*rows, *last.items)[-limit:]
        return replace(page, items=rows)

    @staticmethod
    def _in_time(item: Finding, wanted: Wanted) -> bool:
        at = item.at
        if at is None or item.kind not in _TIMELESS:
            return True
        return (wanted.start is None or wanted.start <= at) and (wanted.end is None or at < wanted.end)

    def searched(
        self, wanted: Wanted, query: str, limit: int, *, match: Joining = "all", fuzzy: bool = False
    ) -> Steps[Gathered]:
        """Find what fits and has the words, best first, and count all of it where no more fits than search ranks."""
        rankings: list[tuple[Finding, ...]] = []
        calls: list[Call] = []
        for target in wanted.targets:
            for project in wanted.projects or (None,):
                arguments = _search_arguments(wanted, target, project, match, fuzzy=fuzzy)
                sift = bool(wanted.authors or wanted.topics or target.states or (wanted.priority and target.kinds))
                most = RANKED if sift else limit
                page = yield Ask(partial(self._store.search, query, **arguments, limit=most))
                hits = tuple(map(findings.of_hit, page.items))
                total = page.total
                if total is None and wanted.counted and not sift and not fuzzy:
                    total = yield Ask(partial(self._store.search.count, query, **arguments))
                if sift:
                    hits = yield from self._sifted(hits, wanted, target)
                    total = len(hits) if page.total is not None else None
                calls.append(Call("search", {"text": query, **_shown(arguments)}, total))
                rankings.append(hits)
        return self._fused(rankings, calls, limit)

    def near(self, wanted: Wanted, text: str, limit: int, collection: str, embedder: Any) -> Steps[Gathered]:
        """Find what fits and is near to a text by its words and its meaning, the best first."""
        rankings: list[tuple[Finding, ...]] = []
        calls: list[Call] = []
        for target in wanted.targets:
            for project in wanted.projects or (None,):
                for kind, type_ in _pairs(target):
                    given: dict[str, Any] = {"project": project, "kind": kind, "type": type_, "since": wanted.start}
                    arguments = {**given, "until": wanted.until, "filter": target.filter}
                    hybrid = self._store.search.hybrid
                    asked = partial(hybrid, text, collection, embedder=embedder, limit=limit, **arguments)
                    hits = tuple(map(findings.of_hit, (yield Ask(asked))))
                    hits = yield from self._sifted(hits, wanted, target)
                    named = {"text": text, "collection": collection, **_shown(arguments)}
                    calls.append(Call("search.hybrid", named, len(hits)))
                    rankings.append(hits)
        return self._fused(rankings, calls, limit)

    @staticmethod
    def _fused(rankings: list[tuple[Finding, ...]], calls: list[Call], limit: int) -> Gathered:
        items = {item.key: item for ranking in reversed(rankings) for item in ranking}
        joined = fuse([list(dict.fromkeys(item.key for item in ranking)) for ranking in rankings])
        counts = [call.found for call in calls]
        total = None if None in counts else sum(count or 0 for count in counts)
        return Gathered(tuple(items[key] for key, _ in joined[:limit]), total, tuple(calls))

    def _sifted(self, hits: Iterable[Finding], wanted: Wanted, target: Target) -> Steps[tuple[Finding, ...]]:
        """Keep the hits whose rows have what search does not know: authors, topics as wholes, the states of frames."""
        if not (wanted.authors or wanted.topics or target.states or wanted.priority):
            return tuple(hits)
        kept = []
        for hit in hits:
            row = yield from self.row(hit)
            if row is None:
                continue
            item = _READERS[hit.kind](row)
            fits = (
                (not wanted.authors or bool(_authors(row) & set(wanted.authors)))
                and set(wanted.topics) <= set(item.topics)
                and (not target.states or item.type in target.states)
                and (hit.kind != "plan" or wanted.priority in {None, row.priority})
            )
            if fits:
                kept.append(replace(item, text=hit.text or item.text))
        return tuple(kept)

    def completed(self, items: Iterable[Finding]) -> Steps[tuple[Finding, ...]]:
        """Read what search does not return of rows: whose they are, and their topics."""
        found = []
        for item in items:
            row = None if item.complete else (yield from self.row(item))
            found.append(item if row is None else replace(_READERS[item.kind](row), text=item.text, complete=True))
        return tuple(found)

    def by_id(self, kind: str, id: str, project: str, calls: list[Call]) -> Steps[Finding | None]:
        """Return what has an id; None where there is no such, or its kind is not read by ids."""
        row = yield from self.row(Finding(kind, id, project, None, id))
        if row is None:
            return None
        calls.append(Call(_GETS[kind], {"id": id, "project": project}, 1))
        return _READERS[kind](row)

    def row(self, item: Finding) -> Steps[Any]:
        """Read the row of something that was found; None where it has gone, or has no more than search returns."""
        if item.kind not in _GETS:
            return None
        try:
            return (yield Ask(partial(self._method(_GETS[item.kind]), item.id, project=item.project)))
        except NotFoundError:
            return None

    def _method(self, name: str) -> Any:
        found: Any = self._store
        for part in name.split("."):
            found = getattr(found, part)
        return found


def by_time(item: Finding, *, oldest_first: bool = False) -> tuple[Any, ...]:
    """Return what orders findings by time; what has none comes last."""
    if item.at is None:
        return 1, 0.0, item.project, item.kind, item.id
    at = item.at.timestamp()
    return 0, at if oldest_first else -at, item.project, item.kind, item.id


def _authors(row: Any) -> set[str]:
    if hasattr(row, "creators"):
        return set(row.creators)
    return {getattr(row, "author", None) or getattr(row, "assignee", None) or ""}


def _pairs(target: Target) -> Iterable[tuple[str | None, str | None]]:
    for kind in target.kinds or (None,):
        for type_ in target.types or (None,):
            yield kind, type_


def _search_arguments(
    wanted: Wanted, target: Target, project: str | None, match: Joining, *, fuzzy: bool
) -> dict[str, Any]:
    given = {
        "project": project,
        "kinds": target.kinds,
        "type": target.types,
        "since": wanted.start,
        "until": wanted.until,
        "filter": target.filter,
    }
    return {**given, "match": match, **({"fuzzy": True} if fuzzy else {})}


def _calls(wanted: Wanted) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Return the lists to ask for: their names, what is in them, and the arguments."""
    for target in wanted.targets:
        for kind in target.kinds:
            if kind not in _LISTS or (wanted.authors and kind not in _AUTHOR):
                continue
            for project in wanted.projects or (None,):
                for author in wanted.authors or (None,):
                    for arguments in _arguments(wanted, target, kind):
                        chosen = {"project": project, **arguments}
                        if author is not None:
                            chosen[_AUTHOR[kind]] = author
                        yield _LISTS[kind], kind, chosen


def _arguments(wanted: Wanted, target: Target, kind: str) -> Iterable[dict[str, Any]]:
    common: dict[str, Any] = {} if kind in _TIMELESS else {"since": wanted.start, "until": wanted.until}
    filter = target.filter
    for topic in wanted.topics:
        if kind in {"event", "plan", "session"}:
            has = field("topics").has(topic)
            filter = has if filter is None else filter & has
        elif kind in {"resource", "annotation", "workflow"}:
            common["tag"] = topic
        else:
            return
    if kind == "event":
        types = target.types[0] if len(target.types) == 1 else target.types or None
        yield {**common, "kind": types, "filter": filter}
    elif kind in {"plan", "session"}:
        chosen = {"status": target.types or None, "filter": filter, "size": "preview"}
        priority = {"priority": wanted.priority} if kind == "plan" and wanted.priority else {}
        yield {**common, **chosen, **priority}
    elif kind in {"frame", "task"}:
        for state in (target.states if kind == "frame" else target.types) or (None,):
            yield {**common, "state": state}
    elif kind == "anchor":
        for type_ in target.types or (None,):
            yield {**common, "type": type_}
    else:
        yield common


def _shown(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON has them, without those that ask for nothing."""
    shown: dict[str, Any] = {}
    for name, value in arguments.items():
        if value is None or value == ():
            continue
        if isinstance(value, datetime):
            shown[name] = time_text(value)
        else:
            shown[name] = (
                repr(value) if isinstance(value, Filter) else list(value) if isinstance(value, tuple) else value
            )
    return shown
