"""What workflows and runs are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from exuvia.store.core.lifecycle import LifeState
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json

RunState = LifeState


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow.

    Args:
        project_id: The project.
        id: Its id.
        name: What people call it.
        description: What it is for.
        tags: Words to find it by.
        archived: Whether it is out of use.
        latest_version: The number of its newest version; 0 when it has none.
        revision: Counts the changes of this record, for optimistic locking.
        data: Anything else.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    name: str
    description: str
    tags: tuple[str, ...]
    archived: bool
    latest_version: int
    revision: int
    data: Json
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """A version of a workflow, which never changes.

    Args:
        project_id: The project.
        workflow_id: The workflow.
        version: 1, 2, 3 … without gaps.
        definition: What is run.
        author: Who made it.
        notes: What is new in it.
        created_at: When it was made.
    """

    project_id: str
    workflow_id: str
    version: int
    definition: Json
    author: str | None
    notes: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a version of a workflow.

    Args:
        project_id: The project.
        id: Its id.
        workflow_id: The workflow.
        version: The version that is run.
        state: pending, running, succeeded, failed or cancelled.
        started_by: Who or what asked for it.
        trace_id: The distributed trace it belongs to.
        inputs: What it was given.
        outputs: What it gave, once it has succeeded.
        error: Why it failed or was cancelled.
        created_at: When it was asked for.
        started_at: When it began to run.
        finished_at: When it ended.
    """

    project_id: str
    id: str
    workflow_id: str
    version: int
    state: RunState
    started_by: str | None
    trace_id: str | None
    inputs: Json
    outputs: Json
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunStep:
    """Something that happened in a run.

    Args:
        project_id: The project.
        run_id: The run.
        seq: Its place in the run's history: 1, 2, 3 … without gaps.
        name: The step's name, such as a node of the workflow.
        status: Such as started, succeeded, failed or skipped.
        span_id: The step's span of the run's trace.
        parent_span_id: The span that it was in.
        data: What happened.
        at: When.
        seconds: How long it took.
    """

    project_id: str
    run_id: str
    seq: int
    name: str
    status: str
    span_id: str | None
    parent_span_id: str | None
    data: Json
    at: datetime
    seconds: float | None


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step to be recorded.

    Args:
        name: The step's name.
        status: Such as started, succeeded, failed or skipped.
        data: A JSON document.
        span_id: The step's span of the run's trace.
        parent_span_id: The span that it was in.
        at: When it happened; now if None.
        seconds: How long it took.
    """

    name: str
    status: str = "succeeded"
    data: Json = field(default_factory=dict)
    span_id: str | None = None
    parent_span_id: str | None = None
    at: datetime | None = None
    seconds: float | None = None


WORKFLOW: Final = Shape(Workflow)
WORKFLOW_VERSION: Final = Shape(WorkflowVersion)
RUN: Final = Shape(Run)
RUN_STEP: Final = Shape(RunStep)
