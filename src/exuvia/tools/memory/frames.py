"""Frames: what an agent is busy with, as a call stack that outlives the process."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exuvia.tools.frame import Call, Output, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Own, Spanned, listed, span
from exuvia.tools.memory.detailing import Detail, Whole, detailed
from exuvia.tools.memory.explaining import memory_tool

_MOST = 20


class OpenFrame(Own):
    """A new frame."""

    name: str = Field(description="What it is about.")
    parent: str | None = Field(None, description="The frame it is a part of.")
    type: str = Field("task", description="task, debug, review, …")
    run: str | None = Field(None, description="Your own name for the whole stack.")
    inputs: dict[str, Json] = Field(default_factory=dict)
    id: str | None = None


class CloseFrame(Own):
    """How a frame ended."""

    id: str
    outputs: dict[str, Json] = Field(default_factory=dict)
    digest: str | None = Field(None, description="What happened in it; made from its events if left out.")


class ListFrames(Spanned):
    """Which frames."""

    state: Literal["open", "closed"] | None = None
    run: str | None = None
    parent: str | None = None
    type: str | None = None


class Opened(Output):
    """A frame that was opened."""

    id: str | None = None
    run: str | None = None


class FrameDetail(Detail):
    """A frame: ``path`` are the frames that it is in, the outermost first, ``open`` those that are open in it."""

    name: str = ""
    type: str = ""
    state: str = ""
    run: str | None = None
    path: tuple[tuple[str, str], ...] = ()
    open: tuple[tuple[str, str], ...] = ()
    anchors: tuple[str, ...] = ()
    opened: str | None = None
    closed: str | None = None


@memory_tool(
    toolset="frames",
    summary="Open a frame: note what you are busy with, so that it can be gone on with after a restart.",
    example={"name": "Find the slow query", "type": "debug", "inputs": {"goal": "under 200 ms"}},
    effect="adds",
)
async def open_frame(call: Call, given: OpenFrame) -> Opened:
    store = await call.memory(given.project)
    made = await store.frames.open(
        given.name, type=given.type, parent=given.parent, run=given.run, inputs=given.inputs, id=given.id
    )
    known = given.run is not None or given.parent is not None
    return Opened(id=None if given.id else made.id, run=None if known else made.run_id)


@memory_tool(
    toolset="frames",
    summary="Close a frame and all that are open in it; answers with the digest that was made of what happened.",
    example={"id": "f1", "outputs": {"milliseconds": 140}},
    effect="changes",
)
async def close_frame(call: Call, given: CloseFrame) -> Detail:
    store = await call.memory(given.project)
    closed = await store.frames.close(given.id, outputs=given.outputs, digest_text=given.digest)
    return Detail(content=(closed.digest_text or "") if given.digest is None else "")


@memory_tool(
    toolset="frames",
    summary="Read a frame: where it is in the stack, what is open and pinned in it, and its digest once it is closed.",
    example={"id": "f2"},
)
async def get_frame(call: Call, given: Whole) -> FrameDetail:
    store = await call.memory(given.project)
    path = await store.frames.path(given.id)
    frame = path[-1]
    inside = await store.frames.list(parent=given.id, state="open", limit=_MOST)
    pinned = await store.frames.anchors(frame=given.id, limit=_MOST)
    return detailed(
        given,
        FrameDetail,
        content=frame.digest_text or "",
        data={
            **({"inputs": frame.inputs} if frame.inputs else {}),
            **({"outputs": frame.outputs} if frame.outputs else {}),
        },
        name=frame.name,
        type=frame.type,
        state=frame.state,
        run=frame.run_id,
        path=tuple((each.id, each.name) for each in path[:-1]),
        open=tuple((each.id, each.name) for each in inside.items),
        anchors=tuple(f"{each.type}: {each.text}" for each in pinned.items),
        opened=frame.created_at,
        closed=frame.closed_at,
    )


@memory_tool(
    toolset="frames",
    summary="List frames, the newest first.",
    example={"state": "open", "run": "monday"},
)
async def list_frames(call: Call, given: ListFrames) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.frames.list(
            run=given.run,
            state=given.state,
            type=given.type,
            parent=given.parent,
            limit=limit,
            after=after,
            **span(given),
        ),
        {
            "id": "id",
            "name": "name",
            "type": "type",
            "state": "state",
            "parent": "parent_id",
            "run": "run_id",
            "opened": "created_at",
        },
        named=("parent",),
    )
