"""The kinds of events that everybody knows, and what each says. Any other kind may say anything."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from exuvia.store.core.values import Json, checked_id, checked_text
from exuvia.store.errors import InvalidValueError

LONGEST_KIND: Final = 100


class Payload(BaseModel):
    """What an event of a known kind says. Fields beyond the known ones are kept.

    ``headline`` names the field that tells in one line what it is about.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")
    kind: ClassVar[str]
    headline: ClassVar[str]


class SessionStarted(Payload):
    """Work has begun."""

    kind = "session_started"
    headline = "goal"
    goal: str | None = None
    branch: str | None = None


class GoalDefined(Payload):
    """What is to be reached."""

    kind = "goal_defined"
    headline = "goal"
    goal: str
    success_criteria: list[str] = []
    deadline: str | None = None


class TaskCompleted(Payload):
    """A task was done, or given up."""

    kind = "task_completed"
    headline = "task"
    task: str
    outcome: Literal["success", "partial", "failed"] = "success"
    files_changed: list[str] = []
    tests_added: int | None = None
    tests_passing: int | None = None
    duration_minutes: float | None = None
    blockers: list[str] = []


class DecisionMade(Payload):
    """Something was decided, and why."""

    kind = "decision_made"
    headline = "decision"
    decision: str
    rationale: str | None = None
    alternatives: list[str] = []
    trade_offs: dict[str, str] = {}
    reversible: bool | None = None


class PatternDiscovered(Payload):
    """Something that works again and again."""

    kind = "pattern_discovered"
    headline = "pattern"
    pattern: str
    category: str | None = None
    problem: str | None = None
    solution: str | None = None
    impact_percent: float | None = None
    source_url: str | None = None
    code_example: str | None = None


class ValidationPassed(Payload):
    """A check has passed."""

    kind = "validation_passed"
    headline = "command"
    command: str
    passed: int | None = None
    failed: int | None = None
    coverage: float | None = None
    duration_seconds: float | None = None


class BugEncountered(Payload):
    """Something went wrong."""

    kind = "bug_encountered"
    headline = "symptom"
    symptom: str
    root_cause: str | None = None
    solution: str | None = None
    files_affected: list[str] = []
    time_to_resolve_minutes: float | None = None


class LearningCaptured(Payload):
    """Something worth remembering."""

    kind = "learning_captured"
    headline = "insight"
    insight: str
    context: str | None = None
    applies_to: list[str] = []
    confidence: Literal["low", "medium", "high"] | None = None


KINDS: Final[dict[str, type[Payload]]] = {
    payload.kind: payload
    for payload in (
        SessionStarted,
        GoalDefined,
        TaskCompleted,
        DecisionMade,
        PatternDiscovered,
        ValidationPassed,
        BugEncountered,
        LearningCaptured,
    )
}


def payload_of(kind: str, data: Json) -> Payload | None:
    """Return what an event of a known kind says, as its class; None for any other kind.

    Raises:
        InvalidValueError: The data do not fit the kind.
    """
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        checked_text(checked_id(kind, what="kind"), what="kind", longest=LONGEST_KIND)
        return None
    try:
        return known.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "data"
        raise InvalidValueError(
            f"The data do not fit the kind {kind!r}: {place}: {first['msg']}.",
            hint=f"See exuvia.store.{known.__name__} for the fields, or choose a kind of your own.",
            code="payload",
        ) from None


def headline_of(payload: Payload | None) -> str:
    """Return the line that tells what a payload is about; empty where there is none."""
    return "" if payload is None else getattr(payload, payload.headline) or ""
