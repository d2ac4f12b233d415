"""Runs of workflows, and their history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from exuvia.store.core.lifecycle import BEFORE, checked_state, no_way
from exuvia.store.core.listing import Key, Listing, Page, Where, falling
from exuvia.store.core.operations import M, Subsystem, reading, writing
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, chosen_id, encode_json
from exuvia.store.errors import InvalidValueError, NotFoundError
from exuvia.store.filters import Filter
from exuvia.store.workflows.records import RUN, RUN_STEP, NewStep, Run, RunState, RunStep
from exuvia.store.workflows.workflows import Workflows


class Runs(Subsystem[M]):
    """Ask for runs, take them on their way, record what happens in them, and clear old ones away."""

    @writing
    def create(
        self,
        workflow: str,
        *,
        version: int | None = None,
        inputs: Json = None,
        started_by: str | None = None,
        trace_id: str | None = None,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[Run]:
        """Ask for a run, which is pending then.

        Args:
            workflow: The workflow.
            version: Its version; the newest if None.
            inputs: A JSON document.
            started_by: Who or what asks for it.
            trace_id: The distributed trace it belongs to.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such workflow or version.
            ConflictError: There is a run with this id.
        """
        owner = self.scope.own(project)
        chosen = yield from Workflows.version.steps(self, workflow, version, project=owner)
        rows = yield Statement(
            f"""
            INSERT INTO workflow_runs
              (project_id, id, workflow_id, version, state, started_by, trace_id, inputs, created_at)
            VALUES (:project, :id, :workflow, :version, 'pending', :started_by, :trace, :inputs, :now)
            RETURNING {RUN.columns()}
            """,
            {
                "project": owner,
                "id": chosen_id(id),
                "workflow": workflow,
                "version": chosen.version,
                "started_by": None if started_by is None else checked_text(started_by, what="started_by"),
                "trace": None if trace_id is None else checked_text(trace_id, what="trace_id", longest=255),
                "inputs": encode_json({} if inputs is None else inputs, what="inputs"),
                "now": self.now(),
            },
        )
        return RUN.read(rows[0])

    @writing
    def start(self, id: str, *, project: str | None = None) -> Operation[Run]:
        """Take a pending run to running.

        Raises:
            NotFoundError: There is no such run.
            StateError: It is not pending.
        """
        return (yield from self._change(id, "running", project))

    @writing
    def succeed(self, id: str, *, outputs: Json = None, project: str | None = None) -> Operation[Run]:
        """End a running run well.

        Raises:
            NotFoundError: There is no such run.
            StateError: It is not running.
        """
        return (yield from self._change(id, "succeeded", project, outputs={} if outputs is None else outputs))

    @writing
    def fail(self, id: str, error: str, *, outputs: Json = None, project: str | None = None) -> Operation[Run]:
        """End a running run that has failed; ``error`` tells why.

        Raises:
            NotFoundError: There is no such run.
            StateError: It is not running.
        """
        return (yield from self._change(id, "failed", project, error=error, outputs=outputs))

    @writing
    def cancel(self, id: str, *, reason: str | None = None, project: str | None = None) -> Operation[Run]:
        """End a run that is pending or running.

        Raises:
            NotFoundError: There is no such run.
            StateError: It has ended.
        """
        return (yield from self._change(id, "cancelled", project, error=reason))

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[Run]:
        """Return a run.

        Raises:
            NotFoundError: There is none with this id.
        """
        return (yield from self._one(self.scope.own(project), id))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        workflow: str | None = None,
        version: int | None = None,
        state: RunState | None = None,
        started_by: str | None = None,
        trace_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        filter: Filter | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Run]]:
        """List runs, the newest first.

        Args:
            project: The project; all of them if None.
            workflow: The workflow.
            version: Its version.
            state: The state.
            started_by: Who or what asked for it.
            trace_id: The distributed trace.
            since: Asked for then or later.
            until: Asked for then or earlier.
            filter: About ``inputs`` and ``outputs``.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("workflow_id", workflow)
        where.equal("version", version).equal("state", checked_state(state, "run")).equal("started_by", started_by)
        where.equal("trace_id", trace_id).during("created_at", since, until)
        where.json(("inputs", "outputs"), filter, self.dialect)
        order = falling("created_at", "project_id", "id")
        return (yield from Listing(RUN, "workflow_runs", where, order).page(limit, after))

    @writing
    def record(self, id: str, steps: Iterable[NewStep], *, project: str | None = None) -> Operation[int]:
        """Add steps to a run's history, in order, all or none.

        Returns:
            How many steps the history has then.

        Raises:
            NotFoundError: There is no such run.
        """
        owner = self.scope.own(project)
        added = list(steps)
        rows = yield Statement(
            """
            UPDATE workflow_runs SET last_seq = last_seq + :count WHERE project_id = :project AND id = :id
            RETURNING last_seq
            """,
            {"project": owner, "id": checked_id(id), "count": len(added)},
        )
        if not rows:
            raise _missing(id)
        last: int = rows[0][0]
        now = self.now()
        yield Many(
            """
            INSERT INTO run_steps
              (project_id, run_id, seq, name, status, span_id, parent_span_id, data, at, seconds)
            VALUES (:project, :run, :seq, :name, :status, :span, :parent, :data, :at, :seconds)
            """,
            [
                {
                    "project": owner,
                    "run": id,
                    "seq": seq,
                    "name": checked_text(step.name, what="name"),
                    "status": checked_text(step.status, what="status", longest=64),
                    "span": step.span_id,
                    "parent": step.parent_span_id,
                    "data": encode_json(step.data),
                    "at": now if step.at is None else checked_time(step.at),
                    "seconds": step.seconds,
                }
                for seq, step in enumerate(added, last - len(added) + 1)
            ],
        )
        return last

    @reading
    def history(
        self,
        id: str,
        *,
        name: str | None = None,
        status: str | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[RunStep]]:
        """List a run's steps in their order.

        Args:
            id: The run.
            name: The steps with this name.
            status: The steps with this status.
            project: The project; not needed in a bound store.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.own(project)).equal("run_id", checked_id(id))
        where.equal("name", name).equal("status", status)
        return (yield from Listing(RUN_STEP, "run_steps", where, (Key("seq"),)).page(limit, after))

    @writing
    def prune(
        self, *, before: datetime, keep: int = 0, workflow: str | None = None, project: str | None = None
    ) -> Operation[int]:
        """Delete runs that ended before a time, with their history.

        Args:
            before: Runs that ended earlier go.
            keep: How many of each workflow's newest runs stay in any case.
            workflow: The workflow; all of them if None.
            project: The project; not needed in a bound store.

        Returns:
            How many runs were deleted.
        """
        if not isinstance(keep, int) or isinstance(keep, bool) or keep < 0:
            raise InvalidValueError(f"{keep!r} cannot be kept.", hint="Pass a number, 0 or more.", code="keep")
        where = Where().equal("r.project_id", self.scope.own(project)).equal("r.workflow_id", workflow)
        rows = yield Statement(
            f"""
            DELETE FROM workflow_runs WHERE (project_id, id) IN (
              SELECT project_id, id FROM (
                SELECT r.project_id, r.id, r.finished_at,
                  row_number() OVER (PARTITION BY r.workflow_id ORDER BY r.created_at DESC, r.id DESC) AS place
                FROM workflow_runs AS r WHERE {where}
              ) AS ranked
              WHERE place > :keep AND finished_at < :before
            ) AND project_id = :owner
            RETURNING id
            """,
            where.parameters
            | {"keep": keep, "before": checked_time(before, what="before"), "owner": self.scope.own(project)},
        )
        return len(rows)

    def _change(
        self, id: str, state: RunState, project: str | None, *, outputs: Json = None, error: str | None = None
    ) -> Operation[Run]:
        owner = self.scope.own(project)
        rows = yield Statement(
            f"""
            UPDATE workflow_runs
            SET state = :state, outputs = :outputs, error = :error,
              started_at = CASE WHEN :state = 'running' THEN :now ELSE started_at END,
              finished_at = CASE WHEN :state = 'running' THEN NULL ELSE :now END
            WHERE project_id = :project AND id = :id AND {self.dialect.any_of("state", "before")}
            RETURNING {RUN.columns()}
            """,
            {
                "project": owner,
                "id": checked_id(id),
                "state": state,
                "outputs": None if outputs is None else encode_json(outputs, what="outputs"),
                "error": None if error is None else checked_text(error, what="error"),
                "now": self.now(),
                "before": self.dialect.array(BEFORE[state]),
            },
        )
        if not rows:
            found = yield from self._one(owner, id)
            raise no_way("run", id, found.state, state)
        return RUN.read(rows[0])

    def _one(self, project: str, id: str) -> Operation[Run]:
        rows = yield Statement(
            f"SELECT {RUN.columns()} FROM workflow_runs WHERE project_id = :project AND id = :id",
            {"project": project, "id": checked_id(id)},
        )
        if not rows:
            raise _missing(id)
        return RUN.read(rows[0])


def _missing(id: str) -> NotFoundError:
    return NotFoundError(f"There is no run {id!r}.", hint="Ask for one: store.runs.create(workflow).", code="run")
