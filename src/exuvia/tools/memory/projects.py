"""Projects: what everything else belongs to."""

from __future__ import annotations

from pydantic import Field

from exuvia.store.errors import NotFoundError
from exuvia.tools.frame import ArgumentError, Arguments, Call, Paged, Table, paged
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Done, lean
from exuvia.tools.memory.explaining import memory_tool
from exuvia.tools.memory.times import iso


class PutProject(Arguments):
    """A project; what is not named stays as it is."""

    id: str
    name: str | None = None
    data: dict[str, Json] | None = Field(None, description="Replaces what is there.")


@memory_tool(
    toolset="projects",
    summary="List the projects.",
    example={},
)
async def list_projects(call: Call, given: Paged) -> Table:
    store = await call.everywhere()
    table = await paged(
        given,
        lambda limit, after: store.projects.list(limit=limit, after=after),
        ["id", "name", "updated"],
        lambda found: [found.id, found.name if found.name != found.id else "", iso(found.updated_at)],
    )
    return lean(given, table)


@memory_tool(
    toolset="projects",
    summary="Make a project, or change its name or data.",
    example={"id": "shop", "name": "The shop"},
    effect="changes",
    idempotent=True,
)
async def put_project(call: Call, given: PutProject) -> Done:
    if call.confined and given.id != call.project:
        raise ArgumentError("id", "This token may change its own project only.", hint=f"It is {call.project}.")
    store = await call.everywhere()
    name, data = given.name, given.data
    try:
        found = await store.projects.get(given.id)
    except NotFoundError:
        pass
    else:
        name, data = name or found.name, found.data if data is None else data
    await store.projects.put(given.id, name=name, data=data)
    return Done()
