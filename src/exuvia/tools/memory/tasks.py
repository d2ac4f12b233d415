"""Tasks: what agents are to do, and how that went."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exuvia.store.operations.records import TaskState
from exuvia.tools.frame import ArgumentError, Call, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Done, Own, Spanned, listed, span
from exuvia.tools.memory.explaining import memory_tool


class CreateTask(Own):
    """A new task."""

    title: str
    text: str = ""
    assignee: str | None = None
    parent: str | None = Field(None, description="The task it is a part of.")
    session: str | None = None
    data: dict[str, Json] = Field(default_factory=dict)
    id: str | None = None


class UpdateTask(Own):
    """What became of a task."""

    id: str
    state: Literal["running", "succeeded", "failed", "cancelled"]
    result: dict[str, Json] | None = None
    error: str | None = Field(None, description="Why it failed or was cancelled.")


class ListTasks(Spanned):
    """Which tasks."""

    state: TaskState | None = None
    assignee: str | None = None
    parent: str | None = None
    session: str | None = None


@memory_tool(
    toolset="tasks",
    summary="Make a task for an agent, pending at first.",
    example={"title": "Find the bug", "assignee": "ada"},
    effect="adds",
)
async def create_task(call: Call, given: CreateTask) -> Done:
    store = await call.memory(given.project)
    made = await store.tasks.create(
        given.title,
        text=given.text,
        assignee=given.assignee,
        parent=given.parent,
        session=given.session,
        data=given.data,
        id=given.id,
    )
    return Done(id=None if given.id else made.id)


@memory_tool(
    toolset="tasks",
    summary="Start a task, or end it: succeeded, failed or cancelled.",
    details="pending leads to running and cancelled, running to the three ends.",
    example={"id": "t1", "state": "succeeded", "result": {"fixed": True}},
    effect="changes",
)
async def update_task(call: Call, given: UpdateTask) -> Done:
    tasks = (await call.memory(given.project)).tasks
    if given.state == "running":
        await tasks.start(given.id)
    elif given.state == "succeeded":
        await tasks.succeed(given.id, result=given.result)
    elif given.state == "cancelled":
        await tasks.cancel(given.id, reason=given.error)
    elif given.error is None:
        raise ArgumentError("error", "A task that failed takes the error.", hint="Say why it failed.", code="missing")
    else:
        await tasks.fail(given.id, given.error, result=given.result)
    return Done()


@memory_tool(
    toolset="tasks",
    summary="List tasks, the newest first.",
    example={"state": "running", "assignee": "ada"},
)
async def list_tasks(call: Call, given: ListTasks) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.tasks.list(
            session=given.session,
            parent=given.parent,
            state=given.state,
            assignee=given.assignee,
            limit=limit,
            after=after,
            **span(given),
        ),
        {
            "id": "id",
            "title": "title",
            "state": "state",
            "assignee": "assignee",
            "error": "error",
            "created": "created_at",
        },
    )
