"""Reading a column before its storage classes are known: a guess, SQL that exposes a wrong one, and what to do then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw

from exuvia.catalog.model import Affinity, Column, Table
from exuvia.engines.sqlite.order import ReadOrder, balanced, from_clause, quote, row_bytes
from exuvia.engines.sqlite.read import ColumnRead
from exuvia.values.cells import StorageClass
from exuvia.values.profile import Chunk

ALL = frozenset(StorageClass)

_SAMPLE_ROWS = 64
_SMALLEST_LIMIT = 512
_GROUP = 400  # columns per diagnosis, far below SQLite's 2,000 result columns

_BY_AFFINITY = {
    Affinity.INTEGER: frozenset({StorageClass.INTEGER}),
    Affinity.REAL: frozenset({StorageClass.REAL}),
    Affinity.TEXT: frozenset({StorageClass.TEXT}),
}


@dataclass(frozen=True, slots=True)
class Guess:
    """What a table's rows are expected to be.

    Args:
        classes: Expected storage classes by column: one, or all four where several occur.
        row_bytes: No row's text and BLOB values are expected to be longer together; 0 where nothing depends on it.
    """

    classes: Mapping[str, frozenset[StorageClass]]
    row_bytes: int

    def reads(self, table: Table) -> list[ColumnRead]:
        """Return how to read the table's columns."""
        return [ColumnRead(column.name, self.classes[column.name]) for column in table.columns]

    def condition(self, table: Table) -> str:
        """Return SQL that is not true for rows that this guess may be wrong about without the driver noticing.

        A row missing from the reading then tells that the guess was wrong. Integers need no SQL (the driver refuses
        anything else), nor does a column that is read with all classes. In SQLite's order numbers come before text
        and text before BLOBs, and comparing is twice as fast as typeof(); only the empty BLOB passes for text here:
        see ``empty_blobs``.
        """
        terms = [term for column in table.columns for term in self._proofs(column)]
        long = self._long_columns(table)
        if long and self.row_bytes:
            terms.append(f"{row_bytes(long)} <= {self.row_bytes}")
        return balanced(terms, "AND") if terms else ""

    def _proofs(self, column: Column) -> list[str]:
        name = f"+{quote(column.name)} COLLATE BINARY"
        kinds = self.classes[column.name]
        if kinds == {StorageClass.TEXT}:
            return [f"({name} BETWEEN '' AND x'') IS NOT FALSE"]
        if kinds == {StorageClass.BLOB}:
            return [f"({name} >= x'') IS NOT FALSE"]
        if kinds == {StorageClass.REAL} and column.affinity is not Affinity.REAL:
            return [f"typeof({quote(column.name)}) <> 'integer'"]
        return []

    def _long_columns(self, table: Table) -> list[str]:
        return [
            column.name
            for column in table.columns
            if self.classes[column.name] & {StorageClass.TEXT, StorageClass.BLOB}
        ]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a chunk really holds: its rows, the columns that are not as guessed, and its longest row in bytes."""

    rows: int
    wrong: frozenset[str]
    row_bytes: int


def first_guess(connection: apsw.Connection, table: Table, *, size_matters: bool) -> Guess:
    """Guess from affinities, and from the first rows where the affinity says nothing.

    A column whose first rows mix classes is read with all four; one of NULLs only is taken for integers, the guess
    that proves itself.

    Args:
        connection: A connection inside the snapshot.
        table: The table.
        size_matters: Whether a run of long rows could fill the memory.

    Raises:
        apsw.Error: SQLite cannot read the rows.
    """
    classes = {column.name: _BY_AFFINITY.get(column.affinity, frozenset()) for column in table.columns}
    unknown = [name for name, kinds in classes.items() if not kinds]
    for start in range(0, len(unknown), _GROUP):
        part = unknown[start : start + _GROUP]
        items = ", ".join(f"typeof({quote(name)})" for name in part)
        for row in connection.execute(f"SELECT {items} {from_clause(table)} LIMIT {_SAMPLE_ROWS}"):
            for name, kind in zip(part, row, strict=True):
                if kind != "null":
                    classes[name] |= {StorageClass(str(kind))}
    limit = max(_SMALLEST_LIMIT, 4 * _longest_of_first(connection, table)) if size_matters else 0
    settled = {name: kinds or frozenset({StorageClass.INTEGER}) for name, kinds in classes.items()}
    return Guess({name: kinds if len(kinds) == 1 else ALL for name, kinds in settled.items()}, limit)


def _longest_of_first(connection: apsw.Connection, table: Table) -> int:
    size = row_bytes([column.name for column in table.columns])
    return _row(connection, f"SELECT max(size) FROM (SELECT {size} AS size {from_clause(table)} LIMIT {_SAMPLE_ROWS})")[
        0
    ]


def empty_blobs(
    connection: apsw.Connection, table: Table, order: ReadOrder, chunk: Chunk, columns: Sequence[str]
) -> bool:
    """Return whether any of ``columns`` holds an empty BLOB in ``chunk``.

    Raises:
        apsw.Error: SQLite cannot read the rows.
    """
    same = balanced([f"+{quote(name)} COLLATE BINARY = x''" for name in columns], "OR")
    where = " AND ".join([*order.where(chunk), f"({same})"])
    return connection.execute(f"SELECT 1 {from_clause(table)} WHERE {where} LIMIT 1").fetchone() is not None


def diagnose(connection: apsw.Connection, table: Table, order: ReadOrder, chunk: Chunk, guess: Guess) -> Diagnosis:
    """Find out what is wrong with ``guess`` for ``chunk``, in one pass over the headers of its rows.

    Raises:
        apsw.Error: SQLite cannot read the rows.
    """
    conditions = order.where(chunk)
    source = from_clause(table) + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
    single = [(name, next(iter(kinds))) for name, kinds in guess.classes.items() if len(kinds) == 1]
    wrong: set[str] = set()
    for start in range(0, len(single), _GROUP):
        part = single[start : start + _GROUP]
        items = ", ".join(f"max(typeof({quote(name)}) NOT IN ('{kind.value}', 'null'))" for name, kind in part)
        found = _row(connection, f"SELECT {items} {source}")
        wrong |= {name for (name, _), is_wrong in zip(part, found, strict=True) if is_wrong}
    size = row_bytes([column.name for column in table.columns])
    rows, longest = _row(connection, f"SELECT count(*), max({size}) {source}")
    return Diagnosis(rows, frozenset(wrong), longest)


def corrected(guess: Guess, found: Diagnosis) -> Guess:
    """Return ``guess`` made wide enough for what was found."""
    classes = {name: ALL if name in found.wrong else kinds for name, kinds in guess.classes.items()}
    return Guess(classes, max(guess.row_bytes, found.row_bytes) if guess.row_bytes else 0)


def union(one: Guess, other: Guess) -> Guess:
    """Return the guess that is as wide as both."""
    classes = {name: kinds if kinds == other.classes[name] else ALL for name, kinds in one.classes.items()}
    return Guess(classes, max(one.row_bytes, other.row_bytes))


def _row(connection: apsw.Connection, sql: str) -> Sequence[int]:
    row = connection.execute(sql).fetchone()
    return [int(str(value)) if value is not None else 0 for value in row or ()]
