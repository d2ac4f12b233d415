"""The kinds of records, and what dashboards ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from exuvia.store.core.listing import check_limit
from exuvia.store.core.operations import M, reading
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.errors import InvalidValueError
from exuvia.store.operations.recording import Form, Records
from exuvia.store.operations.records import (
    AGENT_MESSAGE,
    CONVERSATION_SUMMARY,
    DEVIATION,
    HOUR_COUNT,
    LOG_LINE,
    RECOVERY_ATTEMPT,
    TASK_STEP,
    TOOL_EXECUTION,
    TOOL_USE,
    AgentMessage,
    ConversationSummary,
    Deviation,
    HourCount,
    Level,
    LogLine,
    RecoveryAttempt,
    TaskStep,
    ToolExecution,
    ToolUse,
)

ToolOrder = Literal["slowest", "most_used", "most_failures"]
_TOOL_ORDERS: Final[dict[ToolOrder, str]] = {
    "slowest": "mean_seconds DESC NULLS LAST, tool",
    "most_used": "calls DESC, tool",
    "most_failures": "failures DESC, tool",
}


class TaskSteps(Records[M, TaskStep]):
    """What was done in tasks."""

    form: ClassVar = Form(
        "step", TaskStep, TASK_STEP, "task_steps", "name || ': ' || status", ("name", "tool", "status"), ("error",)
    )


class ToolExecutions(Records[M, ToolExecution]):
    """Which tools were called."""

    form: ClassVar = Form(
        "tool",
        ToolExecution,
        TOOL_EXECUTION,
        "tool_executions",
        "tool || CASE WHEN succeeded THEN '' ELSE ': ' || coalesce(error, 'failed') END",
        ("tool", "server"),
        ("error",),
        ("data", "arguments", "result"),
        ("succeeded",),
    )

    @reading
    def use(
        self,
        *,
        project: str | None = None,
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        order: ToolOrder = "slowest",
        limit: int = 100,
    ) -> Operation[tuple[ToolUse, ...]]:
        """Tell how the tools did.

        Args:
            project: The project; all of them together if None.
            session: The session.
            since: Calls then or later.
            until: Calls then or earlier.
            order: The slowest first (by the mean), the most used, or those that failed most often.
            limit: Tools at most, 1 to 1,000.
        """
        check_limit(limit)
        if order not in _TOOL_ORDERS:
            raise InvalidValueError(
                f"{order!r} is no order of tools.", hint=f"Ask for {', '.join(_TOOL_ORDERS)}.", code="order"
            )
        where = self._where(project, session, since, until)
        rows = yield Statement(
            f"""
            SELECT {TOOL_USE.columns()} FROM (
              SELECT tool, count(*) AS calls, sum(CASE WHEN succeeded THEN 0 ELSE 1 END) AS failures,
                avg(CASE WHEN succeeded THEN 1.0 ELSE 0.0 END) AS success_rate, avg(seconds) AS mean_seconds,
                min(CASE WHEN place >= 0.95 THEN seconds END) AS p95_seconds, max(seconds) AS most_seconds
              FROM (
                SELECT tool, succeeded, seconds,
                  cume_dist() OVER (PARTITION BY tool, seconds IS NULL ORDER BY seconds) AS place
                FROM tool_executions WHERE {where}
              ) AS calls
              GROUP BY tool
            ) AS used
            ORDER BY {_TOOL_ORDERS[order]} LIMIT :most
            """,
            where.parameters | {"most": limit},
        )
        return TOOL_USE.read_all(rows)


class AgentMessages(Records[M, AgentMessage]):
    """What agents told each other."""

    form: ClassVar = Form(
        "message",
        AgentMessage,
        AGENT_MESSAGE,
        "agent_messages",
        "sender || ' to ' || recipient || ': ' || text",
        ("sender", "recipient", "type"),
        ("text",),
    )


class RecoveryAttempts(Records[M, RecoveryAttempt]):
    """What was tried after failures."""

    form: ClassVar = Form(
        "recovery",
        RecoveryAttempt,
        RECOVERY_ATTEMPT,
        "recovery_attempts",
        "strategy || CASE WHEN succeeded THEN '' ELSE ': ' || coalesce(error, 'failed') END",
        ("strategy",),
        ("error",),
        choices=("succeeded",),
    )


class ConversationSummaries(Records[M, ConversationSummary]):
    """What was talked about."""

    form: ClassVar = Form(
        "summary",
        ConversationSummary,
        CONVERSATION_SUMMARY,
        "conversation_summaries",
        "text",
        texts=("text",),
        documents=("data", "topics"),
    )


class Deviations(Records[M, Deviation]):
    """Where agents did something else than they should."""

    form: ClassVar = Form(
        "deviation",
        Deviation,
        DEVIATION,
        "agent_deviations",
        "done",
        texts=("intended", "done", "reason", "impact"),
    )


class Logs(Records[M, LogLine]):
    """What agents wrote into their logs."""

    form: ClassVar = Form(
        "log",
        LogLine,
        LOG_LINE,
        "agent_logs",
        "level || ': ' || message",
        ("source", "level"),
        ("message",),
    )

    @reading
    def per_hour(
        self,
        *,
        levels: Sequence[Level] = ("error", "critical"),
        project: str | None = None,
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Operation[tuple[HourCount, ...]]:
        """Count the lines of each hour (UTC) that has some, the earliest first.

        Args:
            levels: Their levels.
            project: The project; all of them together if None.
            session: The session.
            since: Lines then or later.
            until: Lines then or earlier.
        """
        where = self._where(project, session, since, until)
        where.also(self.dialect.any_of("level", "levels"), levels=self.dialect.array(levels))
        rows = yield Statement(
            f"""
            SELECT {HOUR_COUNT.columns()} FROM (
              SELECT {self.dialect.hour("at")} AS hour, count(*) AS lines FROM agent_logs WHERE {where} GROUP BY 1
            ) AS counted
            ORDER BY hour
            """,
            where.parameters,
        )
        return HOUR_COUNT.read_all(rows)


FORMS: Final[tuple[Form[Any], ...]] = tuple(
    kind.form
    for kind in (
        TaskSteps,
        ToolExecutions,
        AgentMessages,
        RecoveryAttempts,
        ConversationSummaries,
        Deviations,
        Logs,
    )
)
