"""LangGraph's store of long-term memory on the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)
from langgraph.store.base import validate_op_namespace as check_namespace

from exuvia.api import open as open_store
from exuvia.integrations.langgraph.access import Access
from exuvia.store import AsyncStore, Store
from exuvia.store.checkpoints import GraphItem, ItemKey, NewItem
from exuvia.store.filters import And, Field, Filter, field


def _equals(place: Field, value: Any) -> Filter:
    return (place == value) | ~place.exists() if value is None else place == value


_COMPARE: Final[dict[str, Callable[[Field, Any], Filter]]] = {
    "$eq": _equals,
    "$ne": lambda place, value: ~_equals(place, value),
    "$gt": lambda place, value: place > value,
    "$gte": lambda place, value: place >= value,
    "$lt": lambda place, value: place < value,
    "$lte": lambda place, value: place <= value,
}
Steps = Generator[Callable[[Any], Any], Any, list[Result]]


class ExuviaMemory(BaseStore):
    """Keeps what graphs remember across threads in the store: JSON objects by namespace and key.

    Items may expire: what has expired is not found any more, and ``sweep_ttl`` deletes it. It has no index of vectors:
    a search's ``query`` is not looked at.

    Args:
        store: An open ``Store`` or ``AsyncStore``. The latter belongs to the event loop that is running now.
        project: The project that the items belong to, which has to be there; not needed in a bound store.
        ttl: When items expire that are stored without a time, and whether reading puts it off.

    Raises:
        InvalidValueError: No project is given, and the store is not bound to one.
    """

    supports_ttl = True

    def __init__(self, store: Store | AsyncStore, *, project: str | None = None, ttl: TTLConfig | None = None) -> None:
        self.ttl_config = ttl
        self._access = Access(store, project)

    @classmethod
    @contextmanager
    def from_url(
        cls, url: str, *, project: str = "langgraph", ttl: TTLConfig | None = None, **options: Any
    ) -> Iterator[ExuviaMemory]:
        """Open a store for items, and close it at the end. The project is made if it is not there.

        Args:
            url: Where the store is: ``sqlite:///memory.db``, ``postgresql://user@host/database``.
            project: The project that the items belong to.
            ttl: When items expire.
            options: Those of ``exuvia.open``.
        """
        with open_store(url, **options) as store:
            store.projects.ensure(project)
            yield cls(store, project=project, ttl=ttl)

    @classmethod
    @asynccontextmanager
    async def from_url_async(
        cls, url: str, *, project: str = "langgraph", ttl: TTLConfig | None = None, **options: Any
    ) -> AsyncIterator[ExuviaMemory]:
        """Open an asynchronous store for items, as ``from_url`` does."""
        async with open_store(url, **options) as store:
            await store.projects.ensure(project)
            yield cls(store, project=project, ttl=ttl)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do several things: first what reads, then what writes, in one transaction."""
        steps = _steps(list(ops), self._access.project)
        answer: Any = None
        while True:
            try:
                ask = steps.send(answer)
            except StopIteration as end:
                results: list[Result] = end.value
                return results
            answer = self._access.call(ask)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Do several things, as ``batch`` does."""
        steps = _steps(list(ops), self._access.project)
        answer: Any = None
        while True:
            try:
                ask = steps.send(answer)
            except StopIteration as end:
                results: list[Result] = end.value
                return results
            answer = await self._access.wait(ask)

    def sweep_ttl(self) -> int:
        """Delete what has expired; return how many items that were."""
        found: int = self._access.call(self._sweeping())
        return found

    async def asweep_ttl(self) -> int:
        """Delete what has expired; return how many items that were."""
        found: int = await self._access.wait(self._sweeping())
        return found

    def _sweeping(self) -> Callable[[Any], Any]:
        project = self._access.project
        return lambda store: store.graph_items.sweep(project=project)


def _steps(ops: list[Op], project: str) -> Steps:
    """Ask the store, one thing after another, for what LangGraph's operations say."""
    for op in ops:
        check_namespace(op)
    results: list[Result] = [None] * len(ops)
    used: list[GraphItem] = []
    gets = {place: op for place, op in enumerate(ops) if isinstance(op, GetOp)}
    if gets:
        keys = list({ItemKey(op.namespace, op.key): None for op in gets.values()})
        found = yield lambda store: store.graph_items.get(keys, project=project)
        for place, op in gets.items():
            item = found.get(ItemKey(op.namespace, op.key))
            results[place] = None if item is None else _item(item)
            used += [item] if item is not None and op.refresh_ttl else []
    for place, op in enumerate(ops):
        if isinstance(op, SearchOp):
            items = yield _search(op, project)
            results[place] = [_found(item) for item in items]
            used += items if op.refresh_ttl else []
        elif isinstance(op, ListNamespacesOp):
            prefix = _common_prefix(op.match_conditions or ())
            spaces = yield lambda store, prefix=prefix: store.graph_items.namespaces(prefix, project=project)  # type: ignore[misc]
            results[place] = _namespaces(op, spaces)
    if any(item.ttl is not None for item in used):
        yield lambda store: store.graph_items.touch(used, project=project)
    puts = {ItemKey(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
    if puts:
        new = [NewItem(key, op.value, op.ttl) for key, op in puts.items()]
        yield lambda store: store.graph_items.put(new, project=project)
    return results


def _search(op: SearchOp, project: str) -> Callable[[Any], Any]:
    asked = _filter(field("value"), op.filter) if op.filter else None
    return lambda store: store.graph_items.search(
        op.namespace_prefix, filter=asked, limit=op.limit, offset=op.offset, project=project
    )


def _filter(place: Field, asked: Mapping[str, Any]) -> Filter:
    """Return what LangGraph's filter asks for, as the store's: nested objects ask for their own fields."""
    parts: list[Filter] = []
    for key, value in asked.items():
        if key in _COMPARE:
            parts.append(_COMPARE[key](place, value))
        elif key.startswith("$"):
            raise ValueError(f"{key} is no operator of a filter: {', '.join(_COMPARE)}")
        elif isinstance(value, Mapping):
            parts.append(_filter(place.at(key), value))
        else:
            parts.append(_equals(place.at(key), value))
    return And(tuple(parts))


def _common_prefix(conditions: Sequence[MatchCondition]) -> tuple[str, ...]:
    """Return the labels that a namespace has to begin with, as far as there is a condition without a wildcard."""
    for condition in conditions:
        if condition.match_type == "prefix":
            path = condition.path
            return path[: path.index("*")] if "*" in path else path
    return ()


def _namespaces(op: ListNamespacesOp, found: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    matching = (space for space in found if all(_matches(space, one) for one in op.match_conditions or ()))
    chosen = sorted({space[: op.max_depth] for space in matching})
    return chosen[op.offset : op.offset + op.limit]


def _matches(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in {"*", label} for label, wanted in zip(part, path, strict=True))


def _item(item: GraphItem) -> Item:
    return Item(
        value=item.value,
        key=item.key,
        namespace=item.at.namespace,
        created_at=item.created_at,
        updated_at=item.updated_at,
    )


def _found(item: GraphItem) -> SearchItem:
    return SearchItem(item.at.namespace, item.key, item.value, item.created_at, item.updated_at)
