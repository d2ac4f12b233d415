"""Looking at every value of a database once: counts, ranges and forms of each column, and the chunks to copy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, TypeVar

import apsw
import numpy as np
import pyarrow as pa

from exuvia.catalog.model import Catalog, Table
from exuvia.engines.large_rows import turn
from exuvia.engines.sqlite.chunks import CHUNK_ROWS, cut
from exuvia.engines.sqlite.errors import source_error
from exuvia.engines.sqlite.guess import Guess, corrected, diagnose, empty_blobs, first_guess, union
from exuvia.engines.sqlite.naming import examples_of, renamed
from exuvia.engines.sqlite.read import Reader, WrongClassError
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import ExuviaError, SourceError
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.facts import ColumnFacts, Example
from exuvia.values.facts_of import facts_of, merge
from exuvia.values.profile import Chunk, Profile, TableProfile

OnProgress = Callable[[str, int, int | None, int], None]
Choose = Callable[[apsw.Connection, Table], tuple[Chunk, ...]]

_NUMBER_BYTES = 8
_USUAL_ROW_BYTES = 64 << 10  # one chunk's giant row does not make the others be read in small steps
_SMALL_FILE = 96 << 20  # all values together are no burden, in whatever batches they come
_CHUNK_BITS = 40  # positions are counted per chunk; the chunk's number stands above these bits until the end
_OFFSET = (1 << _CHUNK_BITS) - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Found:
    """One chunk's result."""

    chunk: Chunk
    bytes: int
    columns: Mapping[str, ColumnFacts]


@dataclass(slots=True)
class _Work:
    """One table under way; the lock guards what several threads change."""

    table: Table
    chunks: Sequence[Chunk] = ()
    guess: Guess | None = None
    failure: str = ""
    found: list[_Found] = field(default_factory=list)
    done: dict[int, tuple[int, int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)


def profile(
    snapshot: Snapshot,
    catalog: Catalog,
    *,
    tables: Collection[str] | None = None,
    jobs: int = 2,
    chunk_rows: int = CHUNK_ROWS,
    on_progress: OnProgress | None = None,
    choose: Choose | None = None,
) -> Profile:
    """Read every value of every ordinary and derived table once and return what they are.

    A table that cannot be read does not stop the others: it is listed in ``Profile.unreadable`` with the reason.
    Memory is bounded by a few times 12 MB of values per job, or a few times the largest single row.

    Args:
        snapshot: The source.
        catalog: What it declares.
        tables: Names of the tables to look at; None for all.
        jobs: Threads, each with a reader of the snapshot.
        chunk_rows: Rows per chunk at most.
        on_progress: Called with table, rows done, rows in all, bytes done; from any thread, one call at a time.
        choose: Says which chunks of a table to look at, for a profile of only some rows; None for all. Called from any
            thread.

    Raises:
        CancelledError: The snapshot was interrupted.
    """
    started = time.monotonic()
    work = [_Work(table) for table in (*catalog.tables, *catalog.derived) if tables is None or table.name in tables]

    def all_of(connection: apsw.Connection, table: Table) -> tuple[Chunk, ...]:
        return cut(connection, table, chunk_rows=chunk_rows, size_bytes=snapshot.size_bytes)

    profiler = _Profiler(snapshot, choose or all_of, on_progress)
    with ThreadPoolExecutor(jobs, thread_name_prefix="exuvia-profile") as pool:
        try:
            _all(pool.submit(profiler.prepare, each) for each in work)
            _all(pool.submit(profiler.look, each, chunk) for each in work for chunk in each.chunks)
            profiles = _all(pool.submit(profiler.finish, each) for each in work if not each.failure)
        except BaseException:
            snapshot.interrupt()
            pool.shutdown(cancel_futures=True)
            raise
    unreadable = {each.table.name: each.failure for each in work if each.failure}
    return Profile({each.table: each for each in profiles}, unreadable, time.monotonic() - started)


def _all(futures: Iterable[Future[T]]) -> list[T]:
    return [future.result() for future in list(futures)]


class _Profiler:
    """The steps of one profile, each for one table or chunk and in any thread."""

    def __init__(self, snapshot: Snapshot, choose: Choose, on_progress: OnProgress | None) -> None:
        self._snapshot = snapshot
        self._choose = choose
        self._on_progress = on_progress
        self._telling = threading.Lock()

    def prepare(self, work: _Work) -> None:
        """Cut the table and guess what its columns hold."""
        with self._snapshot.reader() as reader:
            try:
                work.guess = first_guess(reader.sql, work.table, size_matters=self._size_matters(work.table))
                work.chunks = self._choose(reader.sql, work.table)
            except apsw.Error as error:
                self._fail(work, source_error(error, self._snapshot.label, work.table.name))

    def look(self, work: _Work, chunk: Chunk) -> None:
        """Read one chunk and keep its facts."""
        if work.failure:
            return
        with self._snapshot.reader() as reader:
            try:
                found = self._look(reader, work, chunk)
            except (apsw.Error, SourceError) as error:
                self._fail(work, source_error(error, self._snapshot.label, work.table.name))
                return
        with work.lock:
            work.found.append(found)

    def finish(self, work: _Work) -> TableProfile:
        """Join the chunks' facts, count positions through the table, and name the rows of the examples."""
        work.found.sort(key=lambda found: found.chunk.number)
        chunks = tuple(found.chunk for found in work.found)
        columns: Mapping[str, ColumnFacts] = {column.name: ColumnFacts() for column in work.table.columns}
        if work.found:
            columns = work.found[0].columns
        for found in work.found[1:]:
            columns = {name: merge(facts, found.columns[name]) for name, facts in columns.items()}
        rename = self._naming(work.table, chunks, columns)
        return TableProfile(
            table=work.table.name,
            rows=sum(chunk.rows for chunk in chunks),
            bytes=sum(found.bytes for found in work.found),
            chunks=chunks,
            columns={name: renamed(facts, rename) for name, facts in columns.items()},
        )

    def _look(self, reader: Reader, work: _Work, chunk: Chunk) -> _Found:
        """Read with the table's guess; where it is wrong, find out what is there and read again."""
        guess = self._guess(work)
        with turn(guess.row_bytes):
            found = self._read(reader, work, chunk, guess)
        if found is not None and found.chunk.rows == chunk.rows:
            return found
        truth = diagnose(reader.sql, work.table, reader.order(work.table), chunk, guess)
        guess = corrected(guess, truth)
        self._guess(work, replace(guess, row_bytes=min(guess.row_bytes, _USUAL_ROW_BYTES)))
        with turn(guess.row_bytes):
            found = self._read(reader, work, chunk, guess)
        if found is None or found.chunk.rows != truth.rows:
            raise SourceError(
                f"Two readings of table {work.table.name!r} in {self._snapshot.label} differ.",
                hint="Run 'PRAGMA integrity_check' on a copy.",
                code="corrupt",
            )
        return found

    def _guess(self, work: _Work, found: Guess | None = None) -> Guess:
        with work.lock:
            if work.guess is None:
                raise AssertionError("a table is prepared before its chunks are read")
            if found is not None:
                work.guess = union(work.guess, found)
            return work.guess

    def _read(self, reader: Reader, work: _Work, chunk: Chunk, guess: Guess) -> _Found | None:
        """Return what the chunk's rows hold, None when a value is not of the guessed class."""
        table = work.table
        columns = {column.name: ColumnFacts() for column in table.columns}
        rows = size = longest = 0
        texts = {name for name, kinds in guess.classes.items() if kinds == {StorageClass.TEXT}}
        with_empty: set[str] = set()
        bounded = replace(chunk, max_row_bytes=max(guess.row_bytes, 1))
        batches = reader.batches(table, bounded, guess.reads(table), condition=guess.condition(table))
        try:
            for batch in batches:
                length, total, largest = _sizes(batch.values())
                start = (chunk.number << _CHUNK_BITS) + rows
                columns = {
                    name: merge(columns[name], facts_of(_present(cells), start)) for name, cells in batch.items()
                }
                with_empty |= {name for name, cells in batch.items() if name in texts and _has_empty(cells.texts)}
                rows, size, longest = rows + length, size + total, max(longest, largest)
                self._tell(work, chunk.number, rows, size)
                del batch
        except WrongClassError:
            return None
        if with_empty and empty_blobs(reader.sql, table, reader.order(table), chunk, sorted(with_empty)):
            return None
        return _Found(replace(chunk, rows=rows, max_row_bytes=longest), size, columns)

    def _naming(
        self, table: Table, chunks: Sequence[Chunk], columns: Mapping[str, ColumnFacts]
    ) -> Callable[[Example], Example]:
        by_chunk: dict[int, set[int]] = {}
        for facts in columns.values():
            for example in examples_of(facts):
                by_chunk.setdefault(example.position >> _CHUNK_BITS, set()).add(example.position & _OFFSET)
        names: dict[int, dict[int, str]] = {}
        with self._snapshot.reader() as reader:
            for number, offsets in by_chunk.items():
                names[number] = reader.keys(table, chunks[number], sorted(offsets))
        starts = list(accumulate((chunk.rows for chunk in chunks), initial=0))

        def rename(example: Example) -> Example:
            number, offset = example.position >> _CHUNK_BITS, example.position & _OFFSET
            return replace(example, position=starts[number] + offset, row=names[number].get(offset, ""))

        return rename

    def _tell(self, work: _Work, number: int, rows: int, size: int) -> None:
        if self._on_progress is None:
            return
        with self._telling:
            work.done[number] = (rows, size)
            done = [sum(parts) for parts in zip(*work.done.values(), strict=True)]
            self._on_progress(work.table.name, done[0], work.rows(), done[1])

    def _size_matters(self, table: Table) -> bool:
        computed = any(column.generated is not None for column in table.columns)
        return computed or self._snapshot.size_bytes > _SMALL_FILE

    def _fail(self, work: _Work, error: ExuviaError) -> None:
        if not isinstance(error, SourceError):
            raise error
        work.failure = error.message


def _present(cells: Cells) -> Cells:
    """Return ``cells`` without the arrays that hold no value."""
    parts = (cells.integers, cells.reals, cells.texts, cells.blobs)
    return Cells(cells.length, *(part if part is not None and part.null_count < len(part) else None for part in parts))


def _has_empty(array: pa.Array | None) -> bool:
    """Return whether some value has no bytes; the driver gives none to NULL either."""
    if array is None:
        return False
    offsets = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, array.offset * 4)
    return bool(len(array) - np.count_nonzero(np.diff(offsets)) > array.null_count)


def _sizes(columns: Collection[Cells]) -> tuple[int, int, int]:
    """Return a batch's rows, its bytes of values, and its longest row in bytes; a number counts as 8 bytes."""
    length = next(iter(columns)).length
    numbers = 0
    longest: np.ndarray[Any, Any] | int = 0
    total = 0
    for cells in columns:
        numbers += (cells.integers is not None) or (cells.reals is not None)
        for array in (cells.texts, cells.blobs):
            if array is not None and length:
                offsets = np.frombuffer(array.buffers()[1], np.int32, length + 1, array.offset * 4)
                longest = longest + np.diff(offsets)
                total += int(offsets[-1]) - int(offsets[0])
    fixed = _NUMBER_BYTES * numbers
    return length, total + fixed * length, fixed + int(np.max(longest))
