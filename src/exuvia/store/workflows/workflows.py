"""Workflows and their versions."""

from __future__ import annotations

from collections.abc import Iterable

from exuvia.store.core.deleting import delete_one
from exuvia.store.core.listing import Key, Listing, Page, Where, falling
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, chosen_id, encode_json
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError
from exuvia.store.filters import Filter
from exuvia.store.workflows.records import WORKFLOW, WORKFLOW_VERSION, Workflow, WorkflowVersion


class Workflows(Subsystem[M]):
    """Make, change, lock and list workflows; add versions to them."""

    @writing_once
    def create(
        self,
        name: str,
        *,
        description: str = "",
        tags: Iterable[str] = (),
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Workflow]:
        """Make a workflow, without a version.

        Raises:
            ConflictError: There is a workflow with this id.
        """
        rows = yield Statement(
            f"""
            INSERT INTO workflows (project_id, id, name, description, tags, archived, data, created_at, updated_at)
            VALUES (:project, :id, :name, :description, :tags, :archived, :data, :now, :now)
            RETURNING {WORKFLOW.columns()}
            """,
            {
                "project": self.scope.own(project),
                "id": chosen_id(id),
                "name": checked_text(name, what="name"),
                "description": checked_text(description, what="description"),
                "tags": _tags(tags),
                "archived": False,
                "data": encode_json({} if data is None else data),
                "now": self.now(),
            },
        )
        return WORKFLOW.read(rows[0])

    @writing
    def update(
        self,
        id: str,
        *,
        revision: int | None = None,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        archived: bool | None = None,
        data: Json = None,
        project: str | None = None,
    ) -> Operation[Workflow]:
        """Change a workflow; what is None stays.

        Args:
            id: The workflow.
            revision: The revision that the caller has read: if another one is there by now, nothing is changed.
            name: What people call it.
            description: What it is for.
            tags: Words to find it by.
            archived: Whether it is out of use.
            data: A JSON document.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such workflow.
            ConflictError: It has been changed since the revision that was given.
        """
        owner = self.scope.own(project)
        found = yield from Workflows.lock.steps(self, id, project=owner)
        if revision is not None and found.revision != revision:
            raise ConflictError(
                f"The workflow {id!r} is at revision {found.revision}, not {revision}.",
                hint="Read it again, and change what is there now.",
                code="revision",
            )
        rows = yield Statement(
            f"""
            UPDATE workflows
            SET name = :name, description = :description, tags = :tags, archived = :archived, data = :data,
              revision = revision + 1, updated_at = :now
            WHERE project_id = :project AND id = :id
            RETURNING {WORKFLOW.columns()}
            """,
            {
                "project": owner,
                "id": id,
                "name": found.name if name is None else checked_text(name, what="name"),
                "description": found.description if description is None else checked_text(description, what="text"),
                "tags": _tags(found.tags if tags is None else tags),
                "archived": found.archived if archived is None else bool(archived),
                "data": encode_json(found.data if data is None else data),
                "now": self.now(),
            },
        )
        return WORKFLOW.read(rows[0])

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Workflow]:
        """Return a workflow.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from self._one(self.scope.own(project), id, ""))

    @writing
    def lock(self, id: str, *, project: str | None = None) -> Operation[Workflow]:
        """Return a workflow and keep others from changing it until the open transaction ends.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from self._one(self.scope.own(project), id, self.dialect.for_update))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        tag: str | None = None,
        archived: bool | None = False,
        filter: Filter | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Workflow]]:
        """List workflows, the one that was changed last first.

        Args:
            project: The project; all of them if None.
            tag: A tag, as a whole.
            archived: Those in use (False), out of use (True), or all (None).
            filter: About ``data``.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("archived", archived)
        if tag is not None:
            where.also(self.dialect.has_element("tags", "tag"), tag=tag)
        where.json("data", filter, self.dialect)
        order = falling("updated_at", "project_id", "id")
        return (yield from Listing(WORKFLOW, "workflows", where, order).page(limit, after))

    @writing_once
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a workflow with its versions and runs; return whether it was there."""
        return (yield from delete_one("workflows", self.scope.own(project), id))

    @writing
    def add_version(
        self, id: str, definition: Json, *, author: str | None = None, notes: str = "", project: str | None = None
    ) -> Operation[WorkflowVersion]:
        """Add a version, numbered one more than the newest. It can never be changed.

        Raises:
            NotFoundError: There is no such workflow.
        """
        owner = self.scope.own(project)
        now = self.now()
        numbers = yield Statement(
            """
            UPDATE workflows SET latest_version = latest_version + 1, updated_at = :now
            WHERE project_id = :project AND id = :id
            RETURNING latest_version
            """,
            {"project": owner, "id": checked_id(id), "now": now},
        )
        if not numbers:
            raise _missing(id)
        rows = yield Statement(
            f"""
            INSERT INTO workflow_versions (project_id, workflow_id, version, definition, author, notes, created_at)
            VALUES (:project, :id, :version, :definition, :author, :notes, :now)
            RETURNING {WORKFLOW_VERSION.columns()}
            """,
            {
                "project": owner,
                "id": id,
                "version": numbers[0][0],
                "definition": encode_json(definition, what="definition"),
                "author": None if author is None else checked_text(author, what="author"),
                "notes": checked_text(notes, what="notes"),
                "now": now,
            },
        )
        return WORKFLOW_VERSION.read(rows[0])

    @reading
    def version(self, id: str, version: int | None = None, *, project: str | None = None) -> Operation[WorkflowVersion]:
        """Return a version; the newest if None.

        Raises:
            NotFoundError: There is no such workflow or version.
        """
        rows = yield Statement(
            f"""
            SELECT {WORKFLOW_VERSION.columns()} FROM workflow_versions
            WHERE project_id = :project AND workflow_id = :id AND (version = :version OR :newest)
            ORDER BY version DESC LIMIT 1
            """,
            {
                "project": self.scope.own(project),
                "id": checked_id(id),
                "version": 0 if version is None else version,
                "newest": version is None,
            },
        )
        if not rows:
            raise NotFoundError(
                f"The workflow {id!r} has no version {'yet' if version is None else version}.",
                hint="Add one: store.workflows.add_version(id, definition).",
                code="version",
            )
        return WORKFLOW_VERSION.read(rows[0])

    @reading
    def versions(
        self, id: str, *, project: str | None = None, limit: int = 100, after: str | None = None
    ) -> Operation[Page[WorkflowVersion]]:
        """List a workflow's versions, the newest first."""
        where = Where().equal("project_id", self.scope.own(project)).equal("workflow_id", checked_id(id))
        order = (Key("version", descending=True),)
        return (yield from Listing(WORKFLOW_VERSION, "workflow_versions", where, order).page(limit, after))

    def _one(self, project: str, id: str, lock: str) -> Operation[Workflow]:
        rows = yield Statement(
            f"SELECT {WORKFLOW.columns()} FROM workflows WHERE project_id = :project AND id = :id{lock}",
            {"project": project, "id": checked_id(id)},
        )
        if not rows:
            raise _missing(id)
        return WORKFLOW.read(rows[0])


def _tags(tags: Iterable[str]) -> str:
    if isinstance(tags, str):
        raise InvalidValueError(f"{tags!r} cannot be the tags.", hint="Pass a list of texts.", code="tags")
    return encode_json([checked_text(tag, what="tag", longest=255) for tag in tags], what="tags")


def _missing(id: str) -> NotFoundError:
    return NotFoundError(f"There is no workflow {id!r}.", hint="Make it: store.workflows.create().", code="workflow")
