"""What an export or an import did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from exuvia.move.portable.manifest import LeftOut
from exuvia.move.results import MoveReport


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table: its rows, the bytes of its files, and the digest of its values."""

    name: str
    rows: int
    files: int
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class ExportReport:
    """A finished export.

    Args:
        source: What was exported.
        target: The copy, as it is named on the command line.
        started: When.
        seconds: How long it took.
        stages: Seconds by stage.
        tables: What the copy holds.
        left_out: What it does not hold, and why.
        notes: What it does not hold exactly as a PostgreSQL source does.
        files_kept: How many files an earlier, interrupted run had finished.
    """

    source: str
    target: str
    started: datetime
    seconds: float
    stages: Mapping[str, float]
    tables: tuple[CopiedTable, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    files_kept: int

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """A finished import, proved by digests of every value.

    Args:
        source: The copy.
        exported_from: What the copy was made of.
        target: Where it went.
        started: When.
        seconds: How long it took.
        stages: Seconds by stage.
        tables: What was imported.
        left_out: What the copy does not hold of its source, and why.
        move: The move into PostgreSQL; None when the target is a SQLite file.
    """

    source: str
    exported_from: str
    target: str
    started: datetime
    seconds: float
    stages: Mapping[str, float]
    tables: tuple[CopiedTable, ...]
    left_out: tuple[LeftOut, ...]
    move: MoveReport | None = None

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(table.rows for table in self.tables)
