"""LangGraph's checkpoints as the store keeps them, and back: which values are stored apart, and how."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from exuvia.store.checkpoints import ChannelValue, Encoded, GraphCheckpoint, GraphState, TaskWrite

_SHORT: Final = 256  # characters of a text that need not be encoded to be known as small
_SMALL: Final = 1024  # bytes of an encoded value that is kept in the checkpoint itself
_INSIDE: Final = 4096  # bytes of all of them
_REMEMBERED: Final = 10_000
_COUNTERS: Final = "counters_since_delta_snapshot"


def safe_serializer() -> JsonPlusSerializer:
    """Return LangGraph's serializer in its strict form.

    It makes only the types that LangGraph lists as safe, and those of the graph's own schema, which a graph adds when
    it is compiled; anything else comes back as plain data. Pickle is neither written nor read.
    """
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=None)


class Remembered:
    """Which version of a channel's value is known to be stored, so that it need not be written to find out its size."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str, str], str] = {}

    def knows(self, thread: str, namespace: str, channel: str, version: str) -> bool:
        """Tell whether a value is known to be stored."""
        return self._versions.get((thread, namespace, channel)) == version

    def note(self, thread: str, namespace: str, versions: Mapping[str, str]) -> None:
        """Note values that are stored."""
        if len(self._versions) >= _REMEMBERED:
            self._versions.clear()
        for channel, version in versions.items():
            self._versions[thread, namespace, channel] = version


def encode_checkpoint(  # noqa: PLR0917 - what LangGraph passes to put
    serde: SerializerProtocol,
    remembered: Remembered,
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    new: Collection[str],
) -> tuple[GraphCheckpoint, list[ChannelValue]]:
    """Return a checkpoint as it is stored, and values to be stored with it unless they are there.

    Small values stand in the checkpoint, as primitive ones do in LangGraph's own saver for PostgreSQL; the others are
    stored once for each version of their channel.
    """
    place = config["configurable"]
    thread, namespace = str(place["thread_id"]), place.get("checkpoint_ns", "")
    versions, room = checkpoint["channel_versions"], _INSIDE
    inside: dict[str, Any] = {}
    apart: dict[str, str] = {}
    values = []
    for channel, value in checkpoint["channel_values"].items():
        version = str(versions.get(channel))
        if channel not in versions or _is_small(value):
            inside[channel] = value
        elif channel not in new and remembered.knows(thread, namespace, channel, version):
            apart[channel] = version
        else:
            encoded = Encoded(*serde.dumps_typed(value))
            size = len(encoded.value)
            if size <= min(_SMALL, room):
                inside[channel] = value
                room -= size
            else:
                apart[channel] = version
                values.append(ChannelValue(channel, version, encoded))
    kept = cast(dict[str, Any], get_serializable_checkpoint_metadata(config, metadata))
    run = kept.get("run_id")
    stored = GraphCheckpoint(
        thread,
        namespace,
        checkpoint["id"],
        place.get("checkpoint_id"),
        None if run is None else str(run),
        _COUNTERS in kept or any(isinstance(v, _DeltaSnapshot) for v in checkpoint["channel_values"].values()),
        apart,
        kept,
        Encoded(*serde.dumps_typed({**checkpoint, "channel_values": inside})),
    )
    return stored, values


def decode_state(serde: SerializerProtocol, state: GraphState) -> CheckpointTuple:
    """Return a stored checkpoint as LangGraph's."""
    checkpoint = serde.loads_typed(state.body)
    values = checkpoint["channel_values"]
    for channel, encoded in state.values.items():
        values[channel] = serde.loads_typed(encoded)
    return CheckpointTuple(
        place_of(state.thread, state.namespace, state.id),
        checkpoint,
        cast(CheckpointMetadata, state.metadata),
        place_of(state.thread, state.namespace, state.parent) if state.parent else None,
        [(write.task_id, write.channel, serde.loads_typed(write.encoded)) for write in state.writes],
    )


def encode_writes(serde: SerializerProtocol, writes: Sequence[tuple[str, Any]]) -> tuple[list[TaskWrite], bool]:
    """Return a task's writes as they are stored, and whether they replace what the task wrote before."""
    stored = [
        TaskWrite(WRITES_IDX_MAP.get(channel, place), channel, Encoded(*serde.dumps_typed(value)))
        for place, (channel, value) in enumerate(writes)
    ]
    return stored, all(channel in WRITES_IDX_MAP for channel, _ in writes)


def place_of(thread: str, namespace: str, checkpoint: str) -> RunnableConfig:
    """Return the configuration that names a checkpoint."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint}}


def configurable(config: RunnableConfig | None) -> Mapping[str, Any]:
    """Return what a configuration names; nothing without one."""
    return {} if config is None else config["configurable"]


def _is_small(value: Any) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return True
    return isinstance(value, str) and len(value) <= _SHORT
