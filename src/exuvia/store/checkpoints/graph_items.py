"""What LangGraph's graphs remember beyond a thread: JSON objects by namespace and key, some of which expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from exuvia.store.core.listing import Where
from exuvia.store.core.operations import M, Subsystem, idempotent, reading, writing_once
from exuvia.store.core.requests import Many, Operation, Statement, Value
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json, checked_text, encode_json
from exuvia.store.errors import InvalidValueError
from exuvia.store.filters import Filter

_END: Final = "\x1f"  # after each label, so that the namespaces under one are a range of texts
_BEYOND: Final = "\x20"
_LIVES: Final = "(expires_at IS NULL OR expires_at > :now)"

Namespace = tuple[str, ...]


class ItemKey(NamedTuple):
    """Where an item is."""

    namespace: Namespace
    key: str


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to be stored, or to be deleted.

    Args:
        at: Where it is.
        value: A JSON object; None to delete the item.
        ttl: Minutes after its last use when it expires; None for never.
    """

    at: ItemKey
    value: Mapping[str, Json] | None
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class GraphItem:
    """An item.

    Args:
        namespace: Labels, as one text.
        key: Its key in the namespace.
        value: A JSON object.
        ttl: Minutes after its last use when it expires; None for never.
        created_at: When it was first stored.
        updated_at: When it was last stored.
    """

    namespace: str
    key: str
    value: dict[str, Any]
    ttl: float | None
    created_at: datetime
    updated_at: datetime

    @property
    def at(self) -> ItemKey:
        """Where it is."""
        return ItemKey(_labels(self.namespace), self.key)


ITEM: Final = Shape(GraphItem)


class GraphItems(Subsystem[M]):
    """Store, read, search and delete items. What has expired is not there, even before it is swept away."""

    @idempotent
    def put(self, items: Sequence[NewItem], *, project: str | None = None) -> Operation[None]:
        """Store items, or replace those with these keys; delete those without a value.

        Raises:
            InvalidValueError: A value cannot be written as JSON, or a label or a key cannot be stored.
        """
        owner, now = self.scope.own(project), self.now()
        yield Many(
            "DELETE FROM langgraph_items WHERE project_id = :project AND namespace = :namespace AND key = :key",
            [_key(owner, item.at) for item in items if item.value is None],
        )
        yield Many(
            """
            INSERT INTO langgraph_items (project_id, namespace, key, value, ttl, expires_at, created_at, updated_at)
            VALUES (:project, :namespace, :key, :value, :ttl, :end, :now, :now)
            ON CONFLICT (project_id, namespace, key) DO UPDATE SET
              value = excluded.value, ttl = excluded.ttl, expires_at = excluded.expires_at,
              created_at = CASE WHEN langgraph_items.expires_at <= excluded.updated_at
                THEN excluded.created_at ELSE langgraph_items.created_at END,
              updated_at = excluded.updated_at
            """,
            [
                _key(owner, item.at)
                | {"value": encode_json(dict(item.value)), "ttl": item.ttl, "end": _end(now, item.ttl), "now": now}
                for item in items
                if item.value is not None
            ],
        )

    @reading
    def get(self, keys: Sequence[ItemKey], *, project: str | None = None) -> Operation[dict[ItemKey, GraphItem]]:
        """Return the items that are there, by their keys."""
        table, parameters = self.dialect.table(
            {"namespace": "text", "key": "text"}, [(_path(namespace), key) for namespace, key in keys]
        )
        rows = yield Statement(
            f"SELECT {ITEM.columns('i')} FROM {table} CROSS JOIN langgraph_items AS i"
            " WHERE i.project_id = :project AND i.namespace = given.namespace AND i.key = given.key"
            f" AND {_LIVES}",
            parameters | {"project": self.scope.own(project), "now": self.now()},
        )
        return {item.at: item for item in ITEM.read_all(rows)}

    @reading
    def search(
        self,
        prefix: Namespace = (),
        *,
        filter: Filter | None = None,
        limit: int = 10,
        offset: int = 0,
        project: str | None = None,
    ) -> Operation[tuple[GraphItem, ...]]:
        """Return the items of a namespace and of those under it, the one that was stored last first.

        Args:
            prefix: The labels that the namespace begins with.
            filter: What ``value`` has to be like.
            limit: How many at most.
            offset: How many to leave out first.
            project: The project; not needed in a bound store.
        """
        where = self._among(prefix, project).json("value", filter, self.dialect)
        rows = yield Statement(
            f"SELECT {ITEM.columns()} FROM langgraph_items WHERE {where}"
            " ORDER BY updated_at DESC, namespace, key LIMIT :page OFFSET :skipped",
            where.parameters | {"page": limit, "skipped": offset},
        )
        return ITEM.read_all(rows)

    @reading
    def namespaces(self, prefix: Namespace = (), *, project: str | None = None) -> Operation[Sequence[Namespace]]:
        """Return the namespaces that have items, in order."""
        where = self._among(prefix, project)
        rows = yield Statement(
            f"SELECT DISTINCT namespace FROM langgraph_items WHERE {where} ORDER BY namespace", where.parameters
        )
        return [_labels(path) for (path,) in rows]

    @idempotent
    def touch(self, items: Sequence[GraphItem], *, project: str | None = None) -> Operation[None]:
        """Note that items were used: those that expire do so later."""
        owner, now = self.scope.own(project), self.now()
        yield Many(
            "UPDATE langgraph_items SET expires_at = :end"
            " WHERE project_id = :project AND namespace = :namespace AND key = :key AND ttl IS NOT NULL",
            [_key(owner, item.at) | {"end": _end(now, item.ttl)} for item in items if item.ttl is not None],
        )

    @writing_once
    def sweep(self, *, project: str | None = None) -> Operation[int]:
        """Delete what has expired; return how many items that were."""
        rows = yield Statement(
            "DELETE FROM langgraph_items WHERE project_id = :project AND expires_at <= :now RETURNING key",
            {"project": self.scope.own(project), "now": self.now()},
        )
        return len(rows)

    def _among(self, prefix: Namespace, project: str | None) -> Where:
        where = Where().equal("project_id", self.scope.own(project)).also(_LIVES, now=self.now())
        if prefix:
            path = _path(prefix)
            where.also("namespace >= :low AND namespace < :high", low=path, high=path[:-1] + _BEYOND)
        return where


def _key(project: str, at: ItemKey) -> dict[str, Value]:
    return {"project": project, "namespace": _path(at.namespace), "key": checked_text(at.key, what="key")}


def _path(namespace: Namespace) -> str:
    for label in namespace:
        if _END in checked_text(label, what="label of a namespace"):
            raise InvalidValueError(
                f"{label!r} cannot be a label of a namespace.", hint="Take U+001F out of it.", code="label"
            )
    return "".join(f"{label}{_END}" for label in namespace)


def _labels(path: str) -> Namespace:
    return tuple(path.split(_END)[:-1])


def _end(now: datetime, ttl: float | None) -> datetime | None:
    return None if ttl is None else now + timedelta(minutes=ttl)
