"""LangGraph's checkpointer on the store: LangGraph's own conformance suite, and real graphs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from exuvia.integrations.langgraph import ExuviaSaver
from exuvia.store import Store
from exuvia.store.core.values import new_id
from exuvia.store.errors import InvalidValueError, StateError
from graphs import log_graph, review_graph

CHECKPOINT: Any = {
    "v": 4,
    "id": "1",
    "ts": "2026-01-01T00:00:00+00:00",
    "channel_values": {},
    "channel_versions": {},
    "versions_seen": {},
    "updated_channels": None,
}


@pytest.fixture
def saver(shared_store: Store, project: str) -> ExuviaSaver:
    """A checkpointer with a project of its own."""
    return ExuviaSaver(shared_store, project=project)


@pytest.fixture
def config() -> RunnableConfig:
    """A new thread."""
    return {"configurable": {"thread_id": new_id()}}


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run asynchronous work to its end."""
    return asyncio.run(work)


@pytest.mark.parametrize("is_async", [False, True], ids=["store", "async store"])
def test_it_passes_the_conformance_suite(shared_store_url: str, shared_store: Store, is_async: bool) -> None:
    @checkpointer_test(name="exuvia")
    async def checkpointer() -> AsyncIterator[ExuviaSaver]:
        if not is_async:
            yield ExuviaSaver(shared_store, project=shared_store.projects.put(new_id()).id)
            return
        async with ExuviaSaver.from_url_async(shared_store_url, project=new_id()) as saver:
            yield saver

    report = run(validate(checkpointer))
    assert {name: found.passed for name, found in report.results.items()} == dict.fromkeys(report.results, True)
    assert len(report.results) == 8


def test_a_graph_with_a_subgraph_is_interrupted_and_goes_on(saver: ExuviaSaver, config: RunnableConfig) -> None:
    graph = review_graph(saver)
    waiting = graph.invoke({"text": "a", "steps": []}, config)
    assert waiting["__interrupt__"][0].value == "ok?"
    assert graph.get_state(config, subgraphs=True).tasks[0].state.next == ("ask",)
    done = review_graph(saver).invoke(Command(resume="yes"), config)
    assert done["steps"] == ["left", "right", "end:yes"]
    assert graph.get_state(config).next == ()


def travel(saver: Any, config: RunnableConfig) -> list[tuple[Any, ...]]:
    """Run a graph, go back in its history, fork from there, and return all that it remembers."""
    graph = review_graph(saver)
    graph.invoke({"text": "a", "steps": []}, config)
    graph.invoke(Command(resume="yes"), config)
    history = list(graph.get_state_history(config))
    before_the_end = next(state for state in history if state.next == ("end",))
    assert graph.invoke(None, before_the_end.config)["steps"][-1] == "end:yes"
    changed = graph.update_state(before_the_end.config, {"answer": "no"})
    assert graph.invoke(None, changed)["steps"][-1] == "end:no"
    history = list(graph.get_state_history(config))
    assert len({str(state.config) for state in history}) == len(history)
    return [(state.values, state.next, state.metadata, [task.result for task in state.tasks]) for state in history]


def test_travels_in_time_go_as_in_memory(saver: ExuviaSaver) -> None:
    config: RunnableConfig = {"configurable": {"thread_id": "t"}}
    found, expected = travel(saver, config), travel(InMemorySaver(), config)
    assert [known[:2] + known[3:] for known in found] == [known[:2] + known[3:] for known in expected]
    assert [known[2]["step"] for known in found] == [known[2]["step"] for known in expected]


def test_a_graph_runs_asynchronously(shared_store_url: str, config: RunnableConfig) -> None:
    async def work() -> None:
        async with ExuviaSaver.from_url_async(shared_store_url, project=new_id()) as saver:
            graph = review_graph(saver)
            await graph.ainvoke({"text": "a", "steps": []}, config)
            done = await graph.ainvoke(Command(resume="yes"), config)
            assert done["steps"] == ["left", "right", "end:yes"]
            assert len([state async for state in graph.aget_state_history(config)]) == 5
            assert (await asyncio.to_thread(graph.get_state, config)).values == done
            with pytest.raises(StateError, match="event loop"):
                saver.get_tuple(config)

    run(work())


def test_synchronous_and_asynchronous_callers_share_a_store(saver: ExuviaSaver, config: RunnableConfig) -> None:
    graph = review_graph(saver)
    graph.invoke({"text": "a", "steps": []}, config)
    assert run(graph.ainvoke(Command(resume="yes"), config))["steps"][-1] == "end:yes"


def test_a_large_value_is_stored_once_for_each_version(
    saver: ExuviaSaver, shared_store: Store, config: RunnableConfig
) -> None:
    graph = review_graph(saver)
    graph.invoke({"text": "a", "steps": []}, config)
    graph.invoke(Command(resume="yes"), config)
    thread = config["configurable"]["thread_id"]
    states = shared_store.graph_states.list(thread=thread, namespace="", project=saver._access.project)
    versions = [state.versions["text"] for state in states if "text" in state.versions]
    assert (len(versions), len(set(versions))) == (3, 2)


def test_another_process_goes_on_without_knowing_what_is_stored(
    shared_store: Store, project: str, config: RunnableConfig
) -> None:
    for resume in (None, "yes"):
        graph = review_graph(ExuviaSaver(shared_store, project=project))
        graph.invoke({"text": "a", "steps": []} if resume is None else Command(resume=resume), config)
    assert len(review_graph(ExuviaSaver(shared_store, project=project)).get_state(config).values["text"]) == 5001


def test_pruned_threads_go_on(saver: ExuviaSaver, config: RunnableConfig) -> None:
    graph = review_graph(saver)
    graph.invoke({"text": "a", "steps": []}, config)
    saver.prune([config["configurable"]["thread_id"]])
    assert len(list(graph.get_state_history(config))) == 1
    assert graph.invoke(Command(resume="yes"), config)["steps"][-1] == "end:yes"


def test_channels_of_changes_are_rebuilt_as_in_memory(saver: ExuviaSaver, config: RunnableConfig) -> None:
    memory = InMemorySaver()
    for number in range(5):
        for graph in (log_graph(saver), log_graph(memory)):
            graph.invoke({"items": [f"x{number}"]}, config)
    found, expected = ([state.values for state in log_graph(one).get_state_history(config)] for one in (saver, memory))
    assert found == expected
    with pytest.raises(StateError, match="older checkpoints"):
        saver.prune([config["configurable"]["thread_id"]])


def test_a_list_of_many_checkpoints_comes_in_order_and_whole(saver: ExuviaSaver, config: RunnableConfig) -> None:
    graph = review_graph(saver)
    for _ in range(25):
        graph.invoke({"text": "a", "steps": []}, config)
        graph.invoke(Command(resume="yes"), config)
    ids = [found.checkpoint["id"] for found in saver.list(config)]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == 25 * 5 + 25 * 3
    assert [found.checkpoint["id"] for found in saver.list(config, limit=150)] == ids[:150]
    assert [found.checkpoint["id"] for found in saver.list(None, filter={"source": "input"}, limit=2)]


def test_thousands_of_writes_of_one_task_are_kept(saver: ExuviaSaver, config: RunnableConfig) -> None:
    place: Any = {"configurable": {**config["configurable"], "checkpoint_ns": "", "checkpoint_id": "1"}}
    saver.put_writes(place, [("items", number) for number in range(2500)], "task")
    saver.put({"configurable": {**config["configurable"], "checkpoint_ns": ""}}, CHECKPOINT, {}, {})
    found = saver.get_tuple(config)
    assert found is not None
    assert found.pending_writes is not None
    assert [value for _, _, value in found.pending_writes] == list(range(2500))


@dataclass
class Unlisted:
    """A class that no graph has named."""

    name: str


def test_only_known_classes_are_made_from_what_is_stored(saver: ExuviaSaver, config: RunnableConfig) -> None:
    place: Any = {"configurable": {**config["configurable"], "checkpoint_ns": "", "checkpoint_id": "1"}}
    saver.put({"configurable": {**config["configurable"], "checkpoint_ns": ""}}, CHECKPOINT, {}, {})
    saver.put_writes(place, [("a", Unlisted("x")), ("b", Decimal("1.50"))], "task")
    found = saver.get_tuple(config)
    assert found is not None
    assert found.pending_writes == [("task", "a", {"name": "x"}), ("task", "b", Decimal("1.50"))]
    with pytest.raises(NotImplementedError, match="pickle"):
        saver.serde.loads_typed(("pickle", b"."))


def test_it_needs_a_project(shared_store: Store) -> None:
    with pytest.raises(InvalidValueError, match="project"):
        ExuviaSaver(shared_store)


def test_a_bound_store_keeps_its_threads_to_itself(shared_store: Store, project: str, config: RunnableConfig) -> None:
    bound = ExuviaSaver(shared_store.project(project))
    review_graph(bound).invoke({"text": "a", "steps": []}, config)
    assert review_graph(bound).invoke(Command(resume="yes"), config)["steps"][-1] == "end:yes"
    other = shared_store.projects.put(new_id()).id
    assert ExuviaSaver(shared_store.project(other)).get_tuple(config) is None
    assert ExuviaSaver(shared_store, project=project).get_tuple(config) is not None
