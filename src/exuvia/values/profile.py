"""A table's profile: its size, how it is cut into chunks, and the facts of each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exuvia.values.facts import ColumnFacts

KeyValue = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of a table's rows in key order: ``lower`` < key <= ``upper``.

    The key is the rowid, or the primary key of a WITHOUT ROWID table; None as a bound means no bound. A table whose
    key cannot be cut is one chunk without bounds.
    """

    number: int
    lower: tuple[KeyValue, ...] | None
    upper: tuple[KeyValue, ...] | None
    rows: int
    max_row_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TableProfile:
    """What one pass over a table found. ``bytes`` is the size of its values, without SQLite's own overhead."""

    table: str
    rows: int
    bytes: int
    chunks: tuple[Chunk, ...]
    columns: Mapping[str, ColumnFacts]


@dataclass(frozen=True, slots=True)
class Profile:
    """The profiles of all tables that could be read, by table name, and the reason for each that could not."""

    tables: Mapping[str, TableProfile]
    unreadable: Mapping[str, str]
    seconds: float = 0.0
