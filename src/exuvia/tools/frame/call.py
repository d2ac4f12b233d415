"""What a call may use: the databases behind the server, whose project it is, and whom to tell how far it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from exuvia.tools.frame.errors import ArgumentError

if TYPE_CHECKING:
    from exuvia.guard import AsyncSession, Policy
    from exuvia.location import Location
    from exuvia.ops.heal import AsyncHealer
    from exuvia.settings import Settings
    from exuvia.store import AsyncStore
    from exuvia.tools.frame.tool import Catalogue

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Tells how far a call is: how much is done, of how much in all, and a sentence."""

Sampler = Callable[[str, str, int], Awaitable[str]]
"""Asks the host's model: the system prompt, the message, and tokens at most. Returns its text."""

Scope = Literal["read", "write", "ddl", "sql"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "write", "ddl", "sql")
READING: Final[frozenset[Scope]] = frozenset({"read", "sql"})


async def no_progress(done: float, total: float | None, message: str) -> None:
    """Tell nobody."""


class Desk(AbstractAsyncContextManager[Any], Protocol):
    """The databases that a server serves; opened when they are first needed, closed by ``async with``."""

    @property
    def settings(self) -> Settings:
        """What the server was told."""

    @property
    def location(self) -> Location | None:
        """Where the database is; None when only a store is served."""

    @property
    def policy(self) -> Policy:
        """What SQL may do in the database."""

    @property
    def has_store(self) -> bool:
        """Whether a store is served."""

    async def database(self) -> AsyncSession:
        """Return the database under its policy.

        Raises:
            TargetError: It cannot be reached.
        """

    async def healer(self) -> AsyncHealer:
        """Return what diagnoses and mends the database, under its policy."""

    async def store(self) -> AsyncStore:
        """Return the store.

        Raises:
            TargetError: It cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool.

    Args:
        desk: The databases.
        catalogue: The tools that are served here.
        project: The project whose memory is meant when none is named; None when there is no such.
        confined: Whether no other project may be named.
        scopes: What the caller may do, of ``read``, ``write`` and ``ddl``, and ``sql`` for the database too.
        caller: Who calls, for the audit.
        progress: Whom to tell how far the call is.
        sample: The host's model; None when the host lends none.
    """

    desk: Desk
    catalogue: Catalogue
    project: str | None = None
    confined: bool = False
    scopes: frozenset[Scope] = frozenset(SCOPES)
    caller: str = "mcp"
    progress: Progress = no_progress
    sample: Sampler | None = None

    async def memory(self, project: str | None = None) -> AsyncStore:
        """Return the store, bound to one project.

        Args:
            project: The one that the caller named; None for the call's own.

        Raises:
            ArgumentError: No project is named, or one that is not the caller's.
            TargetError: The store cannot be reached.
        """
        chosen = project or self.project
        if chosen is None:
            raise ArgumentError(
                "project",
                "No project is named, and this server has no default.",
                hint="Name one; list_projects tells which there are.",
                code="missing",
            )
        if self.confined and chosen != self.project:
            raise ArgumentError(
                "project",
                f"This token sees the project {self.project} only.",
                hint="Leave the argument out.",
                code="project",
            )
        return (await self.desk.store()).project(chosen)

    async def everywhere(self) -> AsyncStore:
        """Return the store over all projects that the caller may see.

        Raises:
            TargetError: The store cannot be reached.
        """
        store = await self.desk.store()
        return store.project(self.project) if self.confined and self.project is not None else store
