"""Reading checkpoints of graphs with their values and writes: by one statement, or in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import orjson

from exuvia.store.checkpoints.records import Encoded, GraphState, StoredWrite
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Where
from exuvia.store.core.requests import Operation, Row, Statement, Value
from exuvia.store.core.values import decode_json

_ValueKey = tuple[str, str, str, str]
"""The thread, the namespace, the channel and the version."""

_LATEST: Final = "project_id = :project AND thread_id = :thread AND checkpoint_ns = :ns"
_NAMED: Final = f"{_LATEST} AND checkpoint_id = :id"
# Round trips cost more than the server's work; each value is sent once, however many of the checkpoints have it.
_POSTGRES: Final = """
WITH chosen AS (
  SELECT project_id, thread_id, checkpoint_ns, checkpoint_id, parent_id, CAST(metadata AS text) AS metadata, versions,
    encoding, body
  FROM langgraph_checkpoints WHERE {where}
  ORDER BY checkpoint_id DESC, thread_id DESC, checkpoint_ns DESC LIMIT :page
)
SELECT 0, thread_id, checkpoint_ns, checkpoint_id, parent_id, metadata, encoding, body, CAST(versions AS text), 0
FROM chosen
UNION ALL
SELECT 1, v.thread_id, v.checkpoint_ns, v.channel, v.version, '', v.encoding, v.value, '', 0
FROM (
  SELECT DISTINCT project_id, thread_id, checkpoint_ns, pair.key AS channel, pair.value AS version
  FROM chosen CROSS JOIN jsonb_each_text(versions) AS pair
) AS wanted
JOIN langgraph_values AS v USING (project_id, thread_id, checkpoint_ns, channel, version)
UNION ALL
SELECT 2, thread_id, checkpoint_ns, checkpoint_id, w.task_id, w.task_path, w.encoding, w.value, w.channel, w.idx
FROM chosen JOIN langgraph_writes AS w USING (project_id, thread_id, checkpoint_ns, checkpoint_id)
"""
# SQLite has no round trips, and goes through a compound SELECT several times as slowly as through its parts.
_BEGIN: Final = Statement("SAVEPOINT one_moment")
_END: Final = Statement("RELEASE one_moment")
_SQLITE_CHECKPOINTS: Final = """
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_id, metadata, versions, encoding, body
FROM langgraph_checkpoints WHERE {where}
"""
_SQLITE_PAGE: Final = f"""{_SQLITE_CHECKPOINTS}
ORDER BY checkpoint_id DESC, thread_id DESC, checkpoint_ns DESC LIMIT :page
"""
_SQLITE_LATEST: Final = f"{_SQLITE_CHECKPOINTS} ORDER BY checkpoint_id DESC LIMIT 1".format(where=_LATEST)
_SQLITE_NAMED: Final = _SQLITE_CHECKPOINTS.format(where=_NAMED)
_SQLITE_WRITES_OF_ONE: Final = f"""
SELECT task_path, task_id, idx, channel, encoding, value FROM langgraph_writes WHERE {_NAMED}
"""
_SQLITE_WRITES: Final = """
SELECT w.thread_id, w.checkpoint_ns, w.checkpoint_id, w.task_path, w.task_id, w.idx, w.channel, w.encoding, w.value
FROM json_each(:wanted) AS wanted CROSS JOIN langgraph_writes AS w
WHERE w.project_id = :project AND w.thread_id = wanted.value ->> 0 AND w.checkpoint_ns = wanted.value ->> 1
  AND w.checkpoint_id = wanted.value ->> 2
"""
_SQLITE_VALUE: Final = f"""
SELECT encoding, value FROM langgraph_values WHERE {_LATEST} AND channel = :channel AND version = :version
"""
_SQLITE_VALUES: Final = """
SELECT v.thread_id, v.checkpoint_ns, v.channel, v.version, v.encoding, v.value
FROM json_each(:wanted) AS wanted CROSS JOIN langgraph_values AS v
WHERE v.project_id = :project AND v.thread_id = wanted.value ->> 0 AND v.checkpoint_ns = wanted.value ->> 1
  AND v.channel = wanted.value ->> 2 AND v.version = wanted.value ->> 3
"""
_FEW: Final = 8  # values that SQLite finds faster one by one than by going through JSON


def read_state(
    dialect: Dialect, project: str, thread: str, namespace: str, id: str | None
) -> Operation[GraphState | None]:
    """Read a checkpoint as of one moment, the latest of its namespace if no id is given; None where there is none."""
    place: dict[str, Value] = {"project": project, "thread": thread, "ns": namespace}
    if id is not None:
        place["id"] = id
    if dialect.is_postgres:
        found = yield from _from_postgres(_LATEST if id is None else _NAMED, place | {"page": 1})
        return found[0] if found else None
    yield _BEGIN
    rows = yield Statement(_SQLITE_LATEST if id is None else _SQLITE_NAMED, place)
    state = _state(rows[0]) if rows else None
    if state is not None:
        yield from _complete_one(state, place)
    yield _END
    return state


def read_states(dialect: Dialect, where: Where, project: str, limit: int) -> Operation[list[GraphState]]:
    """Read checkpoints, the newest first, as of one moment.

    Args:
        dialect: The engine's.
        where: Which ones; of one project.
        project: The project.
        limit: How many at most.
    """
    parameters = where.parameters | {"page": limit}
    if dialect.is_postgres:
        return (yield from _from_postgres(str(where), parameters))
    yield _BEGIN
    rows = yield Statement(_filled(_SQLITE_PAGE, str(where)), parameters)
    states = [_state(row) for row in rows]
    if states:
        yield from _complete(states, project)
    yield _END
    return states


@lru_cache(maxsize=64)
def _filled(sql: str, where: str) -> str:
    return sql.format(where=where)


def _complete_one(state: GraphState, place: Mapping[str, Value]) -> Operation[None]:
    """Read the writes and the values of one checkpoint from SQLite."""
    rows = yield Statement(_SQLITE_WRITES_OF_ONE, {**place, "id": state.id})
    for path, task, idx, channel, encoding, value in rows:
        state.writes.append(StoredWrite(path, task, idx, channel, Encoded(encoding, value)))
    state.writes.sort()
    if len(state.versions) > _FEW:
        yield from _complete_values([state], place["project"])
        return
    for channel, version in state.versions.items():
        rows = yield Statement(_SQLITE_VALUE, {**place, "channel": channel, "version": version})
        if rows:
            state.values[channel] = Encoded(*rows[0])


def _complete(states: Sequence[GraphState], project: str) -> Operation[None]:
    """Read the writes and the values of several checkpoints from SQLite."""
    known = {(state.thread, state.namespace, state.id): state for state in states}
    rows = yield Statement(_SQLITE_WRITES, {"project": project, "wanted": _json(known)})
    for thread, ns, key, path, task, idx, channel, encoding, value in rows:
        known[thread, ns, key].writes.append(StoredWrite(path, task, idx, channel, Encoded(encoding, value)))
    for state in states:
        state.writes.sort()
    yield from _complete_values(states, project)


def _complete_values(states: Sequence[GraphState], project: Value) -> Operation[None]:
    keys = ((state.thread, state.namespace, *pair) for state in states for pair in state.versions.items())
    if wanted := list(dict.fromkeys(keys)):
        rows = yield Statement(_SQLITE_VALUES, {"project": project, "wanted": _json(wanted)})
        _give_values(states, {row[:4]: Encoded(*row[4:]) for row in rows})


def _from_postgres(where: str, parameters: dict[str, Value]) -> Operation[list[GraphState]]:
    states: dict[tuple[str, str, str], GraphState] = {}
    values: dict[_ValueKey, Encoded] = {}
    rows = yield Statement(_filled(_POSTGRES, where), parameters, binary=True)
    for kind, thread, ns, key, second, third, encoding, value, fourth, idx in rows:
        if kind == 0:
            states[thread, ns, key] = _state((thread, ns, key, second, third, fourth, encoding, value))
        elif kind == 1:
            values[thread, ns, key, second] = Encoded(encoding, value)
        else:
            states[thread, ns, key].writes.append(StoredWrite(third, second, idx, fourth, Encoded(encoding, value)))
    for state in states.values():
        state.writes.sort()
    _give_values(states.values(), values)
    return sorted(states.values(), key=lambda state: (state.id, state.thread, state.namespace), reverse=True)


def _state(row: Row) -> GraphState:
    thread, namespace, key, parent, metadata, versions, encoding, body = row
    return GraphState(
        thread, namespace, key, parent, decode_json(metadata), Encoded(encoding, body), decode_json(versions)
    )


def _json(keys: Iterable[tuple[str, ...]]) -> str:
    return orjson.dumps(list(keys)).decode()


def _give_values(states: Iterable[GraphState], values: dict[_ValueKey, Encoded]) -> None:
    for state in states:
        for channel, version in state.versions.items():
            found = values.get((state.thread, state.namespace, channel, version))
            if found is not None:
                state.values[channel] = found
