"""Anchors: facts that are pinned, so that they are not forgotten."""

from __future__ import annotations

from pydantic import Field

from exuvia.tools.frame import Call, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Done, Listed, Own, listed
from exuvia.tools.memory.explaining import memory_tool, not_there


class PinAnchor(Own):
    """A fact."""

    frame: str
    text: str
    type: str = Field("fact", description="fact, decision, constraint, todo, risk, …")
    priority: int = Field(0, ge=0, le=10, description="10 comes first.")
    data: dict[str, Json] = Field(default_factory=dict)
    id: str | None = None


class UnpinAnchor(Own):
    """Which fact."""

    id: str


class ListAnchors(Listed):
    """Which facts."""

    frame: str | None = None
    run: str | None = None
    type: str | None = None
    min_priority: int | None = None


@memory_tool(
    toolset="anchors",
    summary="Pin a fact to a frame, so that it is not forgotten.",
    example={"frame": "f1", "text": "orders.customer_id has no index", "type": "fact", "priority": 8},
    effect="adds",
)
async def pin_anchor(call: Call, given: PinAnchor) -> Done:
    store = await call.memory(given.project)
    made = await store.frames.pin(
        given.frame, given.text, type=given.type, priority=given.priority, data=given.data, id=given.id
    )
    return Done(id=None if given.id else made.id)


@memory_tool(
    toolset="anchors",
    summary="Remove a pinned fact.",
    example={"id": "a1"},
    effect="destroys",
    idempotent=True,
)
async def unpin_anchor(call: Call, given: UnpinAnchor) -> Done:
    store = await call.memory(given.project)
    if not await store.frames.unpin(given.id):
        raise not_there("anchor", given.id)
    return Done()


@memory_tool(
    toolset="anchors",
    summary="List pinned facts, the most important first.",
    example={"min_priority": 5},
)
async def list_anchors(call: Call, given: ListAnchors) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.frames.anchors(
            frame=given.frame,
            run=given.run,
            type=given.type,
            min_priority=given.min_priority,
            limit=limit,
            after=after,
        ),
        {"id": "id", "type": "type", "text": "text", "priority": "priority", "frame": "frame_id"},
        named=("frame",),
    )
