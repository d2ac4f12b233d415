"""Resources."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from types import EllipsisType
from typing import Final, Literal

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id
from exuvia.store.documents.collections import BELOW
from exuvia.store.documents.editing import Table, optional, texts
from exuvia.store.documents.records import READ_STATUSES, RESOURCE, ReadStatus, Resource
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import Filter

Order = Literal["newest", "changed", "title", "quality"]

LONGEST_URL: Final = 4000
_ORDERS: Final[dict[str, Key]] = {
    "newest": Key("created_at", descending=True),
    "changed": Key("updated_at", descending=True),
    "title": Key("title"),
    "quality": Key("quality", descending=True, nullable=True),
}
_LAST: Final = "\U0010ffff"
_WITHOUT_CONTENT: Final = ", ".join("NULL" if name == "content" else name for name in RESOURCE.names)
_NESTED: Final = f"""
id IN (
  {BELOW}
  SELECT member.resource_id FROM below
  JOIN collection_members AS member
    ON member.project_id = below.project_id AND member.collection_id = below.id
)
"""
_WITHIN: Final = """
id IN (SELECT resource_id FROM collection_members WHERE project_id = :owner AND collection_id = :collection)
"""


class Resources(Subsystem[M]):
    """Add, read, change, list and delete resources."""

    @writing_once
    def create(
        self,
        title: str,
        *,
        creators: Collection[str] = (),
        url: str | None = None,
        identifier: str | None = None,
        language: str | None = None,
        media_type: str | None = None,
        description: str = "",
        content: str = "",
        classification: str | None = None,
        quality: float | None = None,
        read_status: ReadStatus = "unread",
        tags: Collection[str] = (),
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Resource]:
        """Add a resource.

        Args:
            title: Its title.
            creators: Who made it, in order.
            url: Where it is.
            identifier: What it is known by elsewhere, such as a DOI.
            language: Its language.
            media_type: Such as ``text/html``.
            description: What it is about.
            content: Its text.
            classification: The code of its subject.
            quality: From 0 to 1.
            read_status: unread, in_progress, completed or archived.
            tags: Words to find it by.
            data: A JSON document; {} if None.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: A value cannot be stored.
            ConflictError: There is a resource with this id.
            MissingReferenceError: There is no such project.
        """
        now = self.now()
        resource = Resource(
            project_id=self.scope.own(project),
            id=chosen_id(id),
            title=title,
            creators=texts(creators, what="creator"),
            url=url,
            identifier=identifier,
            language=language,
            media_type=media_type,
            description=description,
            content=content,
            classification=classification,
            quality=quality,
            read_status=read_status,
            tags=texts(tags, what="tag"),
            data={} if data is None else data,
            version=1,
            created_at=now,
            updated_at=now,
        )
        return (yield from RESOURCES.insert(resource))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Resource]:
        """Return a resource.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from RESOURCES.get(self.scope.own(project), id))

    @writing
    def lock(self, id: str, *, project: str | None = None) -> Operation[Resource]:
        """Return a resource and keep others from changing it until the open transaction ends.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from RESOURCES.get(self.scope.own(project), id, self.dialect.for_update))

    @writing
    def update(
        self,
        id: str,
        *,
        version: int,
        title: str | EllipsisType = ...,
        creators: Collection[str] | EllipsisType = ...,
        url: str | EllipsisType | None = ...,
        identifier: str | EllipsisType | None = ...,
        language: str | EllipsisType | None = ...,
        media_type: str | EllipsisType | None = ...,
        description: str | EllipsisType = ...,
        content: str | EllipsisType = ...,
        classification: str | EllipsisType | None = ...,
        quality: float | EllipsisType | None = ...,
        read_status: ReadStatus | EllipsisType = ...,
        tags: Collection[str] | EllipsisType = ...,
        data: Json = ...,
        project: str | None = None,
    ) -> Operation[Resource]:
        """Change a resource that has not changed since it was read. What is not named stays.

        Args:
            id: The resource.
            version: The version that was read.
            title, creators, url, identifier, language, media_type, description, content, classification, quality,
                read_status, tags, data: What to change; see ``create``.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is none with this id.
            ConflictError: Somebody has changed it since; nothing is written.
            InvalidValueError: A value cannot be stored.
        """
        changes = {
            "title": title,
            "creators": creators,
            "url": url,
            "identifier": identifier,
            "language": language,
            "media_type": media_type,
            "description": description,
            "content": content,
            "classification": classification,
            "quality": quality,
            "read_status": read_status,
            "tags": tags,
            "data": data,
        }
        owner = self.scope.own(project)
        return (yield from RESOURCES.update(owner, id, version, changes, lock=self.dialect.for_update, now=self.now()))

    @writing
    def edit(
        self, id: str, change: Callable[[Resource], Resource], *, project: str | None = None
    ) -> Operation[Resource]:
        """Lock a resource, and write what a function makes of it: nobody changes it in between.

        Args:
            id: The resource.
            change: Takes the resource and returns the new one, by ``dataclasses.replace``. It should be quick, must
                not use the store, and may be called again after a deadlock.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is none with this id.
            InvalidValueError: The function gives something else, or a value cannot be stored.
        """
        owner = self.scope.own(project)
        return (yield from RESOURCES.edit(owner, id, change, lock=self.dialect.for_update, now=self.now()))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        collection: str | None = None,
        nested: bool = False,
        read_status: ReadStatus | None = None,
        classification: str | None = None,
        classified_under: str | None = None,
        min_quality: float | None = None,
        max_quality: float | None = None,
        creator: str | None = None,
        tag: str | None = None,
        language: str | None = None,
        media_type: str | None = None,
        url: str | None = None,
        identifier: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        changed_since: datetime | None = None,
        changed_until: datetime | None = None,
        filter: Filter | None = None,
        order: Order = "newest",
        content: bool = False,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Resource]]:
        """List resources.

        Args:
            project: The project; all of them if None.
            collection: Those in this collection; ``store.documents.collections.resources`` has their order there.
            nested: With those in the collections inside of it.
            read_status: unread, in_progress, completed or archived.
            classification: This code exactly.
            classified_under: Codes that begin so.
            min_quality: This quality or better; those that nobody has judged are left out.
            max_quality: This quality or worse; those that nobody has judged are left out.
            creator: One of their creators, exactly.
            tag: One of their tags, exactly.
            language: Their language.
            media_type: Their media type.
            url: Their address.
            identifier: What they are known by elsewhere.
            since: Added then or later.
            until: Added then or earlier.
            changed_since: Changed then or later.
            changed_until: Changed then or earlier.
            filter: What ``data``, ``tags`` and ``creators`` have to be like.
            order: newest, changed (the last one first), title, or quality (the best first).
            content: Return the texts, too.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        owner = self.scope.among(project)
        where = Where().equal("project_id", owner).equal("read_status", _asked_status(read_status))
        where.equal("classification", classification).equal("language", language).equal("media_type", media_type)
        where.equal("url", url).equal("identifier", identifier)
        where.between("quality", checked_quality(min_quality), checked_quality(max_quality))
        where.during("created_at", since, until).during("updated_at", changed_since, changed_until)
        if classified_under is not None:
            code = checked_text(classified_under, what="classification", longest=64)
            where.between("classification", code, code + _LAST)
        if creator is not None:
            where.also(self.dialect.has_element("creators", "creator"), creator=creator)
        if tag is not None:
            where.also(self.dialect.has_element("tags", "tag"), tag=tag)
        if collection is not None:
            where.also(_NESTED if nested else _WITHIN, owner=self.scope.own(project), collection=checked_id(collection))
        where.json(("data", "tags", "creators"), filter, self.dialect)
        columns = "" if content else _WITHOUT_CONTENT
        listing = Listing(RESOURCE, "resources", where, _keys(order), columns=columns)
        return (yield from listing.page(limit, after))

    @writing
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a resource with its citations and annotations, and take it out of its collections.

        Citations of it go too, but those that have an address stay, as citations of that address.

        Returns:
            Whether it was there.
        """
        owner = self.scope.own(project)
        # locked, so that no citation comes between the two statements that follow
        found = yield Statement(
            f"SELECT id FROM resources WHERE project_id = :project AND id = :id{self.dialect.for_update}",
            {"project": owner, "id": checked_id(id)},
        )
        if not found:
            return False
        yield Statement(
            "UPDATE citations SET target_id = NULL WHERE project_id = :project AND target_id = :id AND url IS NOT NULL",
            {"project": owner, "id": id},
        )
        return (yield from RESOURCES.delete(owner, id))


def checked_quality(given: object) -> float | None:
    """Return a quality, checked.

    Raises:
        InvalidValueError: It is no number from 0 to 1.
    """
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    raise InvalidValueError(
        f"{given!r} cannot be a quality.", hint="Pass a number from 0 to 1, or None.", code="quality"
    )


def checked_url(given: object) -> str | None:
    """Return an address, checked, or None."""
    return optional(given, what="url", longest=LONGEST_URL)


def _checked(given: Resource) -> Resource:
    return replace(
        given,
        id=checked_id(given.id),
        title=checked_text(given.title, what="title", longest=1000),
        creators=texts(given.creators, what="creator"),
        url=checked_url(given.url),
        identifier=optional(given.identifier, what="identifier", longest=255),
        language=optional(given.language, what="language", longest=64),
        media_type=optional(given.media_type, what="media type", longest=255),
        description=checked_text(given.description, what="description"),
        content=checked_text(given.content, what="content"),
        classification=optional(given.classification, what="classification", longest=64),
        quality=checked_quality(given.quality),
        read_status=_status(given.read_status),
        tags=texts(given.tags, what="tag"),
    )


def _status(given: object) -> ReadStatus:
    if isinstance(given, str) and given in READ_STATUSES:
        return given  # type: ignore[return-value]
    raise InvalidValueError(
        f"{given!r} is not a read status.", hint=f"Choose {', '.join(READ_STATUSES)}.", code="read_status"
    )


def _asked_status(given: object) -> ReadStatus | None:
    return None if given is None else _status(given)


def _keys(order: str) -> tuple[Key, ...]:
    key = _ORDERS.get(order)
    if key is None:
        raise InvalidValueError(f"{order!r} is not an order.", hint=f"Choose {', '.join(_ORDERS)}.", code="order")
    return key, Key("project_id", descending=key.descending), Key("id", descending=key.descending)


RESOURCES: Final = Table(RESOURCE, "resources", "resource", _checked, frozenset({"project_id", "id"}))
