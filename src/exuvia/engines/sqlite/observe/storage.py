"""Sizes: the files, their pages, the rows of each table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from exuvia.catalog.model import Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.observe.visits import Visits
from exuvia.engines.sqlite.order import quote
from exuvia.errors import SourceError

JournalMode = Literal["wal", "persist", "truncate", "rollback"]
RowsFrom = Literal["counted", "statistics", "rowids", "unknown"]


@dataclass(frozen=True, slots=True)
class Storage:
    """A database's files.

    Args:
        file_bytes: The database file.
        wal_bytes: Its ``-wal`` file.
        page_bytes: The size of a page.
        pages: How many pages the database has.
        free_pages: How many of them are empty, and kept for later.
        journal_mode: ``wal``; ``persist`` or ``truncate`` where the journal that lies beside the file says so; else
            ``rollback``: each connection chooses between DELETE, TRUNCATE, PERSIST, MEMORY and OFF for itself.
        auto_vacuum: ``none``, ``full`` or ``incremental``.
        encoding: The encoding of text.
        analyzed: Tables for which ANALYZE has left statistics, case-folded.
    """

    file_bytes: int
    wal_bytes: int
    page_bytes: int
    pages: int
    free_pages: int
    journal_mode: JournalMode
    auto_vacuum: str
    encoding: str
    analyzed: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """The bytes of all pages, those included that are only in the log yet."""
        return self.pages * self.page_bytes

    @property
    def used_bytes(self) -> int:
        """The bytes of the pages that are in use."""
        return (self.pages - self.free_pages) * self.page_bytes


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows a table has, and how that is known: counted, from ANALYZE, or at most, from its rowids."""

    rows: int
    source: RowsFrom


def storage_of(visits: Visits, path: Path) -> Storage:
    """Read what a database says of its files.

    Args:
        visits: The database.
        path: Its file.

    Raises:
        SourceError: It cannot be read.
    """
    real = path.resolve()
    return Storage(
        file_bytes=visits.size_bytes,
        wal_bytes=_size(real.with_name(f"{real.name}-wal")),
        page_bytes=int(_value(visits, "page_size")),
        pages=int(_value(visits, "page_count")),
        free_pages=int(_value(visits, "freelist_count")),
        journal_mode="wal" if visits.wal else _journal_mode(real.with_name(f"{real.name}-journal")),
        auto_vacuum=("none", "full", "incremental")[int(_value(visits, "auto_vacuum"))],
        encoding=_value(visits, "encoding"),
        analyzed=_analyzed(visits),
    )


def count_rows(visits: Visits, table: Table, analyzed: Mapping[str, int]) -> RowCount:
    """Count the rows of a table; where that takes longer than a visit, estimate them.

    Args:
        visits: The database.
        table: The table.
        analyzed: ``Storage.analyzed``.
    """
    name = f"main.{quote(table.name)}"
    try:
        counted = visits.ask(f"SELECT count(*) FROM {name}")
        if counted is not None:
            return RowCount(int(counted[0][0]), "counted")
        if fold(table.name) in analyzed:
            return RowCount(analyzed[fold(table.name)], "statistics")
        rowid = table.rowid_name or (quote(table.rowid_column) if table.rowid_column else None)
        if rowid is not None:
            ends = visits.ask(f"SELECT (SELECT max({rowid}) FROM {name}) - (SELECT min({rowid}) FROM {name}) + 1")
            if ends is not None:
                return RowCount(int(ends[0][0] or 0), "rowids")
    except SourceError:
        return RowCount(0, "unknown")
    return RowCount(0, "unknown")


def bytes_by_object(visits: Visits) -> Mapping[str, tuple[int, int]] | None:
    """Return the bytes of pages and the unused bytes in them, for each table and index by its name.

    Reads every page (https://sqlite.org/dbstat.html).

    Returns:
        None where that takes longer than a visit.
    """
    try:
        rows = visits.ask("SELECT name, pgsize, unused FROM dbstat WHERE schema = 'main' AND aggregate = TRUE")
    except SourceError:
        return None
    return None if rows is None else {str(name): (int(size), int(unused)) for name, size, unused in rows}


def damage(visits: Visits) -> Sequence[str] | None:
    """Return what ``PRAGMA quick_check`` finds wrong, nothing when all is well; None where it takes too long."""
    try:
        rows = visits.ask("PRAGMA main.quick_check")
    except SourceError as error:
        return [error.message]
    return None if rows is None else [str(row[0]) for row in rows if row[0] != "ok"]


def _value(visits: Visits, pragma: str) -> str:
    rows = visits.ask(f"PRAGMA main.{pragma}")
    return str(rows[0][0]) if rows else "0"


def _analyzed(visits: Visits) -> Mapping[str, int]:
    """Read the row counts of sqlite_stat1 (https://sqlite.org/fileformat2.html, section 2.6.3)."""
    if not visits.ask("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'"):
        return {}
    found: dict[str, int] = {}
    for table, stat in visits.ask("SELECT tbl, stat FROM main.sqlite_stat1") or []:
        first = str(stat).split()[:1]
        if first and first[0].isdecimal():
            found[fold(str(table))] = max(int(first[0]), found.get(fold(str(table)), 0))
    return found


def _journal_mode(journal: Path) -> JournalMode:
    try:
        with journal.open("rb") as file:
            first = file.read(1)
    except OSError:
        return "rollback"
    return {b"": "truncate", b"\0": "persist"}.get(first, "rollback")  # type: ignore[return-value]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
