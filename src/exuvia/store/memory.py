"""The store: every subsystem over one pool, for synchronous and for asynchronous code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Self

from exuvia.store.audit import Audit
from exuvia.store.chat import Chat
from exuvia.store.checkpoints import Checkpoints, GraphItems, GraphStates
from exuvia.store.core.driving import undo
from exuvia.store.core.operations import Async, Kind, M, Runner, Subsystem, Sync, reading
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.runners import AsyncOpenRunner, AsyncRunner, Course, SyncOpenRunner, SyncRunner
from exuvia.store.core.values import checked_id
from exuvia.store.documents import Documents
from exuvia.store.errors import TenantError
from exuvia.store.frames import Frames
from exuvia.store.graph import Graph
from exuvia.store.inventory import Info, take_stock
from exuvia.store.knowledge import Events, Plans, Sessions
from exuvia.store.operations import (
    AgentMessages,
    ConversationSummaries,
    Deviations,
    Logs,
    RecoveryAttempts,
    Tasks,
    TaskSteps,
    ToolExecutions,
)
from exuvia.store.projects import Projects
from exuvia.store.search import Search
from exuvia.store.secrets import Secrets
from exuvia.store.tokens import Tokens
from exuvia.store.vectors import Vectors
from exuvia.store.workflows import Runs, Workflows


class Memory(Subsystem[M]):
    """What agents remember, by subject. ``Store`` is called, ``AsyncStore`` awaited; nothing else differs.

    Args:
        runner: Runs the operations.
    """

    _runner: Any

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self.projects: Projects[M] = Projects(runner)
        self.plans: Plans[M] = Plans(runner)
        self.sessions: Sessions[M] = Sessions(runner)
        self.events: Events[M] = Events(runner)
        self.frames: Frames[M] = Frames(runner)
        self.search: Search[M] = Search(runner)
        self.vectors: Vectors[M] = Vectors(runner)
        self.workflows: Workflows[M] = Workflows(runner)
        self.runs: Runs[M] = Runs(runner)
        self.tokens: Tokens[M] = Tokens(runner)
        self.documents: Documents[M] = Documents(runner)
        self.audit: Audit[M] = Audit(runner)
        self.secrets: Secrets[M] = Secrets(runner)
        self.chat: Chat[M] = Chat(runner)
        self.checkpoints: Checkpoints[M] = Checkpoints(runner)
        self.tasks: Tasks[M] = Tasks(runner)
        self.task_steps: TaskSteps[M] = TaskSteps(runner)
        self.tool_executions: ToolExecutions[M] = ToolExecutions(runner)
        self.agent_messages: AgentMessages[M] = AgentMessages(runner)
        self.recovery_attempts: RecoveryAttempts[M] = RecoveryAttempts(runner)
        self.conversation_summaries: ConversationSummaries[M] = ConversationSummaries(runner)
        self.deviations: Deviations[M] = Deviations(runner)
        self.logs: Logs[M] = Logs(runner)
        self.graph: Graph[M] = Graph(runner)
        self.graph_states: GraphStates[M] = GraphStates(runner)
        self.graph_items: GraphItems[M] = GraphItems(runner)

    def project(self, id: str) -> Self:
        """Return the same store, bound to one project: it sees and writes no other's rows.

        Raises:
            InvalidValueError: The id cannot be one.
            TenantError: The store is bound to another project already.
        """
        chosen = replace(self.scope, project=self.scope.among(checked_id(id, what="project")))
        return type(self)(replace(self._runner, scope=chosen))

    def session(self, id: str) -> Self:
        """Return the same store, bound to one session of its project: of tables that have sessions it sees only that
        one's rows.

        Raises:
            InvalidValueError: The id cannot be one.
            TenantError: The store is bound to another session already, or to no project.
        """
        if self.scope.project is None:
            raise TenantError(
                "A store is bound to a project before it is bound to a session.",
                hint="store.project('…').session('…')",
                code="no_project",
            )
        chosen = replace(self.scope, session=self.scope.among_sessions(checked_id(id, what="session")))
        return type(self)(replace(self._runner, scope=chosen))

    @reading
    def info(self) -> Operation[Info]:
        """Tell what the store is and how much is in it. A bound store counts its own rows."""
        return (yield from take_stock(self.dialect, self.capabilities, self.scope))


class Store(Memory[Sync]):
    """The store for synchronous code; threads may share it."""

    _runner: SyncRunner | SyncOpenRunner

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        """Open a transaction: all that is done by the store that this yields is committed together, or not at all.

        Within a transaction it opens a savepoint. On SQLite other writers wait until the block ends.

        Raises:
            StateError: At the end of a block in which an operation has failed, if its error was not let through.
            UnknownOutcomeError: The connection was lost during the commit.
        """
        outer = self._runner
        if isinstance(outer, SyncOpenRunner):
            name = outer.course.savepoint()
            with _savepoint(outer, name) as inner:
                yield Store(inner)
            return
        context, scope = outer.context, outer.scope
        connection = outer.pool.take(Kind.WRITE, scope)
        course = Course(scope)
        try:
            connection.drive(_say(context.manners.begin(Kind.WRITE, scope) or context.dialect.begin))
            try:
                yield Store(SyncOpenRunner(connection, course, context, scope))
                course.check()
            except BaseException:
                connection.drive(undo("ROLLBACK"))
                raise
            connection.drive(_say("COMMIT"))
        finally:
            course.end()
            outer.pool.give(connection)

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
        context, scope = outer.context, outer.scope
        connection = await outer.pool.take(Kind.WRITE, scope)
        course = Course(scope)
        try:
            await connection.drive(_say(context.manners.begin(Kind.WRITE, scope) or context.dialect.begin))
            try:
                yield AsyncStore(AsyncOpenRunner(connection, course, context, scope))
                course.check()
            except BaseException:
                await connection.drive(undo("ROLLBACK"))
                raise
            await connection.drive(_say("COMMIT"))
        finally:
            course.end()
            await outer.pool.give(connection)

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
        outer.connection.drive(undo(f"ROLLBACK TO SAVEPOINT {name}"))
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
        await outer.connection.drive(undo(f"ROLLBACK TO SAVEPOINT {name}"))
        outer.course.recover()
        raise
    await outer.connection.drive(_say(f"RELEASE SAVEPOINT {name}"))


def _say(sql: str) -> Operation[None]:
    yield Statement(sql)
