"""Databases of agent frameworks, vector stores and note tools, in their shape."""

from __future__ import annotations

import json
import struct

from zoo.registry import Maker, specimen


@specimen("agents")
def langgraph_checkpoints(db: Maker) -> None:
    db.run(
        """
        PRAGMA journal_mode=WAL;
        CREATE TABLE checkpoints (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id
            TEXT NOT NULL, parent_checkpoint_id TEXT, type TEXT, checkpoint BLOB, metadata BLOB, PRIMARY KEY
            (thread_id, checkpoint_ns, checkpoint_id));
        CREATE TABLE writes (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT
            NOT NULL, task_id TEXT NOT NULL, idx INTEGER NOT NULL, channel TEXT NOT NULL, type TEXT, value BLOB,
            PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx))
        """
    )
    ids = [f"1ef4f797-8335-6428-8001-8a1503f9b8{i:02x}" for i in range(20)]
    meta = json.dumps({"source": "loop", "step": 1}).encode()
    db.fill(
        "checkpoints",
        [
            ("t1", "", c, ids[i - 1] if i else None, "msgpack", b"\x83\xa1v\x01\x00\xff", meta)
            for i, c in enumerate(ids)
        ],
    )
    db.fill(
        "writes",
        [("t1", "", c, "task", -i, "messages", "msgpack", b"\x90" if i % 2 else None) for i, c in enumerate(ids)],
    )


@specimen("agents")
def chromadb(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE embeddings (id INTEGER PRIMARY KEY, segment_id TEXT NOT NULL, embedding_id TEXT NOT NULL,
            seq_id BLOB NOT NULL, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE (segment_id,
            embedding_id));
        CREATE TABLE embedding_metadata (id INTEGER REFERENCES embeddings(id), key TEXT NOT NULL, string_value
            TEXT, int_value INTEGER, float_value REAL, bool_value INTEGER, PRIMARY KEY (id, key));
        CREATE TABLE embeddings_queue (seq_id INTEGER PRIMARY KEY, created_at TIMESTAMP NOT NULL DEFAULT
            CURRENT_TIMESTAMP, operation INTEGER NOT NULL, topic TEXT NOT NULL, id TEXT NOT NULL, vector BLOB,
            encoding TEXT, metadata TEXT);
        CREATE TABLE maintenance_log (id INT PRIMARY KEY, timestamp INT NOT NULL, operation TEXT NOT NULL);
        CREATE VIRTUAL TABLE embedding_fulltext_search USING fts5(string_value, tokenize='trigram');
        CREATE TABLE max_seq_id (segment_id TEXT PRIMARY KEY, seq_id BLOB NOT NULL);
        CREATE INDEX embedding_metadata_int_value ON embedding_metadata (key, int_value) WHERE int_value IS NOT
            NULL
        """
    )
    vector = struct.pack("<4f", 0.1, -0.2, 0.3, 0.4)
    db.fill("embeddings", [(i, "s", f"id{i}", struct.pack(">q", i), "2024-01-01 00:00:00") for i in range(1, 6)])
    db.run("INSERT INTO embeddings VALUES(6,'s','id6',6,'2024-01-01 00:00:00')")
    db.fill("embedding_metadata", [(1, "chroma:document", "text", None, None, None), (1, "n", None, 5, 1.5, 1)])
    db.fill("embeddings_queue", [(1, "2024-01-01 00:00:00", 0, "persistent://x", "id1", vector, "FLOAT32", '{"a": 1}')])
    db.fill("max_seq_id", [("s", struct.pack(">q", 5)), ("t", 7)])


@specimen("agents")
def an_agent_memory_with_three_timestamp_formats(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE events (id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects(id) ON DELETE
            CASCADE, timestamp TEXT NOT NULL, created_at DATETIME DEFAULT CURRENT_TIMESTAMP, payload JSON,
            embedding BLOB, importance REAL DEFAULT 0.5 CHECK (importance BETWEEN 0 AND 1));
        CREATE INDEX idx_events ON events(project_id, timestamp DESC);
        CREATE VIRTUAL TABLE events_fts USING fts5(id, payload, content='events');
        CREATE TRIGGER events_fts_ai AFTER INSERT ON events BEGIN INSERT INTO events_fts(rowid, id, payload)
            VALUES (new.rowid, new.id, new.payload); END
        """
    )
    db.fill("projects", [("p", "P")])
    stamps = ("2024-01-01T10:00:00.000Z", "2024-01-01 10:00:00", "2024-01-01", 1700000000, 1700000000123, "unknown")
    db.fill(
        "events",
        [
            (f"e{i}", "p", s, s, json.dumps({"i": i}), struct.pack("<8f", *[i / 7] * 8), i / 10)
            for i, s in enumerate(stamps)
        ],
    )


@specimen("agents")
def obsidian_like_vault_index(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE files(path TEXT PRIMARY KEY, mtime INTEGER NOT NULL, frontmatter TEXT, size INTEGER)
            WITHOUT ROWID;
        CREATE TABLE links(src TEXT NOT NULL REFERENCES files(path) ON DELETE CASCADE, dst TEXT NOT NULL, pos
            INTEGER, PRIMARY KEY(src, dst, pos)) WITHOUT ROWID;
        CREATE TABLE tags(tag TEXT COLLATE NOCASE, path TEXT REFERENCES files(path));
        CREATE INDEX links_dst ON links(dst);
        CREATE VIEW orphans AS SELECT path FROM files WHERE path NOT IN (SELECT dst FROM links)
        """
    )
    db.fill(
        "files", [("Daily/2024-01-01.md", 1700000000123, "---\ntags: [a]\n---", 5), ("ä ö.md", 1700000000124, None, 0)]
    )
    db.fill("links", [("ä ö.md", "missing note", 3), ("ä ö.md", "Daily/2024-01-01.md", 9)])
    db.fill("tags", [("#A", "ä ö.md"), ("#a", "ä ö.md")])


@specimen("agents")
def embedchain_and_openai_agents_sessions(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE agent_sessions (session_id TEXT PRIMARY KEY, created_at TIMESTAMP DEFAULT
            CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
        CREATE TABLE agent_messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL,
            message_data TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (session_id)
            REFERENCES agent_sessions (session_id) ON DELETE CASCADE);
        CREATE INDEX idx_agent_messages_session_id ON agent_messages (session_id, created_at);
        CREATE TABLE chats (id TEXT PRIMARY KEY, role VARCHAR(10), cost DECIMAL(12, 8), usage JSON, flagged
            BOOLEAN, at TIMESTAMP)
        """
    )
    db.fill("agent_sessions", [("s", "2024-01-01 00:00:00", "2024-01-01 00:00:00")])
    db.fill(
        "agent_messages",
        [
            (i, "s", json.dumps({"role": "user", "content": "hi \u0000 \ud83d\ude00"}), "2024-01-01 00:00:00")
            for i in range(1, 4)
        ],
    )
    db.fill(
        "chats",
        [
            ("c1", "assistant", 0.00001234, '{"in": 5}', 0, 1700000000.5),
            ("c2", "user", 1e-8, "null", 1, "2024-01-01T00:00:00+00:00"),
        ],
    )
