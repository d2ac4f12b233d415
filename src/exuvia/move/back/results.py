"""What the way back found and did: the values behind its reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exuvia.move.back.plan import BackTable, Loss
from exuvia.move.plan import ObjectPlan
from exuvia.move.results import Proof, Server, TableResult


@dataclass(frozen=True, slots=True)
class BackReport:
    """Everything the way back found, decided, did and proved. ``plan`` are the tables as they were made in the end.
    ``tables`` name the PostgreSQL table as ``source`` and the SQLite table as ``name``; ``proof`` is None when
    verification was switched off or for a dry run."""

    status: Literal["planned", "moved", "different"]
    source: Server
    schema: str
    target: Server
    started: datetime
    seconds: float
    stages: Mapping[str, float]
    plan: tuple[BackTable, ...]
    tables: tuple[TableResult, ...]
    objects: tuple[ObjectPlan, ...]
    losses: tuple[Loss, ...]
    notes: tuple[str, ...]
    proof: Proof | None
