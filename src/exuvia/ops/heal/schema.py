"""What the stages of healing know of a database's schema, alike on both engines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from exuvia.catalog.names import fold


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type as the engine spells it, and whether a row may leave it out."""

    name: str
    type: str
    not_null: bool = False
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """An index or what a key has for one.

    Args:
        name: Its name; in SQLite that of an automatic one begins with ``sqlite_autoindex``.
        parts: Its leading columns by name; an expression as the engine spells it, in parentheses.
        unique: Whether it allows each value once.
        partial: Whether it leaves rows out.
        valid: Whether the planner may use it.
    """

    name: str
    parts: tuple[str, ...]
    unique: bool = False
    partial: bool = False
    valid: bool = True


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; ``valid`` is False where rows that are there were never checked (NOT VALID)."""

    name: str
    columns: tuple[str, ...]
    parent_schema: str
    parent: str
    parent_columns: tuple[str, ...]
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view, with its estimated rows and its bytes on the disk without indexes (0 where not known).

    ``folds`` says that names are compared without regard to case, as SQLite does.
    """

    schema: str
    name: str
    kind: Literal["table", "partitioned", "view"]
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rows: int = 0
    bytes: int = 0
    folds: bool = False

    def column(self, name: str) -> Column | None:
        """Return a column by its name, as the engine compares names."""
        return next((column for column in self.columns if self.is_same(column.name, name)), None)

    def is_same(self, one: str, other: str) -> bool:
        """Whether two names are the same to the engine."""
        return fold(one) == fold(other) if self.folds else one == other

    def serves(self, parts: Iterable[str]) -> bool:
        """Whether an index finds rows by these columns: they lead it, in any order."""
        wanted = [fold(part) for part in parts]
        return any(
            index.valid
            and not index.partial
            and sorted(fold(part) for part in index.parts[: len(wanted)]) == sorted(wanted)
            for index in self.indexes
        )


@dataclass(frozen=True, slots=True)
class Schema:
    """Every table that is not the engine's own; ``path`` are the schemas in which bare names are looked up."""

    tables: tuple[Table, ...]
    path: tuple[str, ...]

    def find(self, name: str, schema: str = "") -> Table | None:
        """Return the table that a name means."""
        for place in (schema,) if schema else self.path:
            for table in self.tables:
                if table.is_same(table.schema, place) and table.is_same(table.name, name):
                    return table
        return None

    def names(self) -> frozenset[str]:
        """Return the names of all indexes and tables, which a new index may not have."""
        return frozenset(table.name for table in self.tables) | frozenset(
            index.name for table in self.tables for index in table.indexes
        )
