"""Putting, listing, promoting, exporting and deleting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from exuvia.store.core.deleting import delete_one
from exuvia.store.core.listing import Key, Listing, Page, Where, falling
from exuvia.store.core.operations import M, reading, writing, writing_once
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, new_id
from exuvia.store.errors import InvalidValueError, StateError
from exuvia.store.filters import Filter
from exuvia.store.graph.exporting import GraphExport
from exuvia.store.graph.putting import EDGES, NODES, Given, Putting
from exuvia.store.graph.records import (
    EDGE,
    NODE,
    PROMOTION,
    Edge,
    NewEdge,
    NewNode,
    Node,
    Promotion,
    PutMode,
)
from exuvia.store.graph.walking import Walks


class Graph(Walks[M]):
    """The knowledge graph of a project."""

    @writing
    def put_nodes(
        self, nodes: Iterable[NewNode], *, mode: PutMode = "merge", project: str | None = None
    ) -> Operation[tuple[Node, ...]]:
        """Make nodes, or change those that are there, all or none; whoever else does so loses nothing.

        Args:
            nodes: The nodes, 10,000 at most.
            mode: Merge ``data`` into what is there, as a JSON merge patch (RFC 7396: objects are merged, None takes a
                key out), or replace it.
            project: The project; not needed in a bound store.

        Returns:
            The nodes as they are then.

        Raises:
            ConflictError: One is not at the revision that was given.
        """
        rows = [_given_node(node) for node in nodes]
        owner = self.scope.own(project)
        return (yield from Putting(self.dialect, NODES, owner, mode, self.now()).put(rows))

    @writing
    def put_node(
        self,
        id: str,
        *,
        type: str | None = None,
        name: str | None = None,
        text: str | None = None,
        data: Mapping[str, Json] | None = None,
        namespace: str | None = None,
        revision: int | None = None,
        mode: PutMode = "merge",
        project: str | None = None,
    ) -> Operation[Node]:
        """Make a node, or change the one with this id; see ``NewNode`` and ``put_nodes``."""
        node = NewNode(id, type, name, text, {} if data is None else data, namespace, revision)
        return (yield from Graph.put_nodes.steps(self, [node], mode=mode, project=project))[0]

    @writing
    def put_edges(
        self, edges: Iterable[NewEdge], *, mode: PutMode = "merge", project: str | None = None
    ) -> Operation[tuple[Edge, ...]]:
        """Make edges, or change those that are there, as ``put_nodes`` does.

        Raises:
            MissingReferenceError: A node is not there.
            ConflictError: An edge is not at the revision that was given.
        """
        rows = [_given_edge(edge) for edge in edges]
        owner = self.scope.own(project)
        return (yield from Putting(self.dialect, EDGES, owner, mode, self.now()).put(rows))

    @writing
    def put_edge(
        self,
        source: str,
        type: str,
        target: str,
        *,
        data: Mapping[str, Json] | None = None,
        revision: int | None = None,
        mode: PutMode = "merge",
        project: str | None = None,
    ) -> Operation[Edge]:
        """Make an edge, or change the one of this type between these nodes; see ``put_edges``."""
        edge = NewEdge(source, type, target, {} if data is None else data, revision)
        return (yield from Graph.put_edges.steps(self, [edge], mode=mode, project=project))[0]

    @reading
    def nodes(
        self,
        *,
        namespace: str | None = None,
        type: str | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Node]]:
        """List nodes by id.

        Args:
            namespace: The namespace.
            type: What they are.
            filter: About ``data``.
            project: The project; all of them if None.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("namespace", namespace)
        where.equal("type", type).json("data", filter, self.dialect)
        return (yield from Listing(NODE, "graph_nodes", where, (Key("project_id"), Key("id"))).page(limit, after))

    @reading
    def edges(
        self,
        *,
        source: str | None = None,
        type: str | None = None,
        target: str | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Edge]]:
        """List edges by source, type and target.

        Args:
            source: The node that they lead from.
            type: The relation.
            target: The node that they lead to.
            filter: About ``data``.
            project: The project; all of them if None.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("source_id", source)
        where.equal("type", type).equal("target_id", target).json("data", filter, self.dialect)
        order = tuple(Key(column) for column in ("project_id", "source_id", "type", "target_id"))
        return (yield from Listing(EDGE, "graph_edges", where, order).page(limit, after))

    @reading
    def namespaces(self, *, project: str | None = None) -> Operation[dict[str, int]]:
        """Return how many nodes each namespace has, by its name."""
        rows = yield Statement(
            """
            SELECT namespace, count(*) FROM graph_nodes WHERE project_id = :project
            GROUP BY namespace ORDER BY namespace
            """,
            {"project": self.scope.own(project)},
        )
        return dict(rows)

    @writing_once
    def delete_node(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a node with its edges; return whether it was there."""
        return (yield from delete_one("graph_nodes", self.scope.own(project), id))

    @writing_once
    def delete_edge(self, source: str, type: str, target: str, *, project: str | None = None) -> Operation[bool]:
        """Delete an edge; return whether it was there."""
        rows = yield Statement(
            """
            DELETE FROM graph_edges
            WHERE project_id = :project AND source_id = :source AND type = :type AND target_id = :target
            RETURNING type
            """,
            {"project": self.scope.own(project), "source": source, "type": type, "target": target},
        )
        return bool(rows)

    @writing
    def promote(
        self,
        ids: Iterable[str] | None = None,
        *,
        source: str,
        target: str,
        by: str | None = None,
        reason: str | None = None,
        project: str | None = None,
    ) -> Operation[tuple[Promotion, ...]]:
        """Take nodes from one namespace to another, all or none, and write that into the log.

        Of several who promote the same node at once one succeeds.

        Args:
            ids: The nodes; all of the namespace if None.
            source: The namespace that they are in.
            target: The one that they come into.
            by: Who or what does it.
            reason: Why.
            project: The project; not needed in a bound store.

        Returns:
            What was written into the log, by the nodes' ids.

        Raises:
            StateError: A node is not there, or in another namespace.
        """
        if source == target:
            raise InvalidValueError(f"{source!r} is both namespaces.", hint="Name two.", code="namespace")
        owner, now = self.scope.own(project), self.now()
        where = Where().equal("project_id", owner).equal("namespace", checked_id(source, what="source"))
        wanted = None if ids is None else sorted(set(map(checked_id, ids)))
        if wanted is not None:
            where.also(self.dialect.any_of("id", "ids"), ids=self.dialect.array(wanted))
        found = yield Statement(
            f"SELECT id FROM graph_nodes WHERE {where} ORDER BY id{self.dialect.for_change}", where.parameters
        )
        taken = [row[0] for row in found]
        if wanted is not None and taken != wanted:
            raise _elsewhere(set(wanted) - set(taken), source)
        goal = checked_id(target, what="target")
        actor = None if by is None else checked_text(by, what="by")
        why = None if reason is None else checked_text(reason, what="reason")
        log = [Promotion(owner, new_id(), node, source, goal, actor, why, now) for node in taken]
        if log:
            yield from self._move(log, owner, now)
        return tuple(log)

    @reading
    def promotions(
        self,
        *,
        node: str | None = None,
        source: str | None = None,
        target: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Promotion]]:
        """List the log of promotions, the newest first.

        Args:
            node: The node.
            source: The namespace that nodes were in.
            target: The namespace that they came into.
            since: Promoted then or later.
            until: Promoted then or earlier.
            project: The project; all of them if None.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("node_id", node)
        where.equal("source", source).equal("target", target).during("at", since, until)
        order = falling("at", "project_id", "node_id", "id")
        return (yield from Listing(PROMOTION, "graph_promotions", where, order).page(limit, after))

    @reading
    def export(self, *, namespace: str | None = None, project: str | None = None) -> Operation[GraphExport]:
        """Return a namespace, or all, with the edges between its nodes: ``.document()`` is JSON, ``.mermaid()`` a
        picture."""
        where = Where().equal("project_id", self.scope.own(project)).equal("namespace", namespace)
        nodes = NODE.read_all(
            (yield Statement(f"SELECT {NODE.columns()} FROM graph_nodes WHERE {where} ORDER BY id", where.parameters))
        )
        among = f"(SELECT id FROM graph_nodes WHERE {where})"
        edges = EDGE.read_all(
            (
                yield Statement(
                    f"""
                    SELECT {EDGE.columns()} FROM graph_edges
                    WHERE project_id = :owner AND source_id IN {among} AND target_id IN {among}
                    ORDER BY source_id, type, target_id
                    """,
                    where.parameters | {"owner": self.scope.own(project)},
                )
            )
        )
        known = {node.id for node in nodes}  # a node may have come or gone between the two
        return GraphExport(nodes, tuple(edge for edge in edges if {edge.source_id, edge.target_id} <= known))

    def _move(self, log: list[Promotion], owner: str, now: datetime) -> Operation[None]:
        yield Many(
            """
            UPDATE graph_nodes SET namespace = :target, revision = revision + 1, updated_at = :now
            WHERE project_id = :project AND id = :id
            """,
            [{"target": line.target, "now": now, "project": owner, "id": line.node_id} for line in log],
        )
        columns = ", ".join(PROMOTION.names)
        yield Many(
            f"INSERT INTO graph_promotions ({columns}) VALUES ({', '.join(f':{name}' for name in PROMOTION.names)})",
            [{name: getattr(line, name) for name in PROMOTION.names} for line in log],
        )


def _given_node(node: NewNode) -> Given:
    key = checked_id(node.id)
    named = {
        "namespace": None if node.namespace is None else checked_id(node.namespace, what="namespace"),
        "type": None if node.type is None else checked_id(node.type, what="type"),
        "name": None if node.name is None else checked_text(node.name, what="name"),
        "text": None if node.text is None else checked_text(node.text, what="text"),
    }
    texts = {column: value for column, value in named.items() if value is not None}
    fresh = {"namespace": "default", "type": "entity", "name": key, "text": "", **texts}
    changes = {column: value for column, value in texts.items() if column != "namespace"}
    return Given((key,), fresh, changes, node.data, node.revision)


def _given_edge(edge: NewEdge) -> Given:
    ends = checked_id(edge.source, what="source"), checked_id(edge.target, what="target")
    return Given((ends[0], checked_id(edge.type, what="type"), ends[1]), {}, {}, edge.data, edge.revision)


def _elsewhere(ids: set[str], source: str) -> StateError:
    return StateError(
        f"{len(ids)} of the nodes, such as {min(ids)!r}, are not in the namespace {source!r}.",
        hint="Somebody may have promoted them: store.graph.promotions(node=…).",
        code="namespace",
    )
