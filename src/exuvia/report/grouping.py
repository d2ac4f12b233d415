"""Objects that are told in one breath: of one kind, with one fate and one reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

SHADOW = "shadow table"
_VIRTUAL = "virtual table"
_INSIDE = ("default", "check", "generated column")
_PLURALS = {"index": "indexes", "unique": "unique constraints"}


class Described(Protocol):
    """What ``ObjectPlan`` and ``ObjectDocument`` have in common."""

    @property
    def kind(self) -> str:
        """Such as ``trigger``."""

    @property
    def name(self) -> str:
        """The object's own name."""

    @property
    def table(self) -> str:
        """The table that it belongs to, or empty."""

    @property
    def fate(self) -> str:
        """What becomes of it."""

    @property
    def reason(self) -> str:
        """Why."""


Item = TypeVar("Item", bound=Described)


@dataclass(frozen=True, slots=True)
class Group(Generic[Item]):
    """Objects that share kind, fate and reason. ``shadows`` counts the shadow tables of virtual tables among them."""

    items: Sequence[Item]
    shadows: int = 0

    @property
    def first(self) -> Item:
        """The object whose kind, fate and reason are everyone's."""
        return self.items[0]

    @property
    def kind(self) -> str:
        """The kind, in the plural where there are several."""
        return self.first.kind if len(self.items) == 1 else plural(self.first.kind)

    @property
    def table(self) -> str:
        """The table that all of them belong to, empty when they differ or their names tell it."""
        tables = {item.table for item in self.items}
        told = self.first.kind in _INSIDE or self.first.table == self.first.name
        return self.first.table if len(tables) == 1 and not told else ""

    @property
    def size(self) -> int:
        """How many objects the group tells of."""
        return len(self.items) + self.shadows


def grouped(objects: Sequence[Item]) -> list[Group[Item]]:
    """Return objects in groups, in the order of their first members; shadow tables go with their virtual table."""
    owners = {(item.name, str(item.fate)) for item in objects if item.kind == _VIRTUAL}
    shadows: dict[str, int] = {}
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for item in objects:
        if item.kind == SHADOW and (item.table, str(item.fate)) in owners:
            shadows[item.table] = shadows.get(item.table, 0) + 1
        else:
            groups.setdefault((item.kind, str(item.fate), item.reason), []).append(item)
    return [
        Group(items, sum(shadows.get(item.name, 0) for item in items) if items[0].kind == _VIRTUAL else 0)
        for items in groups.values()
    ]


def full_name(item: Described) -> str:
    """Return an object's name, with its table before it where the name alone is a column's."""
    return f"{item.table}.{item.name}" if item.table and item.kind in _INSIDE else item.name


def plural(kind: str) -> str:
    """Return a kind of object in the plural: ``primary keys``, ``indexes``."""
    return _PLURALS.get(kind, f"{kind}s")
