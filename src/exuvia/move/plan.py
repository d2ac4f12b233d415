"""The plan: what becomes of every object and every column, decided before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from exuvia.catalog.model import Catalog, Column, Table
from exuvia.catalog.target import TargetColumn, TargetTable
from exuvia.values.cells import StorageClass
from exuvia.values.facts import Example
from exuvia.values.profile import TableProfile
from exuvia.values.rules import NaiveTime, Rule, Style

Misfit = Literal["quarantine", "null"]


class Fate(StrEnum):
    """What happens to an object of the source."""

    MOVED = "moved"
    TRANSLATED = "translated"
    REPLACED = "replaced"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know before rows move.

    Args:
        level: 'note' (nothing to do), 'warning' (worth a look), 'error' (the move is refused).
        where: The object, such as ``orders.created_at``.
        message: What is so.
        rows: The first rows that cause it.
        count: How many rows cause it, 0 when it is not about rows.
        choices: What a person can do about it, as lines for the plan file or flags.
    """

    level: Literal["note", "warning", "error"]
    where: str
    message: str
    rows: tuple[Example, ...] = ()
    count: int = 0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column's way: source column, the storage classes to read, the conversion and the target column.

    ``on_misfit`` says what happens to a row whose value does not fit: the row goes to quarantine, or the value
    becomes NULL (only when a person said so). ``reason`` is the decision in a sentence, ``evidence`` what the values
    showed.
    """

    source: Column
    target: TargetColumn
    rule: Rule
    classes: frozenset[StorageClass]
    reason: str
    evidence: str
    on_misfit: Misfit = "quarantine"


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table's way. ``columns`` are those that are moved, in target order; ``profile`` holds rows and chunks;
    ``quarantine`` names the table for rejected rows, in the target's schema."""

    source: Table
    target: TargetTable
    columns: tuple[ColumnPlan, ...]
    profile: TableProfile
    quarantine: str = ""


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """The fate of an object that is not a table or a column: view, trigger, index, check, default, foreign key,
    virtual table, shadow table, or a table that is excluded. ``target_sql`` is a whole statement for views and
    triggers, and empty elsewhere. ``target`` is schema and name of a view in the target, None elsewhere. ``excluded``
    says that a person did not want it."""

    kind: str
    name: str
    table: str
    fate: Fate
    reason: str
    source_sql: str = ""
    target_sql: str = ""
    target: tuple[str, str] | None = None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a move will do. ``tables`` are in loading order: targets of foreign keys first. ``fold`` and
    ``schema`` are how names were made."""

    catalog: Catalog
    style: Style
    naive_time: NaiveTime
    tables: tuple[TablePlan, ...]
    objects: tuple[ObjectPlan, ...]
    problems: tuple[Problem, ...]
    fold: bool = False
    schema: str = "public"
