"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be searched.

    Args:
        project_id: Its project.
        kind: What it is: plan, session, event, frame, …
        id: Its id among those of its kind.
        type: Its own kind or status, such as an event's kind.
        session_id: The session that it belongs to.
        at: Its time.
        title: Its title or name.
        tags: Its topics, or a summary.
        body: Its text.
        data: Its JSON document.
    """

    project_id: str
    kind: str
    id: str
    type: str | None
    session_id: str | None
    at: datetime
    title: str
    tags: str
    body: str
    data: Json


ENTRY: Final = Shape(Entry)


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found.

    Args:
        entry: What it is.
        score: How well it matches, between 0 and 1; comparable within one search only.
        title: Its title with the found words marked.
        excerpt: The part of its body that matches best, with the found words marked.
    """

    entry: Entry
    score: float
    title: str
    excerpt: str
