"""Checkpoints of LangGraph's graphs: opaque bytes by thread, namespace and id. What they mean is LangGraph's affair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from exuvia.store.checkpoints.records import (
    ChannelValue,
    GraphCheckpoint,
    GraphState,
    TaskWrite,
)
from exuvia.store.checkpoints.state_reading import read_state, read_states
from exuvia.store.core.listing import Where
from exuvia.store.core.operations import M, Subsystem, idempotent, reading, writing, writing_together
from exuvia.store.core.requests import Many, Operation, Statement, Value
from exuvia.store.core.values import Json, checked_text, decode_json, encode_json
from exuvia.store.errors import StateError
from exuvia.store.filters import And, field

_TABLES: Final = {
    "langgraph_values": "channel, version, encoding, value",
    "langgraph_writes": "checkpoint_id, task_id, idx, task_path, channel, encoding, value",
    "langgraph_checkpoints": "checkpoint_id, parent_id, run_id, incremental, versions, metadata, encoding, body",
}
_STATEMENT_ROWS: Final = 500

_PUT_CHECKPOINT: Final = """
INSERT INTO langgraph_checkpoints (
  project_id, thread_id, checkpoint_ns, checkpoint_id, parent_id, run_id, incremental, versions, metadata, encoding,
  body)
VALUES (:project, :thread, :ns, :id, :parent, :run, :incremental, :versions, :metadata, :encoding, :body)
ON CONFLICT (project_id, thread_id, checkpoint_ns, checkpoint_id) DO UPDATE SET
  parent_id = excluded.parent_id, run_id = excluded.run_id, incremental = excluded.incremental,
  versions = excluded.versions, metadata = excluded.metadata, encoding = excluded.encoding, body = excluded.body
"""
_WRITE_COLUMNS: Final = (
    "project_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx, task_path, channel, encoding, value"
)
_WRITE_KEY: Final = "(project_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx)"
_REPLACE: Final = "UPDATE SET channel = excluded.channel, encoding = excluded.encoding, value = excluded.value"


class GraphStates(Subsystem[M]):
    """Store, read, copy, prune and delete the checkpoints of graphs."""

    @writing_together
    def put(
        self, checkpoint: GraphCheckpoint, values: Sequence[ChannelValue] = (), *, project: str | None = None
    ) -> Operation[None]:
        """Store a checkpoint, or replace the one with this id, with the values that are new in it.

        Args:
            checkpoint: The checkpoint.
            values: Values of versions that are not stored yet; one that is stored stays.
            project: The project; not needed in a bound store.

        Raises:
            InvalidValueError: The metadata cannot be written as JSON.
            MissingReferenceError: There is no such project.
        """
        parameters = _checkpoint_parameters(checkpoint) | {"project": self.scope.own(project)}
        if not values:
            yield Statement(_PUT_CHECKPOINT, parameters)
            return
        rows, more = _rows("project, thread, ns", [_value_row(value) for value in values])
        first = (
            "INSERT INTO langgraph_values (project_id, thread_id, checkpoint_ns, channel, version, encoding, value)"
            f" VALUES {rows} ON CONFLICT (project_id, thread_id, checkpoint_ns, channel, version) DO NOTHING"
        )
        for statement in self.dialect.together(first, _PUT_CHECKPOINT):
            yield Statement(statement, parameters | more)

    @idempotent
    def put_writes(
        self,
        thread: str,
        namespace: str,
        checkpoint: str,
        task: str,
        writes: Sequence[TaskWrite],
        *,
        path: str = "",
        replace: bool = False,
        project: str | None = None,
    ) -> Operation[None]:
        """Store what a task has written, however much it is.

        Args:
            thread: The thread.
            namespace: The subgraph; empty for the graph itself.
            checkpoint: The checkpoint on which the task works.
            task: The task.
            writes: What it wrote.
            path: Where the task is in its step.
            replace: Replace writes that are there already, else leave them.
            project: The project; not needed in a bound store.
        """
        for start in range(0, len(writes), _STATEMENT_ROWS):
            yield from self._write(
                (self.scope.own(project), thread, namespace, checkpoint, task, path),
                writes[start : start + _STATEMENT_ROWS],
                replace,
            )

    @writing_together
    def put_few_writes(
        self,
        thread: str,
        namespace: str,
        checkpoint: str,
        task: str,
        writes: Sequence[TaskWrite],
        *,
        path: str = "",
        replace: bool = False,
        project: str | None = None,
    ) -> Operation[None]:
        """Store up to 500 writes, as ``put_writes`` does, by one statement."""
        yield from self._write((self.scope.own(project), thread, namespace, checkpoint, task, path), writes, replace)

    def _write(self, owner: tuple[str, ...], writes: Sequence[TaskWrite], replace: bool) -> Operation[None]:
        if not writes:
            return
        chosen: dict[int, TaskWrite] = {}
        for write in writes if replace else reversed(writes):
            chosen[write.idx] = write
        parameters: dict[str, Value] = dict(zip(("project", "thread", "ns", "id", "task", "path"), owner, strict=True))
        rows, more = _rows(
            "project, thread, ns, id, task",
            [_write_row(write) for write in chosen.values()],
            after_first=":path",
        )
        yield Statement(
            f"INSERT INTO langgraph_writes ({_WRITE_COLUMNS}) VALUES {rows}"
            f" ON CONFLICT {_WRITE_KEY} DO {_REPLACE if replace else 'NOTHING'}",
            parameters | more,
        )

    @reading
    def get(
        self, thread: str, namespace: str = "", id: str | None = None, *, project: str | None = None
    ) -> Operation[GraphState | None]:
        """Return a checkpoint, the latest if no id is given; None where there is none."""
        return (yield from read_state(self.dialect, self.scope.own(project), thread, namespace, id))

    @reading
    def list(
        self,
        *,
        thread: str | None = None,
        namespace: str | None = None,
        id: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        before: str | None = None,
        after: GraphState | None = None,
        limit: int = 100,
        project: str | None = None,
    ) -> Operation[Sequence[GraphState]]:
        """List checkpoints, the newest first.

        Args:
            thread: The thread; all of them if None.
            namespace: The subgraph; all of them if None.
            id: This checkpoint only.
            metadata: What fields of the metadata have to be.
            before: Those before this id only.
            after: The last one of the page before.
            limit: How many at most.
            project: The project; not needed in a bound store.
        """
        owner = self.scope.own(project)
        where = Where().equal("project_id", owner).equal("thread_id", thread)
        where.equal("checkpoint_ns", namespace).equal("checkpoint_id", id)
        if before is not None:
            where.also("checkpoint_id < :before", before=before)
        if metadata:
            asked = And(tuple(field("metadata").at(key) == value for key, value in metadata.items()))
            where.json("metadata", asked, self.dialect)
        if after is not None:
            where.also(
                "(checkpoint_id, thread_id, checkpoint_ns) < (:last_id, :last_thread, :last_ns)",
                last_id=after.id,
                last_thread=after.thread,
                last_ns=after.namespace,
            )
        return (yield from read_states(self.dialect, where, owner, limit))

    @idempotent
    def delete(self, threads: Sequence[str], *, project: str | None = None) -> Operation[None]:
        """Delete threads with all they have."""
        owner = self.scope.own(project)
        for table in _TABLES:
            yield Statement(
                f"DELETE FROM {table} WHERE project_id = :project AND {self.dialect.any_of('thread_id', 'threads')}",
                {"project": owner, "threads": self.dialect.array(threads)},
            )

    @idempotent
    def delete_runs(self, runs: Sequence[str], *, project: str | None = None) -> Operation[None]:
        """Delete the checkpoints that these runs made, their writes, and the values that no checkpoint has any more."""
        owner = self.scope.own(project)
        rows = yield Statement(
            f"""
            DELETE FROM langgraph_checkpoints
            WHERE project_id = :project AND run_id IS NOT NULL AND {self.dialect.any_of("run_id", "runs")}
            RETURNING thread_id, checkpoint_ns, checkpoint_id
            """,
            {"project": owner, "runs": self.dialect.array(runs)},
        )
        yield Many(
            "DELETE FROM langgraph_writes WHERE project_id = :project AND thread_id = :thread"
            " AND checkpoint_ns = :ns AND checkpoint_id = :id",
            [{"project": owner, "thread": thread, "ns": ns, "id": key} for thread, ns, key in rows],
        )
        for thread, ns in sorted({(thread, ns) for thread, ns, _ in rows}):
            yield self._sweep(owner, thread, ns)

    @idempotent
    def copy(self, source: str, target: str, *, project: str | None = None) -> Operation[None]:
        """Copy a thread, with every checkpoint, value and write; what the target has already stays."""
        parameters = {"project": self.scope.own(project), "source": source, "target": checked_text(target, what="id")}
        for table, columns in _TABLES.items():
            yield Statement(
                f"""
                INSERT INTO {table} (project_id, thread_id, checkpoint_ns, {columns})
                SELECT project_id, :target, checkpoint_ns, {columns} FROM {table}
                WHERE project_id = :project AND thread_id = :source
                ON CONFLICT DO NOTHING
                """,
                parameters,
            )

    @writing
    def prune(self, thread: str, *, project: str | None = None) -> Operation[None]:
        """Keep only the latest checkpoint of each namespace of a thread, with its writes and values.

        The namespace of a subgraph's call goes with the checkpoint that the call started from. What runs add meanwhile
        stays; a fork from a checkpoint that goes may lose values.

        Raises:
            StateError: The state of a checkpoint needs the writes of its ancestors, so that they cannot go.
        """
        owner = self.scope.own(project)
        heads = yield from self._heads(owner, thread)
        root = next((head for ns, head, _ in heads if not ns), None)
        roots = yield from self._saved(owner, thread, [start for _, _, start in heads if start is not None])
        for ns, head, start in heads:
            gone = ":" in ns and start in roots and start != root
            reach = "checkpoint_id <= :id" if gone else "checkpoint_id < :id"
            for table in ("langgraph_writes", "langgraph_checkpoints"):
                yield Statement(
                    f"DELETE FROM {table} WHERE project_id = :project AND thread_id = :thread"
                    f" AND checkpoint_ns = :ns AND {reach}",
                    {"project": owner, "thread": thread, "ns": ns, "id": head},
                )
            yield Statement(
                "UPDATE langgraph_checkpoints SET parent_id = NULL WHERE project_id = :project"
                " AND thread_id = :thread AND checkpoint_ns = :ns AND checkpoint_id = :id",
                {"project": owner, "thread": thread, "ns": ns, "id": head},
            )
            yield self._sweep(owner, thread, ns)

    def _heads(self, project: str, thread: str) -> Operation[Sequence[tuple[str, str, str | None]]]:
        """Return each namespace, its latest checkpoint, and the graph's own checkpoint that this started from."""
        rows = yield Statement(
            """
            SELECT c.checkpoint_ns, c.checkpoint_id, CAST(c.metadata AS text), latest.incremental
            FROM (
              SELECT checkpoint_ns, max(checkpoint_id) AS id, max(CAST(incremental AS integer)) AS incremental
              FROM langgraph_checkpoints WHERE project_id = :project AND thread_id = :thread GROUP BY checkpoint_ns
            ) AS latest
            JOIN langgraph_checkpoints AS c ON c.project_id = :project AND c.thread_id = :thread
              AND c.checkpoint_ns = latest.checkpoint_ns AND c.checkpoint_id = latest.id
            """,
            {"project": project, "thread": thread},
        )
        if any(incremental for *_, incremental in rows):
            raise StateError(
                f"The thread {thread!r} has channels that are rebuilt from older checkpoints, so these cannot go.",
                hint="Delete whole threads instead.",
                code="incremental",
            )
        return [(ns, head, _root(metadata)) for ns, head, metadata, _ in rows]

    def _saved(self, project: str, thread: str, ids: Sequence[str]) -> Operation[set[str]]:
        rows = yield Statement(
            "SELECT checkpoint_id FROM langgraph_checkpoints WHERE project_id = :project AND thread_id = :thread"
            f" AND checkpoint_ns = '' AND {self.dialect.any_of('checkpoint_id', 'ids')}",
            {"project": project, "thread": thread, "ids": self.dialect.array(ids)},
        )
        return {found for (found,) in rows}

    def _sweep(self, project: str, thread: str, namespace: str) -> Statement:
        """Delete the values that no checkpoint of a namespace has."""
        return Statement(
            f"""
            DELETE FROM langgraph_values
            WHERE project_id = :project AND thread_id = :thread AND checkpoint_ns = :ns AND (channel, version) NOT IN (
              SELECT pair.key, pair.value FROM langgraph_checkpoints AS c CROSS JOIN {self.dialect.pairs("c.versions")}
              WHERE c.project_id = :project AND c.thread_id = :thread AND c.checkpoint_ns = :ns)
            """,
            {"project": project, "thread": thread, "ns": namespace},
        )


def _value_row(value: ChannelValue) -> tuple[Value, ...]:
    return (value.channel, value.version, value.encoded.encoding, value.encoded.value)


def _write_row(write: TaskWrite) -> tuple[Value, ...]:
    return (write.idx, write.channel, write.encoded.encoding, write.encoded.value)


def _checkpoint_parameters(checkpoint: GraphCheckpoint) -> dict[str, Value]:
    return {
        "thread": checkpoint.thread,
        "ns": checkpoint.namespace,
        "id": checkpoint.id,
        "parent": checkpoint.parent,
        "run": checkpoint.run,
        "incremental": checkpoint.incremental,
        "versions": encode_json(checkpoint.versions, what="versions"),
        "metadata": encode_json(checkpoint.metadata, what="metadata"),
        "encoding": checkpoint.body.encoding,
        "body": checkpoint.body.value,
    }


def _rows(
    common: str, rows: Sequence[tuple[Value, ...]], *, after_first: str | None = None
) -> tuple[str, dict[str, Value]]:
    """Write rows for VALUES, each beginning with the same parameters; ``after_first`` stands behind its first own."""
    written, names = _places(common, len(rows), len(rows[0]), after_first)
    return written, dict(zip(names, chain.from_iterable(rows), strict=True))


@lru_cache(maxsize=32)
def _places(common: str, rows: int, width: int, after_first: str | None) -> tuple[str, tuple[str, ...]]:
    """Return what stands after VALUES, and the names of its own parameters."""
    begin = [f":{name}" for name in common.split(", ")]
    written: list[str] = []
    names: list[str] = []
    for number in range(rows):
        own = [f"r{number}_{place}" for place in range(width)]
        names += own
        places = [f":{name}" for name in own]
        if after_first is not None:
            places.insert(1, after_first)
        written.append(f"({', '.join(begin + places)})")
    return ", ".join(written), tuple(names)


def _root(metadata: str) -> str | None:
    parents: Any = decode_json(metadata).get("parents")
    found = parents.get("") if isinstance(parents, dict) else None
    return found if isinstance(found, str) else None
