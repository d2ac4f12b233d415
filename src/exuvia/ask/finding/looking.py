"""Looking for what a question asks, and where nothing has all its words for less and less of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

from exuvia.ask.finding.findings import Finding
from exuvia.ask.finding.gathering import Gathered, Gathering, Wanted, by_time
from exuvia.ask.finding.knowing import Knowing
from exuvia.ask.finding.queries import beginnings, exact
from exuvia.ask.finding.targets import Target, entry_of, targets_of
from exuvia.ask.records import Call, Interpretation
from exuvia.store.core.composing import Ask, Steps
from exuvia.store.core.listing import LARGEST_PAGE, Page
from exuvia.store.core.operations import Sync
from exuvia.store.errors import EmbedderError
from exuvia.store.memory import Memory
from exuvia.store.search.search import RANKED
from exuvia.store.vectors.records import Collection

Width = Literal["exact", "beginnings", "meaning", "any", "alike", "without"]
_FOR_AUTHORS: Final = 200
_ID: Final = re.compile(r"[\w.:-]+")


@dataclass(frozen=True, slots=True)
class Nearby:
    """Something that the question did not ask for, and that is there.

    Args:
        what: Which condition was left out.
        total: How many there are; None where that is not known exactly.
        best: The first of them.
    """

    what: Literal["time", "projects", "authors", "kinds", "any"]
    total: int | None
    best: Finding


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked for, and found.

    Args:
        items: What is shown of it.
        total: How many fit; None where that is not known exactly.
        counted: How many were looked at for the authors; all of them where it is the total.
        authors: How many each author has, the most first.
        width: How the words were looked for when something was found.
        nearby: What else there is, where nothing was found.
        calls: The calls that were made.
        notes: What the reader should know.
    """

    items: tuple[Finding, ...] = ()
    total: int | None = 0
    counted: int = 0
    authors: tuple[tuple[str, int], ...] = ()
    width: Width = "exact"
    nearby: tuple[Nearby, ...] = ()
    calls: tuple[Call, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looking:
    """Looks for what an interpretation asks.

    Args:
        store: The store.
        asked: The interpretation.
        limit: How much is shown.
        projects: The projects that there are.
        embedder: Makes vectors of the words, for a search by meaning; None for none.
        elsewhere: Look into other projects, too, where nothing was found.
    """

    store: Memory[Sync]
    asked: Interpretation
    limit: int
    projects: tuple[str, ...] = ()
    embedder: Any = None
    elsewhere: bool = True

    def look(self) -> Steps[Looked]:
        """Look for it."""
        targets, notes = targets_of(self.asked)
        wanted = Wanted.of(self.asked, targets)
        calls: list[Call] = []
        if (named := (yield from self._by_id(calls))) is not None:
            return Looked((named,), 1, calls=tuple(calls))
        told: list[str] = list(notes)
        found, width = yield from self._widening(wanted, calls, told)
        nearby: tuple[Nearby, ...] = ()
        if not found.items or width == "without":
            nearby = yield from self._nearby(wanted, calls)
        if self.asked.order is not None and found.total is None:
            told.append(f"more match than are ranked: the {self.asked.order} of the {RANKED} entered last")
        chosen = yield from self._chosen(found)
        authors, counted = (yield from self._authors(found)) if self.asked.shape == "who" else ((), 0)
        return Looked(chosen, found.total, counted, authors, width, nearby, tuple(calls), tuple(told))

    def _by_id(self, calls: list[Call]) -> Steps[Finding | None]:
        """Read what a question names by its id, such as ``plan PLAN_login``: search knows titles and texts only."""
        asked = self.asked
        if len(asked.words) != 1 or asked.time or asked.authors or asked.shape not in {"list", "status"}:
            return None
        place = asked.question.casefold().find(asked.words[0])
        word = asked.question[place : place + len(asked.words[0])]
        if place < 0 or word.casefold() != asked.words[0] or not _ID.fullmatch(word) or word.isalpha():
            return None
        for kind in map(entry_of, asked.kinds):
            homes = yield Ask(partial(Knowing(self.store._runner).homes, kind, word, asked.projects or self.projects))
            if homes:
                return (yield from Gathering(self.store).by_id(kind, word, homes[0], calls))
        return None

    def _most(self) -> int:
        """Return how many findings to ask for."""
        if self.asked.order is not None and self.asked.words:
            return RANKED
        return max(self.limit, _FOR_AUTHORS) if self.asked.shape == "who" else self.limit

    def _widening(self, wanted: Wanted, calls: list[Call], told: list[str]) -> Steps[tuple[Gathered, Width]]:
        gathering = Gathering(self.store)
        if not self.asked.words:
            found = yield from self._listed(gathering, wanted)
            calls += found.calls
            return found, "exact"
        for width, steps in self._widths(gathering, wanted):
            found = yield from steps
            calls += found.calls
            if found.items:
                return found, width
        found = yield from self._near(gathering, wanted, told)
        calls += found.calls
        if found.items:
            return found, "meaning"
        if self.asked.shape == "count":
            return Gathered(), "exact"
        for width, steps in self._wider(gathering, wanted):
            found = yield from steps
            calls += found.calls
            if found.items:
                return found, width
        return Gathered(), "exact"

    def _near(self, gathering: Gathering, wanted: Wanted, told: list[str]) -> Steps[Gathered]:
        """Look for what is near in meaning, where there are an embedder and a collection of its model."""
        collection = (yield from self._collection()) if self.embedder is not None else None
        if collection is None:
            return Gathered()
        text = exact(self.asked.words, any_word=True)
        try:
            return (yield from gathering.near(wanted, text, self.limit, collection, self.embedder))
        except EmbedderError as error:
            told.append(f"not looked for by meaning: {error.message.rstrip('.')}")
            return Gathered()

    def _listed(self, gathering: Gathering, wanted: Wanted) -> Steps[Gathered]:
        """List what fits, but for what has a word that must not be there."""
        most = self._most()
        if not self.asked.excluded:
            return (yield from gathering.listed(wanted, most))
        without = exact(self.asked.excluded, any_word=True)
        wrong = yield from gathering.searched(replace(wanted, counted=True), without, RANKED)
        found = yield from gathering.listed(wanted, min(LARGEST_PAGE, most + len(wrong.items)))
        keys = {item.key for item in wrong.items}
        kept = tuple(item for item in found.items if item.key not in keys)[:most]
        total = None if wrong.total is None or found.total is None else found.total - wrong.total
        return Gathered(kept, total, (*wrong.calls, *found.calls))

    def _widths(self, gathering: Gathering, wanted: Wanted) -> Iterator[tuple[Width, Steps[Gathered]]]:
        words, excluded, any_word = self.asked.words, self.asked.excluded, self.asked.any_word
        query = exact(words, excluded, any_word=any_word)
        yield "exact", gathering.searched(wanted, query, self._most())
        wider = beginnings(words, excluded, any_word=any_word)
        if wider != query:
            yield "beginnings", gathering.searched(wanted, wider, self._most())

    def _wider(self, gathering: Gathering, wanted: Wanted) -> Iterator[tuple[Width, Steps[Gathered]]]:
        words, excluded = self.asked.words, self.asked.excluded
        if len(words) > 1 and not self.asked.any_word:
            query = beginnings(words, excluded, any_word=True)
            yield "any", gathering.searched(wanted, query, self._most())
        named = tuple(target for target in wanted.targets if target.kinds != ("event",))
        if named:
            yield (
                "alike",
                gathering.searched(replace(wanted, targets=named), exact(words, excluded), self.limit, fuzzy=True),
            )
        if self._is_narrow(wanted):
            yield "without", gathering.listed(wanted, min(3, self.limit))

    def _is_narrow(self, wanted: Wanted) -> bool:
        """Whether a question still asks for something without its words."""
        asked = self.asked
        named = asked.kinds or asked.topics or asked.authors or asked.statuses
        return asked.shape == "list" and bool(named or asked.time) and all(target.kinds for target in wanted.targets)

    def _collection(self) -> Steps[str | None]:
        """Return a collection of the embedder's model that all the projects have."""
        page: Page[Collection] = yield Ask(partial(self.store.vectors.collections, limit=LARGEST_PAGE))
        of_model = [one for one in page.items if one.model == self.embedder.model]
        for name in sorted({one.name for one in of_model}):
            having = {one.project_id for one in of_model if one.name == name}
            if set(self.asked.projects) <= having:
                return name
        return None

    def _chosen(self, found: Gathered) -> Steps[tuple[Finding, ...]]:
        """Return what is shown: the best, by time; or the latest or earliest of all, where those are asked for."""
        asked, items = self.asked, found.items
        oldest = asked.order == "earliest"
        if asked.order is not None:
            items = tuple(sorted(items, key=lambda item: by_time(item, oldest_first=oldest)))
        items = items[: min(self.limit, asked.limit or self.limit)]
        items = yield from Gathering(self.store).completed(items)
        if asked.order is None and asked.shape in {"list", "count", "who"}:
            items = tuple(sorted(items, key=by_time))
        return items

    def _authors(self, found: Gathered) -> Steps[tuple[tuple[tuple[str, int], ...], int]]:
        items = yield from Gathering(self.store).completed(found.items)
        counts: dict[str, int] = {}
        for item in items:
            if item.author:
                counts[item.author] = counts.get(item.author, 0) + 1
        return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))), len(items)

    def _nearby(self, wanted: Wanted, calls: list[Call]) -> Steps[tuple[Nearby, ...]]:
        """Leave out one condition at a time, and return what there is then."""
        found: list[Nearby] = []
        if wanted.start or wanted.end:
            found += yield from self._without("time", replace(wanted, start=None, end=None), calls)
        if wanted.projects and self.elsewhere:
            found += yield from self._without("projects", replace(wanted, projects=()), calls)
        if wanted.authors:
            found += yield from self._without("authors", replace(wanted, authors=()), calls)
        if self.asked.words and (self.asked.kinds or self.asked.statuses):
            found += yield from self._without("kinds", replace(wanted, targets=(Target(),)), calls)
        return tuple(found)

    def _without(
        self, what: Literal["time", "projects", "authors", "kinds"], wanted: Wanted, calls: list[Call]
    ) -> Steps[list[Nearby]]:
        gathering, asked = Gathering(self.store), self.asked
        if asked.words:
            query = beginnings(asked.words, asked.excluded, any_word=asked.any_word)
            found = yield from gathering.searched(wanted, query, 1)
        else:
            found = yield from gathering.listed(wanted, 1)
        calls += found.calls
        best = yield from gathering.completed(found.items[:1])
        return [Nearby(what, found.total, best[0])] if best else []
