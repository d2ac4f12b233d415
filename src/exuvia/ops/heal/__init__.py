"""Databases that heal: ``diagnose`` says what is wrong, ``propose`` what would mend it, ``apply`` mends and verifies.

Frozen values go from stage to stage. A change is measured before and after, kept only if what failed works or is
faster, taken back otherwise, and recorded in an audit.
"""

from __future__ import annotations

from exuvia.ops.heal.asynchronous import AsyncHealer
from exuvia.ops.heal.audit import Sink, own_file, store_sink, store_within
from exuvia.ops.heal.database import Limits
from exuvia.ops.heal.healer import CHECK_UP, Healer
from exuvia.ops.heal.model import (
    AuditRecord,
    Certainty,
    Complaint,
    Diagnosis,
    Engine,
    Examination,
    Kind,
    Measure,
    Outcome,
    Probe,
    Proposal,
    Risk,
    RiskLevel,
    Status,
    Target,
)

__all__ = [
    "CHECK_UP",
    "AsyncHealer",
    "AuditRecord",
    "Certainty",
    "Complaint",
    "Diagnosis",
    "Engine",
    "Examination",
    "Healer",
    "Kind",
    "Limits",
    "Measure",
    "Outcome",
    "Probe",
    "Proposal",
    "Risk",
    "RiskLevel",
    "Sink",
    "Status",
    "Target",
    "own_file",
    "store_sink",
    "store_within",
]
