"""Graphs of LangGraph for tests: with an interrupt, a subgraph and parallel branches."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

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
