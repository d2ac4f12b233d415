"""Differences as people read them: table, key, column, and both values with the place where they part in sight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from exuvia.move.plan import TablePlan
from exuvia.move.results import Difference
from exuvia.values.digest import hash_values

_KEPT = 65_536
_WIDTH = 120
_BEFORE = 40


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a row: its hash, its beginning as text, and its length (in characters, bytes, or 0)."""

    hash: int
    text: str
    length: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A row that one side has and the other has not like this: its name, the hash of its key, and its values."""

    name: str
    key: int
    values: tuple[Value, ...]

    def called(self, name: str) -> Row:
        """Return the row with a name."""
        return replace(self, name=name)


def row_of(arrays: Sequence[pa.Array], number: int, key: int) -> Row:
    """Return a row of a batch, which need not be kept for it.

    Args:
        arrays: The batch's columns.
        number: Which row.
        key: The hash of its key.
    """
    return Row("", key, tuple(_value(array.slice(number, 1)) for array in arrays))


def _value(array: pa.Array) -> Value:
    value = array[0].as_py()
    hashed = int(hash_values(array)[0])
    if isinstance(value, str):
        return Value(hashed, value[:_KEPT], len(value))
    if isinstance(value, bytes):
        return Value(hashed, f"\\x{value[: _KEPT // 2].hex()}", 2 * len(value) + 2)
    return Value(hashed, "NULL" if value is None else str(value))


def differences(
    table: TablePlan, key: Sequence[int], here: Sequence[Row], there: Sequence[Row]
) -> Iterator[Difference]:
    """Pair rows by their keys and yield what differs, row by row: changed rows first.

    Args:
        table: The table's plan.
        key: Positions of the key's columns; empty where rows have no key.
        here: Rows of the source that differ.
        there: Rows of the target that differ.
    """
    names = [column.target.name for column in table.columns]
    partners = {row.key: row for row in there} if key else {}
    paired = {row.key for row in here} & partners.keys()

    def called(row: Row) -> str:
        return row.name or ", ".join(f"{names[one]}={_cut(row.values[one])}" for one in key)

    for row in here:
        if row.key in paired:
            for name, ours, theirs in zip(names, row.values, partners[row.key].values, strict=True):
                if ours.hash != theirs.hash:
                    yield Difference(table.source.name, called(row), name, *_both(ours, theirs))
    for row in here:
        if row.key not in paired:
            yield Difference(table.source.name, called(row), "", _whole(names, row), "(no such row)")
    for row in there:
        if row.key not in paired:
            yield Difference(table.source.name, called(row), "", "(no such row)", _whole(names, row))


def _whole(names: Sequence[str], row: Row) -> str:
    text = ", ".join(f"{name}={_cut(value)}" for name, value in zip(names, row.values, strict=True))
    return text if len(text) <= 2 * _WIDTH else f"{text[: 2 * _WIDTH]}…"


def _both(ours: Value, theirs: Value) -> tuple[str, str]:
    """Return two values cut so that the place where they part is in sight; a text has quotes if need be."""
    pairs = zip(ours.text, theirs.text, strict=False)
    apart = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(ours.text), len(theirs.text)))
    start = max(0, apart - _BEFORE) if max(len(ours.text), len(theirs.text)) > _WIDTH else 0
    found = _cut(ours, start), _cut(theirs, start)
    if found[0] != found[1]:
        return found
    first, second = (f"'{text}'" if value.length else text for text, value in zip(found, (ours, theirs), strict=True))
    return first, second if first != second else f"{second}, other beyond {_KEPT:,} characters"


def _cut(value: Value, start: int = 0) -> str:
    text = value.text[start : start + _WIDTH]
    if not start and len(text) == max(value.length, len(value.text)):
        return text
    return f"{'…' if start else ''}{text}… ({value.length:,} characters)"
