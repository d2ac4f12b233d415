"""The store: every subsystem over one pool, for synchronous and for asynchronous code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Generic, Self

from exuvia.store.core.operations import Async, Kind, M, Runner, Sync
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.runners import AsyncOpenRunner, AsyncRunner, Course, SyncOpenRunner, SyncRunner
from exuvia.store.core.scope import Scope
from exuvia.store.core.values import checked_id
from exuvia.store.frames import Frames
from exuvia.store.projects import Projects


class Memory(Generic[M]):
    """What agents remember, by subject. ``Store`` is called, ``AsyncStore`` awaited; nothing else differs.

    Args:
        runner: Runs the operations.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner: Any = runner
        self.projects: Projects[M] = Projects(runner)
        self.frames: Frames[M] = Frames(runner)

    def project(self, id: str) -> Self:
        """Return the same store, bound to one project: it sees and writes no other's rows.

        Raises:
            InvalidValueError: The id cannot be one.
            TenantError: The store is bound to another project already.
        """
        chosen = Scope(self._runner.scope.among(checked_id(id, what="project")))
        return type(self)(replace(self._runner, scope=chosen))


class Store(Memory[Sync]):
    """The store for synchronous code; threads may share it."""

    _runner: SyncRunner | SyncOpenRunner

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        """Open a transaction: all that is done by the store that this yields is committed together, or not at all.

        Within a transaction it opens a savepoint. On SQLite other writers wait until the block ends.

        Raises:
            StateError: At the end of a block in which an operation has failed, if its error was not let through.
        """
        outer = self._runner
        if isinstance(outer, SyncOpenRunner):
            name = outer.course.savepoint()
            with _savepoint(outer, name) as inner:
                yield Store(inner)
            return
        with outer.pool.connection(Kind.WRITE) as connection:
            course = Course()
            connection.drive(_say(outer.begin(Kind.WRITE, outer.scope) or outer.dialect.begin))
            try:
                yield Store(SyncOpenRunner(connection, course, outer.dialect, outer.clock, outer.scope))
                course.check()
            except BaseException:
                connection.drive(_say("ROLLBACK"))
                raise
            else:
                connection.drive(_say("COMMIT"))
            finally:
                course.end()

    def close(self) -> None:
        """Close every connection. A store in a transaction has none of its own."""
        if isinstance(self._runner, SyncRunner):
            self._runner.pool.close()


class AsyncStore(Memory[Async]):
    """The store for asynchronous code; the tasks of one event loop may share it."""

    _runner: AsyncRunner | AsyncOpenRunner

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncStore]:
        """Open a transaction, as ``Store.transaction`` does."""
        outer = self._runner
        if isinstance(outer, AsyncOpenRunner):
            name = outer.course.savepoint()
            async with _savepoint_async(outer, name) as inner:
                yield AsyncStore(inner)
            return
        async with outer.pool.connection(Kind.WRITE) as connection:
            course = Course()
            await connection.drive(_say(outer.begin(Kind.WRITE, outer.scope) or outer.dialect.begin))
            try:
                yield AsyncStore(AsyncOpenRunner(connection, course, outer.dialect, outer.clock, outer.scope))
                course.check()
            except BaseException:
                await connection.drive(_say("ROLLBACK"))
                raise
            else:
                await connection.drive(_say("COMMIT"))
            finally:
                course.end()

    async def close(self) -> None:
        """Close every connection. A store in a transaction has none of its own."""
        if isinstance(self._runner, AsyncRunner):
            await self._runner.pool.close()


@contextmanager
def _savepoint(outer: SyncOpenRunner, name: str) -> Iterator[SyncOpenRunner]:
    outer.course.check()
    outer.connection.drive(_say(f"SAVEPOINT {name}"))
    try:
        yield outer
        outer.course.check()
    except BaseException:
        outer.connection.drive(_say(f"ROLLBACK TO SAVEPOINT {name}"))
        outer.course.recover()
        raise
    outer.connection.drive(_say(f"RELEASE SAVEPOINT {name}"))


@asynccontextmanager
async def _savepoint_async(outer: AsyncOpenRunner, name: str) -> AsyncIterator[AsyncOpenRunner]:
    outer.course.check()
    await outer.connection.drive(_say(f"SAVEPOINT {name}"))
    try:
        yield outer
        outer.course.check()
    except BaseException:
        await outer.connection.drive(_say(f"ROLLBACK TO SAVEPOINT {name}"))
        outer.course.recover()
        raise
    await outer.connection.drive(_say(f"RELEASE SAVEPOINT {name}"))


def _say(sql: str) -> Operation[None]:
    yield Statement(sql)
