"""Files of langgraph-checkpoint-sqlite, moved: into the store, or into the shape of langgraph-checkpoint-postgres.

Nothing that is stored is made into objects on the way: MessagePack's extensions, which name classes, stay bytes.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import ormsgpack
from langgraph.checkpoint.serde.jsonplus import EXT_DELTA_SNAPSHOT

from exuvia.errors import ConfigError, SourceError
from exuvia.store import Store
from exuvia.store.checkpoints import ChannelValue, Encoded, GraphCheckpoint, TaskWrite

_SHORT: Final = 256
_TABLES: Final = {"checkpoints", "writes"}
_OPTIONS: Final = ormsgpack.OPT_NON_STR_KEYS
# The columns of langgraph-checkpoint-postgres 3, from its MIGRATIONS
_CONVERTED: Final = """
CREATE TABLE checkpoints (
  thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL, checkpoint_id TEXT NOT NULL, parent_checkpoint_id TEXT,
  type TEXT, checkpoint TEXT NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id));
CREATE TABLE checkpoint_blobs (
  thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL, channel TEXT NOT NULL, version TEXT NOT NULL,
  type TEXT NOT NULL, blob BLOB, PRIMARY KEY (thread_id, checkpoint_ns, channel, version));
CREATE TABLE checkpoint_writes (
  thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL, checkpoint_id TEXT NOT NULL, task_id TEXT NOT NULL,
  idx INTEGER NOT NULL, channel TEXT NOT NULL, type TEXT, blob BLOB NOT NULL, task_path TEXT NOT NULL,
  PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved.

    Args:
        threads: How many threads.
        checkpoints: How many checkpoints they have.
        writes: How many writes wait in those.
    """

    threads: int
    checkpoints: int
    writes: int


class _Extension(NamedTuple):
    """An extension of MessagePack, as it was."""

    tag: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """A checkpoint of a file, its values apart; MessagePack's extensions are as they were."""

    thread: str
    namespace: str
    id: str
    parent: str | None
    body: dict[str, Any]
    metadata: dict[str, Any]

    @property
    def versions(self) -> dict[str, str]:
        """The version of each channel, as a text."""
        return {channel: str(version) for channel, version in self.body["channel_versions"].items()}

    @property
    def snapshots(self) -> list[str]:
        """The channels whose value is a snapshot of a DeltaChannel."""
        values = self.body["channel_values"].items()
        return [name for name, value in values if isinstance(value, _Extension) and value.tag == EXT_DELTA_SNAPSHOT]


def import_file(path: Path, store: Store, *, project: str | None = None) -> Moved:
    """Bring a file's threads into the store, in one transaction. What is there already is replaced.

    Args:
        path: A file of langgraph-checkpoint-sqlite.
        store: The store.
        project: The project, which has to be there; not needed in a bound store.

    Raises:
        SourceError: The file is none of langgraph-checkpoint-sqlite's.
        StoreError: The store refuses it.
    """
    with closing(_opened(path)) as source, store.transaction() as within:
        known: set[tuple[str, ...]] = set()
        for found in _checkpoints(source):
            stored, values = _for_store(found)
            place = (found.thread, found.namespace)
            new = [one for one in values if (*place, one.channel, one.version) not in known]
            within.graph_states.put(stored, new, project=project)
            # Checkpoints come by thread and namespace, so that those before need not be remembered
            known = {key for key in known if key[:2] == place} | {(*place, one.channel, one.version) for one in new}
        for task, path_, writes in _writes(source):
            within.graph_states.put_writes(*task, writes, path=path_, replace=True, project=project)
        return _counted(source)


def convert_file(path: Path, target: Path) -> Moved:
    """Write a file's threads into a new SQLite file that has the tables of langgraph-checkpoint-postgres.

    ``exuvia migrate TARGET postgresql://… --into-existing`` then moves and proves them, once ``PostgresSaver.setup``
    has made the tables there.

    Args:
        path: A file of langgraph-checkpoint-sqlite.
        target: The file to be made.

    Raises:
        SourceError: The file is none of langgraph-checkpoint-sqlite's.
        ConfigError: The target is there already.
    """
    if target.exists():
        raise ConfigError(f"The file {target} exists.", hint="Delete it, or name another one.", code="exists")
    with closing(_opened(path)) as source, closing(sqlite3.connect(target)) as made:
        made.executescript(_CONVERTED)
        for found in _checkpoints(source):
            _convert(found, made)
        for (thread, ns, id_, task), path_, writes in _writes(source):
            made.executemany(
                "INSERT INTO checkpoint_writes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(thread, ns, id_, task, w.idx, w.channel, *w.encoded, path_) for w in writes],
            )
        made.commit()
        return _counted(source)


def _opened(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise SourceError(f"The file {path} does not exist.", hint="Correct the path.", code="missing")
    source = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        source.execute("BEGIN")
        tables = {name for (name,) in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        source.close()
        raise SourceError(f"{path} cannot be read: {error}.", hint="Check the path.", code="not_a_database") from error
    if not tables >= _TABLES:
        source.close()
        raise SourceError(
            f"{path} has no tables of langgraph-checkpoint-sqlite.",
            hint="Name the file that SqliteSaver or AsyncSqliteSaver writes.",
            code="langgraph",
        )
    return source


def _counted(source: sqlite3.Connection) -> Moved:
    threads, checkpoints = source.execute("SELECT count(DISTINCT thread_id), count(*) FROM checkpoints").fetchone()
    return Moved(threads, checkpoints, source.execute("SELECT count(*) FROM writes").fetchone()[0])


def _checkpoints(source: sqlite3.Connection) -> Iterator[_Checkpoint]:
    rows = source.execute(
        "SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata"
        " FROM checkpoints ORDER BY thread_id, checkpoint_ns, checkpoint_id"
    )
    for thread, ns, id_, parent, encoding, written, metadata in rows:
        if encoding != "msgpack":
            raise SourceError(
                f"The checkpoint {id_} of the thread {thread!r} is written as {encoding}.",
                hint="Open the thread with a current LangGraph and save its state anew, or delete the thread.",
                code="encoding",
            )
        body = ormsgpack.unpackb(written, ext_hook=_Extension, option=_OPTIONS)
        known = orjson.loads(metadata) if metadata else {}
        known.pop("writes", None)  # as get_serializable_checkpoint_metadata does
        yield _Checkpoint(thread, ns, id_, parent, body, known)


def _writes(source: sqlite3.Connection) -> Iterator[tuple[tuple[str, str, str, str], str, list[TaskWrite]]]:
    """Yield the writes of each task."""
    columns = {name for _, name, *_ in source.execute("PRAGMA table_info(writes)")}
    path = "task_path" if "task_path" in columns else "''"
    rows = source.execute(
        f"SELECT thread_id, checkpoint_ns, checkpoint_id, task_id, {path}, idx, channel, type, value"
        " FROM writes ORDER BY thread_id, checkpoint_ns, checkpoint_id, task_id, idx"
    )
    for thread, ns, id_, task, at, idx, channel, encoding, value in rows:
        yield (thread, ns, id_, task), at, [TaskWrite(idx, channel, Encoded(encoding, value or b""))]


def _for_store(found: _Checkpoint) -> tuple[GraphCheckpoint, list[ChannelValue]]:
    """Return a checkpoint as the store has it, and its values."""
    inside, apart, values = _parted(found)
    run = found.metadata.get("run_id")
    body = {**found.body, "channel_values": inside}
    stored = GraphCheckpoint(
        found.thread,
        found.namespace,
        found.id,
        found.parent,
        None if run is None else str(run),
        "counters_since_delta_snapshot" in found.metadata or bool(found.snapshots),
        apart,
        found.metadata,
        Encoded("msgpack", _packed(body)),
    )
    return stored, values


def _convert(found: _Checkpoint, made: sqlite3.Connection) -> None:
    inside, _, values = _parted(found)
    # LangGraph's saver marks the channels that have a snapshot
    body = {**found.body, "channel_values": inside | dict.fromkeys(found.snapshots, True)}
    body.pop("pending_sends", None)
    made.execute(
        "INSERT INTO checkpoints VALUES (?, ?, ?, ?, NULL, ?, ?)",
        (found.thread, found.namespace, found.id, found.parent, _json(body), _json(found.metadata)),
    )
    made.executemany(
        "INSERT OR IGNORE INTO checkpoint_blobs VALUES (?, ?, ?, ?, ?, ?)",
        [(found.thread, found.namespace, one.channel, one.version, *one.encoded) for one in values],
    )


def _parted(found: _Checkpoint) -> tuple[dict[str, Any], dict[str, str], list[ChannelValue]]:
    """Return the values that stand in a checkpoint, the versions of those apart, and these."""
    versions = found.versions
    inside: dict[str, Any] = {}
    values = []
    for channel, value in found.body["channel_values"].items():
        if _is_plain(value) or channel not in versions:
            inside[channel] = value
        else:
            encoded = Encoded(*_encoded(value))
            values.append(ChannelValue(channel, versions[channel], encoded))
    return inside, {one.channel: one.version for one in values}, values


def _is_plain(value: Any) -> bool:
    """Tell whether a value can stand in a JSON document of PostgreSQL, and is short."""
    if isinstance(value, str):
        return len(value) <= _SHORT and "\0" not in value
    return value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


def _encoded(value: Any) -> tuple[str, bytes]:
    return ("bytes", value) if isinstance(value, bytes) else ("msgpack", _packed(value))


def _packed(value: Any) -> bytes:
    return ormsgpack.packb(value, default=_extended, option=_OPTIONS | ormsgpack.OPT_PASSTHROUGH_TUPLE)


def _extended(value: _Extension) -> ormsgpack.Ext:
    return ormsgpack.Ext(*value)


def _json(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document).decode().replace("\\u0000", "")
