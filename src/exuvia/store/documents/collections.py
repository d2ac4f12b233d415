"""Collections: nested, with resources in an order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Collection as Several
from dataclasses import replace
from types import EllipsisType
from typing import Final

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id
from exuvia.store.documents.editing import Table
from exuvia.store.documents.records import COLLECTION, RESOURCE, Collection, Resource
from exuvia.store.errors import InvalidValueError, NotFoundError, StateError
from exuvia.store.filters import Filter

_WITHOUT_CONTENT: Final = ", ".join("NULL" if name == "content" else f"r.{name}" for name in RESOURCE.names)
BELOW: Final = """
WITH RECURSIVE below (project_id, id) AS (
  SELECT project_id, id FROM collections WHERE project_id = :owner AND id = :collection
  UNION ALL
  SELECT child.project_id, child.id FROM below
  JOIN collections AS child ON child.project_id = below.project_id AND child.parent_id = below.id
)
"""
_MEMBERS: Final = """
collection_members AS m JOIN resources AS r ON r.project_id = m.project_id AND r.id = m.resource_id
"""


class Collections(Subsystem[M]):
    """Make, nest, fill and list collections."""

    @writing_once
    def create(
        self,
        name: str,
        *,
        parent: str | None = None,
        description: str = "",
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Collection]:
        """Make a collection.

        Args:
            name: What people call it.
            parent: The collection it is in.
            description: What it is for.
            data: A JSON document; {} if None.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: A value cannot be stored.
            ConflictError: There is a collection with this id.
            MissingReferenceError: There is no such project or parent.
        """
        now = self.now()
        key = chosen_id(id)
        if parent == key:
            raise _inside(key, key)
        made = Collection(
            project_id=self.scope.own(project),
            id=key,
            parent_id=parent,
            name=name,
            description=description,
            data={} if data is None else data,
            version=1,
            created_at=now,
            updated_at=now,
        )
        return (yield from COLLECTIONS.insert(made))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Collection]:
        """Return a collection.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from COLLECTIONS.get(self.scope.own(project), id))

    @writing
    def update(
        self,
        id: str,
        *,
        version: int,
        name: str | EllipsisType = ...,
        description: str | EllipsisType = ...,
        data: Json = ...,
        project: str | None = None,
    ) -> Operation[Collection]:
        """Change a collection that has not changed since it was read. What is not named stays.

        Args:
            id: The collection.
            version: The version that was read.
            name, description, data: What to change; see ``create``.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is none with this id.
            ConflictError: Somebody has changed it since; nothing is written.
        """
        changes = {"name": name, "description": description, "data": data}
        owner = self.scope.own(project)
        return (
            yield from COLLECTIONS.update(owner, id, version, changes, lock=self.dialect.for_update, now=self.now())
        )

    @writing
    def edit(
        self, id: str, change: Callable[[Collection], Collection], *, project: str | None = None
    ) -> Operation[Collection]:
        """Lock a collection, and write what a function makes of it; see ``Resources.edit``.

        Raises:
            NotFoundError: There is none with this id.
            InvalidValueError: The function gives something else, or a value cannot be stored.
        """
        owner = self.scope.own(project)
        return (yield from COLLECTIONS.edit(owner, id, change, lock=self.dialect.for_update, now=self.now()))

    @writing
    def move(self, id: str, parent: str | None, *, project: str | None = None) -> Operation[Collection]:
        """Put a collection into another one, or, with None, into none.

        Raises:
            NotFoundError: There is no such collection or parent.
            StateError: The parent is in the collection, or is the collection.
        """
        owner = self.scope.own(project)
        # moves go one after the other: two that are legal alone could make a circle together
        yield Statement(f"SELECT id FROM projects WHERE id = :id{self.dialect.for_change}", {"id": owner})
        yield from COLLECTIONS.get(owner, id)
        if parent is not None:
            yield from COLLECTIONS.get(owner, parent)
            if id in (yield from self._ids_above(owner, parent)):
                raise _inside(id, parent)
        rows = yield Statement(
            f"""
            UPDATE collections SET parent_id = :parent, version = version + 1, updated_at = :now
            WHERE project_id = :project AND id = :id RETURNING {COLLECTION.columns()}
            """,
            {"project": owner, "id": id, "parent": parent, "now": self.now()},
        )
        if not rows:
            raise COLLECTIONS.missing(owner, id)
        return COLLECTION.read(rows[0])

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        parent: str | EllipsisType | None = ...,
        resource: str | None = None,
        filter: Filter | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Collection]]:
        """List collections, the oldest first.

        Args:
            project: The project; all of them if None.
            parent: Those in this collection; None for those that are in none.
            resource: Those that have this resource.
            filter: What ``data`` has to be like.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project))
        if parent is None:
            where.also("parent_id IS NULL")
        elif not isinstance(parent, EllipsisType):
            where.equal("parent_id", checked_id(parent))
        if resource is not None:
            where.also(
                "id IN (SELECT collection_id FROM collection_members WHERE project_id = :owner AND resource_id = :res)",
                owner=self.scope.own(project),
                res=checked_id(resource),
            )
        where.json("data", filter, self.dialect)
        order = (Key("created_at"), Key("project_id"), Key("id"))
        return (yield from Listing(COLLECTION, "collections", where, order).page(limit, after))

    @reading
    def subtree(self, id: str, *, project: str | None = None) -> Operation[tuple[Collection, ...]]:
        """Return a collection and all that are in it, depth first, siblings in the order in which they were made.

        Raises:
            NotFoundError: There is none with this id.
        """
        owner = self.scope.own(project)
        rows = yield Statement(
            f"""
            {BELOW}
            SELECT {COLLECTION.columns("c")} FROM below
            JOIN collections AS c ON c.project_id = below.project_id AND c.id = below.id
            ORDER BY c.created_at, c.id
            """,
            {"owner": owner, "collection": checked_id(id)},
        )
        if not rows:
            raise COLLECTIONS.missing(owner, id)
        return _depth_first(COLLECTION.read_all(rows), id)

    @writing
    def add(
        self, id: str, resources: Several[str], *, before: str | None = None, project: str | None = None
    ) -> Operation[None]:
        """Put resources into a collection, in this order. Those that are in it already move to the new place.

        Args:
            id: The collection.
            resources: The resources.
            before: The member that they come before; None for the end.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such collection, or ``before`` is not in it.
            MissingReferenceError: There is no such resource.
        """
        owner = self.scope.own(project)
        given = _several(resources)
        if before in given:
            raise InvalidValueError(
                f"The resource {before!r} cannot come before itself.", hint="Name another member.", code="before"
            )
        yield from COLLECTIONS.get(owner, id, self.dialect.for_update)
        first = yield from self._place(owner, id, before)
        if before is not None:
            yield Statement(
                """
                UPDATE collection_members SET position = position + :count
                WHERE project_id = :project AND collection_id = :id AND position >= :first
                """,
                {"project": owner, "id": id, "first": first, "count": len(given)},
            )
        yield Many(
            """
            INSERT INTO collection_members (project_id, collection_id, resource_id, position)
            VALUES (:project, :id, :resource, :position)
            ON CONFLICT (project_id, collection_id, resource_id) DO UPDATE SET position = excluded.position
            """,
            [
                {"project": owner, "id": id, "resource": resource, "position": position}
                for position, resource in enumerate(given, first)
            ],
        )

    @writing_once
    def remove(self, id: str, resources: Several[str], *, project: str | None = None) -> Operation[int]:
        """Take resources out of a collection; return how many were in it."""
        rows = yield Statement(
            f"""
            DELETE FROM collection_members
            WHERE project_id = :project AND collection_id = :id AND {self.dialect.any_of("resource_id", "resources")}
            RETURNING resource_id
            """,
            {
                "project": self.scope.own(project),
                "id": checked_id(id),
                "resources": self.dialect.array(_several(resources)),
            },
        )
        return len(rows)

    @reading
    def resources(
        self,
        id: str,
        *,
        content: bool = False,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Resource]]:
        """List a collection's resources in their order; ``store.documents.resources.list(collection=…)`` filters them.

        Args:
            id: The collection.
            content: Return the texts, too.
            project: The project; not needed in a bound store.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("m.project_id", self.scope.own(project)).equal("m.collection_id", checked_id(id))
        order = (Key("m.position"), Key("m.resource_id"))
        columns = "" if content else _WITHOUT_CONTENT
        listing = Listing(RESOURCE, _MEMBERS, where, order, alias="r", columns=columns)
        return (yield from listing.page(limit, after))

    @writing_once
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a collection with all the collections in it; the resources stay. Return whether it was there."""
        return (yield from COLLECTIONS.delete(self.scope.own(project), id))

    def _ids_above(self, owner: str, id: str) -> Operation[set[str]]:
        """Return a collection's id and those of the collections that it is in."""
        rows = yield Statement(
            """
            WITH RECURSIVE above (id, parent_id) AS (
              SELECT id, parent_id FROM collections WHERE project_id = :project AND id = :id
              UNION ALL
              SELECT c.id, c.parent_id FROM above JOIN collections AS c ON c.id = above.parent_id
              WHERE c.project_id = :project
            )
            SELECT id FROM above
            """,
            {"project": owner, "id": id},
        )
        return {row[0] for row in rows}

    def _place(self, owner: str, id: str, before: str | None) -> Operation[int]:
        """Return the position of a member, or the one after the last."""
        key = {"project": owner, "id": id}
        if before is None:
            rows = yield Statement(
                "SELECT coalesce(max(position) + 1, 0) FROM collection_members"
                " WHERE project_id = :project AND collection_id = :id",
                key,
            )
            return int(rows[0][0])
        rows = yield Statement(
            "SELECT position FROM collection_members"
            " WHERE project_id = :project AND collection_id = :id AND resource_id = :before",
            key | {"before": checked_id(before)},
        )
        if not rows:
            raise NotFoundError(
                f"The resource {before!r} is not in the collection {id!r}.",
                hint=f"List its members: store.documents.collections.resources({id!r}).",
                code="member",
            )
        return int(rows[0][0])


def _several(resources: object) -> Sequence[str]:
    if isinstance(resources, str) or not isinstance(resources, Several):
        raise InvalidValueError(
            f"{repr(resources)[:60]} cannot be the resources.", hint="Pass a list of their ids.", code="collection"
        )
    return tuple(dict.fromkeys(checked_id(one, what="resource") for one in resources))


def _depth_first(found: tuple[Collection, ...], root: str) -> tuple[Collection, ...]:
    children: dict[str | None, list[Collection]] = {}
    for one in found:
        children.setdefault(one.parent_id, []).append(one)
    waiting = [one for one in found if one.id == root]
    ordered = []
    while waiting:
        one = waiting.pop()
        ordered.append(one)
        waiting += reversed(children.get(one.id, []))
    return tuple(ordered)


def _checked(given: Collection) -> Collection:
    return replace(
        given,
        parent_id=None if given.parent_id is None else checked_id(given.parent_id, what="parent"),
        name=checked_text(given.name, what="name", longest=1000),
        description=checked_text(given.description, what="description"),
    )


def _inside(id: str, parent: str) -> StateError:
    return StateError(
        f"The collection {id!r} cannot be put into {parent!r}, which is in it.",
        hint="Move that one out first.",
        code="circle",
    )


COLLECTIONS: Final = Table(
    COLLECTION, "collections", "collection", _checked, frozenset({"project_id", "id", "parent_id"})
)
