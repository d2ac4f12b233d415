"""A graph as one document, and as a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from exuvia.store.core.values import Json, time_text
from exuvia.store.graph.records import Edge, Node

_PLAIN: Final = re.compile(r"[^\w ,.:+-]")


@dataclass(frozen=True, slots=True)
class GraphExport:
    """Nodes, and the edges between them.

    Args:
        nodes: By id.
        edges: By source, type and target.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def document(self) -> Json:
        """Return it as a JSON document; times are texts in UTC."""
        return {
            "nodes": [
                {
                    "id": node.id,
                    "namespace": node.namespace,
                    "type": node.type,
                    "name": node.name,
                    "text": node.text,
                    "data": node.data,
                    "created_at": time_text(node.created_at),
                    "updated_at": time_text(node.updated_at),
                }
                for node in self.nodes
            ],
            "edges": [
                {
                    "source": edge.source_id,
                    "type": edge.type,
                    "target": edge.target_id,
                    "data": edge.data,
                    "created_at": time_text(edge.created_at),
                    "updated_at": time_text(edge.updated_at),
                }
                for edge in self.edges
            ],
        }

    def mermaid(self) -> str:
        """Return it as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html).

        Nodes are numbered, so that no id can be a word of Mermaid's; of names and types everything that could have a
        meaning is written as an entity.
        """
        numbers = {node.id: f"n{number}" for number, node in enumerate(self.nodes)}
        lines = ["flowchart LR"]
        lines += [f'  {numbers[node.id]}["{_label(node.name)}"]' for node in self.nodes]
        lines += [
            f'  {numbers[edge.source_id]} -->|"{_label(edge.type)}"| {numbers[edge.target_id]}' for edge in self.edges
        ]
        return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", " ".join(text.split())) or " "
