"""Projects: what everything else in the store belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from exuvia.store.core.composing import Ask, Steps, composed
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json, checked_id, encode_json, new_id
from exuvia.store.errors import NotFoundError
from exuvia.store.filters import Filter


@dataclass(frozen=True, slots=True)
class Project:
    """A project.

    Args:
        id: Its id, the caller's own or a UUID.
        name: What people call it.
        data: Anything else.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    id: str
    name: str
    data: Json
    created_at: datetime
    updated_at: datetime


PROJECT: Final = Shape(Project)


class Projects(Subsystem[M]):
    """Make, read, list and delete projects."""

    @writing_once
    def put(self, id: str | None = None, *, name: str | None = None, data: Json = None) -> Operation[Project]:
        """Make a project, or change the one with this id.

        Args:
            id: The caller's own id; a new UUID if None.
            name: What people call it; the id if None.
            data: A JSON document.

        Raises:
            InvalidValueError: The id, the name or the data cannot be stored.
            TenantError: The store is bound to another project.
        """
        key = self.scope.own(checked_id(id) if id is not None else self.scope.project or new_id())
        rows = yield Statement(
            f"""
            INSERT INTO projects (id, name, data, created_at, updated_at)
            VALUES (:id, :name, :data, :now, :now)
            ON CONFLICT (id) DO UPDATE
              SET name = excluded.name, data = excluded.data, updated_at = excluded.updated_at
            RETURNING {PROJECT.columns()}
            """,
            {"id": key, "name": name or key, "data": encode_json({} if data is None else data), "now": self.now()},
        )
        return PROJECT.read(rows[0])

    @composed
    def ensure(self, id: str) -> Steps[Project]:
        """Return a project, which is made if there is none with this id; one that is there stays as it is.

        Raises:
            InvalidValueError: The id cannot be stored.
            TenantError: The store is bound to another project.
        """
        found: Project | None = yield Ask(partial(self._find, id))
        if found is None:
            found = yield Ask(partial(self.put, id))
        return found

    @reading
    def get(self, id: str) -> Operation[Project]:
        """Return a project.

        Raises:
            NotFoundError: There is none with this id.
        """
        found = yield from Projects._find.steps(self, id)
        if found is None:
            raise NotFoundError(f"There is no project {id!r}.", hint="Make it: store.projects.put(id).", code="project")
        return found

    @reading
    def list(
        self, *, filter: Filter | None = None, limit: int = 100, after: str | None = None
    ) -> Operation[Page[Project]]:
        """List projects by id.

        Args:
            filter: What ``data`` has to be like.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("id", self.scope.project).json("data", filter, self.dialect)
        return (yield from Listing(PROJECT, "projects", where, (Key("id"),)).page(limit, after))

    @writing_once
    def delete(self, id: str) -> Operation[bool]:
        """Delete a project with everything in it; return whether it was there."""
        key = self.scope.own(checked_id(id))
        return bool((yield Statement("DELETE FROM projects WHERE id = :id RETURNING id", {"id": key})))

    @reading
    def _find(self, id: str) -> Operation[Project | None]:
        key = self.scope.among(checked_id(id))
        rows = yield Statement(f"SELECT {PROJECT.columns()} FROM projects WHERE id = :id", {"id": key})
        return PROJECT.read(rows[0]) if rows else None
