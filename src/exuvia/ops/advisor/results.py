"""What an advice is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exuvia.engines.sqlite.observe.processes import FileUsers
from exuvia.engines.sqlite.observe.search import SearchHealth
from exuvia.engines.sqlite.observe.storage import RowsFrom, Storage
from exuvia.ops.advisor.activity import Actors, Events
from exuvia.ops.advisor.contention import Contention
from exuvia.ops.advisor.cost import Cost
from exuvia.ops.advisor.growth import Growth
from exuvia.ops.advisor.indexes import IndexFinding

Recommendation = Literal["stay", "prepare", "move now"]
MeasureName = Literal["size", "agents", "users", "events", "lock_waits"]
State = Literal["over", "near", "under", "unknown"]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table: its rows and how they are known, its bytes and those of its indexes (None where that takes too long)."""

    name: str
    rows: int
    rows_from: RowsFrom
    bytes: int | None
    index_bytes: int | None
    unused_bytes: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found, before it is judged.

    Args:
        source: The database.
        measured_at: When.
        seconds: How long it took.
        storage: Its files.
        tables: Its tables.
        events: Tables of events.
        actors: Who was active lately.
        contention: How much its users are in each other's way.
        users: The processes that have it open.
        growth: How fast it grows; None where that is not known.
        indexes: What is to be said of indexes.
        search: The health of full-text tables.
        damage: What a check of the file found; None where none was asked for, or it took too long.
        cost: What PostgreSQL would take.
        unknown: What could not be found out, and why.
    """

    source: str
    measured_at: datetime
    seconds: float
    storage: Storage
    tables: tuple[TableFacts, ...]
    events: tuple[Events, ...]
    actors: tuple[Actors, ...]
    contention: Contention
    users: FileUsers
    growth: Growth | None
    indexes: tuple[IndexFinding, ...]
    search: tuple[SearchHealth, ...]
    damage: tuple[str, ...] | None
    cost: Cost
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure beside its threshold.

    Args:
        name: What is measured.
        value: The figure; None where it is not known.
        limit: The threshold. Beyond it, it is time to move.
        state: ``over`` the threshold, ``near`` it, ``under``, or ``unknown``.
        days: In how many days it will be over at the present growth; None where that is not known.
        how: Where the figure comes from, in words.
    """

    name: MeasureName
    value: float | None
    limit: float
    state: State
    days: float | None
    how: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Something to mend in SQLite first: what, why, and the statement where there is one."""

    what: str
    why: str
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to move, and why.

    Args:
        recommendation: ``stay``, ``prepare`` or ``move now``.
        reasons: Why, the weightiest first.
        measures: The figures beside their thresholds.
        fixes: What to mend in SQLite first.
        facts: Everything that was found.
    """

    recommendation: Recommendation
    reasons: tuple[str, ...]
    measures: tuple[Measure, ...]
    fixes: tuple[Fix, ...]
    facts: Facts
