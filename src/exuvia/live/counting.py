"""Counting the rows of both sides as they were in the pause of a roll-back, when writers go on already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg

from exuvia.engines.postgres.read import BEGIN_READING
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.live.cutover_report import Counted
from exuvia.live.warm import WarmTable
from exuvia.move.ends import Reached


class Moments:
    """One moment of both sides. Connects to the server at once, so that ``take`` takes little time.

    Args:
        server: The server.
        path: The file.

    Raises:
        TargetError: The server cannot be reached.
    """

    def __init__(self, server: Reached, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._witness = self._stack.enter_context(server.connect())
        self._snapshot: Snapshot | None = None

    def take(self) -> None:
        """Hold both sides as they are now, until ``close``.

        Raises:
            SourceError: The file cannot be read.
            psycopg.Error: The server refuses.
        """
        self._witness.execute(BEGIN_READING)
        self._witness.execute("SELECT pg_current_snapshot()")
        self._snapshot = self._stack.enter_context(Snapshot.open(self._path, readers=1))

    def close(self) -> None:
        """Let both sides go."""
        self._stack.close()

    def count(self, tables: Sequence[WarmTable], aside: Mapping[str, int]) -> tuple[Counted, ...]:
        """Count the rows of tables.

        Args:
            tables: The tables.
            aside: How many rows of a table SQLite alone may have, since they are in quarantine in PostgreSQL.
        """
        return tuple(self._count(table, aside.get(table.name, 0)) for table in tables)

    def _count(self, table: WarmTable, most: int) -> Counted:
        here = _number(self._witness, f"SELECT count(*) FROM ONLY {table.captured.place}")
        there = 0
        if self._snapshot is not None:
            row = self._snapshot.connection.execute(f"SELECT count(*) FROM main.{quote(table.target.name)}").fetchone()
            there = int(str(row[0])) if row else 0
        return Counted(table.target.name, table.name, there, here, min(max(there - here, 0), most))


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
