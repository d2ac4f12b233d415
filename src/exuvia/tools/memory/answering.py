"""What the memory's tools have in common: whose memory it is, spans of time, lists as tables, long contents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

import orjson
from pydantic import Field

from exuvia.store.errors import NotFoundError
from exuvia.store.knowledge.sizes import headings_of, section_of
from exuvia.tools.frame import ArgumentError, Arguments, Budgeted, Call, Output, Paged, Table, paged, text_within
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import Page, asked_at, position
from exuvia.tools.frame.tokens import estimate
from exuvia.tools.memory.times import When, instant, iso

if TYPE_CHECKING:
    from exuvia.store import AsyncStore

R = TypeVar("R")
D = TypeVar("D", bound="Detail")

Ask = Callable[["AsyncStore", int, str | None], Awaitable[Page[R]]]
"""Reads a page of a list: the store, rows at most, and where to go on."""


class Own(Arguments):
    """The arguments of a tool of one project."""

    project: str | None = None


class Listed(Paged):
    """The arguments of a list."""

    project: str | None = None


class Spanned(Listed):
    """The arguments of a list by time."""

    since: When | None = Field(None, description="2026-11-20, an ISO time, today, yesterday, 12h or 7d ago.")
    until: When | None = None


class Whole(Budgeted):
    """Which record to read."""

    id: str
    project: str | None = None


class Sized(Whole):
    """Which record to read, and how much of its text."""

    size: Literal["metadata", "section", "full"] = "full"
    section: str | None = Field(None, description="A heading of its text.")


class Done(Output):
    """What was written."""

    id: str | None = None
    version: int | None = None


class Detail(Output):
    """A record; ``next`` gives the rest of a long text, ``headings`` name the sections of one that was left out."""

    content: str = ""
    headings: tuple[str, ...] = ()
    data: Json = None
    next: str | None = None
    notice: str = ""


class Span(TypedDict):
    """The times that a list is asked for."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Reach:
    """The store as far as a call is about it.

    Args:
        store: The store.
        several: Whether that is more than one project.
    """

    store: AsyncStore
    several: bool


def span(given: Spanned) -> Span:
    """Return the times that a list is asked for, the same for each of its pages."""
    now = asked_at(given)
    return {
        "since": None if given.since is None else instant(given.since, now),
        "until": None if given.until is None else instant(given.until, now, end=True),
    }


async def reach(call: Call, project: str | None) -> Reach:
    """Return the project that is meant; all of them where none is."""
    if call.confined or project or call.project:
        return Reach(await call.memory(project), several=False)
    return Reach(await call.everywhere(), several=True)


async def listed(
    call: Call, given: Listed, ask: Ask[R], columns: Mapping[str, str], *, named: Sequence[str] = ()
) -> Table:
    """Answer a list of the project that is meant, or of all of them with a column that tells which.

    Args:
        call: The call.
        given: Its arguments.
        ask: Reads a page.
        columns: The attributes of a record by the names of their columns.
        named: Arguments that name a record of their own, which has to be there where the list is empty.

    Raises:
        NotFoundError: It is not.
    """
    reached = await reach(call, given.project)
    shown = {"project": "project_id", **columns} if reached.several else dict(columns)
    values = [attrgetter(path) for path in shown.values()]

    def row(record: R) -> list[Json]:
        return [plain(value(record)) for value in values]

    table = await paged(given, lambda limit, after: ask(reached.store, limit, after), list(shown), row)
    if not table.rows:
        await must_be(reached.store, given.project)
        for name in named:
            wanted = getattr(given, name)
            if wanted is not None and not reached.several:
                await _reader(reached.store, name)(wanted)
    return lean(given, table)


def _reader(store: AsyncStore, name: str) -> Callable[[str], Awaitable[Any]]:
    readers: dict[str, Callable[[str], Awaitable[Any]]] = {
        "plan": store.plans.get,
        "session": store.sessions.get,
        "frame": store.frames.get,
        "parent": store.frames.get,
    }
    return readers[name]


def lean(given: Arguments, table: Table) -> Table:
    """Leave out columns that say nothing: empty in all rows, or what was asked for in all of them."""
    asked = {name: None if name == "id" else _one(getattr(given, name, None)) for name in table.columns}
    kept = [
        place
        for place, name in enumerate(table.columns)
        if any(row[place] not in (None, "", [], {}, asked[name]) for row in table.rows)
    ]
    rows = [[row[place] for place in kept] for row in table.rows]
    return table.model_copy(update={"columns": [table.columns[place] for place in kept], "rows": rows})


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def plain(value: Any) -> Json:
    """Return a value as an answer holds it."""
    if isinstance(value, datetime):
        return iso(value)
    return list(value) if isinstance(value, tuple) else value


def detailed(given: Whole, kind: type[D], /, *, content: str = "", data: Json = None, **facts: Any) -> D:
    """Answer a record: what is known of it, and as much of its text as fits.

    Data that are too long to be told at once follow the text, as JSON.

    Args:
        given: The tool's arguments.
        kind: The answer's class.
        content: The record's text.
        data: Its document.
        facts: What else is told of it, with the first part only.
    """
    size = "section" if getattr(given, "section", None) else getattr(given, "size", "full")
    known = {name: plain(value) for name, value in facts.items() if value not in (None, "", (), [])}
    begins = position(given).told == 0
    if size == "metadata":
        return kind(**known, headings=tuple(headings_of(content)))
    text = _section(given, content) if size == "section" else content
    shown = None if size == "section" or data in ({}, None) else data
    left = given.max_tokens - estimate(_json(known)) if begins else given.max_tokens
    notice = ""
    if shown is not None and (cost := estimate(_json(shown))) > left // 2:
        text, shown = f"{text}\n\ndata: {_json(shown)}".lstrip(), None
        notice = "The data follow the content, as JSON text."
    elif shown is not None:
        left -= cost
    part, following = text_within(given, text, max_tokens=max(left, 100))
    if not begins or size == "section":
        return kind(content=part, next=following)
    headings = tuple(headings_of(content)) if following is not None and size == "full" else ()
    return kind(**known, content=part, headings=headings, data=shown, next=following, notice=notice)


def _section(given: Whole, content: str) -> str:
    wanted = getattr(given, "section", None)
    found = None if wanted is None else section_of(content, wanted)
    if found is None:
        known = "; ".join(headings_of(content)) or "none"
        said = "The size section takes a section." if wanted is None else f"There is no section {wanted!r}."
        raise ArgumentError("section", said, hint=f"Its headings are: {known}.", code="section")
    return found


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


async def must_be(store: AsyncStore, project: str | None) -> None:
    """Make sure that a project is there, if one was named.

    Raises:
        ArgumentError: It is not.
    """
    try:
        if project is not None:
            await store.projects.get(project)
    except NotFoundError as error:
        raise ArgumentError(
            "project", error.message, hint="list_projects shows the projects, put_project makes one.", code="project"
        ) from None
