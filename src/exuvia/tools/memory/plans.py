"""Plans: what is to be done, with a status and a text."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from exuvia.store.knowledge.records import PlanStatus, Priority
from exuvia.tools.frame import Call, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Done, Own, Spanned, listed, span
from exuvia.tools.memory.detailing import Detail, Sized, detailed
from exuvia.tools.memory.explaining import memory_tool
from exuvia.tools.memory.texts import ListSize, Texts, columns_of, text_changes


class CreatePlan(Own):
    """A new plan."""

    title: str
    content: str = Field("", description="Markdown.")
    status: PlanStatus = "planned"
    priority: Priority | None = None
    author: str | None = None
    topics: tuple[str, ...] = ()
    data: dict[str, Json] = Field(default_factory=dict)
    id: str | None = Field(None, description="Your own; else one is made.")


class UpdatePlan(Texts):
    """What to change of a plan."""

    status: PlanStatus | None = None
    priority: Priority | None = None


class ListPlans(Spanned):
    """Which plans."""

    status: tuple[PlanStatus, ...] = ()
    priority: Priority | None = None
    topic: str | None = None
    author: str | None = None
    text: str | None = Field(None, description="Part of title or text.")
    size: ListSize = "metadata"
    section: str | None = Field(None, description="Heading, for size section.")


class PlanDetail(Detail):
    """A plan."""

    title: str = ""
    status: str = ""
    priority: str | None = None
    author: str | None = None
    topics: tuple[str, ...] = ()
    version: int | None = None
    created: str | None = None
    updated: str | None = None


_COLUMNS = {"id": "id", "title": "title", "status": "status", "priority": "priority", "updated": "updated_at"}


@memory_tool(
    toolset="plans",
    summary="Make a plan.",
    example={"title": "Log in with passkeys", "content": "# Goal\n\nNo more passwords.", "topics": ["auth"]},
    effect="adds",
)
async def create_plan(call: Call, given: CreatePlan) -> Done:
    store = await call.memory(given.project)
    made = await store.plans.create(
        given.title,
        status=given.status,
        priority=given.priority,
        author=given.author,
        topics=given.topics,
        content=given.content,
        data=given.data,
        id=given.id,
    )
    return Done(id=None if given.id else made.id, version=made.version)


@memory_tool(
    toolset="plans",
    summary="Change a plan: its status, its text or anything else of it.",
    details="What is left out stays; null empties. With `version` it is refused if somebody has changed it since.",
    example={"id": "login", "status": "active", "append": "\n## Progress\n\nThe form is done."},
    effect="changes",
)
async def update_plan(call: Call, given: UpdatePlan) -> Done:
    store = await call.memory(given.project)
    changes: dict[str, Any] = await text_changes(given, ("status", "priority"), store.plans.get)
    changed = await store.plans.update(given.id, **changes)
    return Done(version=changed.version)


@memory_tool(
    toolset="plans",
    summary="Read a plan: its status and its text, or one section of that.",
    example={"id": "login", "section": "Goal"},
)
async def get_plan(call: Call, given: Sized) -> PlanDetail:
    store = await call.memory(given.project)
    found = await store.plans.get(given.id)
    return detailed(
        given,
        PlanDetail,
        content=found.content or "",
        data=found.data,
        title=found.title,
        status=found.status,
        priority=found.priority,
        author=found.author,
        topics=found.topics,
        version=found.version,
        created=found.created_at,
        updated=found.updated_at,
    )


@memory_tool(
    toolset="plans",
    summary="List plans, those changed last first.",
    example={"status": ["planned", "active"], "topic": "auth"},
)
async def list_plans(call: Call, given: ListPlans) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.plans.list(
            status=given.status or None,
            author=given.author,
            topic=given.topic,
            priority=given.priority,
            text=given.text,
            size=given.size,
            section=given.section,
            limit=limit,
            after=after,
            **span(given),
        ),
        columns_of(given, _COLUMNS),
    )
