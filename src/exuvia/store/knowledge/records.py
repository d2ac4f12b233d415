"""Plans, sessions and events, as they are read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json, new_id
from exuvia.store.errors import InvalidValueError
from exuvia.store.knowledge.kinds import Payload, payload_of

PlanStatus = Literal["planned", "active", "paused", "complete", "cancelled", "superseded"]
SessionStatus = Literal["active", "paused", "complete", "abandoned"]
Priority = Literal["low", "medium", "high", "critical"]

PRIORITIES: Final = ("low", "medium", "high", "critical")
PLAN_STEPS: Final[dict[str, frozenset[str]]] = {
    "planned": frozenset({"active", "cancelled", "superseded"}),
    "active": frozenset({"planned", "paused", "complete", "cancelled", "superseded"}),
    "paused": frozenset({"active", "complete", "cancelled", "superseded"}),
    "complete": frozenset({"active", "superseded"}),
    "cancelled": frozenset({"planned", "active"}),
    "superseded": frozenset({"planned", "active"}),
}
"""What may become of a plan of each status."""
SESSION_STEPS: Final[dict[str, frozenset[str]]] = {
    "active": frozenset({"paused", "complete", "abandoned"}),
    "paused": frozenset({"active", "complete", "abandoned"}),
    "complete": frozenset({"active"}),
    "abandoned": frozenset({"active"}),
}
"""What may become of a session of each status."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan.

    Args:
        project_id: Its project.
        id: Its id in the project.
        title: What people call it.
        status: How it stands.
        priority: How much it matters, if that is known.
        author: Whose it is, if that is known.
        topics: What it is about.
        content: Its text, in Markdown; a part of it, or None, in a list that was asked for less.
        data: Anything else; None in a preview.
        version: How often it was written, the first time included.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    title: str
    status: PlanStatus
    priority: Priority | None
    author: str | None
    topics: tuple[str, ...]
    content: str | None
    data: Json
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A work session.

    Args:
        project_id: Its project.
        id: Its id in the project.
        plan_id: The plan it works on, if there is one.
        title: What it is about.
        status: How it stands.
        author: Whose it is, if that is known.
        topics: What it is about.
        content: Its text, in Markdown; a part of it, or None, in a list that was asked for less.
        data: Anything else; None in a preview.
        version: How often it was written, the first time included.
        started_at: When it began.
        ended_at: When it was completed or abandoned.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    plan_id: str | None
    title: str
    status: SessionStatus
    author: str | None
    topics: tuple[str, ...]
    content: str | None
    data: Json
    version: int
    started_at: datetime
    ended_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Events are never changed.

    Args:
        project_id: Its project.
        id: Its id in the project.
        session_id: The session it happened in, if there is one.
        plan_id: The plan it belongs to, if there is one.
        kind: What kind of event.
        author: Who says so, if that is known.
        topics: What it is about.
        summary: A line for people.
        data: What it says; a part of it, or None, in a list that was asked for less.
        at: When it happened.
    """

    project_id: str
    id: str
    session_id: str | None
    plan_id: str | None
    kind: str
    author: str | None
    topics: tuple[str, ...]
    summary: str
    data: Json
    at: datetime

    @property
    def payload(self) -> Payload | None:
        """What it says as the class of its kind; None for a kind that has none.

        Raises:
            InvalidValueError: The list it comes from was asked for less than the full data.
        """
        return payload_of(self.kind, self.data)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended.

    Its id is made when this is, so appending it again, after an error, does not make it twice.

    Args:
        kind: What kind of event: one of ``KINDS``, or any other text.
        data: What it says: a JSON document that fits the kind, or one of the kind's own class.
        session: The session it happened in.
        plan: The plan it belongs to.
        author: Who says so.
        topics: What it is about.
        summary: A line for people; for a known kind that kind's headline, if None.
        at: When it happened; the time of the call, if None.
        id: The caller's own id; a new UUID if not given.
    """

    kind: str
    data: Any = field(default_factory=dict)
    session: str | None = None
    plan: str | None = None
    author: str | None = None
    topics: Collection[str] = ()
    summary: str | None = None
    at: datetime | None = None
    id: str = field(default_factory=new_id)

    @classmethod
    def of(cls, payload: Payload, **rest: Any) -> NewEvent:
        """Return an event that says this; ``rest`` is as for the class.

        Raises:
            InvalidValueError: That is not what a known kind says.
        """
        if not isinstance(payload, Payload):
            raise InvalidValueError(
                f"{repr(payload)[:60]} is not what an event says.",
                hint="Pass one of the classes of exuvia.store, such as TaskCompleted(task='…').",
                code="payload",
            )
        return cls(payload.kind, payload.model_dump(exclude_unset=True), **rest)


PLAN: Final = Shape(Plan)
SESSION: Final = Shape(Session)
EVENT: Final = Shape(Event)
