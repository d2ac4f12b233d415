"""The order in which tables are loaded: those that foreign keys refer to come first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from exuvia.catalog.model import Table

Graph = Sequence[Sequence[int]]


def load_order(tables: Sequence[Table]) -> tuple[list[Table], list[frozenset[str]]]:
    """Sort ``tables`` so that the target of a foreign key comes before the tables that refer to it.

    Where foreign keys leave a choice, the order of ``tables`` stands. Tables of a cycle stay together, in the order
    of ``tables``. Foreign keys to tables that are not among ``tables`` are no constraint.

    Returns:
        The sorted tables, and the names of each cycle: sets of tables that refer to each other in a circle, or of
        one table that refers to itself.
    """
    position = {table.name: number for number, table in enumerate(tables)}
    graph = [
        sorted({position[key.target_table] for key in table.foreign_keys if key.target_table in position})
        for table in tables
    ]
    components = _Components(graph).found
    ordered = [number for component in _sorted(components, graph) for number in component]
    cycles = [component for component in components if len(component) > 1 or component[0] in graph[component[0]]]
    return [tables[number] for number in ordered], [
        frozenset(tables[number].name for number in cycle) for cycle in sorted(cycles)
    ]


def load_groups(graph: Graph) -> list[Sequence[int]]:
    """Sort the nodes of a graph so that what a node points to comes before it.

    Args:
        graph: By node, the nodes that it points to.

    Returns:
        Groups in order: nodes that point to each other in a circle are one group, every other node is one of its own.
    """
    return _sorted(_Components(graph).found, graph)


class _Components:
    """Strongly connected components (Tarjan 1972), with a stack of its own in place of recursion."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._index: dict[int, int] = {}
        self._low: dict[int, int] = {}
        self._waiting: list[int] = []
        self._is_waiting = [False] * len(graph)
        self._path: list[tuple[int, Iterator[int]]] = []
        self.found: list[list[int]] = []
        for root in range(len(graph)):
            if root not in self._index:
                self._walk(root)

    def _walk(self, root: int) -> None:
        self._enter(root)
        while self._path:
            node, targets = self._path[-1]
            for target in targets:
                if target not in self._index:
                    self._enter(target)
                    break
                if self._is_waiting[target]:
                    self._low[node] = min(self._low[node], self._index[target])
            else:
                self._leave(node)

    def _enter(self, node: int) -> None:
        self._index[node] = self._low[node] = len(self._index)
        self._waiting.append(node)
        self._is_waiting[node] = True
        self._path.append((node, iter(self._graph[node])))

    def _leave(self, node: int) -> None:
        self._path.pop()
        if self._path:
            parent = self._path[-1][0]
            self._low[parent] = min(self._low[parent], self._low[node])
        if self._low[node] == self._index[node]:
            component: list[int] = []
            while not component or component[-1] != node:
                component.append(self._waiting.pop())
                self._is_waiting[component[-1]] = False
            self.found.append(sorted(component))


def _sorted(components: Sequence[Sequence[int]], graph: Graph) -> list[Sequence[int]]:
    """The components with targets first; of those that are free to come, the one with the lowest number."""
    home = {node: number for number, component in enumerate(components) for node in component}
    dependents: list[set[int]] = [set() for _ in components]
    missing = [0] * len(components)
    for node, targets in enumerate(graph):
        for target in {home[target] for target in targets} - {home[node]}:
            if home[node] not in dependents[target]:
                dependents[target].add(home[node])
                missing[home[node]] += 1
    ready = [(component[0], number) for number, component in enumerate(components) if not missing[number]]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, number = heapq.heappop(ready)
        ordered.append(components[number])
        for dependent in dependents[number]:
            missing[dependent] -= 1
            if not missing[dependent]:
                heapq.heappush(ready, (components[dependent][0], dependent))
    return ordered
