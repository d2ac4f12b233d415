"""What frames are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json

FrameState = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Frame:
    """A scope of work.

    Args:
        project_id: The project.
        id: Its id.
        run_id: The run that its whole stack belongs to.
        parent_id: The frame that it was opened in; None for a stack's first.
        depth: How many frames are above it.
        type: Such as task, subtask, tool_scope, review, write or debug.
        name: What it is about.
        state: open or closed.
        inputs: What it was opened with.
        outputs: What it was closed with.
        digest_text: What happened in it, in words; there once it is closed.
        digest: The same for programs.
        created_at: When it was opened.
        closed_at: When it was closed.
    """

    project_id: str
    id: str
    run_id: str
    parent_id: str | None
    depth: int
    type: str
    name: str
    state: FrameState
    inputs: Json
    outputs: Json
    digest_text: str | None
    digest: Json
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FrameEvent:
    """Something that happened in a frame.

    Args:
        project_id: The project.
        frame_id: The frame.
        seq: Its place among the frame's events: 1, 2, 3 … without gaps.
        id: Its id.
        type: Such as user_message, tool_call, tool_result, decision or observation.
        data: What happened.
        at: When.
    """

    project_id: str
    frame_id: str
    seq: int
    id: str
    type: str
    data: Json
    at: datetime


@dataclass(frozen=True, slots=True)
class NewFrameEvent:
    """An event to be added.

    Args:
        type: Such as user_message, tool_call, tool_result, decision or observation.
        data: A JSON document.
        id: The caller's own id; a new UUID if None.
        at: When it happened; now if None.
    """

    type: str
    data: Json = field(default_factory=dict)
    id: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """A fact that is pinned to a frame, so that it is not forgotten when the frame's events are.

    Args:
        project_id: The project.
        id: Its id.
        frame_id: The frame.
        type: Such as fact, decision, constraint, interface_contract, todo or risk.
        text: The fact.
        priority: 0 to 10; the largest comes first.
        data: Anything else.
        created_at: When it was pinned.
    """

    project_id: str
    id: str
    frame_id: str
    type: str
    text: str
    priority: int
    data: Json
    created_at: datetime


FRAME: Final = Shape(Frame)
FRAME_EVENT: Final = Shape(FrameEvent)
ANCHOR: Final = Shape(Anchor)
