"""What the memory has returned, whatever it is, in one form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exuvia.store.core.values import Json
from exuvia.store.search import Hit


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that fits a question.

    Args:
        kind: What it is, as search calls it: event, plan, session, frame, …
        id: Its id among those of its kind.
        project: Its project.
        at: Its time; None where it has none.
        title: A line that tells what it is.
        type: Its own kind or status.
        author: Whose it is.
        text: Its text, or the beginning of it.
        data: What an event says.
        topics: Its topics.
        complete: Whether the row itself was read, with its author and topics.
    """

    kind: str
    id: str
    project: str
    at: datetime | None
    title: str
    type: str | None = None
    author: str | None = None
    text: str = ""
    data: Json = None
    topics: tuple[str, ...] = ()
    complete: bool = True

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.project, self.kind, self.id


def of_hit(hit: Hit) -> Finding:
    """Return what a search has found; whose it is has to be read from the row itself."""
    entry = hit.entry
    title = entry.title or entry.body
    text = entry.body if entry.title else ""
    return Finding(
        entry.kind, entry.id, entry.project_id, entry.at, title, entry.type, None, text, entry.data, complete=False
    )


def of_event(row: Any) -> Finding:
    """Return an event."""
    title = row.summary or (row.data.get("summary") if isinstance(row.data, dict) else "") or row.kind
    return Finding("event", row.id, row.project_id, row.at, str(title), row.kind, row.author, "", row.data, row.topics)


def of_plan(row: Any) -> Finding:
    """Return a plan."""
    at, text = row.updated_at, row.content or ""
    return Finding("plan", row.id, row.project_id, at, row.title, row.status, row.author, text, None, row.topics)


def of_session(row: Any) -> Finding:
    """Return a session."""
    at, text = row.started_at, row.content or ""
    return Finding("session", row.id, row.project_id, at, row.title, row.status, row.author, text, None, row.topics)


def of_frame(row: Any) -> Finding:
    """Return a frame."""
    return Finding("frame", row.id, row.project_id, row.created_at, row.name, row.state, None, row.digest_text or "")


def of_anchor(row: Any) -> Finding:
    """Return an anchor."""
    return Finding("anchor", row.id, row.project_id, row.created_at, row.text, row.type)


def of_task(row: Any) -> Finding:
    """Return a task of an agent."""
    text = row.error or row.text
    return Finding("task", row.id, row.project_id, row.created_at, row.title, row.state, row.assignee, text)


def of_resource(row: Any) -> Finding:
    """Return a document."""
    author = ", ".join(row.creators) or None
    at, text = row.created_at, row.description
    return Finding("resource", row.id, row.project_id, at, row.title, row.classification, author, text, None, row.tags)


def of_annotation(row: Any) -> Finding:
    """Return an annotation."""
    at, type_ = row.created_at, "shared" if row.shared else "private"
    title, text = row.note or row.text, row.text if row.note else ""
    return Finding("annotation", row.id, row.project_id, at, title, type_, row.author, text, None, row.tags)


def of_workflow(row: Any) -> Finding:
    """Return a workflow."""
    return Finding(
        "workflow", row.id, row.project_id, row.updated_at, row.name, None, None, row.description, None, row.tags
    )


def of_thread(row: Any) -> Finding:
    """Return a thread of a chat."""
    return Finding("thread", row.id, row.project_id, row.created_at, row.title or row.id, row.kind)


def of_node(row: Any) -> Finding:
    """Return a node of the knowledge graph."""
    return Finding("node", row.id, row.project_id, row.created_at, row.name, row.type, None, row.text)
