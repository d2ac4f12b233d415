"""Indexes that are missing, and indexes that another one makes superfluous, by the schema alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from exuvia.catalog.model import Catalog, ForeignKey, Index, IndexPart, Key, Table
from exuvia.catalog.names import fold

_WORTH_ANALYZING: Final = 1000
_STALE: Final = 10


@dataclass(frozen=True, slots=True)
class IndexFinding:
    """Something about indexes that costs time.

    Args:
        kind: ``missing`` (a foreign key without an index), ``redundant`` (an index that another one contains), or
            ``statistics`` (ANALYZE was never run, or long ago).
        table: The table.
        index: The index, empty where it is missing.
        message: What is so.
        sql: The statement that mends it.
    """

    kind: Literal["missing", "redundant", "statistics"]
    table: str
    index: str
    message: str
    sql: str


def index_findings(catalog: Catalog, rows: Mapping[str, int], analyzed: Mapping[str, int]) -> tuple[IndexFinding, ...]:
    """Look at all indexes.

    Args:
        catalog: The schema.
        rows: How many rows each table has.
        analyzed: The row counts that ANALYZE left, by case-folded name.
    """
    found: list[IndexFinding] = []
    for table in catalog.tables:
        found += _missing(table)
        found += _redundant(table)
    return (*found, *_statistics(catalog, rows, analyzed))


def _missing(table: Table) -> Iterator[IndexFinding]:
    leading = [_columns(parts) for parts in _access_paths(table)]
    for key in table.foreign_keys:
        wanted = {fold(column) for column in key.columns}
        if not any(set(columns[: len(wanted)]) == wanted for columns in leading):
            yield _for_key(table, key)


def _for_key(table: Table, key: ForeignKey) -> IndexFinding:
    columns = ", ".join(key.columns)
    name = "_".join((table.name, *key.columns, "idx"))
    items = ", ".join(map(_quote, key.columns))
    return IndexFinding(
        "missing",
        table.name,
        "",
        f"the foreign key ({columns}) has no index: each delete or change of a key in {key.target_table} reads all of"
        f" {table.name}",
        f"CREATE INDEX {_quote(name)} ON {_quote(table.name)} ({items})",
    )


def _access_paths(table: Table) -> Iterator[Sequence[IndexPart]]:
    """Everything that finds rows by leading columns: keys, and indexes over all rows."""
    for key in (table.primary_key, *table.uniques):
        if key is not None:
            yield _parts(key, table)
    yield from (index.parts for index in table.indexes if index.where is None)


def _redundant(table: Table) -> Iterator[IndexFinding]:
    keys = [
        (key.name or f"the key ({', '.join(key.columns)})", _parts(key, table))
        for key in (table.primary_key, *table.uniques)
        if key is not None
    ]
    for place, index in enumerate(table.indexes):
        others = [
            (f"index {other.name}", other.parts)
            for at, other in enumerate(table.indexes)
            if at != place
            and other.where == index.where
            and (not index.unique or other.unique)
            and _comes_first(other, at, index, place)
        ]
        candidates = others if index.where else [*others, *keys]
        owner = next((name for name, parts in candidates if _contains(parts, index)), None)
        if owner is not None:
            yield IndexFinding(
                "redundant",
                table.name,
                index.name,
                f"{owner} finds the same rows",
                f"DROP INDEX {_quote(index.name)}",
            )


def _comes_first(other: Index, at: int, index: Index, place: int) -> bool:
    """Whether of two indexes ``other`` is the one to keep: the longer one, of equal ones the unique or the earlier."""
    if len(other.parts) != len(index.parts):
        return len(other.parts) > len(index.parts)
    return (not other.unique, at) < (not index.unique, place)


def _contains(parts: Sequence[IndexPart], index: Index) -> bool:
    """Whether the index is the beginning of ``parts``; a unique one only if it is all of them."""
    same = tuple(map(_normal, parts[: len(index.parts)])) == tuple(map(_normal, index.parts))
    return same and (not index.unique or len(parts) == len(index.parts))


def _statistics(catalog: Catalog, rows: Mapping[str, int], analyzed: Mapping[str, int]) -> Iterator[IndexFinding]:
    for table in catalog.tables:
        count = rows.get(table.name, 0)
        if not table.indexes or count < _WORTH_ANALYZING:
            continue
        known = analyzed.get(fold(table.name))
        if known is None:
            message = "ANALYZE was never run: the planner guesses which index to use"
        elif max(known, 1) * _STALE < count:
            message = f"ANALYZE saw {known:,} rows; there are {count:,} now"
        else:
            continue
        yield IndexFinding("statistics", table.name, "", message, f"ANALYZE {_quote(table.name)}")


def _parts(key: Key, table: Table) -> tuple[IndexPart, ...]:
    return tuple(IndexPart(column, collation=table.column(column).collation) for column in key.columns)


def _columns(parts: Sequence[IndexPart]) -> list[str]:
    return [fold(part.column) if part.column is not None else "" for part in parts]


def _normal(part: IndexPart) -> tuple[str, bool, str]:
    name = fold(part.column) if part.column is not None else part.expression or ""
    return name, part.descending, part.collation.upper()


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
