"""Tasks: legal changes of their states, what happened in them, and clearing old ones away."""

from __future__ import annotations

from datetime import datetime

from exuvia.store.core.lifecycle import BEFORE, checked_state, no_way
from exuvia.store.core.listing import Key, Listing, Page, Where, falling
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, chosen_id, encode_json
from exuvia.store.errors import NotFoundError
from exuvia.store.filters import Filter
from exuvia.store.operations.kinds import FORMS
from exuvia.store.operations.records import (
    STATE_COUNT,
    TASK,
    TIMELINE_ENTRY,
    StateCount,
    Task,
    TaskState,
    TimelineEntry,
)


class Tasks(Subsystem[M]):
    """Make tasks, take them on their way, and look at them."""

    @writing_once
    def create(
        self,
        title: str,
        *,
        text: str = "",
        assignee: str | None = None,
        parent: str | None = None,
        session: str | None = None,
        data: Json = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Task]:
        """Make a task, which is pending then.

        Args:
            title: What it is about.
            text: What is to be done.
            assignee: Who is to do it.
            parent: The task that it is a part of.
            session: The session.
            data: A JSON document.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            ConflictError: There is a task with this id.
            MissingReferenceError: There is no such parent.
        """
        chosen = self.scope.among_sessions(session)
        rows = yield Statement(
            f"""
            INSERT INTO agent_tasks
              (project_id, id, session_id, parent_id, title, text, assignee, state, data, created_at)
            VALUES (:project, :id, :session, :parent, :title, :text, :assignee, 'pending', :data, :now)
            RETURNING {TASK.columns()}
            """,
            {
                "project": self.scope.own(project),
                "id": chosen_id(id),
                "session": None if chosen is None else checked_id(chosen, what="session"),
                "parent": None if parent is None else checked_id(parent, what="parent"),
                "title": checked_text(title, what="title"),
                "text": checked_text(text, what="text"),
                "assignee": None if assignee is None else checked_id(assignee, what="assignee"),
                "data": encode_json({} if data is None else data),
                "now": self.now(),
            },
        )
        return TASK.read(rows[0])

    @writing
    def start(self, id: str, *, project: str | None = None) -> Operation[Task]:
        """Take a pending task to running.

        Raises:
            NotFoundError: There is no such task.
            StateError: It is not pending.
        """
        return (yield from self._change(id, "running", project))

    @writing
    def succeed(self, id: str, *, result: Json = None, project: str | None = None) -> Operation[Task]:
        """End a running task well.

        Raises:
            NotFoundError: There is no such task.
            StateError: It is not running.
        """
        return (yield from self._change(id, "succeeded", project, result={} if result is None else result))

    @writing
    def fail(self, id: str, error: str, *, result: Json = None, project: str | None = None) -> Operation[Task]:
        """End a running task that has failed; ``error`` tells why.

        Raises:
            NotFoundError: There is no such task.
            StateError: It is not running.
        """
        return (yield from self._change(id, "failed", project, error=error, result=result))

    @writing
    def cancel(self, id: str, *, reason: str | None = None, project: str | None = None) -> Operation[Task]:
        """End a task that is pending or running.

        Raises:
            NotFoundError: There is no such task.
            StateError: It has ended.
        """
        return (yield from self._change(id, "cancelled", project, error=reason))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Task]:
        """Return a task.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from self._one(self.scope.own(project), id))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        session: str | None = None,
        parent: str | None = None,
        state: TaskState | None = None,
        assignee: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Task]]:
        """List tasks, the newest first.

        Args:
            project: The project; all of them if None.
            session: The session.
            parent: The task that they are a part of.
            state: The state.
            assignee: Who is to do them.
            since: Made then or later.
            until: Made then or earlier.
            filter: About ``data`` and ``result``.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = self._where(project, session, since, until).equal("parent_id", parent)
        where.equal("state", checked_state(state, "task")).equal("assignee", assignee)
        where.json(("data", "result"), filter, self.dialect)
        order = falling("created_at", "project_id", "id")
        return (yield from Listing(TASK, "agent_tasks", where, order).page(limit, after))

    @reading
    def counts(
        self,
        *,
        project: str | None = None,
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Operation[tuple[StateCount, ...]]:
        """Count the tasks of each state that has some, in the order of the states' names, with how long they ran.

        Args:
            project: The project; all of them together if None.
            session: The session.
            since: Tasks made then or later.
            until: Tasks made then or earlier.
        """
        where = self._where(project, session, since, until)
        rows = yield Statement(
            f"""
            SELECT {STATE_COUNT.columns()} FROM (
              SELECT state, count(*) AS tasks, avg(seconds) AS mean_seconds, max(seconds) AS most_seconds
              FROM agent_tasks WHERE {where} GROUP BY state
            ) AS counted
            ORDER BY state
            """,
            where.parameters,
        )
        return STATE_COUNT.read_all(rows)

    @reading
    def timeline(
        self, id: str, *, project: str | None = None, limit: int = 100, after: str | None = None
    ) -> Operation[Page[TimelineEntry]]:
        """List all that was recorded of a task, the earliest first.

        Raises:
            NotFoundError: There is no such task.
        """
        owner = self.scope.own(project)
        yield from self._one(owner, id)
        entries = " UNION ALL ".join(
            f"SELECT at, '{form.kind}' AS kind, id, {form.headline} AS headline, data FROM {form.table}"
            " WHERE project_id = :project AND task_id = :task"
            for form in FORMS
        )
        where = Where().also("1 = 1", project=owner, task=id)
        order = (Key("at"), Key("kind"), Key("id"))
        return (yield from Listing(TIMELINE_ENTRY, f"({entries}) AS entries", where, order).page(limit, after))

    @writing
    def prune(self, *, before: datetime, project: str | None = None) -> Operation[dict[str, int]]:
        """Delete tasks that ended before a time, with all that was recorded of them, and what was recorded before it
        of no task. A task stays while one that is a part of it has not ended before that time.

        Returns:
            How many tasks and how many records of no task were deleted, by table.
        """
        owner = self.scope.own(project)
        given: dict[str, Value] = {"project": owner, "before": checked_time(before, what="before")}
        rows = yield Statement(
            """
            WITH RECURSIVE kept (id, parent_id) AS (
              SELECT t.id, t.parent_id FROM agent_tasks AS t
              WHERE t.project_id = :project AND (t.finished_at IS NULL OR t.finished_at >= :before)
              UNION
              SELECT t.id, t.parent_id FROM kept
              JOIN agent_tasks AS t ON t.project_id = :project AND t.id = kept.parent_id
            )
            SELECT t.id FROM agent_tasks AS t
            WHERE t.project_id = :project AND t.id NOT IN (SELECT kept.id FROM kept)
            """,
            given,
        )
        pruned = {"agent_tasks": len(rows)}
        yield Statement(
            f"DELETE FROM agent_tasks WHERE project_id = :project AND {self.dialect.any_of('id', 'ids')}",
            {"project": owner, "ids": self.dialect.array(row[0] for row in rows)},
        )
        for form in FORMS:
            gone = yield Statement(
                f"DELETE FROM {form.table} WHERE project_id = :project AND task_id IS NULL AND at < :before"
                " RETURNING id",
                given,
            )
            pruned[form.table] = len(gone)
        return pruned

    def _where(self, project: str | None, session: str | None, since: datetime | None, until: datetime | None) -> Where:
        where = Where().equal("project_id", self.scope.among(project))
        return where.equal("session_id", self.scope.among_sessions(session)).during("created_at", since, until)

    def _change(
        self, id: str, state: TaskState, project: str | None, *, result: Json = None, error: str | None = None
    ) -> Operation[Task]:
        owner, now = self.scope.own(project), self.now()
        found = yield from self._one(owner, id, self.dialect.for_change)
        if found.state not in BEFORE[state]:
            raise no_way("task", id, found.state, state)
        started = now if state == "running" else found.started_at
        ended = state != "running"
        rows = yield Statement(
            f"""
            UPDATE agent_tasks
            SET state = :state, result = :result, error = :error, started_at = :started, finished_at = :finished,
              seconds = :seconds
            WHERE project_id = :project AND id = :id
            RETURNING {TASK.columns()}
            """,
            {
                "project": owner,
                "id": id,
                "state": state,
                "result": None if result is None else encode_json(result, what="result"),
                "error": None if error is None else checked_text(error, what="error"),
                "started": started,
                "finished": now if ended else None,
                "seconds": max((now - started).total_seconds(), 0.0) if ended and started else None,
            },
        )
        return TASK.read(rows[0])

    def _one(self, project: str, id: str, lock: str = "") -> Operation[Task]:
        rows = yield Statement(
            f"SELECT {TASK.columns()} FROM agent_tasks WHERE project_id = :project AND id = :id{lock}",
            {"project": project, "id": checked_id(id)},
        )
        if not rows:
            raise NotFoundError(f"There is no task {id!r}.", hint="Make it: store.tasks.create(title).", code="task")
        return TASK.read(rows[0])
