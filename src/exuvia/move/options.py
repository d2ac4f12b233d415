"""How to move: the options of the public functions, and what they take for a source and a target."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exuvia.errors import ConfigError
from exuvia.location import Location
from exuvia.move.existing.fitting import OnConflict
from exuvia.move.planner import PlanOptions

Source = str | Path | Location
Target = str | Location

DEFAULT_TARGET = "embedded:"
_MOST_JOBS = 8
_LEAST_OF_SHARE = 1_000


def default_jobs() -> int:
    """Return how many chunks are worked on at once unless told otherwise: one per processor, at most eight."""
    return min(_MOST_JOBS, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """Which rows a quick look compares.

    Args:
        rows: About how many rows of each table; a table that has no more is compared whole.
        share: Which share of each table's rows instead, between 0 and 1; ``rows`` is then the least.
        seed: Decides which rows; another number chooses others.
    """

    rows: int = 10_000
    share: float | None = None
    seed: int = 0

    @classmethod
    def parse(cls, size: str, seed: int = 0) -> Sample:
        """Read a size: ``5000`` rows, or ``0.5%`` of each table's rows and at least 1,000.

        Args:
            size: The size.
            seed: Decides which rows.

        Raises:
            ConfigError: It is neither.
        """
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%|(\d+)", size.strip())
        share, rows = (float(found[1] or 0) / 100, int(found[2] or 0)) if found else (0.0, 0)
        if rows:
            return cls(rows, seed=seed)
        if not 0 < share <= 1:
            raise ConfigError(
                f"{size!r} is no size of a sample.",
                hint="Name a number of rows of each table, such as 5000, or a share, such as 1%.",
                code="sample",
            )
        return cls(_LEAST_OF_SHARE, share, seed)


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
        sample: For ``verify`` alone: compare only some rows of every table.
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
    sample: Sample | None = None
