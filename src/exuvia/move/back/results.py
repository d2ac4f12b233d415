"""What the way back found and did: the values behind its reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exuvia.move.plan import ObjectPlan
from exuvia.move.results import Proof, Server, TableResult


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that SQLite cannot hold exactly as PostgreSQL does.

    Args:
        table: The PostgreSQL table.
        column: Its column, empty when it is about the table.
        type: The column's type in PostgreSQL.
        stored: How it is held in SQLite.
        reason: What is not the same.
        count: Values that are concerned; 0 when it is about the column as a whole.
    """

    table: str
    column: str
    type: str
    stored: str
    reason: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class BackReport:
    """Everything the way back found, decided, did and proved. ``tables`` name the PostgreSQL table as ``source`` and
    the SQLite table as ``name``; ``proof`` is None when verification was switched off or for a dry run."""

    status: Literal["planned", "moved", "different"]
    source: Server
    schema: str
    target: str
    started: datetime
    seconds: float
    stages: Mapping[str, float]
    tables: tuple[TableResult, ...]
    objects: tuple[ObjectPlan, ...]
    losses: tuple[Loss, ...]
    notes: tuple[str, ...]
    proof: Proof | None
