"""What a question is understood as, and what it is answered by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from exuvia.errors import ExuviaError
from exuvia.store.graph.records import Direction

Shape = Literal["list", "count", "who", "when", "status", "relations"]
Order = Literal["latest", "earliest"]
ProblemKind = Literal["unknown", "ambiguous"]


class WriterError(ExuviaError):
    """A writer of answers cannot be asked, or gives none."""

    family = "ask.writer"
    exit_code = 13


@dataclass(frozen=True, slots=True)
class Known:
    """What a store knows by name.

    Args:
        projects: The names of its projects, by their ids.
        authors: Who has written in it.
        kinds: The kinds of its events.
        topics: The topics of its plans, sessions and events.
    """

    projects: Mapping[str, str] = field(default_factory=dict)
    authors: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open range of times, in UTC.

    Args:
        start: The first time in it; None for no beginning.
        end: The first time after it; None for no end.
        words: How the question says it.
        reading: How that was read, in the asker's time zone.
    """

    start: datetime | None
    end: datetime | None
    words: str
    reading: str


@dataclass(frozen=True, slots=True)
class Relation:
    """What a question asks of the knowledge graph.

    Args:
        node: The node that is asked about, by its id or name.
        direction: Edges that lead from it (out), to it (in), or both.
        verb: How the question calls the edges; empty for any.
        other: The node at the other end, where the way to it is asked for.
    """

    node: str
    direction: Direction
    verb: str = ""
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a question cannot be answered as it stands.

    Args:
        kind: The name is of nothing (unknown), or may be of several (ambiguous).
        name: The name of a project, as the question has it.
        choices: The projects that it may be of, or those there are.
    """

    kind: ProblemKind
    name: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How a question was understood.

    Args:
        question: The question.
        shape: What kind of answer it asks for.
        kinds: What it asks about: ``decision``, ``bug``, ``plan``, …, or an event's kind; empty for anything.
        time: When.
        projects: The ids of the projects; empty for all.
        authors: Whose.
        topics: Topics that have to be set.
        statuses: open, blocked, complete, active, planned, paused, cancelled, superseded, abandoned or failed.
        priority: The priority of plans.
        words: Words and phrases to search for.
        any_word: Any of the words is enough.
        excluded: Words that must not be there.
        order: The latest or the earliest first; None for the order that fits the answer.
        limit: How many are asked for; None where the question does not say.
        relation: What is asked of the knowledge graph.
        notes: How words were read that could be read otherwise.
        not_understood: The parts of the question that were not.
        problem: Why it cannot be answered.
    """

    question: str
    shape: Shape = "list"
    kinds: tuple[str, ...] = ()
    time: TimeRange | None = None
    projects: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    priority: str | None = None
    words: tuple[str, ...] = ()
    any_word: bool = False
    excluded: tuple[str, ...] = ()
    order: Order | None = None
    limit: int | None = None
    relation: Relation | None = None
    notes: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the memory that was made.

    Args:
        name: The method, such as ``events.list``.
        arguments: What it was called with, as JSON would have it.
        found: How many rows fit; None where that is not known exactly.
    """

    name: str
    arguments: Mapping[str, Any]
    found: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """Something in the memory that an answer is made from.

    Args:
        number: How the answer cites it: ``[1]``.
        kind: What it is: event, plan, session, frame, anchor, resource, node, …
        id: Its id among those of its kind.
        project: Its project.
        at: Its time, in UTC; of a plan when it was last changed; None where it has none.
        title: A line that tells what it is.
        type: Its own kind or status, such as an event's kind.
        author: Whose it is, if that is known.
        excerpt: What it says: an event's rationale, a part of a text.
    """

    number: int
    kind: str
    id: str
    project: str
    at: datetime | None
    title: str
    type: str | None = None
    author: str | None = None
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it is made from.

    Args:
        text: The answer, with the numbers of its sources.
        sources: What is cited, by number.
        understood: One line that tells how the question was understood.
        interpretation: The same for programs.
        calls: The calls of the memory that were made.
        total: How many rows fit the question, in all; None where more fit than were counted.
        more: How many of them are not among the sources; None where that is not known.
        written: A writer's model wrote the text; else it was put together from the sources.
        notes: What else the reader should know, such as that a writer has failed.
    """

    text: str
    sources: tuple[Source, ...]
    understood: str
    interpretation: Interpretation
    calls: tuple[Call, ...]
    total: int | None
    more: int | None
    written: bool = False
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON has it, with times in ISO 8601."""
        document: dict[str, Any] = _plain(asdict(self))
        return document


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
