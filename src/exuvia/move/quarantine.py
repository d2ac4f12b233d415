"""Rejected rows on their way out: into the quarantine table, the quarantine file and the report."""

from __future__ import annotations

import base64
import json
import math
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psycopg

from exuvia.engines.postgres import quarantine as tables
from exuvia.move.plan import TablePlan
from exuvia.move.results import Rejection

Value = int | float | str | bytes | None
Original = tuple[str, str, str, Mapping[str, Value]]
"""A rejected row: its name, the column at fault, the reason, and the original values."""

REPORTED = 1_000


def json_value(value: Value) -> object:
    """Return a source value as JSON can carry it, so that it can be told apart and restored.

    Integers, finite reals, NULL and clean text stand for themselves; a BLOB is ``{"blob": base64}``, text that
    PostgreSQL or JSON cannot hold ``{"text": base64 of its bytes}``, an infinity ``{"real": "Infinity"}``.
    """
    if isinstance(value, bytes):
        return {"blob": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, str) and not _is_clean(value):
        return {"text": base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()}
    return value


def _is_clean(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class Quarantine:
    """Collects the rejected rows of one move; safe to use from several threads.

    Args:
        path: The JSON Lines file; it is made when the first row is rejected.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._lock = threading.Lock()
        self._made: set[tuple[str, str]] = set()
        self.reported: list[Rejection] = []

    @property
    def path(self) -> str:
        """The quarantine file's path, empty while no row was rejected."""
        return str(self._path) if self._file is not None else ""

    @property
    def made(self) -> frozenset[tuple[str, str]]:
        """Schema and name of each quarantine table that was made."""
        return frozenset(self._made)

    def prepare(self, connection: psycopg.Connection, table: TablePlan) -> None:
        """Make the quarantine table of a table, outside any chunk's transaction."""
        key = (table.target.schema, table.quarantine)
        with self._lock:
            if key not in self._made:
                tables.create(connection, *key)
                self._made.add(key)

    def store(
        self,
        connection: psycopg.Connection,
        table: TablePlan,
        rows: Sequence[Original],
    ) -> None:
        """Put rows into the quarantine table, in the caller's transaction.

        Args:
            connection: The connection that copies the chunk.
            table: The rows' table.
            rows: The rows.
        """
        encoded = [
            (name, column, reason, json.dumps({key: json_value(value) for key, value in values.items()}))
            for name, column, reason, values in rows
        ]
        tables.store(connection, table.target.schema, table.quarantine, encoded)

    def record(self, table: TablePlan, rows: Sequence[Original], stored: str) -> None:
        """Write rows to the file and keep the first ones for the report, once their chunk is committed."""
        with self._lock:
            if self._file is None:
                self._file = self._path.open("w", encoding="utf-8")
            for name, column, reason, values in rows:
                shown = {key: json_value(value) for key, value in values.items()}
                line = {"table": table.source.name, "row": name, "column": column, "reason": reason, "values": shown}
                self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
                if len(self.reported) < REPORTED:
                    self.reported.append(Rejection(table.source.name, name, column, reason, shown, stored))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
