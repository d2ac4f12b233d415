"""Choosing some rows of a table for a quick look: ranges all over its key, found without reading what lies between."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from exuvia.catalog.model import Table
from exuvia.engines.sqlite.chunks import Bound, Stepper, integer
from exuvia.engines.sqlite.order import ReadOrder, from_clause, order_of
from exuvia.values.profile import Chunk

_SPREAD = 32
_MOST_ROWS_TOGETHER = 2_000

_Bounds = tuple[Bound | None, Bound | None]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Some rows of a table.

    Args:
        chunks: Ranges of its key, in key order; the first begins where the table does, the last ends where it ends.
            Empty for a table that is too large to be taken whole and cannot be cut.
        rows: How many rows the table has, or about how many.
        counted: Whether they were counted.
    """

    chunks: tuple[Chunk, ...]
    rows: int
    counted: bool


def sample(
    connection: apsw.Connection, table: Table, *, rows: int, share: float | None, seed: int, counts: bool
) -> Sampled:
    """Choose ranges of a table's key: one at each end, the others at random, one in each of as many equal stretches.

    Args:
        connection: A connection inside the snapshot.
        table: The table; it is taken whole when it has no more rows than wanted.
        rows: How many rows, about.
        share: Which share of the rows instead, between 0 and 1; ``rows`` is then the least.
        seed: Decides which rows.
        counts: Whether to count the rows, which reads much of the table; else its rowids tell how many there are at
            most, and only a table without rowids is counted.

    Raises:
        apsw.Error: SQLite cannot read the table's key.
    """
    order = order_of(connection, table)
    counts = counts or not order.by_rowid
    count = _count(connection, table) if counts else _span(connection, table, order)
    wanted = rows if share is None else max(rows, round(share * count))
    if count <= wanted:
        exact = count if counts else _count(connection, table)
        return Sampled((Chunk(0, None, None, exact),), exact, True)
    if not order.terms:
        return Sampled((), count, counts)
    places = max(2, min(_SPREAD, wanted), -(-wanted // _MOST_ROWS_TOGETHER))
    chooser = _Chooser(connection, table, order, random.Random(f"{seed} {table.name}"), places)  # noqa: S311
    together = max(1, wanted // places)
    bounds = chooser.by_rowid(together) if order.by_rowid else chooser.by_steps(together, count)
    return Sampled(tuple(chooser.chunks(bounds)), count, counts)


def _count(connection: apsw.Connection, table: Table) -> int:
    return integer(connection, f"SELECT count(*) {from_clause(table)}")


def _span(connection: apsw.Connection, table: Table, order: ReadOrder) -> int:
    low, high = _ends(connection, table, order)
    return high - low + 1


def _ends(connection: apsw.Connection, table: Table, order: ReadOrder) -> tuple[int, int]:
    """Return the least and the greatest rowid; two statements, each of which SQLite answers by one descent."""
    key, source = order.terms[0], from_clause(table)
    low = integer(connection, f"SELECT ifnull(min({key}), 1) {source}")
    return low, integer(connection, f"SELECT max({key}) {source}")


@dataclass(frozen=True, slots=True)
class _Chooser:
    """Chooses ranges of one table."""

    connection: apsw.Connection
    table: Table
    order: ReadOrder
    random: random.Random
    places: int

    def by_rowid(self, together: int) -> Iterator[_Bounds]:
        """Yield bounds of ranges of ``together`` rows, found by rowids between the least and the greatest."""
        low, high = _ends(self.connection, self.table, self.order)
        stretch = (high - low + 1) // self.places
        starts: list[Bound | None] = [None]
        starts += [(low + number * stretch + self.random.randrange(stretch),) for number in range(1, self.places - 1)]
        for start in starts:
            yield start, self._stepper.bound_after(start, together, together + 1)[0]
        yield self._before_last(together), None

    def by_steps(self, together: int, count: int) -> Iterator[_Bounds]:
        """Yield bounds of ranges of ``together`` rows, found by walking through the key."""
        stretch = count // self.places
        at: Bound | None = None
        passed = 0
        for number in range(self.places):
            is_last = number == self.places - 1
            start = count - together if is_last else number * stretch + self.random.randrange(stretch - together + 1)
            if number and start > passed:
                at, steps = self._stepper.bound_after(at, start - passed, count - passed)
                passed += steps
            if number and at is None:
                return
            upper, steps = (None, 0) if is_last else self._stepper.bound_after(at, together, count - passed)
            yield at, upper
            at, passed = upper, passed + steps
            if upper is None:
                return

    def chunks(self, bounds: Iterator[_Bounds]) -> Iterator[Chunk]:
        """Yield the ranges that have rows as chunks, without what an earlier one has already."""
        done: Bound | None = None
        number = 0
        for lower, upper in bounds:
            start = lower if done is None or not self.order.by_rowid or (lower and lower > done) else done
            rows = self._rows(start, upper)
            if rows:
                yield Chunk(number, start, upper, rows)
                number += 1
            if upper is None:
                return
            done = upper if done is None or not self.order.by_rowid else max(done, upper)

    @property
    def _stepper(self) -> Stepper:
        return Stepper(self.connection, self.table, self.order)

    def _before_last(self, rows: int) -> Bound | None:
        key = self.order.terms[0]
        tail = f"{from_clause(self.table)} ORDER BY {key} DESC LIMIT 1 OFFSET {rows}"
        found = self.connection.execute(f"SELECT {key} {tail}").fetchone()
        return None if found is None else tuple(found)

    def _rows(self, lower: Bound | None, upper: Bound | None) -> int:
        conditions = self.order.where(Chunk(0, lower, upper, 0))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return integer(self.connection, f"SELECT count(*) {from_clause(self.table)}{where}")
