"""Projects, plans, sessions and events as the texts of files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from exuvia.store.core.values import Json
from exuvia.store.knowledge.kinds import KINDS
from exuvia.store.knowledge.markdown.front_matter import is_name, is_writable, write
from exuvia.store.knowledge.records import Event, Plan, Session
from exuvia.store.projects import Project

MARK: Final = re.compile(r"(?<=\n)<!-- exuvia:events -->[ \t]*\r?\n")
"""Begins the events of a file, the last time it stands there."""
RESERVED: Final = frozenset(
    {"exuvia", "project", "id", "name", "title", "topic", "status", "priority", "author", "topics", "tags", "plan"}
    | {"data", "data_json", "date", "created", "created_at", "updated", "updated_at", "started", "started_at"}
    | {"ended", "ended_at", "completed"}
)
"""Keys that mean something, here or in other tools' files: data with such a key are written under ``data``."""
_SECTION: Final = "\n<!-- exuvia:events -->\n\n## Events\n"


def project_page(project: Project) -> str:
    """Return the file of a project."""
    return _page({"exuvia": "project", "id": project.id, "name": project.name}, project.data, "")


def plan_page(plan: Plan) -> str:
    """Return the file of a plan."""
    values = {
        "exuvia": "plan",
        "project": plan.project_id,
        "id": plan.id,
        "title": plan.title,
        "status": plan.status,
        "priority": plan.priority,
        "author": plan.author,
        "topics": list(plan.topics) or None,
        "created": moment(plan.created_at),
        "updated": moment(plan.updated_at),
    }
    return _page(values, plan.data, plan.content or "")


def session_page(session: Session, events: Iterable[Event]) -> str:
    """Return the file of a session with its events."""
    values = {
        "exuvia": "session",
        "project": session.project_id,
        "id": session.id,
        "title": session.title,
        "status": session.status,
        "author": session.author,
        "topics": list(session.topics) or None,
        "plan": session.plan_id,
        "started": moment(session.started_at),
        "ended": None if session.ended_at is None else moment(session.ended_at),
        "updated": moment(session.updated_at),
    }
    content = session.content or ""
    listed = "".join(map(_event, events))
    section = f"{_SECTION}{listed}" if listed or MARK.search(content) else ""
    return _page(values, session.data, content + section)


def events_page(project: str, events: Iterable[Event]) -> str:
    """Return the file of a project's events that belong to no session."""
    return _page({"exuvia": "events", "project": project}, {}, f"{_SECTION}{''.join(map(_event, events))}")


def moment(given: datetime) -> str:
    """Write a time."""
    return given.isoformat().replace("+00:00", "Z")


def _page(values: dict[str, Json], data: Json, body: str) -> str:
    return write({key: value for key, value in values.items() if value is not None} | _data(data), body)


def _data(data: Json) -> dict[str, Json]:
    if not is_writable(data):
        return {"data_json": json.dumps(data, ensure_ascii=False, sort_keys=True)}
    if isinstance(data, dict) and all(is_name(key) and key not in RESERVED for key in data):
        return dict(sorted(data.items()))
    return {"data": data}


def _event(event: Event) -> str:
    said: dict[str, Json] = {
        "at": moment(event.at),
        "author": event.author,
        "id": event.id,
        "kind": event.kind,
        "plan": event.plan_id,
        "summary": event.summary if event.summary or event.kind in KINDS else None,
        "topics": list(event.topics) or None,
    }
    kept = {key: value for key, value in said.items() if value is not None} | {"data": event.data}
    # the engines keep the keys of a document in orders of their own
    shown = json.dumps(kept, ensure_ascii=False, indent=2, sort_keys=True)
    return f"\n### {moment(event.at)} {event.kind}\n\n```json\n{shown}\n```\n"
