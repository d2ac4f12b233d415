"""Annotations."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from types import EllipsisType
from typing import Final

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation
from exuvia.store.core.values import checked_id, checked_text, chosen_id
from exuvia.store.documents.editing import Table, flag, offset, optional, texts
from exuvia.store.documents.records import ANNOTATION, Annotation
from exuvia.store.errors import InvalidValueError


class Annotations(Subsystem[M]):
    """Mark places in resources, note something, and find it again."""

    @writing_once
    def create(
        self,
        resource: str,
        *,
        start: int | None = None,
        end: int | None = None,
        text: str = "",
        note: str = "",
        tags: Collection[str] = (),
        author: str | None = None,
        color: str | None = None,
        shared: bool = False,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Annotation]:
        """Annotate a resource.

        Args:
            resource: The resource.
            start: Where the marked text begins, in characters; None when all of the resource is meant.
            end: The first character after it.
            text: The marked text.
            note: What is noted.
            tags: Words to find it by.
            author: Whose it is.
            color: The marker's color.
            shared: Whether others may read it.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: A value cannot be stored, or the place ends before it begins.
            ConflictError: There is an annotation with this id.
            MissingReferenceError: There is no such resource.
        """
        now = self.now()
        annotation = Annotation(
            project_id=self.scope.own(project),
            id=chosen_id(id),
            resource_id=resource,
            start_offset=start,
            end_offset=end,
            text=text,
            note=note,
            tags=texts(tags, what="tag"),
            author=author,
            color=color,
            shared=shared,
            version=1,
            created_at=now,
            updated_at=now,
        )
        return (yield from ANNOTATIONS.insert(annotation))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Annotation]:
        """Return an annotation.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from ANNOTATIONS.get(self.scope.own(project), id))

    @writing
    def update(
        self,
        id: str,
        *,
        version: int,
        start: int | EllipsisType | None = ...,
        end: int | EllipsisType | None = ...,
        text: str | EllipsisType = ...,
        note: str | EllipsisType = ...,
        tags: Collection[str] | EllipsisType = ...,
        author: str | EllipsisType | None = ...,
        color: str | EllipsisType | None = ...,
        shared: bool | EllipsisType = ...,
        project: str | None = None,
    ) -> Operation[Annotation]:
        """Change an annotation that has not changed since it was read. What is not named stays.

        Args:
            id: The annotation.
            version: The version that was read.
            start, end, text, note, tags, author, color, shared: What to change; see ``create``.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is none with this id.
            ConflictError: Somebody has changed it since; nothing is written.
            InvalidValueError: A value cannot be stored.
        """
        changes = {
            "start_offset": start,
            "end_offset": end,
            "text": text,
            "note": note,
            "tags": tags,
            "author": author,
            "color": color,
            "shared": shared,
        }
        owner = self.scope.own(project)
        return (
            yield from ANNOTATIONS.update(owner, id, version, changes, lock=self.dialect.for_update, now=self.now())
        )

    @writing
    def edit(
        self, id: str, change: Callable[[Annotation], Annotation], *, project: str | None = None
    ) -> Operation[Annotation]:
        """Lock an annotation, and write what a function makes of it; see ``Resources.edit``.

        Raises:
            NotFoundError: There is none with this id.
            InvalidValueError: The function gives something else, or a value cannot be stored.
        """
        owner = self.scope.own(project)
        return (yield from ANNOTATIONS.edit(owner, id, change, lock=self.dialect.for_update, now=self.now()))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        resource: str | None = None,
        author: str | None = None,
        reader: str | None = None,
        shared: bool | None = None,
        tag: str | None = None,
        color: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Annotation]]:
        """List annotations: a resource's in the order of its text, others by time, the newest first.

        Args:
            project: The project; all of them if None.
            resource: The resource.
            author: Whose they are.
            reader: Those that this one may read: their own, and shared ones.
            shared: Those that are shared (True), or are not (False).
            tag: One of their tags, exactly.
            color: The marker's color.
            since: Made then or later.
            until: Made then or earlier.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("resource_id", resource)
        where.equal("author", author).equal("shared", shared).equal("color", color)
        where.during("created_at", since, until)
        if reader is not None:
            where.also("(shared OR author = :reader)", reader=checked_text(reader, what="reader", longest=255))
        if tag is not None:
            where.also(self.dialect.has_element("tags", "tag"), tag=checked_text(tag, what="tag"))
        by_time = tuple(Key(name, descending=True) for name in ("created_at", "project_id", "id"))
        by_place = (Key("start_offset", nullable=True), Key("created_at"), Key("project_id"), Key("id"))
        order = by_time if resource is None else by_place
        return (yield from Listing(ANNOTATION, "annotations", where, order).page(limit, after))

    @writing_once
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete an annotation; return whether it was there."""
        return (yield from ANNOTATIONS.delete(self.scope.own(project), id))


def _checked(given: Annotation) -> Annotation:
    start, end = offset(given.start_offset, what="start"), offset(given.end_offset, what="end")
    if (start is None) != (end is None) or (start is not None and end is not None and end < start):
        raise InvalidValueError(
            f"The place from {start} to {end} is none.",
            hint="Pass both, the end not before the start; or neither, to mean all of the resource.",
            code="place",
        )
    return replace(
        given,
        id=checked_id(given.id),
        resource_id=checked_id(given.resource_id, what="resource"),
        text=checked_text(given.text, what="text"),
        note=checked_text(given.note, what="note"),
        tags=texts(given.tags, what="tag"),
        author=optional(given.author, what="author", longest=255),
        color=optional(given.color, what="color", longest=32),
        shared=flag(given.shared, what="shared"),
    )


ANNOTATIONS: Final = Table(
    ANNOTATION, "annotations", "annotation", _checked, frozenset({"project_id", "id", "resource_id"})
)
