"""Bringing one table without a primary key up to date: rows of a kind become more or fewer.

Rows are of one kind when their canonical values are equal. Of rows that came and went in a round only the difference
is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from exuvia.engines.postgres.capture import log
from exuvia.engines.postgres.capture.log import ChangeReader, Changes
from exuvia.engines.sqlite.kept import KeptTable
from exuvia.errors import VerifyError
from exuvia.live.warm.keys import TableRound, bound, hashes_of, items_of, row_hashes
from exuvia.live.warm.plan import WarmTable
from exuvia.move.back.comparing import received
from exuvia.values.digest import Digest, digest_hashes, empty, hash_rows


@dataclass(slots=True)
class BagRound:
    """One table's part of a round.

    Args:
        kept: The table in SQLite.
        reader: Reads PostgreSQL, in the round's snapshot.
        table: The table.
        found: What the log holds.
    """

    kept: KeptTable
    reader: ChangeReader
    table: WarmTable
    found: Changes

    def run(self) -> TableRound:
        """Bring the rows up to date.

        Raises:
            RefusedError: SQLite does not take a row.
            SourceError: PostgreSQL cannot be read.
            VerifyError: ``round``: a row that went was not there.
        """
        net = self._net()
        if self.found.tables[self.table.captured.number].emptied:
            self.kept.delete_all()
        else:
            self._take_out(Counter({kind: -count for kind, count in net.items() if count < 0}))
        last = self.kept.last_rowid
        sent = self._put_in(Counter({kind: count for kind, count in net.items() if count > 0}))
        written = self._written(last)
        names = [column.way.source.name for column in self.table.columns]
        changed = zip(names, sent.columns, written.columns, strict=True)
        return TableRound(self.table.name, sent.rows, tuple(name for name, ours, theirs in changed if ours != theirs))

    def _net(self) -> Counter[int]:
        """Return by how many rows of each kind there are more."""
        ways = [column.way for column in self.table.columns]
        net: Counter[int] = Counter()
        for batch in self._logged(log.logged_rows(self.table.captured, self.found, items_of(ways))):
            kinds = row_hashes(received(ways, batch.columns[1:])).tolist()
            for kind, sign in zip(kinds, batch.column(0).to_pylist(), strict=True):
                net[kind] += sign
        return net

    def _logged(self, query: str) -> Iterator[pa.RecordBatch]:
        return self.reader.batches(query, f"table {self.table.name!r}")

    def _take_out(self, gone: Counter[int]) -> None:
        left = gone.total()
        if not left:
            return
        ways = [column.way for column in self.table.columns]
        rowids: list[int] = []
        for numbers, cells in self.kept.rows([way.target.name for way in ways]):
            for number, kind in zip(numbers, hash_rows(hashes_of(ways, cells), len(numbers)).tolist(), strict=True):
                if gone[kind] > 0:
                    gone[kind] -= 1
                    rowids.append(number)
            if len(rowids) == left:
                break
        self.kept.delete_at(rowids)
        if len(rowids) < left:
            raise VerifyError(
                f"Table {self.table.name!r}: {left - len(rowids):,} rows that were deleted in PostgreSQL are not in the"
                " SQLite file.",
                hint="Somebody has written the file. Move the database back as a whole: exuvia migrate postgresql://… sqlite:///back.db",
                code="round",
            )

    def _put_in(self, come: Counter[int]) -> Digest:
        """Insert as many rows of each kind as there are more; return their digest."""
        columns = self.table.columns
        ways, puts = [column.way for column in columns], [column.put for column in columns]
        items = [*(column.item for column in columns), *items_of(ways)]
        digest = empty(len(columns))
        if not come:
            return digest
        for batch in self._logged(log.logged_rows(self.table.captured, self.found, items)):
            hashes = [one.hashes() for one in received(ways, batch.columns[1 + len(columns) :])]
            signs = batch.column(0).to_pylist()
            chosen = []
            for place, kind in enumerate(hash_rows(hashes, batch.num_rows).tolist()):
                if signs[place] > 0 and come[kind] > 0:
                    come[kind] -= 1
                    chosen.append(place)
            digest += digest_hashes([one[chosen] for one in hashes], len(chosen))
            rows = bound(columns, batch.columns[1:])
            self.kept.insert(puts, [rows[place] for place in chosen])
        return digest

    def _written(self, last: int) -> Digest:
        ways = [column.way for column in self.table.columns]
        digest = empty(len(ways))
        for _, cells in self.kept.rows([way.target.name for way in ways], after=last):
            digest += digest_hashes(hashes_of(ways, cells), cells[0].length)
        return digest
