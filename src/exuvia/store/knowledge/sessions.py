"""Work sessions: who worked on what, when, and how it went."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from types import EllipsisType
from typing import Final, Literal

from exuvia.store.core.deleting import delete_one
from exuvia.store.core.listing import Page
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, chosen_id
from exuvia.store.filters import Filter
from exuvia.store.knowledge.documents import (
    Documents,
    Filters,
    changed,
    checked_author,
    checked_record,
    checked_title,
    checked_topics,
)
from exuvia.store.knowledge.records import SESSION, SESSION_STEPS, Session, SessionStatus
from exuvia.store.knowledge.sizes import Size

SESSIONS: Final = Documents(SESSION, "sessions", "session", SESSION_STEPS, "started_at")


class Sessions(Subsystem[M]):
    """Make, read, change, list and delete sessions."""

    @writing_once
    def create(
        self,
        title: str,
        *,
        status: SessionStatus = "active",
        plan: str | None = None,
        author: str | None = None,
        topics: Collection[str] = (),
        content: str = "",
        data: Json = None,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Session]:
        """Make a session.

        Args:
            title: What it is about.
            status: active, paused, complete or abandoned.
            plan: The plan it works on.
            author: Whose it is.
            topics: What it is about.
            content: Its text, in Markdown.
            data: A JSON document; {} if None.
            started_at: When it began; now if None.
            ended_at: When it ended, if it has.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: A value cannot be stored.
            ConflictError: There is a session with this id.
            MissingReferenceError: There is no such project, or no such plan in it.
        """
        now = self.now()
        session = Session(
            project_id=self.scope.own(project),
            id=chosen_id(id),
            plan_id=None if plan is None else checked_id(plan, what="plan"),
            title=checked_title(title),
            status=SESSIONS.status(status),  # type: ignore[arg-type]
            author=checked_author(author),
            topics=checked_topics(topics),
            content=checked_text(content, what="content"),
            data={} if data is None else data,
            version=1,
            started_at=now if started_at is None else checked_time(started_at, what="started_at"),
            ended_at=None if ended_at is None else checked_time(ended_at, what="ended_at"),
            updated_at=now,
        )
        return (yield from SESSIONS.insert(session))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Session]:
        """Return a session.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from SESSIONS.get(self.scope.own(project), id))

    @writing
    def put(self, session: Session) -> Operation[Literal["created", "changed", "unchanged"]]:
        """Write a session as it is, whatever its status was before; only its version is the store's own.

        Returns:
            What became of it; a session that is there in just this way stays as it is.

        Raises:
            InvalidValueError: A value cannot be stored.
            MissingReferenceError: There is no such project, or no such plan in it.
        """
        self.scope.own(session.project_id)
        if session.plan_id is not None:
            checked_id(session.plan_id, what="plan")
        return (yield from SESSIONS.put(checked_record(session, SESSIONS), self.dialect.for_update))  # type: ignore[return-value]

    @writing_once
    def update(
        self,
        id: str,
        *,
        version: int,
        title: str | EllipsisType = ...,
        status: SessionStatus | EllipsisType = ...,
        plan: str | EllipsisType | None = ...,
        author: str | EllipsisType | None = ...,
        topics: Collection[str] | EllipsisType = ...,
        content: str | EllipsisType = ...,
        data: Json = ...,
        ended_at: datetime | EllipsisType | None = ...,
        project: str | None = None,
    ) -> Operation[Session]:
        """Change a session that has not changed since it was read. What is not named stays.

        Args:
            version: The version that was read.
            title, status, plan, author, topics, content, data, ended_at: What to change; see ``create``.

        Raises:
            NotFoundError: There is none with this id.
            ConflictError: Somebody has changed it since; nothing is written.
            StateError: Its status does not lead to the new one.
            MissingReferenceError: There is no such plan in the project.
        """
        changes = changed(title=title, author=author, topics=topics, content=content, data=data)
        if not isinstance(status, EllipsisType):
            changes["status"] = SESSIONS.status(status)
        if not isinstance(plan, EllipsisType):
            changes["plan_id"] = None if plan is None else checked_id(plan, what="plan")
        if not isinstance(ended_at, EllipsisType):
            changes["ended_at"] = None if ended_at is None else checked_time(ended_at, what="ended_at")
        owner = self.scope.own(project)
        return (yield from SESSIONS.update(owner, id, version, changes, now=self.now(), dialect=self.dialect))

    @writing_once
    def set_status(self, id: str, status: SessionStatus, *, project: str | None = None) -> Operation[Session]:
        """Change a session's status, whatever else has changed: from active or paused to any, from complete or
        abandoned back to active.

        Raises:
            NotFoundError: There is none with this id.
            StateError: Its status does not lead to the new one.
        """
        return (
            yield from SESSIONS.set_status(self.scope.own(project), id, status, now=self.now(), dialect=self.dialect)
        )

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        status: SessionStatus | Collection[SessionStatus] | None = None,
        plan: str | None = None,
        author: str | None = None,
        topic: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
        filter: Filter | None = None,
        size: Size = "metadata",
        section: str | None = None,
        limit: int = 100,
        after: str | None = None,
        count: bool = True,
    ) -> Operation[Page[Session]]:
        """List sessions, those begun last first.

        Args:
            project: The project; None for all of them.
            status: One status or several.
            plan: The plan they work on.
            author: Whose they are.
            topic: One of their topics, exactly.
            since: Not begun before this.
            until: Not begun after this.
            text: In the title or the text, whatever the case of its ASCII letters; ``store.search`` knows words.
            filter: What ``data`` and ``topics`` have to be like.
            size: preview, metadata, section or full.
            section: The heading of the section, for the size section.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
            count: Count the whole list.
        """
        filters = Filters(self.scope.among(project), status, author, topic, since, until, text, filter)
        where = SESSIONS.where(filters, self.dialect).equal("plan_id", plan)
        return (
            yield from SESSIONS.page(where, filters, size=size, section=section, limit=limit, after=after, count=count)
        )

    @writing_once
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a session with its events; return whether it was there."""
        return (yield from delete_one("sessions", self.scope.own(project), id))
