"""What a cut-over, or a roll-back, did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from exuvia.move.plan import ObjectPlan, Problem
from exuvia.move.results import Proof


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of a table on both sides at the moment of the cut-over.

    Args:
        table: The source table.
        name: The target table.
        rows_source: Rows of the source.
        rows_target: Rows of the target.
        rows_rejected: Rows of the source that are in quarantine instead.
    """

    table: str
    name: str
    rows_source: int
    rows_target: int
    rows_rejected: int

    @property
    def equal(self) -> bool:
        """Whether the two sides agree."""
        return self.rows_source == self.rows_target + self.rows_rejected


@dataclass(frozen=True, slots=True)
class SwitchReport:
    """What a cut-over and a roll-back both report.

    Args:
        source: The database file.
        target: The PostgreSQL database, without secrets.
        schema: The schema of the target.
        at: When writers were let go on, in UTC.
        pause: Seconds for which writers had to wait.
        steps: Seconds of its parts, in their order.
        changes: Changes that were brought over in the pause.
        seconds: How long everything took.
        counts: Rows by table, at that moment.
        proof: The comparison of every value before the pause; None if it was not wanted.
        repaired: Tables that were copied anew, since a difference was found that no trigger had seen.
    """

    source: str
    target: str
    schema: str
    at: datetime
    pause: float
    steps: Mapping[str, float]
    changes: int
    seconds: float
    counts: tuple[Counted, ...] = ()
    proof: Proof | None = None
    repaired: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether all rows were counted equal."""
        return all(one.equal for one in self.counts)


@dataclass(frozen=True, slots=True)
class CutoverReport(SwitchReport):
    """A cut-over that was done: ``schema`` is written now.

    Args:
        objects: What became of views, triggers, checks, foreign keys and so on.
        problems: Constraints that rows break: they are in force for new rows.
        warnings: What went wrong after the cut-over.
        earlier: Whether an earlier process had cut over, and this one only did what was left to be done.
        warm: Whether changes are logged in the target, so that the source can be kept up to date.
    """

    objects: tuple[ObjectPlan, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    earlier: bool = False
    warm: bool = False


@dataclass(frozen=True, slots=True)
class RollbackReport(SwitchReport):
    """A roll-back that was done: SQLite is written again, and ``schema`` is fenced.

    Args:
        inexact: Columns in which SQLite holds other values than PostgreSQL, such as ``orders.price``.
        left: Tables of the schema that the move has not made: they stay in PostgreSQL, and can be written there.
        warnings: What went wrong after the roll-back, and full-text indexes that could not be built anew.
        earlier: Whether an earlier process had rolled back already.
    """

    inexact: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    earlier: bool = False
