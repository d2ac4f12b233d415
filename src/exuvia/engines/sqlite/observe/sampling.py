"""Some rows of a table: the first, the last, and some from between, in the order of insertion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from exuvia.catalog.model import Table
from exuvia.engines.sqlite.observe.visits import Visits
from exuvia.engines.sqlite.order import quote
from exuvia.errors import SourceError

_ENDS: Final = 100
_PLACES: Final = 10
_AT_EACH: Final = 20
_MAX_COLUMNS: Final = 600
_MAX_TEXT: Final = 256
_CODECS: Final = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}

Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A value: its storage class, its bytes in UTF-8 (estimated where the database has UTF-16), and the value itself,
    None for BLOBs and for text over 256 bytes."""

    kind: str
    bytes: int
    value: Value


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a table.

    Args:
        columns: Their columns.
        rows: The rows, each a cell per column, in the order of their rowids where the table has some.
        ordered: Whether it has.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    ordered: bool = False

    def column(self, name: str) -> tuple[Cell, ...]:
        """Return the cells of a column."""
        place = self.columns.index(name)
        return tuple(row[place] for row in self.rows)


def sample(visits: Visits, table: Table, encoding: str) -> Sample:
    """Read up to 400 rows of a table: 100 from each end of its rowids, 200 from places between.

    Args:
        visits: The database.
        table: The table.
        encoding: The database's encoding of text.

    Returns:
        No rows where the table cannot be read, or not within a visit.
    """
    columns = tuple(column.name for column in table.columns)[:_MAX_COLUMNS]
    source = _Source(visits, table, columns, _CODECS.get(encoding, "utf-8"))
    rowid = source.rowid
    if rowid is None:
        return Sample(columns, tuple(source.read(f"LIMIT {2 * _ENDS}").values()))
    first = source.read(f"ORDER BY {rowid} LIMIT {_ENDS}")
    last = source.read(f"ORDER BY {rowid} DESC LIMIT {_ENDS}")
    found = first | last
    if len(found) == 2 * _ENDS:
        low, high = max(first), min(last)
        for place in range(1, _PLACES + 1):
            start = low + (high - low) * place // (_PLACES + 1)
            found |= source.read(f"WHERE {rowid} >= {start} ORDER BY {rowid} LIMIT {_AT_EACH}")
    return Sample(columns, tuple(found[key] for key in sorted(found)), ordered=True)


def newest(visits: Visits, table: Table, columns: Sequence[str], rows: int, encoding: str) -> Sample:
    """Read the rows with the highest rowids, the newest first; fewer or none where a visit is too short.

    Args:
        visits: The database.
        table: A table with rowids.
        columns: The columns to read.
        rows: How many rows.
        encoding: The database's encoding of text.
    """
    source = _Source(visits, table, columns, _CODECS.get(encoding, "utf-8"))
    while rows and source.rowid is not None:
        found = source.read(f"ORDER BY {source.rowid} DESC LIMIT {rows}")
        if found:
            return Sample(tuple(columns), tuple(found.values()), ordered=True)
        rows //= 10
    return Sample(tuple(columns))


@dataclass(frozen=True, slots=True)
class _Source:
    """Where rows are read from: the table, its columns, and how text is encoded."""

    visits: Visits
    table: Table
    columns: Sequence[str]
    codec: str

    @property
    def rowid(self) -> str | None:
        """The name of the rowid, None without one."""
        return self.table.rowid_name or (quote(self.table.rowid_column) if self.table.rowid_column else None)

    def read(self, tail: str) -> dict[int, tuple[Cell, ...]]:
        """Return rows by their rowids, or by their positions where there are none."""
        terms = ", ".join(map(_term, self.columns))
        try:
            rows = self.visits.ask(f"SELECT {self.rowid or 0}, {terms} FROM main.{quote(self.table.name)} {tail}") or []
        except SourceError:
            return {}
        cells = [self._cells(row) for row in rows]
        return dict(zip((row[0] for row in rows), cells, strict=True)) if self.rowid else dict(enumerate(cells))

    def _cells(self, row: Sequence[Any]) -> tuple[Cell, ...]:
        parts = (row[place : place + 3] for place in range(1, len(row), 3))
        return tuple(Cell(kind, self._bytes(kind, size or 0), self._plain(value)) for kind, size, value in parts)

    def _bytes(self, kind: str, size: int) -> int:
        return size // 2 if kind == "text" and self.codec != "utf-8" else size

    def _plain(self, value: int | float | bytes | None) -> Value:
        return value.decode(self.codec, "replace") if isinstance(value, bytes) else value


def _term(column: str) -> str:
    name = quote(column)
    text = f"CASE WHEN octet_length({name}) <= {_MAX_TEXT} THEN CAST({name} AS BLOB) END"
    value = f"CASE typeof({name}) WHEN 'text' THEN {text} WHEN 'blob' THEN NULL ELSE {name} END"
    return f"typeof({name}), octet_length({name}), {value}"
