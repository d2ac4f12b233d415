"""Opening a store over two databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

from exuvia.errors import ConfigError
from exuvia.location import Location
from exuvia.location import parse as parse_location
from exuvia.store.core.options import StoreOptions
from exuvia.store.dual.pair import Pair
from exuvia.store.dual.store import AsyncDualStore, DualStore, open_async, open_sync
from exuvia.store.opening import Opening

_SOON: Final = 3.0  # seconds to wait for a connection, where the secondary can answer instead


class DualOpening(Opening):
    """A store over two databases that is about to be opened; as ``Opening`` is used.

    Args:
        primary: The primary, unless the other one was promoted since.
        secondary: The secondary.
        options: How to open both.
        fallback: The secondary answers reads while the primary cannot be reached.

    Raises:
        ConfigError: A location is something else, or both are the same.
    """

    def __init__(self, primary: Location, secondary: Location, options: StoreOptions, *, fallback: bool) -> None:
        super().__init__(primary, replace(options, pool_wait=min(options.pool_wait, _SOON)) if fallback else options)
        Opening(secondary, options)
        if options.pgbouncer:
            raise ConfigError(
                "What is written cannot be carried over through PgBouncer in transaction mode.",
                hint="Name the server itself, without pgbouncer=True.",
                code="pgbouncer",
            )
        if primary == secondary:
            raise ConfigError(
                "The primary and the secondary are the same.", hint="Name another one.", code="same_store"
            )
        self._locations = (primary, secondary)
        self._fallback = fallback

    def sync(self) -> DualStore:
        """Open it for synchronous code; close it by ``close()``.

        Raises:
            StoreError: The primary cannot be reached, its tables do not fit, or the two do not belong together.
        """
        pair = self.pair()
        pair.open()
        try:
            opened = Opening(pair.locations[pair.primary], self.options).sync()
        except BaseException:
            pair.close()
            raise
        return open_sync(pair, opened, fallback=self._fallback)

    async def wait(self) -> AsyncDualStore:
        """Open it for asynchronous code; close it by ``await close()``.

        Raises:
            StoreError: As ``sync`` does.
        """
        pair = self.pair()
        await asyncio.to_thread(pair.open)
        try:
            opened = await Opening(pair.locations[pair.primary], self.options).wait()
        except BaseException:
            await asyncio.to_thread(pair.close)
            raise
        return open_async(pair, opened, fallback=self._fallback)

    def pair(self) -> Pair:
        """Return the two databases, not yet connected."""
        return Pair(*self._locations, self.options)

    def __enter__(self) -> DualStore:
        store = self._sync = self.sync()
        return store

    async def __aenter__(self) -> AsyncDualStore:
        store = self._async = await self.wait()
        return store


def open_dual(
    primary: str | Path, secondary: str | Path, options: StoreOptions | None = None, *, fallback: bool = False
) -> DualOpening:
    """Open a store over two databases; see ``exuvia.open``."""
    locations = (parse_location(primary), parse_location(secondary))
    return DualOpening(*locations, options or StoreOptions(), fallback=fallback)
