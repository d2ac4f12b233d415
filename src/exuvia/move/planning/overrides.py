"""What a person wants to be otherwise: the content of a plan file, and the check that it fits the source."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from exuvia.catalog.model import Catalog, Table
from exuvia.catalog.types import SqlType
from exuvia.errors import PlanError
from exuvia.move.plan import Misfit
from exuvia.values.rules import Epoch, NaiveTime, Style

Distance = Literal["cosine", "l2", "inner", "l1", "hamming", "none"]
DISTANCES: tuple[Distance, ...] = ("cosine", "l2", "inner", "l1", "hamming", "none")


@dataclass(frozen=True, slots=True)
class ColumnOverride:
    """What a person says about a column; None where nothing is said. ``line`` is the line of the plan file, 0 when
    there is none."""

    name: str | None = None
    type: SqlType | None = None
    epoch: Epoch | None = None
    naive_time: NaiveTime | None = None
    separator: str | None = None
    on_misfit: Misfit | None = None
    distance: Distance | None = None
    exclude: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ObjectOverride:
    """What a person says about a view, a trigger or an index."""

    exclude: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SearchOverride:
    """What a person says about a full-text table's index: the text search configuration, or that there is none."""

    exclude: bool = False
    config: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TableOverride:
    """What a person says about a table; its columns and indexes by source name."""

    name: str | None = None
    schema: str | None = None
    exclude: bool = False
    columns: Mapping[str, ColumnOverride] = field(default_factory=dict)
    indexes: Mapping[str, ObjectOverride] = field(default_factory=dict)
    line: int = field(default=0, compare=False)

    def column(self, name: str) -> ColumnOverride:
        """Return what is said about a column."""
        return self.columns.get(name, _NO_COLUMN)


@dataclass(frozen=True, slots=True)
class SourceOverride:
    """Where the tables of one of several files go: a schema, what their names begin with, and a plan file of its own,
    as a path from the plan file that says so."""

    schema: str | None = None
    prefix: str | None = None
    plan: str | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Overrides:
    """Everything that a plan file says; None where it says nothing."""

    style: Style | None = None
    naive_time: NaiveTime | None = None
    fold: bool | None = None
    schema: str | None = None
    tables: Mapping[str, TableOverride] = field(default_factory=dict)
    views: Mapping[str, ObjectOverride] = field(default_factory=dict)
    triggers: Mapping[str, ObjectOverride] = field(default_factory=dict)
    search: Mapping[str, SearchOverride] = field(default_factory=dict)
    sources: Mapping[str, SourceOverride] = field(default_factory=dict)

    def table(self, name: str) -> TableOverride:
        """Return what is said about a table."""
        return self.tables.get(name, _NO_TABLE)


EXCLUDED = "excluded"
_NO_COLUMN = ColumnOverride()
_NO_TABLE = TableOverride()


def check_names(overrides: Overrides, catalog: Catalog) -> None:
    """Check that everything the overrides name is in the source.

    Raises:
        PlanError: A table, column, index, view or trigger does not exist; the message names the line and the nearest
            spelling.
    """
    tables = {table.name: table for table in catalog.tables}
    other = {table.name for table in catalog.virtual_tables} | {item.name for item in catalog.unreadable}
    for name, override in overrides.tables.items():
        if name in tables:
            _check_table(tables[name], override)
        elif name not in other or not override.exclude:
            unknown("table", name, tables, override.line)
    _check_objects("view", overrides.views, {view.name for view in catalog.views})
    _check_objects("trigger", overrides.triggers, {trigger.name for trigger in catalog.triggers})
    _check_objects("full-text table", overrides.search, {table.name for table in catalog.virtual_tables})


def _check_objects(
    kind: str, said: Mapping[str, ObjectOverride] | Mapping[str, SearchOverride], known: Collection[str]
) -> None:
    for name, item in said.items():
        if name not in known:
            unknown(kind, name, known, item.line)


def _check_table(table: Table, override: TableOverride) -> None:
    columns = {column.name for column in table.columns}
    for name, column in override.columns.items():
        if name not in columns:
            unknown(f"column of table {table.name}", name, columns, column.line)
    indexes = {index.name for index in table.indexes}
    for name, index in override.indexes.items():
        if name not in indexes:
            unknown(f"index of table {table.name}", name, indexes, index.line)


def unknown(kind: str, name: str, known: Collection[str], line: int) -> NoReturn:
    """Raise PlanError for a name that does not exist, with the nearest one that does."""
    message = f"{at(line)}{name!r} is no {kind} of the source."
    raise PlanError(message, hint=did_you_mean(name, known), code="unknown")


def at(line: int) -> str:
    """Return the place in the plan file for a message, empty when there is none."""
    return f"Plan file, line {line}: " if line else ""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the nearest spelling among ``known`` as a hint, or all of them when they are few."""
    folded = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), folded, 1, 0.6)
    if near:
        return f"Did you mean {folded[near[0]]!r}?"
    return f"There are: {', '.join(sorted(known))}." if 0 < len(known) <= 12 else ""
