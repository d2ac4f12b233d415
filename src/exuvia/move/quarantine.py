"""Rejected rows on their way out: into the quarantine table, the quarantine file and the report."""

from __future__ import annotations

import base64
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from exuvia.engines.postgres import quarantine as tables
from exuvia.engines.postgres.inspect import column_types
from exuvia.move.plan import TablePlan
from exuvia.move.results import Rejection

Value = int | float | str | bytes | None
Original = tuple[str, str, str, Mapping[str, Value]]
"""A rejected row: its name, the column at fault, the reason, and the original values."""

REPORTED = 1_000


@dataclass(frozen=True, slots=True)
class Collected:
    """The first rejected rows, and the file that has them all (empty when there are none)."""

    rejections: tuple[Rejection, ...]
    path: str


def json_value(value: Value) -> object:
    """Return a source value as JSON can carry it, so that it can be told apart and restored.

    Integers, finite reals, NULL and clean text stand for themselves; a BLOB is ``{"blob": base64}``, text that
    PostgreSQL or JSON cannot hold ``{"text": base64 of its UTF-8}``, an infinity ``{"real": "Infinity"}``.
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
        path: The JSON Lines file; it is made only if a row was rejected.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._made: set[tuple[str, str]] = set()

    @property
    def made(self) -> frozenset[tuple[str, str]]:
        """Schema and name of each quarantine table that was made."""
        return frozenset(self._made)

    def adopt(self, connection: psycopg.Connection, planned: Sequence[TablePlan]) -> None:
        """Take over the quarantine tables that an interrupted move made."""
        for table in planned:
            if column_types(connection, table.target.schema, table.quarantine):
                self._made.add((table.target.schema, table.quarantine))

    def prepare(self, connection: psycopg.Connection, table: TablePlan) -> None:
        """Make the quarantine table of a table, outside any chunk's transaction."""
        key = (table.target.schema, table.quarantine)
        with self._lock:
            if key not in self._made:
                tables.create(connection, *key)
                self._made.add(key)

    def store(self, connection: psycopg.Connection, table: TablePlan, rows: Sequence[Original]) -> None:
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

    def collect(
        self, connection: psycopg.Connection, planned: Sequence[TablePlan], place: Callable[[TablePlan], str]
    ) -> Collected:
        """Write all rejected rows to the file, once everything is copied, and return the first ones.

        Args:
            connection: A connection in autocommit mode.
            planned: The tables of the move.
            place: Where the quarantine of a table will be, for people.
        """
        rejections: list[Rejection] = []
        made = [table for table in planned if (table.target.schema, table.quarantine) in self._made]
        if not made:
            return Collected((), "")
        with self._path.open("w", encoding="utf-8") as file:
            for table in made:
                for name, column, reason, values in tables.rows(connection, table.target.schema, table.quarantine):
                    row = {"table": table.source.name, "row": name, "column": column, "reason": reason}
                    file.write(json.dumps(row | {"values": values}, ensure_ascii=False) + "\n")
                    if len(rejections) < REPORTED:
                        rejections.append(Rejection(table.source.name, name, column, reason, values, place(table)))
        return Collected(tuple(rejections), str(self._path))
