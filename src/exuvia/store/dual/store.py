"""The store over two databases."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

from exuvia.store.core.operations import Runner
from exuvia.store.core.runners import AsyncRunner, SyncRunner
from exuvia.store.core.scope import Scope
from exuvia.store.dual.drift import Drift
from exuvia.store.dual.pair import LAST_READ, DualStatus, Pair, Which
from exuvia.store.dual.runners import AsyncDualPool, AsyncDualRunner, DualPool, Faces, SyncDualRunner
from exuvia.store.memory import AsyncStore, Store
from exuvia.store.opening import Opening

R = TypeVar("R", SyncRunner, AsyncRunner)


class _Control(Generic[R]):
    def __init__(self, faces: Faces[R]) -> None:
        self._faces: Faces[R] = faces
        self._pair = faces.pair

    @property
    def last_read(self) -> Which:
        """Which of the two has answered the last read of this thread or task."""
        return LAST_READ.get()


class Dual(_Control[SyncRunner]):
    """What can be asked of, and done with, the two databases of a store."""

    def status(self) -> DualStatus:
        """Tell which is the primary, what waits to be carried over, and why if it does not get on.

        Raises:
            StoreError: The primary cannot be reached.
        """
        return self._pair.status()

    def flush(self, timeout: float = 30.0) -> None:
        """Carry over all that waits, now.

        Args:
            timeout: Seconds to wait for others that carry over.

        Raises:
            BusyError: They did not end in time.
            StoreError: One of the databases cannot be reached.
        """
        self._pair.flush(timeout)

    def drift(self) -> Drift:
        """Compare every row of the two; they may be written meanwhile.

        Raises:
            StoreError: One of the databases cannot be reached.
        """
        return self._pair.drift()

    def repair(self) -> Drift:
        """Make the secondary's rows as the primary's are; return what was found before.

        Raises:
            StoreError: One of the databases cannot be reached.
        """
        return self._pair.repair()

    def promote(self, *, verify: bool = True) -> None:
        """Make the secondary the primary; this store goes on with it. Writers wait, or are told, while it lasts.

        Args:
            verify: Compare the two first.

        Raises:
            ConflictError: They differ; nothing was changed.
            StoreError: One of the databases cannot be reached: nothing was changed, or the next opening ends it.
        """
        self._faces.open_secondary()
        self._pair.promote(verify=verify)


class AsyncDual(_Control[AsyncRunner]):
    """The same, awaited."""

    async def status(self) -> DualStatus:
        """As ``Dual.status``."""
        return await asyncio.to_thread(self._pair.status)

    async def flush(self, timeout: float = 30.0) -> None:
        """As ``Dual.flush``."""
        await asyncio.to_thread(self._pair.flush, timeout)

    async def drift(self) -> Drift:
        """As ``Dual.drift``."""
        return await asyncio.to_thread(self._pair.drift)

    async def repair(self) -> Drift:
        """As ``Dual.repair``."""
        return await asyncio.to_thread(self._pair.repair)

    async def promote(self, *, verify: bool = True) -> None:
        """As ``Dual.promote``."""
        await self._faces.open_secondary()
        await asyncio.to_thread(self._pair.promote, verify=verify)


class DualStore(Store):
    """A store over two databases, for synchronous code; threads may share it."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self.dual = Dual(self._dual_runner.faces)

    @property
    def _dual_runner(self) -> SyncDualRunner:
        runner: Any = self._runner
        assert isinstance(runner, SyncDualRunner)
        return runner

    def close(self) -> None:
        """Close every connection; what is not carried over yet waits in the primary."""
        faces = self._dual_runner.faces
        faces.pair.close()
        for runner in faces.runners.values():
            runner.pool.close()


class AsyncDualStore(AsyncStore):
    """A store over two databases, for asynchronous code."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self.dual = AsyncDual(self._dual_runner.faces)

    @property
    def _dual_runner(self) -> AsyncDualRunner:
        runner: Any = self._runner
        assert isinstance(runner, AsyncDualRunner)
        return runner

    async def close(self) -> None:
        """Close every connection; what is not carried over yet waits in the primary."""
        faces = self._dual_runner.faces
        await asyncio.to_thread(faces.pair.close)
        for runner in faces.runners.values():
            await runner.pool.close()


def open_sync(pair: Pair, opened: Store, *, fallback: bool) -> DualStore:
    """Make a store of an opened primary."""

    def other(faces: Faces[SyncRunner]) -> None:
        if pair.secondary not in faces.runners:
            store = Opening(pair.locations[pair.secondary], pair.options).sync()
            faces.runners[pair.secondary] = _runner(store, SyncRunner)

    faces = Faces(pair, _runner(opened, SyncRunner), other, fallback=fallback)
    return DualStore(SyncDualRunner(faces, DualPool(faces), Scope()))


def open_async(pair: Pair, opened: AsyncStore, *, fallback: bool) -> AsyncDualStore:
    """Make a store of an opened primary."""

    async def other(faces: Faces[AsyncRunner]) -> None:
        if pair.secondary not in faces.runners:
            store = await Opening(pair.locations[pair.secondary], pair.options).wait()
            faces.runners[pair.secondary] = _runner(store, AsyncRunner)

    faces = Faces(pair, _runner(opened, AsyncRunner), other, fallback=fallback)
    return AsyncDualStore(AsyncDualRunner(faces, AsyncDualPool(faces), Scope()))


def _runner(store: Any, kind: type[R]) -> R:
    runner = store._runner
    assert isinstance(runner, kind)
    return runner
