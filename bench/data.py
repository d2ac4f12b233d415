"""The SQLite files to measure with: made once, kept under build/bench."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "bench"
CHINOOK = ROOT / "tests" / "data" / "real" / "chinook.sqlite"

NARROW_ROWS = 2_000_000
DOCUMENT_ROWS = 300_000
DIMENSIONS = 384


def _narrow(connection: sqlite3.Connection) -> None:
    """Integers, text, real with all its digits, a date as text and a boolean."""
    connection.executescript(
        f"""
        CREATE TABLE measurement(
            id INTEGER PRIMARY KEY, amount INTEGER NOT NULL, name TEXT, ratio REAL, day DATE, active BOOLEAN
        );
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {NARROW_ROWS})
        INSERT INTO measurement
        SELECT i, (i * 2654435761) % 2000000011 - 1000000005, 'user-' || ((i * 7919) % 1000003), i * 0.6180339887498949,
            date('2000-01-01', '+' || (i * 31 % 9000) || ' days'), i % 3 = 0
        FROM n;
        """
    )


def _documents(connection: sqlite3.Connection, rows: int = DOCUMENT_ROWS) -> None:
    """A kilobyte of JSON and an embedding of 384 float32 in each row."""
    connection.execute(
        "CREATE TABLE event(id TEXT PRIMARY KEY, created_at DATETIME, payload JSON, embedding BLOB, kind TEXT)"
    )
    connection.executemany("INSERT INTO event VALUES(?,?,?,?,?)", _events(rows))


def _events(rows: int) -> Iterator[tuple[str, str, str, bytes, str]]:
    noise = np.random.default_rng(384)
    vectors = noise.standard_normal((4_096, DIMENSIONS)).astype("<f4")
    words = [f"word{n:04d}" for n in noise.integers(0, 10_000, 4_096)]
    for i in range(rows):
        text = " ".join(words[(i * 7 + j * 13) % 4_096] for j in range(96))
        payload = json.dumps({"id": i, "score": i / 7, "tags": words[i % 4_000 : i % 4_000 + 4], "text": text})
        stamp = f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}T10:{i % 60:02d}:{i // 60 % 60:02d}.{i % 1_000_000:06d}"
        yield f"event-{i:09d}", stamp, payload, np.roll(vectors[i % 4_096], i // 4_096).tobytes(), words[i % 64]


def _many_tables(connection: sqlite3.Connection) -> None:
    """200 tables of 1,000 rows, each with an index and a foreign key to the one before."""
    for table in range(200):
        parent = f" REFERENCES t{table - 1:03d}(id)" if table else ""
        connection.executescript(
            f"""
            CREATE TABLE t{table:03d}(
                id INTEGER PRIMARY KEY, up INTEGER{parent}, name TEXT NOT NULL, at DATETIME, r REAL
            );
            CREATE INDEX i{table:03d} ON t{table:03d}(name);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
            INSERT INTO t{table:03d}
            SELECT i, i, 'name ' || i, datetime('2024-01-01', '+' || (i * {table + 1}) || ' minutes'), i / 7.0 FROM n;
            """
        )


def _large(connection: sqlite3.Connection) -> None:
    _documents(connection, 1_700_000)


DATASETS: dict[str, str] = {
    "narrow": "2M narrow rows",
    "documents": "300k rows of 1 KB JSON and 384 float32",
    "tables": "200 tables of 1,000 rows",
    "chinook": "Chinook",
}

_MAKERS: dict[str, Callable[[sqlite3.Connection], None]] = {
    "narrow": _narrow,
    "documents": _documents,
    "tables": _many_tables,
    "large": _large,
}


def dataset(name: str) -> Path:
    """Return the file of a data set, made on first use."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{name}.sqlite"
    if path.exists():
        return path
    if name == "chinook":
        shutil.copyfile(CHINOOK, path)
        return path
    print(f"making {path.name} …", flush=True)
    building = path.with_suffix(".building")
    building.unlink(missing_ok=True)
    connection = sqlite3.connect(building)
    # A small cache: the kernel counts the peak of a program from the size of the process that starts it
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-20000")
    with connection:
        _MAKERS[name](connection)
    connection.close()
    building.rename(path)
    return path


def rows_of(path: Path) -> int:
    """Return how many rows a file's tables hold."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    total = sum(
        connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        for name in names
        if not name.startswith("sqlite_")
    )
    connection.close()
    return int(total)
