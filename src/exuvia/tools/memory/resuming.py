"""Where was I? What an agent needs to go on with its work, in one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from pydantic import Field

from exuvia.store.knowledge.records import SessionStatus
from exuvia.tools.frame import Arguments, Call, Output, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.frame.paging import fitting
from exuvia.tools.frame.tokens import estimate
from exuvia.tools.memory.answering import lean, plain
from exuvia.tools.memory.explaining import memory_tool

_FEW = 5
_SOME = 10
_MANY = 20
_UNDER_WAY: tuple[SessionStatus, ...] = ("active", "paused")


class Resume(Arguments):
    """Whose work."""

    author: str | None = Field(None, description="Sessions and events of theirs only.")
    max_tokens: int = Field(1500, ge=200, le=100_000, description="About how long the answer may be.")
    project: str | None = None


class Part(Output):
    """Rows under the names of their columns."""

    columns: list[str]
    rows: list[list[Json]]


class Resumed(Output):
    """What was under way and what happened last."""

    sessions: Part | None = None
    frames: Part | None = None
    anchors: Part | None = None
    tasks: Part | None = None
    events: Part | None = None
    notice: str = ""


class _Room:
    """Makes parts of what still fits."""

    def __init__(self, given: Resume) -> None:
        self._given = given
        self._left = given.max_tokens
        self.cut: list[str] = []

    def part(self, name: str, records: Sequence[Any], columns: Mapping[str, str]) -> Part | None:
        """Return records as rows, as many as there is room for; None where there are none."""
        values = [attrgetter(path) for path in columns.values()]
        rows: list[list[Json]] = [[plain(value(record)) for value in values] for record in records]
        kept = rows[: fitting(self._left, list(columns), rows)]
        if len(kept) < len(rows):
            self.cut.append(name)
        if not kept:
            return None
        table = lean(self._given, Table(columns=list(columns), rows=kept, next=None))
        part = Part(columns=table.columns, rows=table.rows)
        self._left -= estimate(part.model_dump_json()) + _SOME
        return part


@memory_tool(
    toolset="sessions",
    summary="Tell where the work stands: sessions under way, open frames, pinned facts, tasks, last events.",
    example={},
)
async def resume(call: Call, given: Resume) -> Resumed:
    store = await call.memory(given.project)
    await store.projects.get(given.project or call.project or "")
    sessions = (await store.sessions.list(status=_UNDER_WAY, author=given.author, limit=_FEW, count=False)).items
    last = sessions or (await store.sessions.list(author=given.author, limit=2, count=False)).items
    frames = (await store.frames.list(state="open", limit=_SOME)).items
    anchors = (await store.frames.anchors(limit=_SOME)).items
    tasks = (await store.tasks.list(state="running", limit=_SOME)).items
    events = (await store.events.list(author=given.author, size="metadata", limit=_MANY, count=False)).items
    room = _Room(given)
    return Resumed(
        sessions=room.part(
            "sessions",
            last,
            {"id": "id", "title": "title", "status": "status", "plan": "plan_id", "started": "started_at"},
        ),
        frames=room.part("frames", frames, {"id": "id", "name": "name", "parent": "parent_id", "run": "run_id"}),
        anchors=room.part("anchors", anchors, {"type": "type", "text": "text", "frame": "frame_id"}),
        tasks=room.part("tasks", tasks, {"id": "id", "title": "title", "assignee": "assignee"}),
        events=room.part("events", events, {"kind": "kind", "summary": "summary", "session": "session_id", "at": "at"}),
        notice=f"Cut: {', '.join(room.cut)}; their lists have the rest." if room.cut else "",
    )
