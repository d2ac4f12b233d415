"""The comparison of whole tables of a file with their source, both sides read at once."""

from __future__ import annotations

from collections.abc import Callable, Generator

from exuvia.engines.postgres.fetch import BulkReader
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import SourceError
from exuvia.move.back.comparing import Batch, differences, source_batches, surplus_rows, target_batches, total
from exuvia.move.back.plan import BackTable
from exuvia.move.events import Listener, Progress
from exuvia.move.prefetch import prefetch
from exuvia.move.results import Difference, TableProof
from exuvia.move.workers import run
from exuvia.values.digest import Digest

SIDES = 2
_AHEAD = 2


class Comparison:
    """Compares tables of a file with their source. ``wrong`` are, by table, the columns whose values differ.

    Args:
        fetcher: Reads the source.
        snapshot: The file.
        trusted: The file is as exuvia wrote it (``exuvia.move.back.comparing.target_batches``).
        listener: Hears of progress.
    """

    def __init__(self, fetcher: BulkReader, snapshot: Snapshot, trusted: bool, listener: Listener) -> None:
        self._fetcher, self._snapshot, self._listener = fetcher, snapshot, listener
        self._trusted = trusted
        catalog = inspect(snapshot.connection, snapshot.label)
        self._found = {table.name: table for table in (*catalog.derived, *catalog.tables)}
        self.wrong: dict[str, frozenset[str]] = {}

    def table(self, table: BackTable) -> TableProof:
        """Compare one table."""
        name = table.target.name
        if name not in self._found:
            raise SourceError(f"{self._snapshot.label} has no table {name!r}.", code="table")
        source, target = self._totals(table)
        found = () if source == target else self._differences(table)
        sums = zip(table.columns, source.columns, target.columns, strict=True)
        self.wrong[table.source.name] = frozenset(one.source.name for one, ours, theirs in sums if ours != theirs)
        columns = {
            column.source.name: f"{value:016x}" for column, value in zip(table.columns, source.columns, strict=True)
        }
        self._listener(Progress("verify", table.source.name, target.rows, source.rows, finished=True))
        return TableProof(
            table=table.source.name,
            schema="",
            name=name,
            rows_source=source.rows,
            rows_target=target.rows,
            rows_rejected=0,
            values_compared=min(source.rows, target.rows) * len(table.columns),
            equal=source == target,
            method="multiset",
            digest=source.hex(),
            target_digest=target.hex(),
            columns=columns,
            differences=found,
        )

    def surplus(self, table: BackTable) -> tuple[int, int]:
        """Return how many rows only the source has, and how many only the file."""
        found = self._found[table.target.name]
        with self._snapshot.reader() as reader:
            file = target_batches(reader, found, table, trusted=self._trusted)
            return surplus_rows(source_batches(self._fetcher, table), file)

    def _totals(self, table: BackTable) -> tuple[Digest, Digest]:
        width = len(table.columns)

        def side(number: int, read: Callable[[], Generator[Batch]]) -> Callable[[], tuple[int, Digest]]:
            def task() -> tuple[int, Digest]:
                with prefetch(read(), _AHEAD) as batches:
                    return number, total(batches, width)

            return task

        with self._snapshot.reader() as reader:
            found = self._found[table.target.name]
            tasks = [
                side(0, lambda: source_batches(self._fetcher, table)),
                side(1, lambda: target_batches(reader, found, table, trusted=self._trusted)),
            ]
            sums = dict(run(tasks, jobs=SIDES, stop=self._snapshot.interrupt))
        return sums[0], sums[1]

    def _differences(self, table: BackTable) -> tuple[Difference, ...]:
        found = self._found[table.target.name]
        with self._snapshot.reader() as reader:
            return differences(
                table,
                [source_batches(self._fetcher, table) for _ in range(2)],
                [target_batches(reader, found, table, trusted=self._trusted) for _ in range(2)],
            )
