"""Reading checkpoints of graphs with their values and writes: by one statement, or in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Final

import orjson

from exuvia.store.checkpoints.records import Encoded, GraphState, StoredWrite
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Where
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.core.values import decode_json

_ValueKey = tuple[str, str, str, str]
"""The thread, the namespace, the channel and the version."""

_CHOSEN: Final = """
SELECT project_id, thread_id, checkpoint_ns, checkpoint_id, parent_id, CAST(metadata AS text) AS metadata,
  {versions} AS versions, encoding, body
FROM langgraph_checkpoints WHERE {where}
ORDER BY checkpoint_id DESC, thread_id DESC, checkpoint_ns DESC LIMIT :page
"""
# Round trips cost more than the server's work; each value is sent once, however many of the checkpoints have it.
_POSTGRES: Final = f"""
WITH chosen AS ({_CHOSEN.replace("{versions}", "versions")})
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
_SQLITE_CHECKPOINTS: Final = _CHOSEN.replace("project_id, thread_id", "thread_id", 1).replace("{versions}", "versions")
_SQLITE_WRITES_OF_ONE: Final = """
SELECT thread_id, checkpoint_ns, checkpoint_id, task_path, task_id, idx, channel, encoding, value
FROM langgraph_writes
WHERE project_id = :owner AND thread_id = :thread AND checkpoint_ns = :ns AND checkpoint_id = :id
"""
_SQLITE_WRITES: Final = """
SELECT w.thread_id, w.checkpoint_ns, w.checkpoint_id, w.task_path, w.task_id, w.idx, w.channel, w.encoding, w.value
FROM json_each(:wanted) AS wanted CROSS JOIN langgraph_writes AS w
WHERE w.project_id = :owner AND w.thread_id = wanted.value ->> 0 AND w.checkpoint_ns = wanted.value ->> 1
  AND w.checkpoint_id = wanted.value ->> 2
"""
_SQLITE_VALUES: Final = """
SELECT v.thread_id, v.checkpoint_ns, v.channel, v.version, v.encoding, v.value
FROM json_each(:wanted) AS wanted CROSS JOIN langgraph_values AS v
WHERE v.project_id = :owner AND v.thread_id = wanted.value ->> 0 AND v.checkpoint_ns = wanted.value ->> 1
  AND v.channel = wanted.value ->> 2 AND v.version = wanted.value ->> 3
"""


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
        return _of_kinds((yield Statement(_filled(_POSTGRES, str(where)), parameters, binary=True)))
    yield Statement("SAVEPOINT one_moment")
    rows = yield Statement(_filled(_SQLITE_CHECKPOINTS, str(where)), parameters)
    states = {row[:3]: _state(row, Encoded(*row[6:])) for row in rows}
    if states:
        for thread, ns, key, path, task, idx, channel, encoding, value in (yield _writes_of(states, project)):
            states[thread, ns, key].writes.append(StoredWrite(path, task, idx, channel, Encoded(encoding, value)))
    if wanted := _wanted(states.values()):
        rows = yield Statement(_SQLITE_VALUES, {"owner": project, "wanted": _json(wanted)})
        _give_values(states.values(), {row[:4]: Encoded(*row[4:]) for row in rows})
    yield Statement("RELEASE one_moment")
    return _in_order(states.values())


@lru_cache(maxsize=64)
def _filled(sql: str, where: str) -> str:
    return sql.format(where=where)


def _writes_of(keys: Collection[tuple[str, str, str]], project: str) -> Statement:
    """Ask SQLite for the writes of checkpoints; one, which is most common, is found without going through JSON."""
    if len(keys) > 1:
        return Statement(_SQLITE_WRITES, {"owner": project, "wanted": _json(keys)})
    thread, ns, key = next(iter(keys))
    return Statement(_SQLITE_WRITES_OF_ONE, {"owner": project, "thread": thread, "ns": ns, "id": key})


def _of_kinds(rows: Sequence[Row]) -> list[GraphState]:
    states: dict[tuple[str, str, str], GraphState] = {}
    values: dict[_ValueKey, Encoded] = {}
    for kind, thread, ns, key, second, third, encoding, value, fourth, idx in rows:
        encoded = Encoded(encoding, value)
        if kind == 0:
            states[thread, ns, key] = _state((thread, ns, key, second, third, fourth), encoded)
        elif kind == 1:
            values[thread, ns, key, second] = encoded
        else:
            states[thread, ns, key].writes.append(StoredWrite(third, second, idx, fourth, encoded))
    _give_values(states.values(), values)
    return _in_order(sorted(states.values(), key=lambda state: (state.id, state.thread, state.namespace), reverse=True))


def _in_order(states: Iterable[GraphState]) -> list[GraphState]:
    """Return the states, each with its writes in order."""
    for state in states:
        state.writes.sort()
    return list(states)


def _state(row: Row, body: Encoded) -> GraphState:
    thread, namespace, key, parent, metadata, versions = row[:6]
    return GraphState(thread, namespace, key, parent, decode_json(metadata), body, decode_json(versions))


def _json(keys: Iterable[tuple[str, ...]]) -> str:
    return orjson.dumps(list(keys)).decode()


def _wanted(states: Iterable[GraphState]) -> list[_ValueKey]:
    keys = ((state.thread, state.namespace, *pair) for state in states for pair in state.versions.items())
    return list(dict.fromkeys(keys))


def _give_values(states: Iterable[GraphState], values: dict[_ValueKey, Encoded]) -> None:
    for state in states:
        for channel, version in state.versions.items():
            found = values.get((state.thread, state.namespace, channel, version))
            if found is not None:
                state.values[channel] = found
