"""What the memory's tools have in common: whose memory it is, spans of time, and lists as tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from pydantic import Field

from exuvia.store.errors import NotFoundError
from exuvia.tools.frame import ArgumentError, Arguments, Call, Output, Paged, Table, paged
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import Page, asked_at
from exuvia.tools.memory.times import When, instant, iso

if TYPE_CHECKING:
    from exuvia.store import AsyncStore

R = TypeVar("R")


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


class Done(Output):
    """What was written."""

    id: str | None = None
    version: int | None = None


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
