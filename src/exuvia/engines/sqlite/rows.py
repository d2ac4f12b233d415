"""Reading row by row, for tables that the Arrow driver cannot open.

A WITHOUT ROWID table whose key has a collation of the application's (Anki's ``unicase``) needs that collation to be
opened at all. A scan never compares keys, so a stand-in will do; only apsw can be given one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import apsw
import pyarrow as pa

from exuvia.engines.sqlite.order import quote
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.profile import KeyValue

_GROUP = 900  # columns per statement; each takes two of SQLite's 2,000 result columns

Decode = Callable[[bytes], bytes]


def stand_in(connection: apsw.Connection) -> None:
    """Let ``connection`` open what needs an unknown collation. Nothing may be looked up or sorted by it."""
    connection.collation_needed(lambda asking, name: asking.create_collation(name, lambda a, b: (a > b) - (a < b)))


def value_items(names: Sequence[str]) -> str:
    """Return the SQL of two result columns for each column: whether it is text, and the value, text as bytes."""
    return ", ".join(
        f"typeof({name}) = 'text', iif(typeof({name}) = 'text', CAST({name} AS BLOB), {name})"
        for name in map(quote, names)
    )


def groups(names: Sequence[str]) -> list[Sequence[str]]:
    """Return ``names`` in groups that one statement can read as ``value_items``."""
    return [names[start : start + _GROUP] for start in range(0, len(names), _GROUP)]


@dataclass(slots=True)
class _Column:
    """One column of the batch that is being collected."""

    values: list[KeyValue] = field(default_factory=list)
    is_text: list[bool] = field(default_factory=list)

    def cells(self, decode: Decode) -> Cells:
        rows = list(zip(self.values, self.is_text, strict=True))
        integers = [value if isinstance(value, int) else None for value in self.values]
        reals = [value if isinstance(value, float) else None for value in self.values]
        texts = [decode(value) if text and isinstance(value, bytes) else None for value, text in rows]
        blobs = [value if not text and isinstance(value, bytes) else None for value, text in rows]
        return Cells(
            len(rows),
            _array(integers, pa.int64()),
            _array(reals, pa.float64()),
            _array(texts, pa.binary()),
            _array(blobs, pa.binary()),
        )


def row_batches(
    connection: apsw.Connection, names: Sequence[str], tail: str, limits: tuple[int, int], decode: Decode
) -> Iterator[dict[str, Cells]]:
    """Yield the rows of ``SELECT names tail`` with all values as they are stored.

    Args:
        connection: A connection inside the snapshot.
        names: The columns.
        tail: The statement from FROM on.
        limits: Rows and about how many bytes of values a batch may hold.
        decode: Makes UTF-8 of a text value's bytes.

    Raises:
        apsw.Error: SQLite cannot read.
    """
    statements = [connection.execute(f"SELECT {value_items(part)} {tail}") for part in groups(names)]
    columns = [_Column() for _ in names]
    rows = size = 0
    for parts in zip(*statements, strict=True):
        found = [value for part in parts for value in part]
        more = sum(len(value) for value in found if isinstance(value, bytes))
        if rows and (rows >= limits[0] or size + more > limits[1]):
            yield {name: column.cells(decode) for name, column in zip(names, columns, strict=True)}
            columns = [_Column() for _ in names]
            rows = size = 0
        for number, column in enumerate(columns):
            column.is_text.append(bool(found[2 * number]))
            column.values.append(found[2 * number + 1])
        rows += 1
        size += more
    if rows:
        yield {name: column.cells(decode) for name, column in zip(names, columns, strict=True)}


def unexpected(cells: Cells, expected: frozenset[StorageClass]) -> bool:
    """Return whether a value of another storage class than ``expected`` is there."""
    return any(kind not in expected for kind in cells.parts())


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array | None:
    return pa.array(values, kind) if any(value is not None for value in values) else None
