"""Graphs of LangGraph for tests: with an interrupt, a subgraph and parallel branches."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    """What the graphs work on."""

    steps: Annotated[list[str], operator.add]
    text: str
    answer: str


class Question(TypedDict, total=False):
    """What the subgraph works on."""

    text: str
    answer: str


def review_graph(saver: Any) -> Any:
    """Return a graph that drafts in two branches, asks a subgraph for an answer from outside, and ends."""
    inner = StateGraph(Question)
    inner.add_node("ask", ask)
    inner.add_edge(START, "ask")
    inner.add_edge("ask", END)
    outer = StateGraph(State)
    outer.add_node("left", lambda state: {"steps": ["left"], "text": state["text"] + "!" * 5000})
    outer.add_node("right", lambda state: {"steps": ["right"]})
    outer.add_node("review", inner.compile())
    outer.add_node("end", lambda state: {"steps": [f"end:{state['answer']}"]})
    for branch in ("left", "right"):
        outer.add_edge(START, branch)
        outer.add_edge(branch, "review")
    outer.add_edge("review", "end")
    outer.add_edge("end", END)
    return outer.compile(checkpointer=saver)


def ask(state: Question) -> Question:
    """Wait for an answer."""
    return {"answer": interrupt("ok?")}


def joined(items: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    """Add the writes of a step to a list."""
    return [*items, *(item for write in writes for item in write)]


class Log(TypedDict):
    """A list of which only the changes are stored, with a snapshot now and then."""

    items: Annotated[list[Any], DeltaChannel(joined, snapshot_frequency=3)]


def log_graph(saver: Any) -> Any:
    """Return a graph that adds to a log how long it is."""
    builder = StateGraph(Log)
    builder.add_node("count", lambda state: {"items": [len(state["items"])]})
    builder.add_edge(START, "count")
    builder.add_edge("count", END)
    return builder.compile(checkpointer=saver)
