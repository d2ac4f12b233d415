"""The two sides of a table that came back, as hashes of canonical values, and the rows in which they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.model import Table
from exuvia.catalog.types import Base
from exuvia.engines.postgres.fetch import BulkReader
from exuvia.engines.sqlite.read import ColumnRead, Reader, WrongClassError
from exuvia.move.back.copying import float32_blobs
from exuvia.move.back.plan import BackColumn, BackTable, select
from exuvia.move.results import Difference
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.convert import convert
from exuvia.values.digest import Digest, Hashes, digest_hashes, empty, hash_rows, hash_values
from exuvia.values.jsontext import canonical_json_array
from exuvia.values.profile import Chunk

_WHOLE = (Base.SMALLINT, Base.INTEGER, Base.BIGINT)
_EVERY_CLASS = frozenset(StorageClass)
_SHOWN = 100
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Compared:
    """One column of a batch: canonical values, and as text those that have no canonical form."""

    values: pa.Array
    special: pa.Array | None

    def hashes(self) -> Hashes:
        """Hash the values; a special one by its text."""
        found = hash_values(self.values)
        if self.special is None or self.special.null_count == len(self.special):
            return found
        present = self.special.is_valid().to_numpy(zero_copy_only=False)
        found[present] = ~hash_values(self.special)[present]
        return found

    def shown(self, row: int) -> str:
        """Return a value for people."""
        one = self.values.slice(row, 1)
        # Python's dates end with the year 9999
        value = one.cast(pa.string())[0].as_py() if pa.types.is_temporal(one.type) else one[0].as_py()
        if value is None and self.special is not None:
            value = self.special[row].as_py()
        text = "NULL" if value is None else repr(value) if isinstance(value, bytes | str) else str(value)
        return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


Batch = list[Compared]


def typed_items(columns: Sequence[BackColumn]) -> list[tuple[BackColumn, str]]:
    """Return what PostgreSQL is to send to be compared, for ``received``: expressions over ``{c}``."""
    wanted = []
    for column in columns:
        wanted.append((column, column.carriage.typed))
        if column.carriage.special:
            wanted.append((column, column.carriage.special))
    return wanted


def received(columns: Sequence[BackColumn], arrays: Iterable[pa.Array]) -> Batch:
    """Bring what PostgreSQL sent for ``typed_items`` to the canonical form."""
    sent = iter(arrays)
    return [Compared(_sent(column, next(sent)), next(sent) if column.carriage.special else None) for column in columns]


def source_batches(fetcher: BulkReader, table: BackTable) -> Generator[Batch]:
    """Read PostgreSQL's side."""
    query = select(table, typed_items(table.columns))
    for batch in fetcher.batches(query, f"table {table.source.name!r}"):
        yield received(table.columns, batch.columns)


def target_batches(reader: Reader, found: Table, table: BackTable, *, trusted: bool) -> Generator[Batch]:
    """Read SQLite's side.

    Args:
        reader: Reads the file.
        found: The table as the file declares it.
        table: Its plan.
        trusted: The file is as exuvia wrote it, so that columns hold the storage classes that the plan says.
    """
    names = [column.target.name for column in table.columns]
    classes = [column.carriage.classes if trusted else _EVERY_CLASS for column in table.columns]
    chunk = Chunk(0, None, None, 0)
    reads = [ColumnRead(name, kinds) for name, kinds in zip(names, classes, strict=True)]
    try:
        for cells in reader.batches(found, chunk, reads):
            yield [stored(column, cells[column.target.name]) for column in table.columns]
    except WrongClassError:
        if not trusted:
            raise
        raise UntrustedError from None


class UntrustedError(Exception):
    """A column holds another storage class than was expected: it has to be read with all of them."""


def stored(column: BackColumn, cells: Cells) -> Compared:
    """Bring SQLite's values to the canonical form."""
    converted = convert(cells, column.carriage.rule)
    special = None
    if converted.rejected:
        texts: list[str | None] = [None] * cells.length
        for row in converted.rejected:
            texts[row] = _as_text(cells, row)
        special = pa.array(texts, pa.string())
    return Compared(_normal(column, converted.array), special)


def _as_text(cells: Cells, row: int) -> str:
    for kind, array in cells.parts().items():
        value = array[row].as_py()
        if value is not None:
            return value.decode("utf-8", "backslashreplace") if kind is StorageClass.TEXT else f"{kind.value} {value!r}"
    return ""


def _sent(column: BackColumn, array: pa.Array) -> pa.Array:
    way = column.carriage
    if way.floats:
        return float32_blobs(array)
    base = way.rule.type.base
    if base is Base.UUID:
        array = array.cast(pa.binary(16))
    elif base in _WHOLE and array.type != pa.int64():
        array = array.cast(pa.int64())
    return _normal(column, array)


def _normal(column: BackColumn, array: pa.Array) -> pa.Array:
    """Spell equal values in one way: decimals without trailing zeros, JSON by its values, no NaN and no -0.0."""
    base = column.carriage.rule.type.base
    if base is Base.NUMERIC:
        short = pc.utf8_rtrim(pc.utf8_rtrim(array, "0"), ".")
        return pc.if_else(pc.match_substring(array, "."), short, array)
    if base is Base.JSONB:
        return canonical_json_array(array)
    if base is Base.DOUBLE:
        values = pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)
        return pc.if_else(pc.equal(values, 0.0), 0.0, values)
    return array


def total(batches: Iterable[Batch], columns: int) -> Digest:
    """Digest all rows of a side."""
    found = empty(columns)
    for batch in batches:
        found += digest_hashes([one.hashes() for one in batch], _length(batch))
    return found


def differences(
    table: BackTable, source: Sequence[Generator[Batch]], target: Sequence[Generator[Batch]]
) -> tuple[Difference, ...]:
    """Find rows in which two sides differ.

    Args:
        table: The table.
        source: Two readings of PostgreSQL's side: one to find rows, one to show them.
        target: Two readings of SQLite's side.
    """
    ours, theirs = (_all_rows(side[0]) for side in (source, target))
    here = _rows_of(source[1], _surplus(ours, theirs))
    there = _rows_of(target[1], _surplus(theirs, ours))
    return tuple(_paired(table, here, there))[:_SHOWN]


def surplus_rows(source: Generator[Batch], target: Generator[Batch]) -> tuple[int, int]:
    """Return how many rows the source has that the target has not, and the other way round."""
    ours, theirs = (Counter(_all_rows(side).tolist()) for side in (source, target))
    return (ours - theirs).total(), (theirs - ours).total()


def _length(batch: Batch) -> int:
    return len(batch[0].values) if batch else 0


def _rows(batch: Batch) -> Hashes:
    return hash_rows([one.hashes() for one in batch], _length(batch))


def _all_rows(batches: Generator[Batch]) -> Hashes:
    return np.concatenate([np.zeros(0, np.uint64), *map(_rows, batches)])


def _surplus(ones: Hashes, others: Hashes) -> Hashes:
    """Return the row hashes that occur more often among the first than among the second."""
    values, counts = np.unique(ones, return_counts=True)
    known, known_counts = np.unique(others, return_counts=True)
    if not len(known):
        return values
    at = np.searchsorted(known, values).clip(0, len(known) - 1)
    matched = np.where(known[at] == values, known_counts[at], 0)
    surplus: Hashes = values[counts > matched]
    return surplus


def _rows_of(batches: Generator[Batch], wanted: Hashes) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for batch in batches:
        if len(found) >= _SHOWN:
            break
        places: Any = np.flatnonzero(np.isin(_rows(batch), wanted))
        found += [tuple(one.shown(row) for one in batch) for row in places.tolist()]
    batches.close()
    return found[:_SHOWN]


def _paired(
    table: BackTable, here: Sequence[tuple[str, ...]], there: Sequence[tuple[str, ...]]
) -> Generator[Difference]:
    """Pair rows by their key and say which values differ; rows without a partner differ as a whole."""
    names = [column.source.name for column in table.columns]
    key = table.source.primary_key
    places = [names.index(name) for name in key.columns] if key is not None else list(range(len(names)))

    def named(row: tuple[str, ...]) -> str:
        return ", ".join(f"{names[place]}={row[place]}" for place in places[:4])

    partners = {tuple(row[place] for place in places): row for row in there}
    for row in here:
        partner = partners.pop(tuple(row[place] for place in places), None)
        if partner is None:
            yield Difference(table.source.name, named(row), "", ", ".join(row)[:_WIDTH], "(no such row)")
            continue
        for name, ours, theirs in zip(names, row, partner, strict=True):
            if ours != theirs:
                yield Difference(table.source.name, named(row), name, ours, theirs)
    for row in partners.values():
        yield Difference(table.source.name, named(row), "", "(no such row)", ", ".join(row)[:_WIDTH])
