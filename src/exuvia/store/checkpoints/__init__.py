"""Checkpoints: of agents' configurations, and of LangGraph's graphs."""

from exuvia.store.checkpoints.agents import Checkpoints
from exuvia.store.checkpoints.graph_items import GraphItem, GraphItems, ItemKey, NewItem
from exuvia.store.checkpoints.graph_states import GraphStates
from exuvia.store.checkpoints.records import (
    AgentCheckpoint,
    ChannelValue,
    Encoded,
    GraphCheckpoint,
    GraphState,
    StoredWrite,
    TaskWrite,
)

__all__ = [
    "AgentCheckpoint",
    "ChannelValue",
    "Checkpoints",
    "Encoded",
    "GraphCheckpoint",
    "GraphItem",
    "GraphItems",
    "GraphState",
    "GraphStates",
    "ItemKey",
    "NewItem",
    "StoredWrite",
    "TaskWrite",
]
