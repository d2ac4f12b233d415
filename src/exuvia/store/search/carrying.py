"""Search entries carried from one store to another, where triggers have not seen the rows that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Many, Operation, Statement

COLUMNS: Final = ("entry", "project_id", "kind", "id", "type", "session_id", "at", "title", "tags", "body", "data")
"""What an entry is made of; the rest each engine derives."""

_ADD: Final = f"""
INSERT INTO search_entries ({", ".join(COLUMNS)}) VALUES ({", ".join(f":{name}" for name in COLUMNS)})
ON CONFLICT (project_id, kind, id) DO NOTHING
"""
_COUNT_ON: Final = """
SELECT setval(pg_get_serial_sequence('search_entries', 'entry'), greatest(max(entry), 1)) FROM search_entries
"""


def add(dialect: Dialect, entries: Sequence[Sequence[Any]]) -> Operation[None]:
    """Add entries that are missing, under the numbers that they had.

    Args:
        dialect: The engine's.
        entries: The values of ``COLUMNS``, as SQLite has them.
    """
    yield Many(_ADD, [dict(zip(COLUMNS, entry, strict=True)) for entry in entries])
    if dialect.is_postgres:
        yield Statement(_COUNT_ON)
