"""Agent operations: tasks with legal changes only, records of every kind, and what dashboards ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.store import Store, open_store
from exuvia.store.errors import ConflictError, InvalidValueError, MissingReferenceError, NotFoundError, StateError
from exuvia.store.filters import field
from exuvia.store.operations import (
    AgentMessage,
    ConversationSummary,
    Deviation,
    LogLine,
    RecoveryAttempt,
    Task,
    TaskStep,
    ToolExecution,
)
from exuvia.store.operations.records import Record

START = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
LEGAL = {
    ("pending", "start"): "running",
    ("pending", "cancel"): "cancelled",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("running", "cancel"): "cancelled",
}
RECORDS: dict[str, Record] = {
    "task_steps": TaskStep(name="read", tool="cat", status="failed", error="no file", seconds=0.25),
    "tool_executions": ToolExecution(
        tool="grep", server="files", succeeded=False, arguments={"for": "x"}, result=[1], error="nothing", seconds=1.5
    ),
    "agent_messages": AgentMessage(sender="atlas", recipient="tetyana", type="handover", text="yours"),
    "recovery_attempts": RecoveryAttempt(strategy="retry", attempt=2, succeeded=False, error="again", seconds=0.5),
    "conversation_summaries": ConversationSummary(text="We spoke of whales.", topics=("whales", "sea")),
    "deviations": Deviation(intended="read", done="wrote", reason="misread", impact="none"),
    "logs": LogLine(level="warning", source="grisha", message="slow"),
}


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own."""
    return shared_store.project(project)


def acts(store: Store) -> dict[str, Callable[[str], Task]]:
    """Return what can be done to a task, by name."""
    return {
        "start": store.tasks.start,
        "succeed": lambda task: store.tasks.succeed(task, result={"ok": True}),
        "fail": lambda task: store.tasks.fail(task, "broken"),
        "cancel": lambda task: store.tasks.cancel(task, reason="enough"),
    }


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["start", "succeed", "fail", "cancel"]), max_size=4))
def test_only_legal_changes_of_state_happen(bound: Store, names: list[str]) -> None:
    task = bound.tasks.create("Look", data={"n": 1})
    state = "pending"
    for name in names:
        expected = LEGAL.get((state, name))
        if expected is None:
            with pytest.raises(StateError, match=f"is {state}"):
                acts(bound)[name](task.id)
        else:
            state = expected
            assert acts(bound)[name](task.id).state == state
    found = bound.tasks.get(task.id)
    assert (found.state, found.data) == (state, {"n": 1})
    assert (found.finished_at is not None) == (state in ("succeeded", "failed", "cancelled"))
    assert (found.seconds is not None) == (found.started_at is not None and found.finished_at is not None)


def test_a_race_to_end_a_task_has_one_winner(bound: Store) -> None:
    task = bound.tasks.create("Race")
    bound.tasks.start(task.id)

    def end(name: str) -> str | None:
        try:
            return acts(bound)[name](task.id).state
        except StateError:
            return None

    with ThreadPoolExecutor(6) as threads:
        ended = [state for state in threads.map(end, ["succeed", "fail", "cancel"] * 2) if state]
    assert ended == [bound.tasks.get(task.id).state]


def test_tasks_are_found(bound: Store) -> None:
    whole = bound.tasks.create("Whole", session="s", assignee="atlas", text="all of the whales")
    part = bound.tasks.create("Part", parent=whole.id, data={"priority": 3})
    bound.tasks.start(part.id)
    assert [task.id for task in bound.tasks.list().items] == [part.id, whole.id]
    for found in (
        bound.tasks.list(parent=whole.id),
        bound.tasks.list(state="running"),
        bound.tasks.list(filter=field("data.priority") > 2),
    ):
        assert [task.id for task in found.items] == [part.id]
    assert [task.id for task in bound.tasks.list(session="s", assignee="atlas").items] == [whole.id]
    (hit,) = bound.search("whales", kinds="task", type="pending", session="s").items
    assert hit.entry.id == whole.id
    bound.tasks.cancel(whole.id)
    assert bound.search("whales", type="cancelled").total == 1


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_each_kind_come_back_as_they_were_given(bound: Store, name: str) -> None:
    task = bound.tasks.create("Work")
    records = getattr(bound, name)
    given_at = START.replace(microsecond=5)
    one = RECORDS[name]
    again = replace(one, id="mine", session_id="s", task_id=task.id, at=given_at)
    first, second = records.append([again, one])
    assert (first.id, first.at, first.session_id, first.task_id) == ("mine", given_at, "s", task.id)
    assert records.get(second.id) == second
    assert _own(second) == _own(one)
    assert list(records.list().items) == [second, first]
    assert list(records.list(task=task.id, session="s", until=given_at, oldest_first=True).items) == [first]
    with pytest.raises(ConflictError):
        records.append([one, again])
    assert records.list().total == 2
    with pytest.raises(MissingReferenceError):
        records.append([replace(one, task_id="nowhere")])


def _own(record: Record) -> dict[str, object]:
    """Return what a kind of records has of its own."""
    common = {"project_id", "id", "session_id", "task_id", "at"}
    return {one.name: getattr(record, one.name) for one in fields(record) if one.name not in common}


def test_records_that_are_appended_together_keep_their_order(bound: Store) -> None:
    made = bound.logs.append(LogLine(level="info", message=str(number)) for number in range(30))
    assert [line.message for line in bound.logs.list(oldest_first=True).items] == [str(number) for number in range(30)]
    assert len({line.at for line in made}) == 30


def test_records_are_looked_up_by_what_their_kind_has(bound: Store) -> None:
    for name, record in RECORDS.items():
        getattr(bound, name).append([record])
    assert bound.tool_executions.list(tool="grep", succeeded=False).total == 1
    assert bound.tool_executions.list(tool="grep", succeeded=True).total == 0
    assert bound.tool_executions.list(filter=field("arguments.for") == "x").total == 1
    assert bound.logs.list(level="warning").total == bound.agent_messages.list(recipient="tetyana").total == 1
    assert bound.task_steps.list(status="failed").total == bound.recovery_attempts.list(succeeded=False).total == 1
    assert bound.conversation_summaries.list(filter=field("topics").has("sea")).total == 1
    with pytest.raises(InvalidValueError, match="message"):
        bound.logs.list(message="slow")
    assert [hit.entry.kind for hit in bound.search("whales").items] == ["summary"]


def test_tasks_are_counted_by_state_with_how_long_they_ran(store_url: str) -> None:
    now = [START]
    with open_store(store_url, clock=lambda: now[0]) as store:
        store.projects.put("p")
        bound = store.project("p")
        for seconds in (2, 4):
            task = bound.tasks.create("Task", session="s")
            bound.tasks.start(task.id)
            now[0] += timedelta(seconds=seconds)
            assert bound.tasks.succeed(task.id).seconds == seconds
        bound.tasks.create("Waiting")
        counts = [(one.state, one.tasks, one.mean_seconds, one.most_seconds) for one in bound.tasks.counts()]
        assert counts == [("pending", 1, None, None), ("succeeded", 2, 3.0, 4.0)]
        assert [one.tasks for one in bound.tasks.counts(session="s", since=START + timedelta(seconds=1))] == [1]


def test_tools_are_told_by_how_they_did(bound: Store) -> None:
    bound.tool_executions.append(
        [
            *(ToolExecution(tool="fast", seconds=number / 100, at=START) for number in range(1, 101)),
            ToolExecution(tool="slow", seconds=9, at=START),
            ToolExecution(tool="slow", seconds=11, succeeded=False, at=START),
            ToolExecution(tool="untimed", at=START),
            ToolExecution(tool="slow", seconds=100, at=START + timedelta(days=1)),
        ]
    )
    slow, fast, untimed = bound.tool_executions.use(until=START)
    assert (slow.tool, slow.calls, slow.failures, slow.success_rate) == ("slow", 2, 1, 0.5)
    assert (slow.mean_seconds, slow.p95_seconds, slow.most_seconds) == (10, 11, 11)
    assert (fast.tool, fast.p95_seconds, fast.success_rate) == ("fast", 0.95, 1)
    assert fast.mean_seconds == pytest.approx(0.505)
    assert (untimed.tool, untimed.calls, untimed.mean_seconds, untimed.p95_seconds) == ("untimed", 1, None, None)
    assert [one.tool for one in bound.tool_executions.use(order="most_used")] == ["fast", "slow", "untimed"]
    assert bound.tool_executions.use(since=START + timedelta(hours=1))[0].mean_seconds == 100
    with pytest.raises(InvalidValueError):
        bound.tool_executions.use(order="fastest")  # type: ignore[arg-type]


def test_errors_are_counted_by_the_hour(bound: Store) -> None:
    bound.logs.append(
        [
            *(LogLine(level="error", at=START + timedelta(minutes=minutes)) for minutes in (0, 29, 30, 89)),
            LogLine(level="critical", at=START + timedelta(days=1)),
            LogLine(level="info", at=START),
        ]
    )
    hour = START.replace(minute=0)
    counted = [(one.hour, one.lines) for one in bound.logs.per_hour()]
    later = [hour + timedelta(hours=1), hour + timedelta(days=1)]
    assert counted == [(hour, 2), (later[0], 2), (later[1], 1)]
    assert [one.lines for one in bound.logs.per_hour(levels=["info"], until=START)] == [1]


def test_the_timeline_of_a_task_has_all_that_happened_in_it(bound: Store) -> None:
    task = bound.tasks.create("Work")
    for number, (name, record) in enumerate(RECORDS.items()):
        at = START + timedelta(seconds=number)
        getattr(bound, name).append([replace(record, task_id=task.id, at=at), record])
    timeline = bound.tasks.timeline(task.id, limit=5)
    rest = bound.tasks.timeline(task.id, limit=5, after=timeline.next)
    assert timeline.total == 7
    assert [(one.kind, one.headline) for one in (*timeline.items, *rest.items)] == [
        ("step", "read: failed"),
        ("tool", "grep: nothing"),
        ("message", "atlas to tetyana: yours"),
        ("recovery", "retry: again"),
        ("summary", "We spoke of whales."),
        ("deviation", "wrote"),
        ("log", "warning: slow"),
    ]


def test_pruning_takes_what_ended_long_ago_and_keeps_the_rest(bound: Store) -> None:
    old, whole = bound.tasks.create("Old"), bound.tasks.create("Whole")
    part = bound.tasks.create("Part", parent=whole.id)
    for task in (old, whole):
        bound.tasks.cancel(task.id)
    bound.logs.append(
        [LogLine(level="info", at=START), LogLine(level="info"), LogLine(level="info", task_id=old.id, at=START)]
    )
    assert bound.tasks.prune(before=START)["agent_tasks"] == 0
    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert bound.logs.list().total == 3
    pruned = bound.tasks.prune(before=START + timedelta(seconds=1))
    assert (pruned["agent_tasks"], pruned["agent_logs"]) == (0, 1)
    assert bound.tasks.prune(before=soon)["agent_tasks"] == 1
    assert {task.id for task in bound.tasks.list().items} == {whole.id, part.id}
    assert bound.logs.list().total == 0


def test_a_session_sees_its_own_operations_only(bound: Store) -> None:
    one, other = bound.session("one"), bound.session("other")
    task = one.tasks.create("Mine")
    one.logs.append([LogLine(level="error", task_id=task.id)])
    assert one.logs.list().items[0].session_id == one.tasks.get(task.id).session_id == "one"
    assert other.logs.list().total == other.tasks.list().total == 0
    assert not other.logs.per_hour()
    assert not other.tasks.counts()
    with pytest.raises(NotFoundError):
        other.tasks.cancel(task.id)
    assert bound.logs.list(session="one").total == 1


def test_mistakes_are_told(bound: Store) -> None:
    with pytest.raises(NotFoundError):
        bound.tasks.timeline("nowhere")
    with pytest.raises(NotFoundError):
        bound.logs.get("nowhere")
    with pytest.raises(MissingReferenceError):
        bound.tasks.create("Part", parent="nowhere")
    for wrong in (
        lambda: bound.logs.append([LogLine(level="loud")]),  # type: ignore[arg-type]
        lambda: bound.logs.append([Deviation(intended="x", done="y")]),  # type: ignore[list-item]
        lambda: bound.tool_executions.append([ToolExecution(tool="x", seconds=-1)]),
        lambda: bound.tool_executions.append([ToolExecution(tool="x", seconds=float("nan"))]),
        lambda: bound.tool_executions.append([ToolExecution(tool="")]),
        lambda: bound.tasks.list(state="done"),  # type: ignore[arg-type]
        lambda: bound.logs.append([LogLine(level="info", at=datetime(2026, 1, 1))]),  # noqa: DTZ001
    ):
        with pytest.raises(InvalidValueError):
            wrong()


def test_operations_are_awaited_by_asynchronous_code(store_url: str) -> None:
    async def work() -> tuple[int, int]:
        async with open_store(store_url) as store:
            await store.projects.put("p")
            bound = store.project("p")
            await asyncio.gather(*(bound.logs.append([LogLine(level="error")] * 2) for _ in range(5)))
            return (await bound.logs.per_hour())[0].lines, len((await bound.logs.list()).items)

    lines, listed = asyncio.run(work())
    assert listed == 10
    assert lines in range(1, 11)
