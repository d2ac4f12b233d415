"""The databases behind a server, opened when a tool first needs them, so that a server starts while they are away."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from exuvia.errors import ConfigError
from exuvia.location import FileIdentity, SqliteLocation, file_identity, parse
from exuvia.tools.frame import SwitchedOffError

if TYPE_CHECKING:
    from exuvia.guard import AsyncSession, Policy
    from exuvia.location import Location
    from exuvia.ops.heal import AsyncHealer
    from exuvia.settings import Settings
    from exuvia.store import AsyncStore

_STORE_WAIT_SECONDS: Final = 5.0  # an agent is told soon that the store is away


class ServedDatabases:
    """A database, a store, or both. What could not be opened is tried again by the next call that needs it.

    Args:
        settings: How to open them, and what SQL may do.
        location: The database that SQL runs in; None for none.
        store: The URL of the store; None for none.

    Raises:
        ConfigError: Neither is named.
    """

    def __init__(self, settings: Settings, *, location: Location | None, store: str | None) -> None:
        if location is None and store is None:
            raise ConfigError(
                "There is nothing to serve: no database and no store is named.",
                hint="Name one: exuvia mcp --database app.db, or --store sqlite:///memory.db; or both.",
                code="nothing_to_serve",
            )
        self._settings = settings
        self._location = location
        self._store_url = store
        self._opened_database: AsyncSession | None = None
        self._opened_store: AsyncStore | None = None
        self._stores_before: list[AsyncStore] = []
        self._file: FileIdentity = None
        self._healer: AsyncHealer | None = None
        self._opening_database, self._opening_store = asyncio.Lock(), asyncio.Lock()

    @property
    def settings(self) -> Settings:
        """What the server was told."""
        return self._settings

    @property
    def location(self) -> Location | None:
        """Where the database is; None when only a store is served."""
        return self._location

    @property
    def policy(self) -> Policy:
        """What SQL may do in the database."""
        return self._settings.guard_policy

    @property
    def has_store(self) -> bool:
        """Whether a store is served."""
        return self._store_url is not None

    async def database(self) -> AsyncSession:
        """Return the database under its policy.

        Raises:
            SwitchedOffError: No database is served.
            TargetError: It cannot be reached.
        """
        from exuvia import guard

        location = self._named()
        async with self._opening_database:
            if self._opened_database is None:
                session = guard.open_async_session(location, self.policy, data_dir=self._settings.data_dir)
                self._opened_database = await session.__aenter__()
        return self._opened_database

    async def healer(self) -> AsyncHealer:
        """Return what diagnoses and mends the database, under its policy, and records that in the store.

        Raises:
            SwitchedOffError: No database is served.
        """
        from exuvia.ops.heal import AsyncHealer, Healer
        from exuvia.tools.recording import sink_into

        if self._healer is None:
            sink = sink_into(self.store) if self.has_store else None
            data_dir = self._settings.data_dir
            self._healer = AsyncHealer(Healer(self._named(), self.policy, sink=sink, actor="mcp", data_dir=data_dir))
        return self._healer

    def _named(self) -> Location:
        if self._location is None:
            raise SwitchedOffError(
                "This server serves no database.", hint="Start it with --database.", code="no_database"
            )
        return self._location

    async def store(self) -> AsyncStore:
        """Return the store.

        Raises:
            SwitchedOffError: No store is served.
            TargetError: It cannot be reached.
        """
        from exuvia.api import open as open_store

        if self._store_url is None:
            raise SwitchedOffError("This server serves no store.", hint="Start it with --store.", code="no_store")
        async with self._opening_store:
            if self._opened_store is None or self._is_another_file(self._store_url):
                wait = min(self._settings.store_pool_wait, _STORE_WAIT_SECONDS)
                opening = open_store(self._store_url, data_dir=self._settings.data_dir or "", pool_wait=wait)
                self._opened_store = await opening.wait()
                self._file = _file_of(self._store_url)
        return self._opened_store

    def _is_another_file(self, url: str) -> bool:
        """Whether another file is at the open store's path; calls that run still use the one from before.

        Raises:
            UnavailableError: No file is there any more, and what would be written now would be lost with the old one.
        """
        from exuvia.store.errors import UnavailableError

        if self._opened_store is None or self._file is None or (file := _file_of(url)) == self._file:
            return False
        if file is None:
            raise UnavailableError(
                "The file of the store is gone.",
                hint="Put it back; or start the server again, which makes a new one.",
                code="file_gone",
            )
        self._stores_before.append(self._opened_store)
        self._opened_store = None
        return True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._healer is not None:
            await self._healer.close()
        if self._opened_database is not None:
            await self._opened_database.close()
        for store in (*self._stores_before, *filter(None, (self._opened_store,))):
            await store.close()


def _file_of(url: str) -> FileIdentity:
    """Return which file a store is in; None where it is in none."""
    place = parse(url)
    return file_identity(place.path) if isinstance(place, SqliteLocation) else None
