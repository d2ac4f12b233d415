"""LangGraph's checkpointer on the store."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from exuvia.api import open as open_store
from exuvia.integrations.langgraph.access import Access
from exuvia.integrations.langgraph.encoding import (
    Remembered,
    configurable,
    decode_state,
    encode_checkpoint,
    encode_writes,
    place_of,
    safe_serializer,
)
from exuvia.store import AsyncStore, Store
from exuvia.store.checkpoints import ChannelValue, GraphCheckpoint, GraphState

_PAGE: Final = 100
_FEW: Final = 500
_STRATEGIES: Final = ("keep_latest", "delete")
Ask = Callable[[Any], Any]


class ExuviaSaver(BaseCheckpointSaver[str]):
    """Keeps the checkpoints of graphs in the store, for ``invoke`` and ``ainvoke`` alike.

    Values are made again only of types that LangGraph lists as safe and of the graph's own schema, unless another
    ``serde`` is given.

    Args:
        store: An open ``Store`` or ``AsyncStore``. The latter belongs to the event loop that is running now.
        project: The project that the threads belong to, which has to be there; not needed in a bound store.
        serde: How values are written; LangGraph's own serializer in its strict form if None.

    Raises:
        InvalidValueError: No project is given, and the store is not bound to one.
    """

    def __init__(
        self, store: Store | AsyncStore, *, project: str | None = None, serde: SerializerProtocol | None = None
    ) -> None:
        super().__init__(serde=serde or safe_serializer())
        self._access = Access(store, project)
        self._remembered = Remembered()

    @classmethod
    @contextmanager
    def from_url(cls, url: str, *, project: str = "langgraph", **options: Any) -> Iterator[ExuviaSaver]:
        """Open a store for a checkpointer, and close it at the end. The project is made if it is not there.

        Args:
            url: Where the store is: ``sqlite:///memory.db``, ``postgresql://user@host/database``.
            project: The project that the threads belong to.
            options: ``serde``, and those of ``exuvia.open``.
        """
        serde = options.pop("serde", None)
        with open_store(url, **options) as store:
            store.projects.ensure(project)
            yield cls(store, project=project, serde=serde)

    @classmethod
    @asynccontextmanager
    async def from_url_async(
        cls, url: str, *, project: str = "langgraph", **options: Any
    ) -> AsyncIterator[ExuviaSaver]:
        """Open an asynchronous store for a checkpointer, as ``from_url`` does."""
        serde = options.pop("serde", None)
        async with open_store(url, **options) as store:
            await store.projects.ensure(project)
            yield cls(store, project=project, serde=serde)

    def get_next_version(self, current: str | int | None, channel: None) -> str:  # noqa: ARG002
        """Return a channel's next version: a number that grows, and a random one that tells forks apart."""
        number = 0 if current is None else int(str(current).partition(".")[0])
        return f"{number + 1:032}.{random.random():016}"  # noqa: S311 - not a secret

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with its values and pending writes: the latest one if the configuration names none."""
        return self._decoded(config, self._access.call(self._getting(config)))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, as ``get_tuple`` does."""
        return self._decoded(config, await self._access.wait(self._getting(config)))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield checkpoints, the newest first, read in pages of 100.

        Args:
            config: The thread, and perhaps the namespace and the checkpoint; None for every thread.
            filter: What fields of the metadata have to be.
            before: Only checkpoints before this one.
            limit: How many at most.
        """
        pages = _Pages(self._access.project, config, filter, before, limit)
        while pages.wanted:
            page = pages.take(self._access.call(pages.ask))
            yield from (decode_state(self.serde, state) for state in page)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, as ``list`` does."""
        pages = _Pages(self._access.project, config, filter, before, limit)
        while pages.wanted:
            for state in pages.take(await self._access.wait(pages.ask)):
                yield decode_state(self.serde, state)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint; return the configuration that names it.

        Args:
            config: The thread, the namespace, and the checkpoint that it came from.
            checkpoint: The checkpoint.
            metadata: What is known of it.
            new_versions: The channels whose values are new in it.
        """
        stored, values = encode_checkpoint(self.serde, self._remembered, config, checkpoint, metadata, new_versions)
        self._access.call(self._putting(stored, values))
        return self._put(stored)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, as ``put`` does."""
        stored, values = encode_checkpoint(self.serde, self._remembered, config, checkpoint, metadata, new_versions)
        await self._access.wait(self._putting(stored, values))
        return self._put(stored)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote on a checkpoint, which may not be stored yet.

        Args:
            config: The checkpoint.
            writes: Channels and values.
            task_id: The task.
            task_path: Where the task is in its step.
        """
        self._access.call(self._writing(config, writes, task_id, task_path))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, as ``put_writes`` does."""
        await self._access.wait(self._writing(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread with all it has."""
        self._access.call(self._deleting([thread_id]))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread with all it has."""
        await self._access.wait(self._deleting([thread_id]))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that these runs made, and their writes."""
        self._access.call(self._deleting_runs(run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that these runs made, and their writes."""
        await self._access.wait(self._deleting_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, with every checkpoint, value and write."""
        self._access.call(self._copying(source_thread_id, target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, with every checkpoint, value and write."""
        await self._access.wait(self._copying(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete what threads no longer need.

        Args:
            thread_ids: The threads.
            strategy: ``keep_latest`` keeps the latest checkpoint of each namespace, ``delete`` nothing.

        Raises:
            StateError: With ``keep_latest``: a thread has a ``DeltaChannel``, which older checkpoints rebuild.
        """
        for ask in self._pruning(thread_ids, strategy):
            self._access.call(ask)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete what threads no longer need, as ``prune`` does."""
        for ask in self._pruning(thread_ids, strategy):
            await self._access.wait(ask)

    def _getting(self, config: RunnableConfig) -> Ask:
        place, project = config["configurable"], self._access.project
        key = (str(place["thread_id"]), place.get("checkpoint_ns", ""), place.get("checkpoint_id") or None)
        return lambda store: store.graph_states.get(*key, project=project)

    def _decoded(self, config: RunnableConfig, state: GraphState | None) -> CheckpointTuple | None:
        if state is None:
            return None
        self._remembered.note(state.thread, state.namespace, state.versions)
        found = decode_state(self.serde, state)
        return found._replace(config=config) if config["configurable"].get("checkpoint_id") else found

    def _putting(self, checkpoint: GraphCheckpoint, values: Sequence[ChannelValue]) -> Ask:
        project = self._access.project
        return lambda store: store.graph_states.put(checkpoint, values, project=project)

    def _put(self, checkpoint: GraphCheckpoint) -> RunnableConfig:
        self._remembered.note(checkpoint.thread, checkpoint.namespace, checkpoint.versions)
        return place_of(checkpoint.thread, checkpoint.namespace, checkpoint.id)

    def _writing(self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, path: str) -> Ask:
        place, project = config["configurable"], self._access.project
        stored, replace = encode_writes(self.serde, writes)
        key = (str(place["thread_id"]), place.get("checkpoint_ns", ""), str(place["checkpoint_id"]), task_id)
        if len(stored) <= _FEW:
            return lambda store: store.graph_states.put_few_writes(
                *key, stored, path=path, replace=replace, project=project
            )
        return lambda store: store.graph_states.put_writes(*key, stored, path=path, replace=replace, project=project)

    def _deleting(self, threads: Sequence[str]) -> Ask:
        named, project = [str(thread) for thread in threads], self._access.project
        return lambda store: store.graph_states.delete(named, project=project)

    def _deleting_runs(self, runs: Sequence[str]) -> Ask:
        named, project = [str(run) for run in runs], self._access.project
        return lambda store: store.graph_states.delete_runs(named, project=project)

    def _copying(self, source: str, target: str) -> Ask:
        project = self._access.project
        return lambda store: store.graph_states.copy(str(source), str(target), project=project)

    def _pruning(self, threads: Sequence[str], strategy: str) -> Iterator[Ask]:
        if isinstance(threads, str):
            raise TypeError("thread_ids is a list of threads, not a text")
        if strategy not in _STRATEGIES:
            raise ValueError(f"{strategy!r} is no strategy: {' or '.join(_STRATEGIES)}")
        if strategy == "delete":
            yield self._deleting(threads)
            return
        yield from (self._pruning_one(str(thread)) for thread in threads)

    def _pruning_one(self, thread: str) -> Ask:
        project = self._access.project
        return lambda store: store.graph_states.prune(thread, project=project)


class _Pages:
    """The pages of a list: what to ask for next."""

    def __init__(
        self,
        project: str,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> None:
        place = configurable(config)
        thread = place.get("thread_id")
        self._asked: dict[str, Any] = {
            "thread": None if thread is None else str(thread),
            "namespace": place.get("checkpoint_ns"),
            "id": place.get("checkpoint_id") or None,
            "metadata": filter,
            "before": configurable(before).get("checkpoint_id"),
            "project": project,
        }
        self._left = limit
        self._last: GraphState | None = None
        self.wanted = limit is None or limit > 0

    def ask(self, store: Any) -> Any:
        """Ask a store for the next page."""
        return store.graph_states.list(**self._asked, after=self._last, limit=self._size())

    def take(self, page: Sequence[GraphState]) -> Sequence[GraphState]:
        """Note what came, and return it."""
        self.wanted = len(page) == self._size()
        if self._left is not None:
            self._left -= len(page)
            self.wanted = self.wanted and self._left > 0
        self._last = page[-1] if page else None
        return page

    def _size(self) -> int:
        return _PAGE if self._left is None else min(_PAGE, self._left)
