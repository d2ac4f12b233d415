"""Citations: what refers to what."""

from __future__ import annotations

from exuvia.store.core.deleting import delete_one
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id, encode_json
from exuvia.store.documents.editing import offset
from exuvia.store.documents.records import CITATION, Citation, CitationCounts
from exuvia.store.documents.resources import checked_url
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import Filter


class Citations(Subsystem[M]):
    """Record what a resource cites, and list it from both ends."""

    @writing_once
    def add(
        self,
        resource: str,
        *,
        to: str | None = None,
        url: str | None = None,
        type: str = "reference",
        position: int | None = None,
        context: str = "",
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Citation]:
        """Record a citation.

        Args:
            resource: The resource that cites.
            to: The resource that is cited.
            url: The address that is cited; one of the two has to be there.
            type: How it is cited.
            position: Where in the text, in characters from its beginning.
            context: The words around it.
            data: A JSON document; {} if None.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: A value cannot be stored, or nothing is cited.
            ConflictError: There is a citation with this id.
            MissingReferenceError: There is no such resource.
        """
        if to is None and url is None:
            raise InvalidValueError("Nothing is cited.", hint="Pass to=… (a resource) or url=….", code="target")
        rows = yield Statement(
            f"""
            INSERT INTO citations
              (project_id, id, resource_id, target_id, url, type, position, context, data, created_at)
            VALUES (:project, :id, :resource, :target, :url, :type, :position, :context, :data, :now)
            RETURNING {CITATION.columns()}
            """,
            {
                "project": self.scope.own(project),
                "id": chosen_id(id),
                "resource": checked_id(resource, what="resource"),
                "target": None if to is None else checked_id(to, what="resource"),
                "url": checked_url(url),
                "type": checked_text(type, what="type", longest=64),
                "position": offset(position, what="position"),
                "context": checked_text(context, what="context"),
                "data": encode_json({} if data is None else data),
                "now": self.now(),
            },
        )
        return CITATION.read(rows[0])

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        resource: str | None = None,
        to: str | None = None,
        url: str | None = None,
        type: str | None = None,
        filter: Filter | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Citation]]:
        """List citations: a resource's in the order of its text, others by time, the newest first.

        Args:
            project: The project; all of them if None.
            resource: What this resource cites.
            to: What cites this resource.
            url: What cites this address.
            type: How it is cited.
            filter: What ``data`` has to be like.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("resource_id", resource)
        where.equal("target_id", to).equal("url", url).equal("type", type).json("data", filter, self.dialect)
        by_time = tuple(Key(name, descending=True) for name in ("created_at", "project_id", "id"))
        by_place = (Key("position", nullable=True), Key("created_at"), Key("project_id"), Key("id"))
        return (
            yield from Listing(CITATION, "citations", where, by_time if resource is None else by_place).page(
                limit, after
            )
        )

    @reading
    def counts(self, resource: str, *, project: str | None = None) -> Operation[CitationCounts]:
        """Count what a resource cites and what cites it."""
        rows = yield Statement(
            """
            SELECT
              (SELECT count(*) FROM citations WHERE project_id = :project AND resource_id = :id),
              (SELECT count(*) FROM citations WHERE project_id = :project AND resource_id = :id AND target_id IS NULL),
              (SELECT count(*) FROM citations WHERE project_id = :project AND target_id = :id)
            """,
            {"project": self.scope.own(project), "id": checked_id(resource)},
        )
        return CitationCounts(*rows[0])

    @writing_once
    def resolve(self, url: str, to: str, *, project: str | None = None) -> Operation[int]:
        """Make the citations of an address those of a resource, which has become one of the project's.

        Returns:
            How many citations were of nothing but the address before.

        Raises:
            MissingReferenceError: There is no such resource.
        """
        rows = yield Statement(
            """
            UPDATE citations SET target_id = :to WHERE project_id = :project AND url = :url AND target_id IS NULL
            RETURNING id
            """,
            {
                "project": self.scope.own(project),
                "url": checked_text(url, what="url", longest=4000),
                "to": checked_id(to),
            },
        )
        return len(rows)

    @writing_once
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a citation; return whether it was there."""
        return (yield from delete_one("citations", self.scope.own(project), id))
