"""What agents do: their tasks, and records of steps, tools, messages, recoveries, summaries, deviations and logs.

A task is pending, then running, then succeeded, failed or cancelled; of several who try the same step of that
way at once, one succeeds. Records are appended and never changed; all kinds have the same methods.
"""

from exuvia.store.operations.kinds import (
    AgentMessages,
    ConversationSummaries,
    Deviations,
    Logs,
    RecoveryAttempts,
    TaskSteps,
    ToolExecutions,
)
from exuvia.store.operations.records import (
    AgentMessage,
    ConversationSummary,
    Deviation,
    HourCount,
    LogLine,
    RecoveryAttempt,
    StateCount,
    Task,
    TaskState,
    TaskStep,
    TimelineEntry,
    ToolExecution,
    ToolUse,
)
from exuvia.store.operations.tasks import Tasks

__all__ = [
    "AgentMessage",
    "AgentMessages",
    "ConversationSummaries",
    "ConversationSummary",
    "Deviation",
    "Deviations",
    "HourCount",
    "LogLine",
    "Logs",
    "RecoveryAttempt",
    "RecoveryAttempts",
    "StateCount",
    "Task",
    "TaskState",
    "TaskStep",
    "TaskSteps",
    "Tasks",
    "TimelineEntry",
    "ToolExecution",
    "ToolExecutions",
    "ToolUse",
]
