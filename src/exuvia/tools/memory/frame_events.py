"""What happened in a frame."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from exuvia.store.frames import NewFrameEvent
from exuvia.tools.frame import Arguments, Call, Output, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Listed, Own, listed
from exuvia.tools.memory.explaining import memory_tool
from exuvia.tools.memory.times import When, instant


class FrameEventGiven(Arguments):
    """An event of a frame."""

    type: str = Field(description="tool_call, decision, observation, …")
    data: dict[str, Json] = Field(default_factory=dict)
    at: When | None = None
    id: str | None = None


class AddFrameEvents(Own):
    """Events of a frame, in order."""

    frame: str
    events: tuple[FrameEventGiven, ...] = Field(min_length=1, max_length=1000)


class ListFrameEvents(Listed):
    """Which events of a frame."""

    frame: str
    type: str | None = None
    newest_first: bool = False


class Added(Output):
    """The place of the last event that was added, among the frame's."""

    seq: int


@memory_tool(
    toolset="frames",
    summary="Add events to an open frame.",
    example={"frame": "f2", "events": [{"type": "observation", "data": {"text": "The index is missing"}}]},
    effect="adds",
)
async def add_frame_events(call: Call, given: AddFrameEvents) -> Added:
    store = await call.memory(given.project)
    now = datetime.now(UTC)
    made = await store.frames.add_events(
        given.frame,
        [
            NewFrameEvent(one.type, one.data, id=one.id, at=None if one.at is None else instant(one.at, now))
            for one in given.events
        ],
    )
    return Added(seq=made[-1].seq)


@memory_tool(
    toolset="frames",
    summary="List what happened in a frame, in order.",
    example={"frame": "f2", "newest_first": True},
)
async def list_frame_events(call: Call, given: ListFrameEvents) -> Table:
    return await listed(
        call,
        given,
        lambda bound, limit, after: bound.frames.events(
            given.frame, type=given.type, newest_first=given.newest_first, limit=limit, after=after
        ),
        {"seq": "seq", "type": "type", "data": "data", "at": "at"},
        named=("frame",),
    )
