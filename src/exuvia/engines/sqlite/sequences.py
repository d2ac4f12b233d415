"""The largest numbers that a SQLite file has given to rows: where sequences have to go on."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from exuvia.catalog.model import Table
from exuvia.engines.sqlite.order import from_clause, quote


def largest(connection: apsw.Connection, columns: Iterable[tuple[Table, str]]) -> dict[tuple[str, str], int]:
    """Return the largest integer of each column, or 0, and for AUTOINCREMENT tables what was ever given out.

    Args:
        connection: A connection that sees the moment in question.
        columns: Table and column, which is an INTEGER PRIMARY KEY.

    Raises:
        apsw.Error: SQLite cannot read.
    """
    given = _given_out(connection)
    found = {}
    for table, column in columns:
        row = connection.execute(f"SELECT max({quote(column)}) {from_clause(table)}").fetchone()
        value = row[0] if row and isinstance(row[0], int) else 0
        found[table.name, column] = max(value, given.get(table.name, 0), 0)
    return found


def _given_out(connection: apsw.Connection) -> dict[str, int]:
    if connection.execute("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'").fetchone() is None:
        return {}
    rows = connection.execute("SELECT name, seq FROM main.sqlite_sequence")
    return {str(name): seq for name, seq in rows if isinstance(seq, int)}
