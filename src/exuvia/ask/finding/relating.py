"""Answers from the knowledge graph."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from exuvia.ask.finding import findings
from exuvia.ask.finding.findings import Finding
from exuvia.ask.finding.knowing import Knowing
from exuvia.ask.finding.queries import exact
from exuvia.ask.language.tokens import fold
from exuvia.ask.language.vocabulary import stem
from exuvia.ask.records import Call, Interpretation, Known, Relation
from exuvia.store.core.composing import Ask, Steps
from exuvia.store.core.listing import LARGEST_PAGE
from exuvia.store.core.operations import Sync
from exuvia.store.graph.records import Neighbour, Node, Path
from exuvia.store.memory import Memory
from exuvia.store.search.words import words

_DEPTH: Final = 4
_PATHS: Final = 3
_MOST_PROJECTS: Final = 50
_OPPOSITE: Final = {"in": "out", "out": "in", "both": "both"}


@dataclass(frozen=True, slots=True)
class Related:
    """What the knowledge graph says of a node.

    Args:
        node: The node; None where there is no such.
        other: The node at the other end, where the way to it is asked for.
        neighbours: The nodes at the other ends of its edges.
        paths: The ways to the other node.
        total: How many edges fit, or paths; None where that is not known.
        calls: The calls that were made.
        notes: What the reader should know.
        others: Other nodes of this name.
    """

    node: Node | None
    other: Node | None = None
    neighbours: tuple[Neighbour, ...] = ()
    paths: tuple[Path, ...] = ()
    total: int | None = 0
    calls: tuple[Call, ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple[Node, ...] = ()


def related(store: Memory[Sync], asked: Interpretation, known: Known) -> Steps[Related]:
    """Ask the graph what an interpretation asks of it."""
    relation = asked.relation
    assert relation is not None
    calls: list[Call] = []
    notes: list[str] = []
    projects = asked.projects or tuple(known.projects)
    nodes = yield from _named(store, relation.node, projects, calls)
    if not nodes:
        return Related(None, calls=tuple(calls), notes=(f"the graph has no node “{relation.node}”",))
    node = nodes[0]
    if fold(relation.node) not in {fold(node.id), fold(node.name)}:
        notes.append(f"read “{relation.node}” as the node “{node.name}”")
    if relation.other is not None:
        return (yield from _connected(store, node, relation.other, calls, notes))
    arguments: dict[str, Any] = {"direction": "both", "project": node.project_id}
    page = yield Ask(partial(store.graph.neighbours, node.id, **arguments, limit=LARGEST_PAGE))
    calls.append(Call("graph.neighbours", {"id": node.id, **arguments}, page.total))
    chosen = _fitting(page.items, relation, notes)
    total = len(chosen) if page.next is None else None
    return Related(node, None, chosen, (), total, tuple(calls), tuple(notes), nodes[1:])


def _fitting(edges: Iterable[Neighbour], relation: Relation, notes: list[str]) -> tuple[Neighbour, ...]:
    """Keep the edges that a question's verb names; an edge whose type is passive leads the other way."""
    kept = [edge for edge in edges if relation.direction in {"both", _actively(edge)}]
    if not relation.verb:
        return tuple(kept)
    named = [edge for edge in kept if any(_is_form(part, relation.verb) for part in _parts(edge.edge_type))]
    if kept and not named:
        notes.append(f"no edge is called “{relation.verb}”: all that lead this way are listed")
    return tuple(named or kept)


def _is_form(word: str, verb: str) -> bool:
    """Whether a word is a form of a verb: ``used`` of use, ``dependency`` of depend."""
    root = verb.removesuffix("e")
    return word in {f"{root}{ending}" for ending in ("e", "ed", "es", "s", "ing", "")} or stem(word) == stem(verb)


def _actively(edge: Neighbour) -> str:
    """Return which way an edge leads, once ``used_by`` is turned around."""
    return _OPPOSITE[edge.direction] if _parts(edge.edge_type)[-1:] == ["by"] else edge.direction


def _parts(edge_type: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", edge_type).casefold())


def _connected(store: Memory[Sync], node: Node, name: str, calls: list[Call], notes: list[str]) -> Steps[Related]:
    others = yield from _named(store, name, (node.project_id,), calls)
    if not others:
        notes.append(f"the graph has no node “{name}”")
        return Related(node, calls=tuple(calls), notes=tuple(notes))
    arguments: dict[str, Any] = {"depth": _DEPTH, "direction": "both", "project": node.project_id, "limit": _PATHS}
    found = yield Ask(partial(store.graph.paths, node.id, others[0].id, **arguments))
    calls.append(Call("graph.paths", {"source": node.id, "target": others[0].id, **arguments}, len(found.items)))
    total = len(found.items) if found.complete else None
    return Related(node, others[0], (), found.items, total, tuple(calls), tuple(notes))


def _named(store: Memory[Sync], name: str, projects: tuple[str, ...], calls: list[Call]) -> Steps[tuple[Node, ...]]:
    """Return the nodes with an id or a name, the best fitting first."""
    found: dict[tuple[str, str], Node] = {}
    for project in (yield Ask(partial(Knowing(store._runner).homes, "node", name, projects))):
        node: Node = yield Ask(partial(store.graph.node, name, project=project))
        found[node.project_id, node.id] = node
    for fuzzy in (False, True):
        if found or not words(name):
            break
        query = exact([name])
        for project in projects[:_MOST_PROJECTS]:
            page = yield Ask(partial(store.search, query, kinds="node", project=project, fuzzy=fuzzy, limit=5))
            calls.append(Call("search", {"text": query, "kinds": ["node"], "project": project}, page.total))
            for hit in page.items:
                read = yield Ask(partial(store.graph.node, hit.entry.id, project=hit.entry.project_id))
                found[read.project_id, read.id] = read
    wanted = fold(name)
    return tuple(sorted(found.values(), key=lambda node: (wanted not in {fold(node.id), fold(node.name)}, node.id)))


def of_neighbour(edge: Neighbour, node: Node) -> Finding:
    """Return the node at the other end of an edge."""
    return Finding("node", edge.id, node.project_id, None, edge.name, edge.type, None, edge.text)


def of_node(node: Node) -> Finding:
    """Return a node."""
    return findings.of_node(node)
