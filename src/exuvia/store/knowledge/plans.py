"""Plans: what is to be done, and how it stands."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from types import EllipsisType
from typing import Final, Literal

from exuvia.store.core.listing import Page
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id
from exuvia.store.errors import InvalidValueError
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
from exuvia.store.knowledge.records import PLAN, PLAN_STEPS, PRIORITIES, Plan, PlanStatus, Priority
from exuvia.store.knowledge.sizes import Size

PLANS: Final = Documents(PLAN, "plans", "plan", PLAN_STEPS, "updated_at")


class Plans(Subsystem[M]):
    """Make, read, change, list and delete plans."""

    @writing_once
    def create(
        self,
        title: str,
        *,
        status: PlanStatus = "planned",
        priority: Priority | None = None,
        author: str | None = None,
        topics: Collection[str] = (),
        content: str = "",
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Plan]:
        """Make a plan.

        Args:
            title: What people call it.
            status: planned, active, paused, complete, cancelled or superseded.
            priority: low, medium, high or critical.
            author: Whose it is.
            topics: What it is about.
            content: Its text, in Markdown.
            data: A JSON document; {} if None.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: A value cannot be stored.
            ConflictError: There is a plan with this id.
            MissingReferenceError: There is no such project.
        """
        now = self.now()
        plan = Plan(
            project_id=self.scope.own(project),
            id=chosen_id(id),
            title=checked_title(title),
            status=PLANS.status(status),  # type: ignore[arg-type]
            priority=checked_priority(priority),
            author=checked_author(author),
            topics=checked_topics(topics),
            content=checked_text(content, what="content"),
            data={} if data is None else data,
            version=1,
            created_at=now,
            updated_at=now,
        )
        return (yield from PLANS.insert(plan))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Plan]:
        """Return a plan.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from PLANS.get(self.scope.own(project), id))

    @writing
    def put(self, plan: Plan) -> Operation[Literal["created", "changed", "unchanged"]]:
        """Write a plan as it is, whatever its status was before; only its version is the store's own.

        Returns:
            What became of it; a plan that is there in just this way stays as it is.

        Raises:
            InvalidValueError: A value cannot be stored.
        """
        self.scope.own(plan.project_id)
        checked_priority(plan.priority)
        return (yield from PLANS.put(checked_record(plan, PLANS), self.dialect.for_update))  # type: ignore[return-value]

    @writing_once
    def update(
        self,
        id: str,
        *,
        version: int,
        title: str | EllipsisType = ...,
        status: PlanStatus | EllipsisType = ...,
        priority: Priority | EllipsisType | None = ...,
        author: str | EllipsisType | None = ...,
        topics: Collection[str] | EllipsisType = ...,
        content: str | EllipsisType = ...,
        data: Json = ...,
        project: str | None = None,
    ) -> Operation[Plan]:
        """Change a plan that has not changed since it was read. What is not named stays.

        Args:
            version: The version that was read.
            title, status, priority, author, topics, content, data: What to change; see ``create``.

        Raises:
            NotFoundError: There is none with this id.
            ConflictError: Somebody has changed it since; nothing is written.
            StateError: Its status does not lead to the new one.
        """
        changes = changed(title=title, author=author, topics=topics, content=content, data=data)
        if not isinstance(status, EllipsisType):
            changes["status"] = PLANS.status(status)
        if not isinstance(priority, EllipsisType):
            changes["priority"] = checked_priority(priority)
        owner = self.scope.own(project)
        return (yield from PLANS.update(owner, id, version, changes, now=self.now(), dialect=self.dialect))

    @writing_once
    def set_status(self, id: str, status: PlanStatus, *, project: str | None = None) -> Operation[Plan]:
        """Change a plan's status, whatever else has changed: from planned to active or cancelled, from active to
        planned, paused, complete or cancelled, from paused to active, complete or cancelled, from complete back to
        active, from cancelled or superseded to planned or active; from any but cancelled to superseded.

        Raises:
            NotFoundError: There is none with this id.
            StateError: Its status does not lead to the new one.
        """
        return (yield from PLANS.set_status(self.scope.own(project), id, status, now=self.now(), dialect=self.dialect))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        status: PlanStatus | Collection[PlanStatus] | None = None,
        author: str | None = None,
        topic: str | None = None,
        priority: Priority | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
        filter: Filter | None = None,
        size: Size = "metadata",
        section: str | None = None,
        limit: int = 100,
        after: str | None = None,
        count: bool = True,
    ) -> Operation[Page[Plan]]:
        """List plans, those changed last first.

        Args:
            project: The project; None for all of them.
            status: One status or several.
            author: Whose they are.
            topic: One of their topics, exactly.
            priority: Their priority.
            since: Not changed before this.
            until: Not changed after this.
            text: In the title or the text, whatever the case of its ASCII letters; ``store.search`` knows words.
            filter: What ``data`` and ``topics`` have to be like.
            size: preview, metadata, section or full.
            section: The heading of the section, for the size section.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
            count: Count the whole list.
        """
        filters = Filters(self.scope.among(project), status, author, topic, since, until, text, filter)
        where = PLANS.where(filters, self.dialect).equal("priority", checked_priority(priority))
        return (
            yield from PLANS.page(where, filters, size=size, section=section, limit=limit, after=after, count=count)
        )

    @writing
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a plan with its events; its sessions stay, without a plan. Return whether it was there."""
        key = {"project": self.scope.own(project), "id": checked_id(id)}
        yield Statement(
            "UPDATE sessions SET plan_id = NULL, version = version + 1, updated_at = :now"
            " WHERE project_id = :project AND plan_id = :id",
            key | {"now": self.now()},
        )
        rows = yield Statement("DELETE FROM plans WHERE project_id = :project AND id = :id RETURNING id", key)
        return bool(rows)


def checked_priority(given: object) -> Priority | None:
    """Return a priority, checked.

    Raises:
        InvalidValueError: It is none.
    """
    if given is None or given in PRIORITIES:
        return given
    raise InvalidValueError(f"{given!r} is not a priority.", hint=f"Choose {', '.join(PRIORITIES)}.", code="priority")
