"""Work sessions: who worked on what, when, and how it went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from exuvia.store.knowledge.records import SessionStatus
from exuvia.tools.frame import Call, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Done, Own, Spanned, listed, span
from exuvia.tools.memory.detailing import Detail, Sized, detailed
from exuvia.tools.memory.explaining import memory_tool
from exuvia.tools.memory.texts import ListSize, Texts, columns_of, text_changes


class StartSession(Own):
    """A new session."""

    title: str
    plan: str | None = Field(None, description="The plan it works on.")
    content: str = Field("", description="Markdown.")
    author: str | None = None
    topics: tuple[str, ...] = ()
    data: dict[str, Json] = Field(default_factory=dict)
    id: str | None = Field(None, description="Your own; else one is made.")


class UpdateSession(Texts):
    """What to change of a session."""

    status: SessionStatus | None = None
    plan: str | None = None


class ListSessions(Spanned):
    """Which sessions."""

    status: tuple[SessionStatus, ...] = ()
    plan: str | None = None
    topic: str | None = None
    author: str | None = None
    text: str | None = Field(None, description="Part of title or text.")
    size: ListSize = "metadata"
    section: str | None = Field(None, description="Heading, for size section.")


class SessionDetail(Detail):
    """A session."""

    title: str = ""
    status: str = ""
    plan: str | None = None
    author: str | None = None
    topics: tuple[str, ...] = ()
    version: int | None = None
    started: str | None = None
    ended: str | None = None


_COLUMNS = {
    "id": "id",
    "title": "title",
    "status": "status",
    "plan": "plan_id",
    "author": "author",
    "started": "started_at",
}


@memory_tool(
    toolset="sessions",
    summary="Begin a work session.",
    example={"title": "Passkeys: the form", "plan": "login", "author": "ada"},
    effect="adds",
)
async def start_session(call: Call, given: StartSession) -> Done:
    store = await call.memory(given.project)
    made = await store.sessions.create(
        given.title,
        plan=given.plan,
        author=given.author,
        topics=given.topics,
        content=given.content,
        data=given.data,
        id=given.id,
    )
    return Done(id=None if given.id else made.id, version=made.version)


@memory_tool(
    toolset="sessions",
    summary="Change a session: end it, pause it, write down how it went.",
    details="What is left out stays; null empties. With `version` it is refused if somebody has changed it since.",
    example={"id": "day-1", "status": "complete", "append": "The form works; the tests come next."},
    effect="changes",
)
async def update_session(call: Call, given: UpdateSession) -> Done:
    store = await call.memory(given.project)
    changes: dict[str, Any] = await text_changes(given, ("status", "plan"), store.sessions.get)
    if given.status is not None:
        changes["ended_at"] = datetime.now(UTC) if given.status in {"complete", "abandoned"} else None
    changed = await store.sessions.update(given.id, **changes)
    return Done(version=changed.version)


@memory_tool(
    toolset="sessions",
    summary="Read a session: its status and its text, or one section of that.",
    example={"id": "day-1", "size": "metadata"},
)
async def get_session(call: Call, given: Sized) -> SessionDetail:
    store = await call.memory(given.project)
    found = await store.sessions.get(given.id)
    return detailed(
        given,
        SessionDetail,
        content=found.content or "",
        data=found.data,
        title=found.title,
        status=found.status,
        plan=found.plan_id,
        author=found.author,
        topics=found.topics,
        version=found.version,
        started=found.started_at,
        ended=found.ended_at,
    )


@memory_tool(
    toolset="sessions",
    summary="List sessions, those begun last first.",
    example={"plan": "login", "since": "7d"},
)
async def list_sessions(call: Call, given: ListSessions) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.sessions.list(
            status=given.status or None,
            plan=given.plan,
            author=given.author,
            topic=given.topic,
            text=given.text,
            size=given.size,
            section=given.section,
            limit=limit,
            after=after,
            **span(given),
        ),
        columns_of(given, _COLUMNS),
        named=("plan",),
    )
