"""Workflows, immutable versions, runs with legal transitions only, and their history."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.store import Store
from exuvia.store.core.values import new_id
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError, StateError
from exuvia.store.filters import field
from exuvia.store.workflows import NewStep, Run

LEGAL = {
    ("pending", "start"): "running",
    ("pending", "cancel"): "cancelled",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("running", "cancel"): "cancelled",
}


@pytest.fixture
def bound(shared_store: Store, project: str) -> Store:
    """A store that is bound to a project of its own, which has the workflow ``w``."""
    store = shared_store.project(project)
    store.workflows.create("Build", id="w", tags=["ci", "nightly"], data={"team": "core"})
    store.workflows.add_version("w", {"nodes": ["a", "b"]}, author="ada", notes="first")
    return store


def acts(store: Store) -> dict[str, Callable[[str], Run]]:
    """Return what can be done to a run, by name."""
    return {
        "start": store.runs.start,
        "succeed": lambda run: store.runs.succeed(run, outputs={"ok": True}),
        "fail": lambda run: store.runs.fail(run, "broken"),
        "cancel": lambda run: store.runs.cancel(run, reason="enough"),
    }


def test_versions_are_numbered_and_never_change(bound: Store) -> None:
    second = bound.workflows.add_version("w", {"nodes": []})
    assert second.version == 2
    assert bound.workflows.version("w") == second
    assert bound.workflows.version("w", 1).definition == {"nodes": ["a", "b"]}
    assert [version.version for version in bound.workflows.versions("w").items] == [2, 1]
    assert bound.workflows.get("w").latest_version == 2


def test_versions_that_are_added_at_once_get_numbers_of_their_own(bound: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: bound.workflows.add_version("w", {"n": number}), range(16)))
    assert sorted(version.version for version in made) == list(range(2, 18))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["start", "succeed", "fail", "cancel"]), max_size=5))
def test_only_legal_transitions_happen(bound: Store, names: list[str]) -> None:
    run = bound.runs.create("w", inputs={"n": 1})
    state = "pending"
    for name in names:
        expected = LEGAL.get((state, name))
        if expected is None:
            with pytest.raises(StateError, match=f"is {state}"):
                acts(bound)[name](run.id)
        else:
            state = expected
            assert acts(bound)[name](run.id).state == state
        found = bound.runs.get(run.id)
        assert found.state == state
        assert (found.finished_at is not None) == (state in ("succeeded", "failed", "cancelled"))


def test_a_race_to_end_a_run_has_one_winner(bound: Store) -> None:
    for _ in range(5):
        run = bound.runs.create("w")
        bound.runs.start(run.id)

        def end(name: str, key: str = run.id) -> str | None:
            try:
                return acts(bound)[name](key).state
            except StateError:
                return None

        with ThreadPoolExecutor(6) as threads:
            ended = [state for state in threads.map(end, ["succeed", "fail", "cancel"] * 2) if state]
        assert ended == [bound.runs.get(run.id).state]


def test_history_keeps_the_order_in_which_steps_were_recorded(bound: Store) -> None:
    run = bound.runs.create("w", trace_id="t1")
    steps = [NewStep(f"node {number}", data={"n": number}, span_id=f"s{number}", seconds=0.5) for number in range(3)]
    assert bound.runs.record(run.id, steps) == 3
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: bound.runs.record(run.id, [NewStep("more", "failed")] * 3), range(8)))
    history = bound.runs.history(run.id)
    assert [step.seq for step in history.items] == list(range(1, 28))
    assert [(step.name, step.data, step.span_id, step.seconds) for step in history.items[:2]] == [
        ("node 0", {"n": 0}, "s0", 0.5),
        ("node 1", {"n": 1}, "s1", 0.5),
    ]
    assert bound.runs.history(run.id, status="failed").total == 24


def test_runs_are_found(bound: Store) -> None:
    first = bound.runs.create("w", started_by="cron", inputs={"branch": "main"}, trace_id="abc")
    second = bound.runs.create("w", inputs={"branch": "dev"})
    bound.runs.start(second.id)
    assert [run.id for run in bound.runs.list(workflow="w").items] == [second.id, first.id]
    assert [run.id for run in bound.runs.list(state="running").items] == [second.id]
    assert [run.id for run in bound.runs.list(started_by="cron").items] == [first.id]
    assert [run.id for run in bound.runs.list(trace_id="abc").items] == [first.id]
    assert [run.id for run in bound.runs.list(filter=field("inputs.branch") == "dev").items] == [second.id]
    with pytest.raises(InvalidValueError):
        bound.runs.list(state="done")  # type: ignore[arg-type]


def test_a_change_of_what_has_changed_since_is_refused(bound: Store) -> None:
    read = bound.workflows.get("w")
    changed = bound.workflows.update("w", revision=read.revision, name="Build all")
    assert (changed.name, changed.revision, changed.tags) == ("Build all", read.revision + 1, read.tags)
    with pytest.raises(ConflictError, match="revision"):
        bound.workflows.update("w", revision=read.revision, name="Mine")
    assert bound.workflows.get("w").name == "Build all"


def test_a_locked_workflow_loses_no_update(bound: Store) -> None:
    bound.workflows.update("w", data={"count": 0})

    def add(_: int) -> None:
        with bound.transaction() as tx:
            found = tx.workflows.lock("w")
            tx.workflows.update("w", data={"count": found.data["count"] + 1})

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(add, range(12)))
    assert bound.workflows.get("w").data == {"count": 12}


def test_workflows_are_found_by_tag_and_data(bound: Store) -> None:
    other = bound.workflows.create("Other", tags=["night"])
    assert [workflow.id for workflow in bound.workflows.list(tag="nightly").items] == ["w"]
    assert [workflow.id for workflow in bound.workflows.list(filter=field("data.team") == "core").items] == ["w"]
    bound.workflows.update(other.id, archived=True)
    assert bound.workflows.list().total == 1
    assert bound.workflows.list(archived=None).total == 2


def test_pruning_keeps_what_is_new_or_not_ended(bound: Store) -> None:
    ended = []
    for _ in range(4):
        run = bound.runs.create("w")
        bound.runs.start(run.id)
        bound.runs.record(run.id, [NewStep("x")])
        ended.append(bound.runs.succeed(run.id))
    pending = bound.runs.create("w")
    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert bound.runs.prune(before=ended[0].created_at) == 0
    assert bound.runs.prune(before=soon, keep=3) == 2
    assert {run.id for run in bound.runs.list().items} == {ended[2].id, ended[3].id, pending.id}
    assert bound.runs.history(ended[0].id).total == 0
    assert bound.runs.prune(before=soon) == 2


def test_pruning_one_project_leaves_the_others(shared_store: Store, bound: Store) -> None:
    other = shared_store.project(shared_store.projects.put(new_id()).id)
    other.workflows.create("Other", id="w")
    other.workflows.add_version("w", {})
    run = other.runs.create("w", id="same")
    other.runs.cancel(run.id)
    bound.runs.cancel(bound.runs.create("w", id="same").id)
    assert bound.runs.prune(before=datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert other.runs.get("same").state == "cancelled"


def test_mistakes_are_told(bound: Store) -> None:
    with pytest.raises(NotFoundError):
        bound.runs.create("nowhere")
    with pytest.raises(NotFoundError):
        bound.runs.create("w", version=9)
    with pytest.raises(NotFoundError):
        bound.runs.start("nowhere")
    with pytest.raises(NotFoundError):
        bound.workflows.update("nowhere", name="x")
    with pytest.raises(ConflictError):
        bound.workflows.create("again", id="w")
    with pytest.raises(InvalidValueError):
        bound.workflows.create("x", tags="abc")
    with pytest.raises(InvalidValueError):
        bound.runs.prune(before=datetime(2026, 1, 1))  # noqa: DTZ001
    assert bound.workflows.delete("w")
    assert not bound.workflows.delete("w")
