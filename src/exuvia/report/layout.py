"""Where the boxes and arrows of a picture of tables go.

A layered drawing after Sugiyama, Tagawa and Toda (1981): break cycles, assign layers, order each layer, place it.
Layers run from left to right, referenced tables first, which is also the order of loading. The parts follow the
literature: cycles by the greedy heuristic of Eades, Lin and Smyth (1993), layers by longest path with bounded height
in the manner of Coffman and Graham (1972), order by barycentres with crossings counted, heights by isotonic
regression (pool adjacent violators), which is the exact least-squares answer for an order that is kept. An arrow that
spans layers runs in a lane of its own between the boxes, shared by all arrows into the same port, so no arrow crosses
a box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exuvia.report.layers import Link, Slot, order_layers, place_layers

GAP_X = 72.0
GAP_Y = 22.0
LANE_HEIGHT = 4.0
LOOP = 26.0


@dataclass(frozen=True, slots=True)
class Node:
    """A box to place; sizes in pixels."""

    key: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from ``source`` to ``target``; a port is the distance of its end from the top of the box."""

    source: str
    target: str
    source_port: float
    target_port: float


@dataclass(frozen=True, slots=True)
class Box:
    """A placed box."""

    x: float
    y: float
    width: float
    height: float


Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """The drawing: its size, the box of each node, and the points of each edge from source to target.

    Between two points of equal y an edge is straight; otherwise it is a curve with horizontal ends. An edge from a
    node to itself has two points, both on the right side of its box.
    """

    width: float
    height: float
    boxes: Mapping[str, Box]
    routes: Sequence[Sequence[Point]]


def arrange(nodes: Sequence[Node], edges: Sequence[Edge], width: float = 1120.0) -> Layout:
    """Place ``nodes`` so that no two boxes overlap and no edge runs through a box.

    Args:
        nodes: The boxes, with unique keys.
        edges: The arrows; their ends are keys of ``nodes``.
        width: The width to aim for, in pixels; a long chain of references makes a wider drawing.
    """
    boxes: dict[str, Box] = {}
    routes: list[Sequence[Point]] = [()] * len(edges)
    drawings = [_component(part, edges, width) for part in _components(nodes, edges)]
    drawings.sort(key=lambda drawing: (-len(drawing.boxes), -drawing.height))
    for drawing, (left, top) in zip(drawings, _pack(drawings, width), strict=True):
        for key, box in drawing.boxes.items():
            boxes[key] = Box(box.x + left, box.y + top, box.width, box.height)
        for number, points in drawing.routes.items():
            routes[number] = [(x + left, y + top) for x, y in points]
    right = max((box.x + box.width for box in boxes.values()), default=0.0)
    right = max([right, *(x + (LOOP if len(points) == 2 else 0) for points in routes for x, _ in points)])
    return Layout(right, max((box.y + box.height for box in boxes.values()), default=0.0), boxes, routes)


@dataclass(frozen=True, slots=True)
class _Drawing:
    width: float
    height: float
    boxes: Mapping[str, Box]
    routes: Mapping[int, Sequence[Point]]


def _components(nodes: Sequence[Node], edges: Sequence[Edge]) -> list[list[Node]]:
    parent = {node.key: node.key for node in nodes}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for edge in edges:
        parent[root(edge.source)] = root(edge.target)
    parts: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        parts[root(node.key)].append(node)
    return list(parts.values())


def _component(nodes: Sequence[Node], all_edges: Sequence[Edge], width: float) -> _Drawing:
    sizes = {node.key: node for node in nodes}
    edges = {number: edge for number, edge in enumerate(all_edges) if edge.source in sizes}
    rank = _acyclic_order(
        list(sizes), {(edge.target, edge.source) for edge in edges.values() if edge.source != edge.target}
    )
    pairs = {_left_right(edge, rank) for edge in edges.values() if edge.source != edge.target}
    layer_of = _assign_layers(sizes, pairs, rank, width)
    layers, links, chains = _slots(sizes, edges, rank, layer_of)
    order_layers(layers, links)
    tops = place_layers(layers, links, GAP_Y)

    lefts, x = [], 0.0
    spans = [max((slot.width for slot in layer), default=0.0) for layer in layers]
    for span in spans:
        lefts.append(x)
        x += span + GAP_X
    boxes = {key: Box(lefts[layer_of[key]], tops[key], node.width, node.height) for key, node in sizes.items()}
    placed = _Placed(rank, layer_of, boxes, lefts, spans, tops)
    routes: dict[int, Sequence[Point]] = {}
    for number, edge in edges.items():
        if edge.source == edge.target:
            box = boxes[edge.source]
            right = box.x + box.width
            routes[number] = [(right, box.y + edge.source_port), (right, box.y + edge.target_port)]
        else:
            routes[number] = _route(edge, chains[number], placed)
    loops = any(edge.source == edge.target and layer_of[edge.source] == len(layers) - 1 for edge in edges.values())
    height = max(box.y + box.height for box in boxes.values())
    return _Drawing(x - GAP_X + (LOOP if loops else 0.0), height, boxes, routes)


def _left_right(edge: Edge, rank: Mapping[str, int]) -> tuple[str, str]:
    """The ends of an edge as drawn: the referenced table on the left unless a cycle forbids it."""
    forward = rank[edge.target] < rank[edge.source]
    return (edge.target, edge.source) if forward else (edge.source, edge.target)


def _acyclic_order(keys: Sequence[str], pairs: set[tuple[str, str]]) -> dict[str, int]:
    """Order keys so that few pairs (left, right) point backwards (Eades, Lin and Smyth 1993)."""
    after: dict[str, set[str]] = {key: set() for key in keys}
    before: dict[str, set[str]] = {key: set() for key in keys}
    for left, right in pairs:
        after[left].add(right)
        before[right].add(left)
    head: list[str] = []
    tail: list[str] = []
    remaining = dict.fromkeys(keys)

    def take(key: str, into: list[str]) -> None:
        into.append(key)
        del remaining[key]
        for other in after[key]:
            before[other].discard(key)
        for other in before[key]:
            after[other].discard(key)

    while remaining:
        ends = [key for key in remaining if not before[key]]
        if ends:
            take(ends[0], head)
            continue
        ends = [key for key in remaining if not after[key]]
        if ends:
            take(ends[0], tail)
            continue
        take(max(remaining, key=lambda key: len(after[key]) - len(before[key])), head)
    return {key: position for position, key in enumerate([*head, *reversed(tail)])}


def _assign_layers(
    sizes: Mapping[str, Node], pairs: set[tuple[str, str]], rank: Mapping[str, int], width: float
) -> dict[str, int]:
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for left, right in sorted(pairs):
        before[right].append(left)
        after[left].append(right)
    area = sum((node.width + GAP_X) * (node.height + GAP_Y) for node in sizes.values())
    tallest = max(node.height for node in sizes.values())
    limit = max(tallest + GAP_Y, area / width * 1.1, 420.0)
    used: dict[int, float] = defaultdict(float)
    layer_of: dict[str, int] = {}
    for key in sorted(sizes, key=lambda key: rank[key]):
        layer = max((layer_of[left] + 1 for left in before[key]), default=0)
        need = sizes[key].height + GAP_Y
        while used[layer] and used[layer] + need > limit:
            layer += 1
        layer_of[key] = layer
        used[layer] += need
    for key in sorted(sizes, key=lambda key: -rank[key]):
        nearest = min((layer_of[right] - 1 for right in after[key]), default=layer_of[key])
        need = sizes[key].height + GAP_Y
        if len(after[key]) > len(before[key]) and nearest > layer_of[key] and used[nearest] + need <= limit:
            used[layer_of[key]] -= need
            used[nearest] += need
            layer_of[key] = nearest
    occupied = {layer: position for position, layer in enumerate(sorted(set(layer_of.values())))}
    return {key: occupied[layer] for key, layer in layer_of.items()}


def _slots(
    sizes: Mapping[str, Node], edges: Mapping[int, Edge], rank: Mapping[str, int], layer_of: Mapping[str, int]
) -> tuple[list[list[Slot]], list[Link], dict[int, list[str]]]:
    """Return the layers with boxes and lanes, the links between neighbouring layers, and each edge's lanes."""
    layers: list[list[Slot]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for key in sorted(sizes, key=lambda key: rank[key]):
        layers[layer_of[key]].append(Slot(key, sizes[key].width, sizes[key].height))
    links: dict[tuple[str, str, float, float], Link] = {}
    chains: dict[int, list[str]] = {}
    lanes: set[str] = set()
    for number, edge in edges.items():
        if edge.source == edge.target:
            continue
        left, right = _left_right(edge, rank)
        left_port, right_port = (
            (edge.target_port, edge.source_port) if left == edge.target else (edge.source_port, edge.target_port)
        )
        chain = []
        last, last_port, from_lane = left, left_port, False
        for layer in range(layer_of[left] + 1, layer_of[right]):
            lane = f"{left}\0{left_port}\0{layer}"
            if lane not in lanes:
                lanes.add(lane)
                layers[layer].append(Slot(lane, 0.0, LANE_HEIGHT, lane=True))
            links[last, lane, last_port, 0.0] = Link(last, lane, last_port, LANE_HEIGHT / 2, 8.0 if from_lane else 3.0)
            chain.append(lane)
            last, last_port, from_lane = lane, LANE_HEIGHT / 2, True
        links[last, right, last_port, right_port] = Link(last, right, last_port, right_port, 3.0 if from_lane else 1.0)
        chains[number] = chain
    return layers, list(links.values()), chains


@dataclass(frozen=True, slots=True)
class _Placed:
    """A component whose boxes and lanes have their places; ``lefts`` and ``spans`` are the layers' x and widths."""

    rank: Mapping[str, int]
    layer_of: Mapping[str, int]
    boxes: Mapping[str, Box]
    lefts: Sequence[float]
    spans: Sequence[float]
    tops: Mapping[str, float]


def _route(edge: Edge, chain: Sequence[str], placed: _Placed) -> list[Point]:
    left, right = _left_right(edge, placed.rank)
    forward = left == edge.target
    start, end = placed.boxes[left], placed.boxes[right]
    layer = placed.layer_of[left]
    y = start.y + (edge.target_port if forward else edge.source_port)
    points = [(start.x + start.width, y), (placed.lefts[layer] + placed.spans[layer], y)]
    for step, lane in enumerate(chain, layer + 1):
        y = placed.tops[lane] + LANE_HEIGHT / 2
        points += [(placed.lefts[step], y), (placed.lefts[step] + placed.spans[step], y)]
    points.append((end.x, end.y + (edge.source_port if forward else edge.target_port)))
    if points[0] == points[1]:
        del points[0]
    return points[::-1] if forward else points


def _pack(drawings: Sequence[_Drawing], width: float) -> list[Point]:
    """Place rectangles in order, each as high and then as far left as it fits (bottom-left skyline, upside down)."""
    total = max([width, *(drawing.width for drawing in drawings)])
    skyline: list[tuple[float, float, float]] = [(0.0, total + GAP_X, 0.0)]  # from x, to x, first free y
    places = []
    for drawing in drawings:
        need_x = drawing.width + GAP_X / 2
        best: tuple[float, float] | None = None
        for x, _, _ in skyline:
            if x + drawing.width > total + 0.01:
                continue
            y = max(top for left, right, top in skyline if left < x + need_x and right > x)
            if best is None or y < best[0]:
                best = (y, x)
        assert best is not None
        y, x = best
        places.append((x, y))
        free = y + drawing.height + GAP_Y * 1.5
        cut = []
        for left, right, top in skyline:
            if left < x:
                cut.append((left, min(right, x), top))
            if right > x + need_x:
                cut.append((max(left, x + need_x), right, top))
        skyline = sorted([*cut, (x, x + need_x, free)])
    return places
