"""Plans, sessions and events from the texts of files: exuvia's own, and those of other tools."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final, Literal

import orjson

from exuvia.store.core.values import Json
from exuvia.store.knowledge.documents import Documents
from exuvia.store.knowledge.markdown.front_matter import FrontMatter
from exuvia.store.knowledge.markdown.pages import MARK
from exuvia.store.knowledge.markdown.problems import MarkdownError
from exuvia.store.knowledge.plans import PLANS
from exuvia.store.knowledge.records import PRIORITIES, NewEvent, Plan, Session
from exuvia.store.knowledge.sessions import SESSIONS

Sort = Literal["project", "plan", "session", "events"]

_FENCED: Final = re.compile(r"^```json[ \t]*\r?\n(.*?)^```[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_KEYS: Final = {"at", "author", "data", "id", "kind", "plan", "summary", "topics"}
_ALSO_CALLED: Final[dict[str, tuple[str, ...]]] = {
    "planned": ("draft", "proposed", "todo", "pending", "planning", "backlog"),
    "active": ("in-progress", "wip", "started", "open", "ongoing"),
    "paused": ("on-hold", "blocked", "deferred"),
    "complete": ("completed", "done", "finished", "closed", "resolved"),
    "cancelled": ("canceled", "abandoned", "rejected"),
    "abandoned": ("cancelled", "canceled"),
    "superseded": ("merged", "replaced", "archived", "deprecated"),
}


@dataclass(slots=True)
class Page:
    """A file that is being read.

    Args:
        front: Its front matter.
        path: Where it is, below the directory that is imported.
        project: The project it belongs to.
        modified: When the file was last written.
    """

    front: FrontMatter
    path: PurePath
    project: str
    modified: datetime
    _taken: set[str] = field(default_factory=lambda: {"exuvia", "project", "id"})

    @property
    def id(self) -> str:
        """Its id: the one it names, or the file's name."""
        return self.text("id") or self.path.stem

    def line(self, key: str) -> int:
        """Return the line of a key."""
        return self.front.lines.get(key, 1)

    def take(self, *names: str) -> tuple[str, Json]:
        """Return the first of these keys that is there, and its value; the first, and None, if none is."""
        found = next((name for name in names if self.front.values.get(name) is not None), names[0])
        self._taken.add(found)
        return found, self.front.values.get(found)

    def text(self, *names: str) -> str | None:
        """Return the first of these keys as a text."""
        name, value = self.take(*names)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            raise MarkdownError(f"{name} is not a text.", line=self.line(name), hint=f"Write {name}: a text.")
        return str(value)

    def time(self, *names: str) -> datetime | None:
        """Return the first of these keys as a time."""
        name, value = self.take(*names)
        return None if value is None else moment_of(value, self.line(name))

    def topics(self) -> tuple[str, ...]:
        """Return what it is about."""
        name, value = self.take("topics", "tags")
        given = value.split(",") if isinstance(value, str) else value or []
        if not isinstance(given, list) or any(isinstance(topic, dict | list) for topic in given):
            raise MarkdownError(f"{name} is not a list of texts.", line=self.line(name), hint=f"Write {name}: [a, b].")
        texts = given if not isinstance(value, str) else [topic.strip() for topic in given]
        return tuple(dict.fromkeys(str(topic) for topic in texts if topic not in {None, ""}))

    def status(self, documents: Documents[Any], default: str) -> str:
        """Return its status, whatever other tools call it."""
        given = self.text("status")
        plain = re.sub(r"[^a-z]+", "-", (given or default).lower()).strip("-")
        for status in documents.steps:
            if plain == status:
                return status
        for status in documents.steps:
            if plain in _ALSO_CALLED[status]:
                return status
        known = ", ".join(documents.steps)
        raise MarkdownError(f"The status {given!r} is not known.", line=self.line("status"), hint=f"Choose {known}.")

    def title(self, content: str) -> str:
        """Return its title: the one it names, its first heading, or its id."""
        named = self.text("title", "topic")
        heading = _HEADING.search(content)
        return named or (heading[1] if heading else self.id)

    def rest(self) -> Json:
        """Return the data: everything that was not taken for something else.

        Raises:
            MarkdownError: ``data_json`` is not JSON.
        """
        values = self.front.values
        if "data_json" in values:
            return _json(str(values["data_json"]), self.line("data_json"))
        rest = {key: value for key, value in values.items() if key not in self._taken and key != "data"}
        if "data" not in values:
            return rest
        data = values["data"]
        if not rest:
            return data
        return data | rest if isinstance(data, dict) else {"data": data, **rest}


def sort_of(front: FrontMatter, path: PurePath) -> Sort | None:
    """Tell what a file is: what it says, or else what its name and its directories say; None if it is none of ours."""
    said = front.values.get("exuvia")
    if said in {"project", "plan", "session", "events"}:
        return said  # type: ignore[no-any-return]
    if path.stem.lower() == "readme":
        return None
    if path.stem.lower().startswith(("plan_", "plan-")) or "plans" in path.parts[:-1]:
        return "plan"
    if "sessions" in path.parts[:-1] or (_DAY.match(path.stem) and "session" in path.stem):
        return "session"
    return None


def plan_of(page: Page, before: Callable[[], Plan | None]) -> Plan:
    """Read a plan.

    Args:
        page: The file.
        before: Finds the plan as it is in the store, for times that the file does not tell.

    Raises:
        MarkdownError: The file is no plan.
    """
    content = page.front.body
    created, updated = page.time("created", "created_at", "date"), page.time("updated", "updated_at")
    known = before() if created is None or updated is None else None
    made = created or (known.created_at if known else page.modified)
    return Plan(
        project_id=page.project,
        id=page.id,
        title=page.title(content),
        status=page.status(PLANS, "planned"),  # type: ignore[arg-type]
        priority=_priority(page),  # type: ignore[arg-type]
        author=page.text("author"),
        topics=page.topics(),
        content=content,
        data=page.rest(),
        version=1,
        created_at=made,
        updated_at=updated or (known.updated_at if known else made),
    )


def session_of(page: Page, content: str, before: Callable[[], Session | None]) -> Session:
    """Read a session.

    Args:
        page: The file.
        content: Its text, without the events.
        before: Finds the session as it is in the store, for times that the file does not tell.

    Raises:
        MarkdownError: The file is no session.
    """
    day = _DAY.match(page.path.stem)
    started = page.time("started", "started_at", "date", "created")
    if started is None and day is not None:
        started = moment_of(day[0], 1)
    updated, ended = page.time("updated", "updated_at"), page.time("ended", "ended_at", "completed")
    known = before() if started is None or updated is None else None
    begun = started or (known.started_at if known else page.modified)
    return Session(
        project_id=page.project,
        id=page.id,
        plan_id=page.text("plan"),
        title=page.title(content),
        status=page.status(SESSIONS, "active"),  # type: ignore[arg-type]
        author=page.text("author"),
        topics=page.topics(),
        content=content,
        data=page.rest(),
        version=1,
        started_at=begun,
        ended_at=ended,
        updated_at=updated or (known.updated_at if known else begun),
    )


def split_events(front: FrontMatter, session: str | None) -> tuple[str, tuple[NewEvent, ...]]:
    """Return the text of a file, and the events that are listed after it.

    Raises:
        MarkdownError: An event is not one.
    """
    marks = list(MARK.finditer(front.body))
    if not marks:
        return front.body, ()
    begin = marks[-1].end()
    line = front.body_line + front.body.count("\n", 0, begin)
    listed = front.body[begin:]
    events = (
        _event(block[1], line + listed.count("\n", 0, block.start(1)), session) for block in _FENCED.finditer(listed)
    )
    return front.body[: marks[-1].start() - 1], tuple(events)


def moment_of(given: object, line: int) -> datetime:
    """Read a time or a day, in UTC where it names no zone.

    Raises:
        MarkdownError: It is neither.
    """
    try:
        found = datetime.fromisoformat(str(given).strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MarkdownError(
            f"{str(given)[:40]!r} is not a time.", line=line, hint="Write 2026-02-15 or 2026-02-15T09:30:00Z."
        ) from None


def _priority(page: Page) -> str | None:
    given = page.text("priority")
    plain = re.sub(r"[^a-z]+", "", (given or "").lower())
    if given is None or plain in PRIORITIES:
        return plain or None
    known = ", ".join(PRIORITIES)
    raise MarkdownError(f"The priority {given!r} is not known.", line=page.line("priority"), hint=f"Choose {known}.")


def _event(text: str, line: int, session: str | None) -> NewEvent:
    said = _json(text, line)
    if not isinstance(said, dict) or said.keys() - _KEYS or {"at", "id", "kind"} - said.keys():
        keys = ", ".join(sorted(_KEYS))
        raise MarkdownError("This is not an event.", line=line, hint=f"It has to be an object with the keys {keys}.")
    return NewEvent(
        said["kind"],
        said.get("data", {}),
        session=session,
        plan=said.get("plan"),
        author=said.get("author"),
        topics=said.get("topics", ()),
        summary=said.get("summary"),
        at=moment_of(said["at"], line),
        id=said["id"],
    )


def _json(text: str, line: int) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MarkdownError(
            f"This is not JSON: {error.msg}.", line=line + error.lineno - 1, hint="Correct it."
        ) from None
