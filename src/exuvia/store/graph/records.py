"""What a knowledge graph is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json

Direction = Literal["out", "in", "both"]
PutMode = Literal["merge", "replace"]


@dataclass(frozen=True, slots=True)
class Node:
    """Something that is known of.

    Args:
        project_id: The project.
        id: Its id in the project.
        namespace: How far it is known.
        type: What it is, such as person, file or concept.
        name: What people call it.
        text: What is known of it, in words.
        data: What is known of it, for programs: a JSON object.
        revision: Counts its changes, for optimistic locking.
        created_at: When it was put first.
        updated_at: When it was last changed.
    """

    project_id: str
    id: str
    namespace: str
    type: str
    name: str
    text: str
    data: Mapping[str, Json]
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Edge:
    """How one node is related to another; there is one edge of a type from one to the other.

    Args:
        project_id: The project.
        source_id: The node that it leads from.
        type: The relation, such as knows, imports or part_of.
        target_id: The node that it leads to.
        data: What is known of it: a JSON object.
        revision: Counts its changes, for optimistic locking.
        created_at: When it was put first.
        updated_at: When it was last changed.
    """

    project_id: str
    source_id: str
    type: str
    target_id: str
    data: Mapping[str, Json]
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewNode:
    """A node to be put. What is None stays as it is, or is what a new node has.

    Args:
        id: Its id.
        type: What it is; of a new node ``entity``.
        name: What people call it; of a new node the id.
        text: What is known of it, in words; of a new node nothing.
        data: A JSON object.
        namespace: Where a new node belongs, ``default`` if None. One that is there stays in its own.
        revision: The revision that the caller has read, 0 if there was no such node; None to put it in any case.
    """

    id: str
    type: str | None = None
    name: str | None = None
    text: str | None = None
    data: Mapping[str, Json] = field(default_factory=dict)
    namespace: str | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class NewEdge:
    """An edge to be put.

    Args:
        source: The node that it leads from.
        type: The relation.
        target: The node that it leads to.
        data: A JSON object.
        revision: The revision that the caller has read, 0 if there was no such edge; None to put it in any case.
    """

    source: str
    type: str
    target: str
    data: Mapping[str, Json] = field(default_factory=dict)
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A node at the other end of one of a node's edges.

    Args:
        direction: Whether the edge leads to it (out) or comes from it (in).
        edge_type: The relation.
        edge_data: What is known of the edge.
        id: The neighbour.
        namespace: Its namespace.
        type: What it is.
        name: What people call it.
        text: What is known of it, in words.
        data: What is known of it, for programs.
    """

    direction: Literal["out", "in"]
    edge_type: str
    edge_data: Mapping[str, Json]
    id: str
    namespace: str
    type: str
    name: str
    text: str
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Reached:
    """A node that edges lead to from another one, itself included.

    Args:
        distance: By how many edges at least.
        id: The node.
        namespace: Its namespace.
        type: What it is.
        name: What people call it.
        text: What is known of it, in words.
        data: What is known of it, for programs.
    """

    distance: int
    id: str
    namespace: str
    type: str
    name: str
    text: str
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class PathEdge:
    """An edge of a path, as it is in the graph, whichever way it was walked.

    Args:
        source: The node that it leads from.
        type: The relation.
        target: The node that it leads to.
    """

    source: str
    type: str
    target: str


@dataclass(frozen=True, slots=True)
class Path:
    """A way from one node to another that comes to no node twice.

    Args:
        nodes: The ids of its nodes, both ends included.
        edges: Its edges, one fewer.
    """

    nodes: tuple[str, ...]
    edges: tuple[PathEdge, ...]


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths that were found.

    Args:
        items: The paths, the shortest first; those of one length by the types and ids on the way.
        complete: Whether there are no others up to the depth that was asked for.
    """

    items: tuple[Path, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Promotion:
    """A line of the log of promotions.

    Args:
        project_id: The project.
        id: Its id.
        node_id: The node, which may be gone by now.
        source: The namespace that it was in.
        target: The namespace that it came into.
        promoted_by: Who or what did it.
        reason: Why.
        at: When.
    """

    project_id: str
    id: str
    node_id: str
    source: str
    target: str
    promoted_by: str | None
    reason: str | None
    at: datetime


NODE: Final = Shape(Node)
EDGE: Final = Shape(Edge)
NEIGHBOUR: Final = Shape(Neighbour)
REACHED: Final = Shape(Reached)
PROMOTION: Final = Shape(Promotion)
