"""The knowledge graph: putting, reading and deleting nodes and edges."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from exuvia.store.graph import NewEdge, NewNode
from exuvia.tools.frame import Arguments, Call, Output, Table
from exuvia.tools.frame.outputs import Json
from exuvia.tools.memory.answering import Done, Listed, Own, listed
from exuvia.tools.memory.detailing import Detail, Whole, detailed
from exuvia.tools.memory.events import containing
from exuvia.tools.memory.explaining import memory_tool, not_there


class NodeGiven(Arguments):
    """A node."""

    id: str
    type: str | None = None
    name: str | None = None
    text: str | None = None
    data: dict[str, Json] = Field(default_factory=dict)
    namespace: str | None = None
    revision: int | None = Field(None, description="The one you have read.")


class EdgeGiven(Arguments):
    """An edge."""

    source: str
    type: str
    target: str
    data: dict[str, Json] = Field(default_factory=dict)
    revision: int | None = None


class PutNodes(Own):
    """Nodes to make or to change."""

    nodes: tuple[NodeGiven, ...] = Field(min_length=1, max_length=1000)
    mode: Literal["merge", "replace"] = Field("merge", description="What happens to data that are there.")


class PutEdges(Own):
    """Edges to make or to change."""

    edges: tuple[EdgeGiven, ...] = Field(min_length=1, max_length=1000)
    mode: Literal["merge", "replace"] = "merge"


class ListNodes(Listed):
    """Which nodes."""

    type: str | None = None
    namespace: str | None = None
    data: dict[str, Json] = Field(default_factory=dict, description="What the data contain.")


class ListEdges(Listed):
    """Which edges."""

    source: str | None = None
    type: str | None = None
    target: str | None = None
    data: dict[str, Json] = Field(default_factory=dict, description="What the data contain.")


class NodeNamed(Own):
    """Which node."""

    id: str


class EdgeNamed(Own):
    """Which edge."""

    source: str
    type: str
    target: str


class Put(Output):
    """How many were put."""

    put: int


class NodeDetail(Detail):
    """A node."""

    type: str = ""
    name: str = ""
    namespace: str = ""
    revision: int | None = None
    updated: str | None = None


@memory_tool(
    toolset="graph",
    summary="Make nodes of the knowledge graph, or change those that are there.",
    details="Data are merged into what is there (null takes a key out); what is left out stays.",
    example={"nodes": [{"id": "ada", "type": "person", "name": "Ada Lovelace", "data": {"born": 1815}}]},
    effect="changes",
    idempotent=True,
)
async def put_nodes(call: Call, given: PutNodes) -> Put:
    store = await call.memory(given.project)
    nodes = [
        NewNode(one.id, one.type, one.name, one.text, one.data, one.namespace, one.revision) for one in given.nodes
    ]
    return Put(put=len(await store.graph.put_nodes(nodes, mode=given.mode)))


@memory_tool(
    toolset="graph",
    summary="Make edges between nodes of the knowledge graph, or change those that are there.",
    details="Both nodes have to be there.",
    example={"edges": [{"source": "ada", "type": "programmed", "target": "engine"}]},
    effect="changes",
    idempotent=True,
)
async def put_edges(call: Call, given: PutEdges) -> Put:
    store = await call.memory(given.project)
    edges = [NewEdge(one.source, one.type, one.target, one.data, one.revision) for one in given.edges]
    return Put(put=len(await store.graph.put_edges(edges, mode=given.mode)))


@memory_tool(
    toolset="graph",
    summary="Read a node with its text and data.",
    example={"id": "ada"},
)
async def get_node(call: Call, given: Whole) -> NodeDetail:
    store = await call.memory(given.project)
    found = await store.graph.node(given.id)
    return detailed(
        given,
        NodeDetail,
        content=found.text,
        data=dict(found.data),
        type=found.type,
        name=found.name,
        namespace=found.namespace,
        revision=found.revision,
        updated=found.updated_at,
    )


@memory_tool(
    toolset="graph",
    summary="List nodes of the knowledge graph, by id.",
    example={"type": "person"},
)
async def list_nodes(call: Call, given: ListNodes) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.graph.nodes(
            namespace=given.namespace, type=given.type, filter=containing(given.data), limit=limit, after=after
        ),
        {"id": "id", "type": "type", "name": "name", "namespace": "namespace"},
    )


@memory_tool(
    toolset="graph",
    summary="List edges of the knowledge graph, by source, type and target.",
    example={"type": "programmed"},
)
async def list_edges(call: Call, given: ListEdges) -> Table:
    return await listed(
        call,
        given,
        lambda store, limit, after: store.graph.edges(
            source=given.source,
            type=given.type,
            target=given.target,
            filter=containing(given.data),
            limit=limit,
            after=after,
        ),
        {"source": "source_id", "type": "type", "target": "target_id", "data": "data"},
    )


@memory_tool(
    toolset="graph",
    summary="Delete a node with its edges.",
    example={"id": "babbage"},
    effect="destroys",
    idempotent=True,
)
async def delete_node(call: Call, given: NodeNamed) -> Done:
    store = await call.memory(given.project)
    if not await store.graph.delete_node(given.id):
        raise not_there("node", given.id)
    return Done()


@memory_tool(
    toolset="graph",
    summary="Delete an edge between two nodes.",
    example={"source": "ada", "type": "programmed", "target": "engine"},
    effect="destroys",
    idempotent=True,
)
async def delete_edge(call: Call, given: EdgeNamed) -> Done:
    store = await call.memory(given.project)
    if not await store.graph.delete_edge(given.source, given.type, given.target):
        raise not_there("edge", f"{given.source} {given.type} {given.target}", argument="source")
    return Done()
