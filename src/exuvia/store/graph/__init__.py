"""The knowledge graph: nodes in namespaces, edges between them, walks along those, and knowledge that is promoted.

A node's id is one of the project's; its namespace (such as a session's, a team's or everybody's) tells how far it is
known, and promotion takes it to another one. Edges may lead from any namespace to any other.
"""

from exuvia.store.graph.exporting import GraphExport
from exuvia.store.graph.graph import Graph
from exuvia.store.graph.records import (
    Edge,
    Neighbour,
    NewEdge,
    NewNode,
    Node,
    Path,
    PathEdge,
    Paths,
    Promotion,
    Reached,
)

__all__ = [
    "Edge",
    "Graph",
    "GraphExport",
    "Neighbour",
    "NewEdge",
    "NewNode",
    "Node",
    "Path",
    "PathEdge",
    "Paths",
    "Promotion",
    "Reached",
]
