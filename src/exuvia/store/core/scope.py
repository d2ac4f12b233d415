"""What a store lets its caller see: everything, or the rows of one project."""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.store.errors import InvalidValueError, TenantError


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that a store may touch.

    Args:
        project: The one project that may be seen and written; None for all of them.
    """

    project: str | None = None

    def own(self, project: str | None) -> str:
        """Return the project to write to: the one given, or else the store's own.

        Raises:
            TenantError: The store is bound to another project.
            InvalidValueError: Neither is there.
        """
        chosen = self.among(project)
        if chosen is None:
            raise InvalidValueError(
                "No project was given.",
                hint="Pass project=…, or bind the store to one: store.project('…').",
                code="project",
            )
        return chosen

    def among(self, project: str | None) -> str | None:
        """Return the project to read, or None for all of them.

        Raises:
            TenantError: The store is bound to another project.
        """
        if self.project is not None and project is not None and project != self.project:
            raise TenantError(
                f"This store is bound to the project {self.project!r}, not to {project!r}.",
                hint="Open a store that is bound to that project, or to none.",
                code="other_project",
            )
        return self.project if self.project is not None else project
