"""The values between the stages of healing: a complaint, what is wrong, what would mend it, and what came of that."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import orjson

from exuvia.catalog.names import qualify
from exuvia.guard.result import Json

Engine = Literal["postgresql", "sqlite"]
Kind = Literal[
    "missing_column",
    "missing_table",
    "missing_index",
    "slow_query",
    "orphan_rows",
    "sequence_behind",
    "invalid_index",
    "not_valid_constraint",
    "bloat",
]
Certainty = Literal["certain", "likely", "possible"]
RiskLevel = Literal["low", "medium", "high"]
Status = Literal["verified", "applied", "undone", "failed"]
ProbeKind = Literal["statement", "faster", "none", "fewer"]


def fingerprint(*parts: object) -> str:
    """Return twelve hexadecimal digits that stand for these values, the same in every run."""
    return hashlib.blake2b(orjson.dumps(parts, default=str), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Complaint:
    """What went wrong, as far as the one who complains knows. Nothing at all asks for a check-up.

    Args:
        error: The error's text, as the engine, a driver or SQLAlchemy gives it.
        sqlstate: PostgreSQL's code of five characters; it is preferred over words.
        sql: The statement that failed, or that is slow.
        values: The values of its parameters, in order or by name.
    """

    error: str = ""
    sqlstate: str = ""
    sql: str = ""
    values: Sequence[Json] | Mapping[str, Json] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.error.strip() or self.sqlstate.strip() or self.sql.strip())


@dataclass(frozen=True, slots=True)
class Target:
    """What something is about.

    Args:
        schema: The schema; ``main`` in SQLite.
        table: The table; empty for the whole database.
        name: An index, a constraint, a sequence or a column of it.
        columns: Columns of it.
    """

    schema: str
    table: str
    name: str = ""
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.table:
            return self.name or "the database"
        place = self.qualified
        if self.name:
            return f"{place}: {self.name}"
        return f"{place} ({', '.join(self.columns)})" if self.columns else place

    @property
    def qualified(self) -> str:
        """The table as SQL names it."""
        return qualify(self.schema, self.table)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is wrong.

    Args:
        kind: Its class.
        target: What it is about.
        message: What is so, in one sentence.
        evidence: How that is known.
        certainty: How sure it is.
        complaint: What led to it; empty in a check-up.
        missing: What would have to be known before anything can be proposed; empty otherwise.
    """

    kind: Kind
    target: Target
    message: str
    evidence: tuple[str, ...] = ()
    certainty: Certainty = "certain"
    complaint: Complaint = field(default_factory=Complaint)
    missing: str = ""

    @property
    def id(self) -> str:
        """A name that stays the same while the same thing is wrong."""
        return fingerprint(self.kind, asdict(self.target), self.complaint.sql)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "id": self.id,
            "kind": self.kind,
            "target": {**asdict(self.target), "columns": list(self.target.columns)},
            "message": self.message,
            "evidence": list(self.evidence),
            "certainty": self.certainty,
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found.

    Args:
        diagnoses: What is wrong, the most certain first.
        notes: What could not be looked at or understood, and why.
    """

    diagnoses: tuple[Diagnosis, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"diagnoses": [one.as_dict() for one in self.diagnoses], "notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class Risk:
    """How dangerous a change is, and why: the locks it takes, the rows it touches, how large things are."""

    level: RiskLevel
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """How one can tell that a change has helped.

    Args:
        kind: ``statement``: it runs; ``faster``: its plan uses the index, and it takes less time; ``none``: the number
            that the query returns is 0; ``fewer``: that number is at most half of what it was.
        sql: The statement that failed or is slow, or the query for a number.
        values: The values of its parameters.
        index: The index that the plan has to use.
        own: The statement was made here, and is not somebody else's that only the guard may run.
        what: What the number counts, for people.
        unknown: The values of its parameters are not known, so that it cannot be run.
    """

    kind: ProbeKind
    sql: str
    values: Sequence[Json] = ()
    index: str = ""
    own: bool = False
    what: str = ""
    unknown: bool = False

    def __str__(self) -> str:
        if self.kind == "statement":
            return "runs the statement that failed, in a transaction that is rolled back"
        if self.unknown:
            return (
                "keeps the index only if the generic plan uses it and the planner's estimate is less; does not run it"
            )
        if self.kind == "faster":
            return "keeps the index only if the plan uses it and it is faster"
        return f"counts {self.what}: {'none may be left' if self.kind == 'none' else 'at most half may be left'}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One way to mend a diagnosis.

    Args:
        diagnosis: What it mends.
        title: What it does, in a few words.
        statements: The SQL, in order; none where the query is what has to change.
        undo: The SQL that takes it back; none where that cannot be done.
        no_undo: Why it cannot be taken back; empty where it can.
        risk: How dangerous it is.
        probes: How it is verified.
        transactional: Whether it runs in one transaction, which is rolled back if it does not help.
        choice: Whether it is one of several ways, or loses something, so that a person has to choose it by its id.
        rewritten: The statement as it should read, where the query is what has to change.
        tested: What a test of it without changing anything has shown; empty where there was none.
        also: Other tables that it changes, as schema and name.
    """

    diagnosis: Diagnosis
    title: str
    statements: tuple[str, ...]
    undo: tuple[str, ...]
    risk: Risk
    probes: tuple[Probe, ...]
    no_undo: str = ""
    transactional: bool = True
    choice: bool = False
    rewritten: str = ""
    tested: str = ""
    also: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """A name that stays the same as long as the proposal does."""
        return fingerprint(self.diagnosis.id, self.statements, self.rewritten)

    @property
    def verification(self) -> str:
        """How it will be verified, in words."""
        return "; ".join(map(str, self.probes)) or "cannot be verified"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "id": self.id,
            "diagnosis": self.diagnosis.id,
            "kind": self.diagnosis.kind,
            "title": self.title,
            "sql": list(self.statements),
            "rewritten": self.rewritten,
            "undo": list(self.undo),
            "no_undo": self.no_undo,
            "risk": {"level": self.risk.level, "reasons": list(self.risk.reasons)},
            "verification": self.verification,
            "transactional": self.transactional,
            "choice": self.choice,
            "tested": self.tested,
        }


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that was taken before or after.

    Args:
        what: What was measured, such as ``execution time``.
        value: The figure; a text for what was answered; None where it could not be taken.
        unit: Its unit, such as ``ms``; empty for a count.
    """

    what: str
    value: float | str | None
    unit: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.what}: unknown"
        shown = self.value if isinstance(self.value, str) else f"{self.value:,.4g}" if self.unit else f"{self.value:,g}"
        return f"{self.what}: {shown}{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What is recorded of a change: ``heal.begin`` before it, and ``heal.`` with how it ended after it."""

    action: str
    actor: str
    subject: str
    proposal_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of applying a proposal.

    Args:
        proposal: What was applied.
        status: ``verified``: it helped; ``applied``: done, but nothing could tell whether it helped; ``undone``: it did
            not help and was taken back; ``failed``: it could not be done, or helped nothing and cannot be taken back.
        message: What happened, in one or two sentences.
        before: What was measured before.
        after: What was measured after.
        seconds: How long it took.
        audit: What was recorded last.
    """

    proposal: Proposal
    status: Status
    message: str
    before: tuple[Measure, ...]
    after: tuple[Measure, ...]
    seconds: float
    audit: AuditRecord

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "proposal": self.proposal.id,
            "status": self.status,
            "message": self.message,
            "before": [asdict(one) for one in self.before],
            "after": [asdict(one) for one in self.after],
            "seconds": self.seconds,
            "audit": asdict(self.audit),
        }
