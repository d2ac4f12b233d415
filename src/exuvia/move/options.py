"""How to move: the options of the public functions, and what they take for a source and a target."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exuvia.location import Location
from exuvia.move.existing.fitting import OnConflict
from exuvia.move.planner import PlanOptions

Source = str | Path | Location
Target = str | Location

DEFAULT_TARGET = "embedded:"
_MOST_JOBS = 8


def default_jobs() -> int:
    """Return how many chunks are worked on at once unless told otherwise: one per processor, at most eight."""
    return min(_MOST_JOBS, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class MoveOptions:
    """How to move.

    Args:
        plan: How to plan.
        jobs: Chunks worked on at once.
        batch_rows: Most rows per batch; None lets exuvia choose by their size.
        on_error: What happens to a row that cannot go: 'quarantine' puts it aside, 'stop' ends the move.
        drop_existing: Replace tables of the same names in the target.
        dry_run: Do everything except write.
        verify: Compare every value before the tables are published.
        quarantine_file: Where rejected rows are written as JSON Lines; None for ``<source>.quarantine.jsonl`` in the
            working directory.
        data_dir: Where the pip-installed server keeps its data; None for the default.
        restart: Begin anew where an interrupted move of the same source could be continued.
        into_existing: Put the rows into the tables that the target has, instead of making tables.
        on_conflict: What happens where such a table has rows: 'refuse' ends the move, 'append' adds to them, 'upsert'
            replaces those of the same primary key.
    """

    plan: PlanOptions = field(default_factory=PlanOptions)
    jobs: int = field(default_factory=default_jobs)
    batch_rows: int | None = None
    on_error: Literal["quarantine", "stop"] = "quarantine"
    drop_existing: bool = False
    dry_run: bool = False
    verify: bool = True
    quarantine_file: Path | None = None
    data_dir: Path | None = None
    restart: bool = False
    into_existing: bool = False
    on_conflict: OnConflict = "refuse"
