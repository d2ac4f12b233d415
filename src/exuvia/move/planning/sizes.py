"""PostgreSQL's limits on the width of a table (https://www.postgresql.org/docs/current/limits.html)."""

from __future__ import annotations

from exuvia.catalog.types import Base, SqlType
from exuvia.move.plan import Problem
from exuvia.move.planning.constraints import Shape
from exuvia.values.facts import ColumnFacts

MAX_COLUMNS = 1600
_PAGE = 8160  # bytes that a row may take inside its page, header included
_ROW_HEADER = 24
_TOAST_POINTER = 18
_VALUE_HEADER = 4
_WIDTHS = {
    Base.BOOLEAN: 1,
    Base.SMALLINT: 2,
    Base.INTEGER: 4,
    Base.DATE: 4,
    Base.UUID: 16,
    Base.BIGINT: 8,
    Base.DOUBLE: 8,
    Base.TIME: 8,
    Base.TIMESTAMP: 8,
    Base.TIMESTAMPTZ: 8,
}


def size_problems(shape: Shape) -> list[Problem]:
    """Return what is wrong with a table's width: no columns, too many, or rows that may not fit a page."""
    name, count = shape.table.name, len(shape.columns)
    if not count:
        return [Problem("error", name, "All of its columns are excluded.", choices=("exclude = true for the table",))]
    if count > MAX_COLUMNS:
        message = f"It has {count:,} columns, and a table of PostgreSQL has at most {MAX_COLUMNS:,}."
        choices = (
            f"exclude = true for {count - MAX_COLUMNS:,} of its columns",
            "exclude = true for the table",
            "split the table in the source",
        )
        return [Problem("error", name, message, choices=choices)]
    widest = _ROW_HEADER + (count + 7) // 8
    widest += sum(
        _width(type_, shape.profile.columns.get(column, ColumnFacts())) for column, type_ in shape.types.items()
    )
    if widest <= _PAGE:
        return []
    message = (
        f"A row with a value in each of its {count:,} columns can take {widest:,} bytes, and PostgreSQL's limit for a "
        f"row without its long values is {_PAGE:,}: rows over it go to quarantine."
    )
    return [Problem("warning", name, message, choices=("exclude = true for columns", "narrower types"))]


def _width(type_: SqlType, facts: ColumnFacts) -> int:
    """The most bytes that a value of the column takes inside the row: long ones move out and leave a pointer."""
    if facts.nulls == facts.rows:
        return 0
    if type_.base in _WIDTHS:
        return _WIDTHS[type_.base]
    longest = max(facts.texts.max_bytes if facts.texts else 0, facts.blobs.max_length if facts.blobs else 0)
    if facts.integers is not None or facts.reals is not None:
        longest = max(longest, _TOAST_POINTER)
    return min(_TOAST_POINTER, longest + _VALUE_HEADER)
