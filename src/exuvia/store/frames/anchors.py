"""Facts that are pinned to frames."""

from __future__ import annotations

from datetime import datetime

from exuvia.store.core.deleting import delete_one
from exuvia.store.core.listing import Listing, Page, Where, falling
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id, encode_json
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import Filter
from exuvia.store.frames.finding import find
from exuvia.store.frames.records import ANCHOR, Anchor


class Anchors(Subsystem[M]):
    """Pin facts to frames, and list them."""

    @writing
    def pin(
        self,
        frame: str,
        text: str,
        *,
        type: str = "fact",
        priority: int = 0,
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Anchor]:
        """Pin a fact to a frame, open or closed.

        Args:
            frame: The frame.
            text: The fact.
            type: Such as fact, decision, constraint, interface_contract, todo or risk.
            priority: 0 to 10; the largest comes first.
            data: A JSON document.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such frame.
            InvalidValueError: The priority is out of range.
            ConflictError: There is an anchor with this id.
        """
        owner = self.scope.own(project)
        if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority <= 10:
            raise InvalidValueError(f"{priority!r} cannot be a priority.", hint="It is 0 to 10.", code="priority")
        yield from find(owner, checked_id(frame, what="frame"), self.dialect.for_share)
        rows = yield Statement(
            f"""
            INSERT INTO anchors (project_id, id, frame_id, type, text, priority, data, created_at)
            VALUES (:project, :id, :frame, :type, :text, :priority, :data, :now)
            RETURNING {ANCHOR.columns()}
            """,
            {
                "project": owner,
                "id": chosen_id(id),
                "frame": frame,
                "type": checked_text(type, what="type", longest=64),
                "text": checked_text(text, what="text"),
                "priority": priority,
                "data": encode_json({} if data is None else data),
                "now": self.now(),
            },
        )
        return ANCHOR.read(rows[0])

    @writing_once
    def unpin(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Remove an anchor; return whether it was there."""
        return (yield from delete_one("anchors", self.scope.own(project), id))

    @reading
    def anchors(
        self,
        *,
        frame: str | None = None,
        run: str | None = None,
        type: str | None = None,
        min_priority: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Anchor]]:
        """List anchors, the most important first and of those the newest.

        Args:
            frame: The frame they are pinned to.
            run: The run of that frame.
            type: The type.
            min_priority: This priority or a larger one.
            since: Pinned then or later.
            until: Pinned then or earlier.
            filter: About ``data``.
            project: The project; all of them if None.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("a.project_id", self.scope.among(project)).equal("a.frame_id", frame)
        where.equal("a.type", type).between("a.priority", min_priority, None)
        where.during("a.created_at", since, until).json("a.data", filter, self.dialect)
        if run is not None:
            where.also(
                "EXISTS (SELECT 1 FROM frames AS f"
                " WHERE f.project_id = a.project_id AND f.id = a.frame_id AND f.run_id = :run)",
                run=run,
            )
        keys = ("a.priority", "a.created_at", "a.project_id", "a.id")
        order = falling(*keys)
        return (yield from Listing(ANCHOR, "anchors AS a", where, order, alias="a").page(limit, after))
