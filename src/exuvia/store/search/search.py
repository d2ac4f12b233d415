"""Search by words: what matches is found by the engine's index, and ordered here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from exuvia.store.core.listing import Page, check_limit, fingerprint, seal, unseal
from exuvia.store.core.operations import M, Subsystem, idempotent, reading
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.core.values import checked_id
from exuvia.store.filters import Filter
from exuvia.store.search.completing import derive_next
from exuvia.store.search.finding import Candidate, Key, Within, entries, like, matches, namesakes, newest
from exuvia.store.search.highlighting import Highlight
from exuvia.store.search.ranking import Tally, numbers, scores
from exuvia.store.search.records import ENTRY, Hit
from exuvia.store.search.rendering import branches
from exuvia.store.search.syntax import Joining, Node, Term, parse, terms
from exuvia.store.search.typos import matcher, more_pieces, pieces
from exuvia.store.search.words import words

RANKED: Final = 500
"""How many of the entries that match are ranked: those that were entered last."""
COMPARED: Final = 1000
"""How many titles that have pieces of the words are compared with them: those that were entered last."""
_FEWEST: Final = 100  # of each branch of a query that has many
_NUMBERS: Final = 50_000  # of entries; beyond that a bound store rather sifts all of a project's
_ALL: Final = 2**62
PLAIN: Final = Highlight()


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry that matches, how well, and what to mark in it."""

    candidate: Candidate
    score: float
    marks: tuple[Term, ...]

    @property
    def place(self) -> tuple[Any, ...]:
        """What orders hits: the best first, then the latest."""
        one = self.candidate
        return -self.score, -one.at.timestamp(), one.project_id, one.kind, one.id


@dataclass(frozen=True, slots=True)
class _Ranking:
    """What was found, best first; ``total`` is None when more match than were ranked."""

    found: tuple[_Found, ...]
    total: int | None

    @classmethod
    def of(cls, found: Iterable[_Found], *, complete: bool) -> _Ranking:
        ordered = tuple(sorted(found, key=lambda one: one.place))
        return cls(ordered, len(ordered) if complete else None)


class TextSearch(Subsystem[M]):
    """Search by words everything that has texts."""

    @idempotent
    def complete(self, after: int = 0) -> Operation[int | None]:
        """Index the next entries of PostgreSQL that came past its triggers, as those of a move do.

        Args:
            after: What the call before returned.

        Returns:
            What to pass to the next call; None when there is nothing left to be done.
        """
        return (yield from derive_next(after)) if self.dialect.is_postgres else None

    @reading
    def __call__(
        self,
        text: str,
        *,
        project: str | None = None,
        kinds: str | Iterable[str] = (),
        type: str | Iterable[str] = (),
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        match: Joining = "all",
        fuzzy: bool = False,
        highlight: Highlight = PLAIN,
        limit: int = 20,
        after: str | None = None,
    ) -> Operation[Page[Hit]]:
        """Find entries by words, best first; equally good ones by time, latest first.

        Of more than 500 entries that match those are ranked that were entered last, and the page's total is None.

        Args:
            text: The query: words, ``"phrases"``, prefixes (``mig*``), ``-without``, ``OR`` and parentheses. Case and
                accents do not matter.
            project: The project to search; None for all that the store may see.
            kinds: Kinds of entries, such as ``plan``, ``session`` and ``event``; none for all.
            type: Types of entries: an event's kind, a plan's status; none for all.
            session: A session.
            since: The earliest time, inclusive.
            until: The latest time, inclusive.
            filter: What the entry's ``data`` has to be like.
            match: Whether all words that stand beside each other have to be found, or any of them.
            fuzzy: Search titles and names only, which events have none of, and forgive typing errors: one in a word of
                four letters or more, two from nine letters on. All words are to be found, whatever the operators.
            highlight: How the found words are marked.
            limit: Hits a page, 1 to 1,000.
            after: The ``next`` of the page before.

        Raises:
            InvalidValueError: The query is malformed, and the message tells where; or another argument cannot be one.
            PageTokenError: ``after`` is damaged or of another search.
            TenantError: The store is bound to another project.
        """
        check_limit(limit)
        within = self.within(
            project=project, kinds=kinds, types=type, session=session, since=since, until=until, filter=filter
        )
        query = parse(text, match)
        ranking = yield from self._rank_alike(query, within) if fuzzy else self._rank(query, within)
        key = fingerprint(repr((query, within, fuzzy)))
        return (yield from self._page(ranking, highlight, limit=limit, after=after, key=key))

    @reading
    def count(
        self,
        text: str,
        *,
        project: str | None = None,
        kinds: str | Iterable[str] = (),
        type: str | Iterable[str] = (),
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        match: Joining = "all",
    ) -> Operation[int]:
        """Count the entries that match, also where they are more than a search ranks: each of them is looked at.

        The arguments, and what is raised, are those of a search.
        """
        within = self.within(
            project=project, kinds=kinds, types=type, session=session, since=since, until=until, filter=filter
        )
        found = newest(parse(text, match), within, _ALL, self.dialect)
        rows = yield Statement(f"SELECT count(*) FROM ({found.sql}) AS found", found.parameters, prepared=False)
        return int(rows[0][0])

    def within(
        self,
        *,
        project: str | None,
        kinds: str | Iterable[str],
        types: str | Iterable[str],
        session: str | None,
        since: datetime | None,
        until: datetime | None,
        filter: Filter | None,
    ) -> Within:
        """Return the conditions of a search, checked; see ``__call__``."""
        chosen = self.scope.among(None if project is None else checked_id(project, what="project"))
        member = None if session is None else checked_id(session, what="session")
        return Within(chosen, _names(kinds, "kind"), _names(types, "type"), member, since, until, filter)

    def _rank(self, query: Node, within: Within) -> Operation[_Ranking]:
        """Find what matches and order it. Each branch is looked for by itself, lest a common word hide a rare one."""
        parts = tuple(branches(query))
        most = max(_FEWEST, RANKED // len(parts))
        found: dict[Candidate, Tally] = {}
        common: set[Term] = set()
        for part in parts:
            counted = terms(part)
            find = partial(newest, part, most=most, dialect=self.dialect)
            rows = yield from self._newest(find, partial(matches, part), within, most)
            for row in rows:
                counts, length = numbers(row[-1])
                found.setdefault(Candidate.read(row), Tally(length)).add(counted, counts)
            if len(rows) == most:
                common.update(counted)
        wanted = terms(query)
        scored = zip(found, scores(list(found.values()), wanted, common), strict=True)
        return _Ranking.of((_Found(candidate, score, wanted) for candidate, score in scored), complete=not common)

    def _rank_alike(self, query: Node, within: Within) -> Operation[_Ranking]:
        """Find titles that have the query's words, or words much like them, and order them by how alike they are."""
        wanted = tuple(dict.fromkeys(word for term in terms(query) for word in term.words))
        ranking = _Ranking((), 0)
        for cut in dict.fromkeys((tuple(map(pieces, wanted)), tuple(map(more_pieces, wanted)))):
            find = partial(like, cut, most=COMPARED, dialect=self.dialect)
            rows = yield from self._newest(find, partial(namesakes, cut), within, COMPARED)
            ranking = _Ranking.of(_alike(rows, wanted), complete=len(rows) < COMPARED)
            if ranking.found:
                break
        return ranking

    def _newest(
        self, find: Callable[[Within], Statement], ask: Callable[[int], Statement], within: Within, most: int
    ) -> Operation[list[Row]]:
        """Find entries, at most ``most``.

        Row-level security keeps a bound store's own statements from PostgreSQL's indexes of words. It asks for the
        numbers of entries first, and if those were too few for its other conditions for more of them.
        """
        if self.dialect.is_postgres and self.scope.project is not None:
            for asked in (most, _NUMBERS):
                numbers = tuple(number for (number,) in (yield ask(asked)))
                rows = yield find(replace(within, among=numbers))
                if len(rows) == most or len(numbers) < asked:
                    return rows
        return (yield find(within))

    def _page(
        self, ranking: _Ranking, highlight: Highlight, *, limit: int, after: str | None, key: str
    ) -> Operation[Page[Hit]]:
        start = 0
        if after is not None:
            last, _ = unseal(after, key, 5)
            start = bisect_right(ranking.found, tuple(last), key=lambda one: one.place)
        chosen = ranking.found[start : start + limit]
        hits = yield from self._read([(one.candidate.key, one.score, one.marks) for one in chosen], highlight)
        more = len(ranking.found) > start + limit
        return Page(hits, ranking.total, seal(key, ranking.total, chosen[-1].place) if more else None)

    @reading
    def best(self, query: Node, within: Within, limit: int) -> Operation[tuple[Key, ...]]:
        """Return the keys of the entries that match best, best first."""
        ranking = yield from self._rank(query, within)
        return tuple(one.candidate.key for one in ranking.found[:limit])

    @reading
    def hits(
        self, chosen: Sequence[tuple[Key, float]], marks: tuple[Term, ...], highlight: Highlight
    ) -> Operation[tuple[Hit, ...]]:
        """Read entries by their keys, with their scores, in this order; those that are not there are left out."""
        return (yield from self._read([(key, score, marks) for key, score in chosen], highlight))

    def _read(
        self, chosen: Sequence[tuple[Key, float, tuple[Term, ...]]], highlight: Highlight
    ) -> Operation[tuple[Hit, ...]]:
        rows = (yield entries([key for key, _, _ in chosen], self.dialect)) if chosen else []
        found = {(entry.project_id, entry.kind, entry.id): entry for entry in ENTRY.read_all(rows)}
        return tuple(
            Hit(entry, score, highlight.marked(entry.title, marks), highlight.excerpt(entry.body, marks))
            for key, score, marks in chosen
            if (entry := found.get(key)) is not None
        )


def _alike(rows: Iterable[Row], wanted: Sequence[str]) -> Iterator[_Found]:
    """Compare titles with words; yield those that have all of them in some form."""
    compare = matcher(wanted)
    for row in rows:
        likeness = compare(words(row[-1]))
        if likeness is not None:
            yield _Found(Candidate.read(row), likeness.score, tuple(Term((word,)) for word in likeness.words))


def _names(given: str | Iterable[str], what: str) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else given
    return tuple(checked_id(name, what=what) for name in names)
