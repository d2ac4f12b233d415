"""Bringing one table with a primary key up to date.

The rows at the changed keys are taken out and those that PostgreSQL has now are put in. A value that is the same on
both sides stays as SQLite has it, storage class and spelling. Keys are matched by their canonical values where SQLite
spells some in another way than PostgreSQL sends them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from exuvia.catalog.names import quote
from exuvia.engines.postgres.capture import log
from exuvia.engines.postgres.capture.log import ChangeReader, Changes
from exuvia.engines.sqlite.fulltext import FullText
from exuvia.engines.sqlite.kept import KeptTable, Row
from exuvia.live.warm.plan import WarmColumn, WarmTable
from exuvia.move.back.comparing import Batch, received, stored, typed_items
from exuvia.move.back.plan import BackColumn
from exuvia.values.cells import Cells
from exuvia.values.digest import Digest, Hashes, digest_hashes, empty, hash_rows


@dataclass(frozen=True, slots=True)
class TableRound:
    """What a round did to a table: the rows that were written, the columns whose values SQLite changed, and whether
    full-text indexes over it are up to date."""

    table: str
    rows: int
    inexact: tuple[str, ...]
    indexed: bool = False


@dataclass(slots=True)
class KeyedRound:
    """One table's part of a round.

    Args:
        kept: The table in SQLite.
        reader: Reads PostgreSQL, in the round's snapshot.
        table: The table.
        found: What the log holds.
        as_spelled: Whether SQLite spells every key as PostgreSQL sends it.
        searches: The full-text indexes that are up to date, and are kept so; None where that is not to be.
    """

    kept: KeptTable
    reader: ChangeReader
    table: WarmTable
    found: Changes
    as_spelled: bool
    searches: Sequence[FullText] | None = None
    _digest: Digest = field(init=False)

    def run(self) -> TableRound:
        """Bring the rows up to date.

        Raises:
            RefusedError: SQLite does not take a row.
            SourceError: PostgreSQL cannot be read.
        """
        columns = self.table.compared
        emptied = self.found.tables[self.table.captured.number].emptied
        self._digest = empty(len(columns))
        searches = None if emptied else self.searches
        self._set_aside(everything=emptied)
        self.kept.unindex(searches or ())
        if emptied:
            self.kept.delete_all()
        else:
            self.kept.delete_aside()
        self._put_in()
        self._set_aside(everything=emptied)
        self.kept.index(searches or ())
        written = empty(len(columns))
        for _, cells in self.kept.aside([column.target.name for column in columns]):
            written += digest_hashes(hashes_of(columns, cells), cells[0].length)
        sums = zip(columns, self._digest.columns, written.columns, strict=True)
        inexact = tuple(column.source.name for column, ours, theirs in sums if ours != theirs)
        return TableRound(self.table.name, written.rows, inexact, searches is not None)

    def _set_aside(self, *, everything: bool) -> None:
        if everything:
            self.kept.set_aside(everything=True)
            return
        self.kept.forget_keys()
        if self.as_spelled:
            name_sent_keys(self.kept, self.reader, self.table, self.found)
        else:
            self._name_by_value()
        self.kept.set_aside()

    def _name_by_value(self) -> None:
        """Name the keys, as SQLite spells them, whose canonical value was logged."""
        ways = [column.way for column in self.table.key]
        query = log.changed_keys(self.table.captured, self.found, items_of(ways))
        batches = self.reader.batches(query, f"keys of {self.table.name!r}")
        logged = np.concatenate([np.zeros(0, np.uint64), *(row_hashes(received(ways, one.columns)) for one in batches)])
        self.kept.name_all()
        others: list[int] = []
        for numbers, cells in self.kept.named():
            others += _where(numbers, ~np.isin(hash_rows(hashes_of(ways, cells), len(numbers)), logged))
        self.kept.unname(others)

    def _put_in(self) -> None:
        """Insert the rows that PostgreSQL has."""
        known = self._keys_aside()
        columns, puts = self.table.columns, [column.put for column in self.table.columns]
        ways = self.table.compared
        items = [*(column.item for column in columns), *items_of(ways)]
        query = log.rows_at_keys(self.table.captured, self.found, items)
        keyed = [ways.index(column.way) for column in self.table.key]
        for sent in self.reader.batches(query, f"table {self.table.name!r}"):
            batch = received(ways, sent.columns[len(columns) :])
            hashes = [one.hashes() for one in batch]
            self._digest += digest_hashes(hashes, sent.num_rows)
            rows = bound(columns, sent.columns)
            numbers = known.at(hash_rows([hashes[place] for place in keyed], sent.num_rows))
            here = [row for row, number in enumerate(numbers) if number is not None]
            if here:
                places = {number: row for row, number in enumerate(numbers) if number is not None}
                self.kept.insert_again(puts, self._changed(places, rows, hashes))
            self.kept.insert(puts, [row for row, number in zip(rows, numbers, strict=True) if number is None])

    def _changed(
        self, places: dict[int, int], rows: Sequence[Row], hashes: Sequence[Hashes]
    ) -> list[tuple[int, Row, list[bool]]]:
        """Return the rows that were there before, with what is the same as before."""
        written = [self.table.compared.index(column.way) for column in self.table.columns]
        found: list[tuple[int, Row, list[bool]]] = []
        ways = [column.way for column in self.table.columns]
        for numbers, cells in self.kept.aside([way.target.name for way in ways], places):
            at = np.array([places[number] for number in numbers])
            old = hashes_of(ways, cells)
            same = [one == hashes[place][at] for one, place in zip(old, written, strict=True)]
            stays = np.array(same).T.tolist()
            found += [(number, rows[places[number]], stay) for number, stay in zip(numbers, stays, strict=True)]
        return found

    def _keys_aside(self) -> _Known:
        ways = [column.way for column in self.table.key]
        known = _Known()
        for numbers, cells in self.kept.aside([way.target.name for way in ways]):
            known.add(hash_rows(hashes_of(ways, cells), len(numbers)), numbers)
        return known


class _Known:
    """The numbers of rows by the hashes of their keys."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def add(self, hashes: Hashes, numbers: Sequence[int]) -> None:
        self._numbers.update(zip(hashes.tolist(), numbers, strict=True))

    def at(self, hashes: Hashes) -> list[int | None]:
        """Return the rows' numbers; each row is found once."""
        return [self._numbers.pop(one, None) for one in hashes.tolist()]


def is_as_spelled(kept: KeptTable, reader: ChangeReader, table: WarmTable, found: Changes) -> bool:
    """Return whether SQLite spells every key as PostgreSQL sends it, so that rows are found by what is sent.

    Args:
        kept: The table in SQLite, equal to PostgreSQL's but for what the log holds.
        reader: Reads PostgreSQL, in a snapshot.
        table: The table.
        found: What the log holds, from its beginning.
    """
    names = {column.way.source.type.name for column in table.key}
    if names <= {"int2", "int4", "int8"} and kept.is_all("integer"):
        return True
    if (
        names <= {"text", "varchar"}
        and all(column.way.carriage.put == "?" for column in table.key)
        and kept.is_all("text")
    ):
        return True
    kept.forget_keys()
    if table.captured.number in found.tables:
        name_sent_keys(kept, reader, table, found)
    items = ", ".join(f"{item.replace('{c}', quote(name))} AS c{n}" for n, (name, item) in enumerate(_sent(table.key)))
    _name(kept, table, reader, f"SELECT {items} FROM ONLY {table.captured.place}")
    spelled = not kept.has_others()
    kept.forget_keys()
    return spelled


def name_sent_keys(kept: KeptTable, reader: ChangeReader, table: WarmTable, found: Changes) -> None:
    """Name the keys that the log holds as PostgreSQL sends them."""
    _name(kept, table, reader, log.changed_keys(table.captured, found, _sent(table.key)))


def _name(kept: KeptTable, table: WarmTable, reader: ChangeReader, query: str) -> None:
    for batch in reader.batches(query, f"keys of {table.name!r}"):
        kept.name_keys([column.put for column in table.key], bound(table.key, batch.columns))


def _sent(columns: Iterable[WarmColumn]) -> list[tuple[str, str]]:
    return [column.item for column in columns]


def items_of(ways: Sequence[BackColumn]) -> list[tuple[str, str]]:
    """Return what PostgreSQL is to send for ``received``."""
    return [(column.source.name, item) for column, item in typed_items(ways)]


def bound(columns: Sequence[WarmColumn], arrays: Sequence[pa.Array]) -> list[Row]:
    """Return rows as they are bound; there may be more arrays than columns."""
    return list(zip(*(column.values(array) for column, array in zip(columns, arrays, strict=False)), strict=True))


def hashes_of(ways: Sequence[BackColumn], cells: Sequence[Cells]) -> list[Hashes]:
    """Return the hashes of the canonical values of SQLite's."""
    return [stored(way, one).hashes() for way, one in zip(ways, cells, strict=True)]


def row_hashes(batch: Batch) -> Hashes:
    """Return one hash per row."""
    return hash_rows([one.hashes() for one in batch], len(batch[0].values))


def _where(numbers: Sequence[int], chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[int]:
    return (number for number, one in zip(numbers, chosen.tolist(), strict=True) if one)
