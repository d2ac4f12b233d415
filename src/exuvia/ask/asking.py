"""Questions to the memory: understood by rules, looked up, and answered with sources."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final, cast

from exuvia.ask.finding import relating, standing
from exuvia.ask.finding.findings import Finding
from exuvia.ask.finding.knowing import Knowing
from exuvia.ask.finding.looking import Looked, Looking
from exuvia.ask.language.interpreting import interpret
from exuvia.ask.records import Answer, Call, Interpretation, Known, Relation, Source
from exuvia.ask.telling.composing import Composer, Told
from exuvia.ask.telling.sentences import excerpt
from exuvia.ask.telling.texts import line
from exuvia.ask.telling.understanding import understood
from exuvia.ask.writing.citing import written
from exuvia.ask.writing.protocol import Writer
from exuvia.errors import ConfigError
from exuvia.store.core.composing import Ask, Steps, composed
from exuvia.store.core.operations import M, Subsystem, Sync
from exuvia.store.embedders.protocol import Embedder
from exuvia.store.memory import AsyncStore, Memory, Store

_LONGEST: Final = 2000
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How questions are answered.

    Args:
        zone: The time zone that days are of.
        limit: Sources at most, 1 to 100.
        budget: Tokens of an answer at most, about: 1 to 100,000.
        elsewhere: Where nothing is found in a project, tell whether other projects have something.
        embedder: Makes vectors of a question's words; with it a collection of its model is searched, too.
        timeout: Seconds that a writer may take.
    """

    zone: tzinfo = UTC
    limit: int = 10
    budget: int = 600
    elsewhere: bool = True
    embedder: Embedder | None = None
    timeout: float = 60

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= _MOST or not 1 <= self.budget <= 100_000 or not self.timeout > 0:
            raise ConfigError(
                "The limits of an answer are out of range.",
                hint=f"Ask for 1 to {_MOST} sources, 1 to 100,000 tokens, and give a writer more than 0 seconds.",
                code="ask",
            )


DEFAULT: Final = AskOptions()


class Asking(Subsystem[M]):
    """Answers questions from a store.

    Args:
        store: The store, for synchronous or asynchronous code.
    """

    def __init__(self, store: Memory[M]) -> None:
        super().__init__(store._runner)
        # either kind of store will do: the steps only make its calls
        self._store: Memory[Sync] = cast("Any", store)

    @composed
    def answer(
        self, question: str, *, project: str | None = None, now: datetime | None = None, options: AskOptions = DEFAULT
    ) -> Steps[Answer]:
        """Answer a question; see ``ask``."""
        _check(question, now)
        chosen = self.scope.among(project)
        known: Known = yield Ask(partial(Knowing(self._runner).known, chosen))
        if chosen is not None and chosen not in known.projects:
            yield Ask(partial(self._store.projects.get, chosen))
        at = now or self.now()
        asked = interpret(question, at, options.zone, known)
        if chosen is not None:
            asked, options = replace(asked, projects=(chosen,)), replace(options, elsewhere=False)
        elif asked.problem is not None and asked.problem.kind == "unknown":
            more: dict[str, str] = yield Ask(partial(Knowing(self._runner).named, asked.problem.name))
            known = replace(known, projects={**known.projects, **more})
            asked = interpret(question, at, options.zone, known) if more else asked
        composer = Composer(asked, known, options.zone, options.budget)
        if asked.problem is not None:
            told = composer.problem(asked.problem)
            return _answer(asked, options, told, (), 0)
        if asked.relation is not None:
            found = yield from self._related(asked, known, options, composer)
            if isinstance(found, Answer):
                return found
            asked = found
        if asked.shape == "status":
            return (yield from self._status(asked, known, options))
        looked = yield from self._look(asked, known, options)
        told = Composer(asked, known, options.zone, options.budget).looked(looked)
        return _looked(asked, options, told, looked)

    def _related(
        self, asked: Interpretation, known: Known, options: AskOptions, composer: Composer
    ) -> Steps[Answer | Interpretation]:
        """Answer from the graph; where that has no such node, return what to look for as words instead."""
        found = yield from relating.related(self._store, asked, known)
        if found.node is not None:
            told = composer.related(found)
            return _answer(asked, options, told, found.calls, found.total, notes=found.notes)
        words = (*_nodes(asked.relation), *asked.words)
        notes = (*asked.notes, f"{found.notes[0]}, so that it is looked for as a word")
        return replace(asked, shape="list", relation=None, words=words, notes=notes)

    def _status(self, asked: Interpretation, known: Known, options: AskOptions) -> Steps[Answer]:
        composer = Composer(asked, known, options.zone, options.budget)
        if not asked.words and asked.kinds in {(), ("plan",)}:
            state = yield from standing.of_projects(self._store, asked)
            told = composer.standing(Looked(), state)
            total = sum(count for _, count in state.counts)
            return _answer(asked, options, told, state.calls, total)
        looking = asked if asked.kinds else replace(asked, kinds=("plan", "session", "task"))
        looked: Looked = yield from self._look(looking, known, options)
        if not looked.items:
            told = Composer(looking, known, options.zone, options.budget).looked(looked)
            return _looked(asked, options, told, looked)
        stands: standing.Standing = yield from standing.of_plan(self._store, looked.items[0])
        told = composer.standing(looked, stands)
        return _looked(asked, options, told, replace(looked, calls=(*looked.calls, *stands.calls)))

    def _look(self, asked: Interpretation, known: Known, options: AskOptions) -> Steps[Looked]:
        projects = tuple(known.projects)
        looking = Looking(self._store, asked, options.limit, projects, options.embedder, options.elsewhere)
        return (yield from looking.look())


async def ask(
    store: AsyncStore,
    question: str,
    *,
    project: str | None = None,
    now: datetime | None = None,
    options: AskOptions = DEFAULT,
    writer: Writer | None = None,
) -> Answer:
    """Answer a question in plain English from the memory, with sources.

    The question is understood by rules, the same way every time, and the answer tells how: a model is asked only to
    write the text, if there is a ``writer``.

    Args:
        store: The store; one that is bound to a project answers from that only.
        question: Such as ``what did we decide about auth last week in project shop?``; 2,000 characters at most.
        project: The only project to answer from.
        now: The time that ``today`` is about, with its zone; the store's clock if None.
        options: How to answer.
        writer: Writes the text from the sources; where it fails the text is put together without it.

    Raises:
        ConfigError: The question is empty or too long, or ``now`` has no zone.
        NotFoundError: There is no such project.
        TenantError: The store is bound to another project.
    """
    answer = await Asking(store).answer(question, project=project, now=now, options=options)
    return answer if writer is None else await written(answer, writer, options.timeout, options.budget)


def ask_sync(
    store: Store,
    question: str,
    *,
    project: str | None = None,
    now: datetime | None = None,
    options: AskOptions = DEFAULT,
    writer: Writer | None = None,
) -> Answer:
    """Answer a question from synchronous code; see ``ask``. A writer is run in an event loop of its own."""
    answer = Asking(store).answer(question, project=project, now=now, options=options)
    return answer if writer is None else asyncio.run(written(answer, writer, options.timeout, options.budget))


def _check(question: object, now: datetime | None) -> None:
    if not isinstance(question, str) or not question.strip():
        raise ConfigError("The question is empty.", hint="Ask something: what did we decide last week?", code="ask")
    if len(question) > _LONGEST:
        raise ConfigError(
            f"The question has {len(question):,} characters.", hint=f"Ask in {_LONGEST:,} at most.", code="ask"
        )
    if now is not None and now.tzinfo is None:
        raise ConfigError("The time to ask at has no zone.", hint="Add one: 2026-11-18T15:30:00+00:00.", code="ask")


def _looked(asked: Interpretation, options: AskOptions, told: Told, looked: Looked) -> Answer:
    nothing = not looked.items or looked.width == "without"
    total = 0 if nothing else looked.total
    return _answer(asked, options, told, looked.calls, total, notes=looked.notes)


def _answer(
    asked: Interpretation,
    options: AskOptions,
    told: Told,
    calls: tuple[Call, ...],
    total: int | None,
    *,
    notes: tuple[str, ...] = (),
) -> Answer:
    asked = replace(asked, notes=(*asked.notes, *notes))
    zone = getattr(options.zone, "key", None) or str(options.zone)
    sources = tuple(_source(number, item) for number, item in enumerate(told.items, 1))
    return Answer(
        text=told.text,
        sources=sources,
        understood=understood(asked, zone),
        interpretation=asked,
        calls=calls,
        total=total,
        more=None if total is None else max(0, total - len(sources)),
    )


def _nodes(relation: Relation | None) -> list[str]:
    return [] if relation is None else [name for name in (relation.node, relation.other) if name is not None]


def _source(number: int, item: Finding) -> Source:
    title = line(item.title)
    return Source(number, item.kind, item.id, item.project, item.at, title, item.type, item.author, excerpt(item))
