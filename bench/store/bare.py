"""What a user would write without the store: tables of his own, and SQL by hand through apsw or psycopg."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import apsw
import numpy as np
import orjson
import psycopg
import sqlite_vec
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from exuvia.store import NewEvent
from exuvia.store.core.values import time_text

NAMES: Final = ("project_id", "id", "session_id", "plan_id", "kind", "author", "topics", "summary", "data", "at")
COLUMNS: Final = ", ".join(NAMES)
INSERT: Final = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join(f':{name}' for name in NAMES)})"
_INDEXES: Final = """
    CREATE INDEX events_by_project ON events (project_id, at, id);
    CREATE INDEX events_by_kind ON events (project_id, kind, at, id);
    CREATE INDEX events_by_time ON events (at, project_id, id);
    CREATE INDEX events_by_kind_and_time ON events (kind, at, project_id, id);
    """
_FILE: Final = f"""
    PRAGMA journal_mode = wal;
    PRAGMA synchronous = normal;
    CREATE TABLE events (
      project_id TEXT NOT NULL, id TEXT NOT NULL, session_id TEXT, plan_id TEXT, kind TEXT NOT NULL, author TEXT,
      topics TEXT NOT NULL, summary TEXT NOT NULL, data TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (project_id, id)
    );
    {_INDEXES}
    CREATE VIRTUAL TABLE words USING fts5(summary, data, content = 'events');
    CREATE TRIGGER events_words AFTER INSERT ON events BEGIN
      INSERT INTO words (rowid, summary, data) VALUES (new.rowid, new.summary, new.data);
    END;
    CREATE TABLE vectors (id INTEGER PRIMARY KEY, embedding BLOB NOT NULL);
    """
_SERVER: Final = """
    CREATE SCHEMA plain;
    SET search_path = plain, public;
    CREATE TABLE events (
      project_id text NOT NULL, id text NOT NULL, session_id text, plan_id text, kind text NOT NULL, author text,
      topics jsonb NOT NULL, summary text NOT NULL, data jsonb NOT NULL, at timestamptz NOT NULL,
      words tsvector NOT NULL GENERATED ALWAYS AS (
        to_tsvector('simple', summary) || jsonb_to_tsvector('simple', data, '["string"]')) STORED
    );
    """
_SERVER_INDEXES: Final = f"""
    ALTER TABLE events ADD PRIMARY KEY (project_id, id);
    {_INDEXES}
    CREATE INDEX events_topics ON events USING gin (topics);
    CREATE INDEX events_data ON events USING gin (data jsonb_path_ops);
    CREATE INDEX events_words ON events USING gin (words);
    """


class Bare(Protocol):
    """A driver with what differs between the two engines; rows come decoded, as the store's do."""

    text: str
    topic: str
    ticket: str
    effort: str

    def rows(self, sql: str, **given: Any) -> list[Any]:
        """Run a statement with ``:name`` parameters."""

    def append(self, project: str, events: Sequence[NewEvent]) -> None:
        """Insert events in one transaction."""

    def put_vectors(self, embeddings: NDArray[np.float32]) -> None:
        """Make a table of vectors, with the index a user would make."""

    def nearest(self, query: NDArray[np.float32]) -> list[Any]:
        """Return the ten nearest."""

    def close(self) -> None:
        """End it."""


class BareFile:
    """A SQLite file, through apsw.

    Args:
        path: Where to make it.
        source: The store's file, whose events are copied.
    """

    text = (
        f"SELECT e.{', e.'.join(NAMES)} FROM words JOIN events AS e ON e.rowid = words.rowid"
        " WHERE words MATCH :text {also} ORDER BY rank LIMIT 20"
    )
    topic = "EXISTS (SELECT 1 FROM json_each(topics) WHERE value = :topic)"
    ticket = "data ->> 'ticket' = :ticket"
    effort = "data ->> 'effort' >= :effort"

    def __init__(self, path: Path, source: Path) -> None:
        self.connection = apsw.Connection(str(path))
        self.connection.execute(_FILE).fetchall()
        self.connection.execute("ATTACH ? AS store", (str(source),))
        self.connection.execute(f"INSERT INTO events ({COLUMNS}) SELECT {COLUMNS} FROM store.events ORDER BY at")
        self.connection.execute("DETACH store")
        self.connection.enable_load_extension(True)
        self.connection.load_extension(sqlite_vec.loadable_path())

    def rows(self, sql: str, **given: Any) -> list[Any]:
        """Run a statement; JSON is decoded where the row is an event's."""
        found: list[Any] = self.connection.execute(sql, given).fetchall()
        if not found or len(found[0]) < len(NAMES):
            return found
        return [(*row[:6], orjson.loads(row[6]), row[7], orjson.loads(row[8]), row[9]) for row in found]

    def append(self, project: str, events: Sequence[NewEvent]) -> None:
        """Insert events in one transaction."""
        with self.connection:
            self.connection.executemany(INSERT, [as_text(project, event) for event in events])

    def put_vectors(self, embeddings: NDArray[np.float32]) -> None:
        """Make a table of vectors; SQLite has no index of them."""
        with self.connection:
            rows = ((row.tobytes(),) for row in embeddings)
            self.connection.executemany("INSERT INTO vectors (embedding) VALUES (?)", rows)

    def nearest(self, query: NDArray[np.float32]) -> list[Any]:
        """Return the ten nearest, by sqlite-vec's function."""
        sql = "SELECT id, vec_distance_cosine(embedding, ?) AS far FROM vectors ORDER BY far LIMIT 10"
        return self.connection.execute(sql, (query.tobytes(),)).fetchall()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


class BareServer:
    """A schema of its own in PostgreSQL, through psycopg.

    Args:
        url: The database, in which the store's events are copied.
        pgvector: Whether the server has it.
    """

    text = (
        f"SELECT {COLUMNS}, ts_rank(words, asked) AS rank FROM events, plainto_tsquery('simple', :text) AS asked"
        " WHERE words @@ asked {also} ORDER BY rank DESC LIMIT 20"
    )
    topic = "topics ? :topic"
    ticket = "data @> jsonb_build_object('ticket', CAST(:ticket AS text))"
    effort = "CAST(data ->> 'effort' AS integer) >= :effort"

    def __init__(self, url: str, *, pgvector: bool) -> None:
        self._pgvector = pgvector
        self.connection = psycopg.connect(url, autocommit=True)
        for statements in (_SERVER, f"INSERT INTO events SELECT {COLUMNS} FROM exuvia_store.events", _SERVER_INDEXES):
            self.connection.execute(statements.encode())
        self.connection.execute("VACUUM ANALYZE events")

    def rows(self, sql: str, **given: Any) -> list[Any]:
        """Run a statement."""
        return self.connection.execute(_for_psycopg(sql), given).fetchall()

    def append(self, project: str, events: Sequence[NewEvent]) -> None:
        """Insert events in one transaction."""
        rows = [as_values(project, event) for event in events]
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.executemany(_for_psycopg(INSERT), rows)

    def put_vectors(self, embeddings: NDArray[np.float32]) -> None:
        """Make a table of vectors, with pgvector's index where there is one."""
        kind = f"vector({embeddings.shape[1]})" if self._pgvector else "bytea"
        self.connection.execute(f"CREATE TABLE vectors (id serial PRIMARY KEY, embedding {kind} NOT NULL)".encode())
        with self.connection.cursor().copy("COPY vectors (embedding) FROM STDIN") as copy:
            for row in embeddings:
                copy.write_row((_written(row) if self._pgvector else row.tobytes(),))
        if self._pgvector:
            self.connection.execute("SET maintenance_work_mem = '512MB'")
            self.connection.execute("CREATE INDEX vectors_near ON vectors USING hnsw (embedding vector_cosine_ops)")
            self.connection.execute("SET hnsw.ef_search = 100")
        self.connection.execute("ANALYZE vectors")

    def nearest(self, query: NDArray[np.float32]) -> list[Any]:
        """Return the ten nearest; without pgvector all are fetched and compared by NumPy."""
        if self._pgvector:
            sql = "SELECT id, embedding <=> CAST(%s AS vector) AS far FROM vectors ORDER BY far LIMIT 10"
            return self.connection.execute(sql, (_written(query),)).fetchall()
        found = self.connection.cursor(binary=True).execute("SELECT id, embedding FROM vectors").fetchall()
        rows = np.frombuffer(b"".join(row[1] for row in found), np.float32).reshape(len(found), -1)
        far = 1 - rows @ query / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query))
        return [(found[place][0], far[place]) for place in np.argsort(far)[:10]]

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def as_text(project: str, event: NewEvent) -> dict[str, Any]:
    """Return an event as parameters for SQLite."""
    texts = {"topics": orjson.dumps(event.topics).decode(), "data": orjson.dumps(event.data).decode()}
    return as_values(project, event) | texts | {"at": time_text(_time(event))}


def as_values(project: str, event: NewEvent) -> dict[str, Any]:
    """Return an event as parameters for psycopg."""
    return {
        "project_id": project,
        "id": event.id,
        "session_id": event.session,
        "plan_id": event.plan,
        "kind": event.kind,
        "author": event.author,
        "topics": Jsonb(list(event.topics), orjson.dumps),
        "summary": event.summary,
        "data": Jsonb(event.data, orjson.dumps),
        "at": _time(event),
    }


def _time(event: NewEvent) -> Any:
    assert event.at is not None
    return event.at


def _written(vector: NDArray[np.float32]) -> str:
    return str(vector.tolist())


_KEPT: dict[str, bytes] = {}


def _for_psycopg(sql: str) -> bytes:
    if sql not in _KEPT:
        _KEPT[sql] = re.sub(r":(\w+)", r"%(\1)s", sql).encode()
    return _KEPT[sql]
