"""What agents report of their work.

Each record is given to ``append`` as it is here; ``project_id``, ``id`` and ``at`` may be left to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

from exuvia.store.core.lifecycle import LifeState
from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json

R = TypeVar("R")

TaskState = LifeState
Level = Literal["debug", "info", "warning", "error", "critical"]
NOW: Final = datetime.min.replace(tzinfo=UTC)
"""Stands for the time at which a record is appended."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that an agent is to do.

    Args:
        project_id: The project.
        id: Its id.
        session_id: The session.
        parent_id: The task that it is a part of.
        title: What it is about.
        text: What is to be done.
        assignee: Who is to do it.
        state: pending, running, succeeded, failed or cancelled.
        data: Anything else.
        result: What came of it, once it has ended.
        error: Why it failed or was cancelled.
        created_at: When it was made.
        started_at: When it began to run.
        finished_at: When it ended.
        seconds: How long it ran.
    """

    project_id: str
    id: str
    session_id: str | None
    parent_id: str | None
    title: str
    text: str
    assignee: str | None
    state: TaskState
    data: Json
    result: Json
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What all records have.

    Args:
        project_id: The project.
        id: The caller's own id; a new UUID if it is empty.
        session_id: The session.
        task_id: The task that it belongs to, and is deleted with.
        data: Anything else.
        at: When it happened.
    """

    project_id: str = ""
    id: str = ""
    session_id: str | None = None
    task_id: str | None = None
    data: Json = field(default_factory=dict)
    at: datetime = NOW


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStep(Record):
    """A step of a task.

    Args:
        name: What was done.
        tool: By which tool.
        status: Such as started, succeeded, failed or skipped.
        error: Why it failed.
        seconds: How long it took.
    """

    name: str
    tool: str | None = None
    status: str = "succeeded"
    error: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolExecution(Record):
    """A tool that was called.

    Args:
        tool: The tool.
        server: The server that it is on, such as one of MCP.
        succeeded: Whether it did what it should.
        arguments: What it was given.
        result: What it gave.
        error: Why it failed.
        seconds: How long it took.
    """

    tool: str
    server: str | None = None
    succeeded: bool = True
    arguments: Json = field(default_factory=dict)
    result: Json = None
    error: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMessage(Record):
    """What one agent told another.

    Args:
        sender: Who told it.
        recipient: Whom.
        type: Such as request, reply or handover.
        text: What was told.
    """

    sender: str
    recipient: str
    type: str = "message"
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryAttempt(Record):
    """What was tried after something failed.

    Args:
        strategy: What was tried, such as retry or another tool.
        attempt: The how manieth try it was, from 1.
        succeeded: Whether it helped.
        error: Why it did not.
        seconds: How long it took.
    """

    strategy: str
    attempt: int = 1
    succeeded: bool = True
    error: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary(Record):
    """What was talked about.

    Args:
        text: The summary.
        topics: Words to find it by.
    """

    text: str
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation(Record):
    """An agent did something else than it should.

    Args:
        intended: What it should have done.
        done: What it did.
        reason: Why.
        impact: What came of it.
    """

    intended: str
    done: str
    reason: str | None = None
    impact: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine(Record):
    """A line of a log.

    Args:
        level: debug, info, warning, error or critical.
        source: What wrote it.
        message: The line.
    """

    level: Level
    source: str = "agent"
    message: str = ""


@dataclass(frozen=True, slots=True)
class StateCount:
    """The tasks of a state.

    Args:
        state: The state.
        tasks: How many there are.
        mean_seconds: How long they ran on average; None if none of them has ended.
        most_seconds: How long the longest ran.
    """

    state: TaskState
    tasks: int
    mean_seconds: float | None
    most_seconds: float | None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """How a tool did.

    Args:
        tool: The tool.
        calls: How often it was called.
        failures: How many calls failed.
        success_rate: The others' share, 0 to 1.
        mean_seconds: How long a call took on average; None if no call tells.
        p95_seconds: How long 95 of 100 calls took at most.
        most_seconds: How long the longest took.
    """

    tool: str
    calls: int
    failures: int
    success_rate: float
    mean_seconds: float | None
    p95_seconds: float | None
    most_seconds: float | None


@dataclass(frozen=True, slots=True)
class HourCount:
    """The lines of an hour.

    Args:
        hour: Its beginning.
        lines: How many there are.
    """

    hour: datetime
    lines: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened in a task.

    Args:
        at: When.
        kind: step, tool, message, recovery, summary, deviation or log.
        id: The record's id.
        headline: What it is, in a line.
        data: Anything else.
    """

    at: datetime
    kind: str
    id: str
    headline: str
    data: Json


class _KeywordShape(Shape[R]):
    """The shape of a dataclass that is made by keywords."""

    def __init__(self, record: type[R]) -> None:
        super().__init__(record)
        self._record = lambda *values: record(**dict(zip(self.names, values, strict=True)))  # type: ignore[assignment]


TASK: Final = Shape(Task)
STATE_COUNT: Final = Shape(StateCount)
TOOL_USE: Final = Shape(ToolUse)
HOUR_COUNT: Final = Shape(HourCount)
TIMELINE_ENTRY: Final = Shape(TimelineEntry)
TASK_STEP: Final = _KeywordShape(TaskStep)
TOOL_EXECUTION: Final = _KeywordShape(ToolExecution)
AGENT_MESSAGE: Final = _KeywordShape(AgentMessage)
RECOVERY_ATTEMPT: Final = _KeywordShape(RecoveryAttempt)
CONVERSATION_SUMMARY: Final = _KeywordShape(ConversationSummary)
DEVIATION: Final = _KeywordShape(Deviation)
LOG_LINE: Final = _KeywordShape(LogLine)
