"""What checkpoints are made of: those of agents' configurations, and those of LangGraph's graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json


@dataclass(frozen=True, slots=True)
class AgentCheckpoint:
    """A configuration of an agent, with how good it was.

    Args:
        project_id: The project.
        id: Its id.
        agent: The agent.
        version: 1, 2, 3 … for each agent.
        config_version: The caller's own name of the configuration's version.
        config: The configuration: prompts, parameters, tools.
        metrics: What was measured with it.
        metadata: Anything else.
        is_best: Whether it is the agent's best; at most one is.
        created_at: When it was saved.
    """

    project_id: str
    id: str
    agent: str
    version: int
    config_version: str
    config: Json
    metrics: dict[str, Any]
    metadata: dict[str, Any]
    is_best: bool
    created_at: datetime


class Encoded(NamedTuple):
    """A value as a serializer has written it: how, and the bytes."""

    encoding: str
    value: bytes


class ChannelValue(NamedTuple):
    """A channel's value at one of its versions."""

    channel: str
    version: str
    encoded: Encoded


class TaskWrite(NamedTuple):
    """A write of a task: its place among the task's, the channel and the value."""

    idx: int
    channel: str
    encoded: Encoded


class StoredWrite(NamedTuple):
    """A write as it is read: in the order in which a step applies them when sorted."""

    task_path: str
    task_id: str
    idx: int
    channel: str
    encoded: Encoded


@dataclass(frozen=True, slots=True)
class GraphCheckpoint:
    """A checkpoint of a graph, to be stored.

    Args:
        thread: The thread.
        namespace: The subgraph; empty for the graph itself.
        id: Its id; later ones sort after earlier ones.
        parent: The checkpoint that it came from.
        run: The run that made it.
        incremental: Whether its state needs the writes of its ancestors.
        versions: Which version of each stored channel value belongs to it.
        metadata: A JSON object.
        body: What else it has.
    """

    thread: str
    namespace: str
    id: str
    parent: str | None
    run: str | None
    incremental: bool
    versions: Mapping[str, str]
    metadata: Mapping[str, Json]
    body: Encoded


@dataclass(frozen=True, slots=True)
class GraphState:
    """A checkpoint of a graph as it is read, with its values and the writes that wait in it.

    Args:
        thread: The thread.
        namespace: The subgraph; empty for the graph itself.
        id: Its id.
        parent: The checkpoint that it came from.
        metadata: A JSON object.
        body: What else it has.
        versions: Which version of each stored channel value belongs to it.
        values: The stored value of each channel.
        writes: In order.
    """

    thread: str
    namespace: str
    id: str
    parent: str | None
    metadata: dict[str, Any]
    body: Encoded
    versions: dict[str, str] = field(default_factory=dict)
    values: dict[str, Encoded] = field(default_factory=dict)
    writes: list[StoredWrite] = field(default_factory=list)


AGENT_CHECKPOINT: Final = Shape(AgentCheckpoint)
