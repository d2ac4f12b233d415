"""Walks through the knowledge graph."""

from __future__ import annotations

from pydantic import Field

from exuvia.store.graph.records import Direction, Path
from exuvia.tools.frame import Call, Paged, Table, rows_within
from exuvia.tools.frame.paging import Position
from exuvia.tools.memory.answering import Listed, listed
from exuvia.tools.memory.explaining import memory_tool


class FindNeighbours(Listed):
    """Whose neighbours."""

    id: str
    direction: Direction = "both"
    types: tuple[str, ...] = Field((), description="Types of edges.")
    node_type: str | None = None
    depth: int = Field(1, ge=1, le=20, description="Edges to walk.")


class FindPaths(Paged):
    """From where to where."""

    source: str
    target: str
    direction: Direction = Field("both", description="out: only as edges lead.")
    types: tuple[str, ...] = Field((), description="Types of edges.")
    depth: int = Field(4, ge=1, le=20, description="Edges at most.")
    limit: int = Field(5, ge=1, le=100)
    project: str | None = None


@memory_tool(
    toolset="graph",
    summary="Find what a node is related to, directly or within some edges.",
    example={"id": "engine", "direction": "in"},
)
async def find_neighbours(call: Call, given: FindNeighbours) -> Table:
    if given.depth == 1:
        return await listed(
            call,
            given,
            lambda store, limit, after: store.graph.neighbours(
                given.id,
                direction=given.direction,
                types=given.types,
                node_type=given.node_type,
                limit=limit,
                after=after,
            ),
            {"direction": "direction", "edge": "edge_type", "id": "id", "type": "type", "name": "name"},
        )
    return await listed(
        call,
        given,
        lambda store, limit, after: store.graph.within(
            given.id,
            given.depth,
            direction=given.direction,
            types=given.types,
            node_type=given.node_type,
            limit=limit,
            after=after,
        ),
        {"distance": "distance", "id": "id", "type": "type", "name": "name"},
    )


@memory_tool(
    toolset="graph",
    summary="Find the ways from one node to another, the shortest first.",
    example={"source": "ada", "target": "babbage"},
)
async def find_paths(call: Call, given: FindPaths) -> Table:
    store = await call.memory(given.project)
    for end in (given.source, given.target):
        await store.graph.node(end)
    found = await store.graph.paths(
        given.source,
        given.target,
        depth=given.depth,
        direction=given.direction,
        types=given.types,
        limit=given.limit,
    )
    table = rows_within(given, ["path"], [[_drawn(path)] for path in found.items], total=None, start=Position())
    notice = "" if found.complete else "There may be more: raise limit, or lower depth."
    return table.model_copy(update={"next": None, "notice": table.notice or notice})


def _drawn(path: Path) -> str:
    """Draw a path on a line: ``ada -programmed-> engine <-designed- babbage``."""
    pieces = [path.nodes[0]]
    for edge, node in zip(path.edges, path.nodes[1:], strict=True):
        pieces.append(f"-{edge.type}->" if edge.target == node else f"<-{edge.type}-")
        pieces.append(node)
    return " ".join(pieces)
