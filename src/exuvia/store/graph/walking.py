"""Walks along edges: neighbours, what is within a distance, and paths, by recursive SQL that comes to an end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Key, Listing, Page, Where, check_limit
from exuvia.store.core.operations import M, Subsystem, reading
from exuvia.store.core.requests import Operation, Statement, Value
from exuvia.store.core.values import checked_id
from exuvia.store.errors import InvalidValueError, NotFoundError
from exuvia.store.filters import Filter
from exuvia.store.graph.records import (
    NEIGHBOUR,
    NODE,
    REACHED,
    Direction,
    Neighbour,
    Node,
    Path,
    PathEdge,
    Paths,
    Reached,
)

DEEPEST: Final = 20
WALKED: Final = 50_000
"""How many beginnings of paths are looked at."""
# Ids have no control characters
_NODE: Final = "\x1f"
_EDGE: Final = "\x1e"
_COLUMNS: Final = "n.project_id, n.id, n.namespace, n.type, n.name, n.text, n.data"


class _Way(NamedTuple):
    """How a walk goes on from ``{at}`` along the edge ``e``: the condition, and the node that it comes to."""

    on: str
    to: str

    def at(self, place: str) -> _Way:
        return _Way(self.on.format(at=place), self.to.format(at=place))


_WAYS: Final[dict[Direction, _Way]] = {
    "out": _Way("e.source_id = {at}", "e.target_id"),
    "in": _Way("e.target_id = {at}", "e.source_id"),
    "both": _Way(
        "(e.source_id = {at} OR e.target_id = {at})",
        "CASE WHEN e.source_id = {at} THEN e.target_id ELSE e.source_id END",
    ),
}
_BACK: Final[dict[Direction, Direction]] = {"out": "in", "in": "out", "both": "both"}


class Walks(Subsystem[M]):
    """Read nodes, and walk from them along edges."""

    @reading
    def node(self, id: str, *, project: str | None = None) -> Operation[Node]:
        """Return a node.

        Raises:
            NotFoundError: There is none with this id.
        """
        rows = yield Statement(
            f"SELECT {NODE.columns()} FROM graph_nodes WHERE project_id = :project AND id = :id",
            {"project": self.scope.own(project), "id": checked_id(id)},
        )
        if not rows:
            raise NotFoundError(f"There is no node {id!r}.", hint="Put it: store.graph.put_node(id).", code="node")
        return NODE.read(rows[0])

    @reading
    def neighbours(
        self,
        id: str,
        *,
        direction: Direction = "both",
        types: str | Iterable[str] = (),
        node_type: str | None = None,
        namespace: str | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Neighbour]]:
        """List the nodes at the other ends of a node's edges: one for each edge, by the edges' types, then by ids.

        Args:
            id: The node.
            direction: Edges that lead from it (out), to it (in), or both.
            types: The edges' types; none for all.
            node_type: What the neighbours are.
            namespace: Where they belong.
            filter: About ``data`` of the neighbour and ``edge_data``.
            project: The project; not needed in a bound store.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.

        Raises:
            NotFoundError: There is no such node.
        """
        owner = self.scope.own(project)
        _way(direction)
        yield from Walks.node.steps(self, id, project=owner)
        chosen, parameters = _types(self.dialect, types)
        halves = []
        if direction != "in":
            halves.append(_half("out", "e.source_id = :here", "e.target_id", chosen))
        if direction != "out":
            loops = "" if direction == "in" else " AND e.source_id <> e.target_id"
            halves.append(_half("in", f"e.target_id = :here{loops}", "e.source_id", chosen))
        where = Where().also("project_id = :project", project=owner, here=id, **parameters)
        where.equal("type", node_type).equal("namespace", namespace)
        where.json(("data", "edge_data"), filter, self.dialect)
        order = (Key("edge_type"), Key("id"), Key("direction"))
        return (
            yield from Listing(NEIGHBOUR, f"({' UNION ALL '.join(halves)}) AS near", where, order).page(limit, after)
        )

    @reading
    def within(
        self,
        id: str,
        depth: int,
        *,
        direction: Direction = "both",
        types: str | Iterable[str] = (),
        node_type: str | None = None,
        namespace: str | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Reached]]:
        """List the nodes that edges lead to from a node, itself included, the nearest first, then by id.

        Args:
            id: The node.
            depth: Edges to walk at most, 0 to 20.
            direction: Walk edges as they lead (out), against that (in), or both ways.
            types: The types of the edges to walk; none for all.
            node_type: What the nodes are that are listed.
            namespace: Where they belong.
            filter: About ``data``.
            project: The project; not needed in a bound store.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.

        Raises:
            NotFoundError: There is no such node.
        """
        owner = self.scope.own(project)
        way = _way(direction).at("walk.at")
        yield from Walks.node.steps(self, id, project=owner)
        chosen, parameters = _types(self.dialect, types)
        source = f"""(
            WITH RECURSIVE walk (at, distance) AS (
              SELECT n.id, 0 FROM graph_nodes AS n WHERE n.project_id = :project AND n.id = :here
              UNION
              SELECT {way.to}, walk.distance + 1 FROM walk
              JOIN graph_edges AS e ON e.project_id = :project AND {way.on}{chosen}
              WHERE walk.distance < :depth
            )
            SELECT min(walk.distance) AS distance, {_COLUMNS} FROM walk
            JOIN graph_nodes AS n ON n.project_id = :project AND n.id = walk.at
            GROUP BY n.project_id, n.id
        ) AS reached"""
        given = {"here": id, "depth": _depth(depth), **parameters}
        where = Where().also("project_id = :project", project=owner, **given)
        where.equal("type", node_type).equal("namespace", namespace).json("data", filter, self.dialect)
        return (yield from Listing(REACHED, source, where, (Key("distance"), Key("id"))).page(limit, after))

    @reading
    def paths(
        self,
        source: str,
        target: str,
        *,
        depth: int = 4,
        direction: Direction = "out",
        types: str | Iterable[str] = (),
        limit: int = 10,
        project: str | None = None,
    ) -> Operation[Paths]:
        """Find the paths from a node to another one, the shortest first; no path comes to a node twice.

        Nodes from which the target is too far are not walked to, and 50,000 beginnings of paths are looked at: of
        more than those, the lengths that were not looked through are left out.

        Args:
            source: The node to begin at.
            target: The node to come to.
            depth: Edges at most, 0 to 20.
            direction: Walk edges as they lead (out), against that (in), or both ways.
            types: The types of the edges to walk; none for all.
            limit: Paths at most, 1 to 1,000.
            project: The project; not needed in a bound store.
        """
        check_limit(limit)
        chosen, parameters = _types(self.dialect, types)
        rows = yield Statement(
            _paths(self.dialect, direction, chosen),
            parameters
            | {
                "project": self.scope.own(project),
                "source": checked_id(source, what="source"),
                "target": checked_id(target, what="target"),
                "depth": _depth(depth),
                "node": _NODE,
                "edge": _EDGE,
                "most": WALKED,
                "limit": limit + 1,
            },
        )
        whole = rows[0][0] < WALKED
        found = [path for _, deepest, length, path in rows if path is not None and (whole or length < deepest)]
        return Paths(tuple(map(_read, found[:limit])), whole and len(found) <= limit)


def _half(direction: str, on: str, other: str, chosen: str) -> str:
    return (
        f"SELECT '{direction}' AS direction, e.type AS edge_type, e.data AS edge_data, {_COLUMNS}"
        f" FROM graph_edges AS e JOIN graph_nodes AS n ON n.project_id = e.project_id AND n.id = {other}"
        f" WHERE e.project_id = :project AND {on}{chosen}"
    )


def _paths(dialect: Dialect, direction: Direction, chosen: str) -> str:
    # PostgreSQL stops a recursion when no more rows are asked for, SQLite when it says so itself
    stop = "" if dialect.is_postgres else "LIMIT :most"
    way, back = _way(direction).at("walk.at"), _way(_BACK[direction]).at("near.at")
    return f"""
        WITH RECURSIVE near (at, distance) AS (
          SELECT n.id, 0 FROM graph_nodes AS n WHERE n.project_id = :project AND n.id = :target
          UNION
          SELECT {back.to}, near.distance + 1 FROM near
          JOIN graph_edges AS e ON e.project_id = :project AND {back.on}{chosen}
          WHERE near.distance < :depth
        ), left_over (id, least) AS (
          SELECT near.at, min(near.distance) FROM near GROUP BY near.at
        ), walk (at, length, path) AS (
          SELECT n.id, 0, :node || n.id || :node FROM graph_nodes AS n
          JOIN left_over ON left_over.id = n.id
          WHERE n.project_id = :project AND n.id = :source
          UNION ALL
          SELECT left_over.id, walk.length + 1,
            walk.path || :edge || CASE WHEN e.source_id = walk.at THEN '>' ELSE '<' END || e.type || :edge
              || :node || left_over.id || :node
          FROM walk
          JOIN graph_edges AS e ON e.project_id = :project AND {way.on}{chosen}
          JOIN left_over ON left_over.id = {way.to} AND left_over.least < :depth - walk.length
          WHERE walk.at <> :target AND replace(walk.path, :node || left_over.id || :node, '') = walk.path
          {stop}
        ), seen (at, length, path) AS (
          SELECT walk.at, walk.length, walk.path FROM walk LIMIT :most
        )
        SELECT extent.walked, extent.deepest, seen.length, seen.path
        FROM (SELECT count(*) AS walked, max(length) AS deepest FROM seen) AS extent
        LEFT JOIN seen ON seen.at = :target
        ORDER BY seen.length, seen.path LIMIT :limit
        """


def _read(path: str) -> Path:
    parts = path.split(_EDGE)
    nodes = tuple(part.strip(_NODE) for part in parts[::2])
    steps = zip(nodes, parts[1::2], nodes[1:], strict=False)
    edges = (
        PathEdge(*((one, kind[1:], other) if kind[0] == ">" else (other, kind[1:], one))) for one, kind, other in steps
    )
    return Path(nodes, tuple(edges))


def _way(direction: Direction) -> _Way:
    if direction not in _WAYS:
        raise InvalidValueError(f"{direction!r} is no direction.", hint="Pass out, in or both.", code="direction")
    return _WAYS[direction]


def _types(dialect: Dialect, types: str | Iterable[str]) -> tuple[str, dict[str, Value]]:
    """Return the condition that goes on after others, and its parameters."""
    chosen = [checked_id(one, what="type") for one in ((types,) if isinstance(types, str) else types)]
    if not chosen:
        return "", {}
    return f" AND {dialect.any_of('e.type', 'types')}", {"types": dialect.array(chosen)}


def _depth(depth: int) -> int:
    if not isinstance(depth, int) or isinstance(depth, bool) or not 0 <= depth <= DEEPEST:
        raise InvalidValueError(f"{depth!r} cannot be the depth.", hint=f"Walk 0 to {DEEPEST} edges.", code="depth")
    return depth
