"""What a store lets its caller see: everything, the rows of one project, or those of one session in it."""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.store.errors import InvalidValueError, TenantError


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that a store may touch.

    Args:
        project: The one project that may be seen and written; None for all of them.
        session: The one session of that project, in tables that have sessions; None for all of them.
    """

    project: str | None = None
    session: str | None = None

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

    def among_sessions(self, session: str | None) -> str | None:
        """Return the session to read or to write to, or None for all of them, or for none.

        Raises:
            TenantError: The store is bound to another session.
        """
        if self.session is not None and session is not None and session != self.session:
            raise TenantError(
                f"This store is bound to the session {self.session!r}, not to {session!r}.",
                hint="Open a store that is bound to that session, or to none.",
                code="other_session",
            )
        return self.session if self.session is not None else session
