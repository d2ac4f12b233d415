"""The report of a comparison that moved nothing."""

from __future__ import annotations

from exuvia.move.clock import Clock
from exuvia.move.ends import Reached, source_of
from exuvia.move.options import Source
from exuvia.move.plan import Plan
from exuvia.move.results import MoveReport, Proof


def compared(source: Source, server: Reached, plan: Plan, proof: Proof, clock: Clock) -> MoveReport:
    """Report what a comparison gave.

    Args:
        source: The SQLite file.
        server: The target.
        plan: What was expected in the target.
        proof: What was found.
        clock: Has timed the comparison since its beginning.
    """
    rejected = any(table.rows_rejected for table in proof.tables)
    return MoveReport(
        status="different" if not proof.equal else "moved with rejections" if rejected else "moved",
        source=str(source_of(source)),
        target=server.described,
        started=clock.started,
        seconds=clock.total,
        stages=clock.seconds,
        plan=plan,
        tables=(),
        objects=plan.objects,
        rejections=(),
        proof=proof,
    )
