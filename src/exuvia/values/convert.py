"""The conversion of one column's values to its target type: exact, or turned down with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.types import Base
from exuvia.values import convert_lists as lists
from exuvia.values import convert_numbers as numbers
from exuvia.values import convert_numeric as numeric
from exuvia.values import convert_text as text
from exuvia.values import convert_time as time
from exuvia.values.arrays import valid_mask
from exuvia.values.canonical import canonical_type
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.explain import explain
from exuvia.values.rules import Converted, Rule

__all__ = ["canonical_type", "convert"]

_Function = Callable[[pa.Array, Rule], pa.Array]
_INTEGER, _REAL, _TEXT, _BLOB = StorageClass.INTEGER, StorageClass.REAL, StorageClass.TEXT, StorageClass.BLOB


@dataclass(frozen=True, slots=True)
class _Way:
    """A conversion function; ``nulls`` says that it takes arrays with nulls."""

    function: _Function
    nulls: bool = False


def _ways() -> Mapping[tuple[Base, StorageClass], _Way]:
    ways: dict[tuple[Base, StorageClass], _Way] = {
        (Base.DOUBLE, _INTEGER): _Way(numbers.integers_to_double),
        (Base.DOUBLE, _REAL): _Way(numbers.reals_to_double, nulls=True),
        (Base.DOUBLE, _TEXT): _Way(numbers.texts_to_double),
        (Base.NUMERIC, _INTEGER): _Way(numeric.integers_to_numeric),
        (Base.NUMERIC, _REAL): _Way(numeric.reals_to_numeric),
        (Base.NUMERIC, _TEXT): _Way(numeric.texts_to_numeric),
        (Base.BOOLEAN, _INTEGER): _Way(numbers.integers_to_boolean),
        (Base.BOOLEAN, _REAL): _Way(numbers.integers_to_boolean),
        (Base.BOOLEAN, _TEXT): _Way(numbers.texts_to_boolean),
        (Base.BYTEA, _INTEGER): _Way(text.integers_to_bytea, nulls=True),
        (Base.BYTEA, _REAL): _Way(text.reals_to_bytea),
        (Base.BYTEA, _TEXT): _Way(text.bytes_to_bytea, nulls=True),
        (Base.BYTEA, _BLOB): _Way(text.bytes_to_bytea, nulls=True),
        (Base.BIT, _BLOB): _Way(text.blobs_to_bits),
        (Base.UUID, _TEXT): _Way(text.texts_to_uuid),
        (Base.UUID, _BLOB): _Way(text.blobs_to_uuid),
        (Base.TIME, _TEXT): _Way(time.texts_to_time),
        (Base.TEXT_ARRAY, _TEXT): _Way(lists.texts_to_text_array),
        (Base.REAL_ARRAY, _TEXT): _Way(lists.texts_to_floats),
        (Base.REAL_ARRAY, _BLOB): _Way(lists.blobs_to_floats),
        (Base.VECTOR, _TEXT): _Way(lists.texts_to_floats),
        (Base.VECTOR, _BLOB): _Way(lists.blobs_to_floats),
    }
    for base in (Base.SMALLINT, Base.INTEGER, Base.BIGINT):
        ways[base, _INTEGER] = _Way(numbers.integers_to_integer, nulls=True)
        ways[base, _REAL] = _Way(numbers.reals_to_integer)
        ways[base, _TEXT] = _Way(numbers.texts_to_integer)
    for base in (Base.TEXT, Base.VARCHAR):
        ways[base, _INTEGER] = _Way(text.integers_to_text, nulls=True)
        ways[base, _REAL] = _Way(text.reals_to_text)
        ways[base, _TEXT] = ways[base, _BLOB] = _Way(text.bytes_to_text, nulls=True)
    for base in (Base.JSON, Base.JSONB):
        ways[base, _INTEGER] = _Way(text.integers_to_json, nulls=True)
        ways[base, _REAL] = _Way(text.reals_to_json)
        ways[base, _TEXT] = ways[base, _BLOB] = _Way(text.texts_to_json)
    for base in (Base.DATE, Base.TIMESTAMP, Base.TIMESTAMPTZ):
        ways[base, _INTEGER] = _Way(time.integers_to_moment)
        ways[base, _REAL] = _Way(time.reals_to_moment)
        ways[base, _TEXT] = _Way(time.texts_to_date if base is Base.DATE else time.texts_to_moment)
    return ways


_WAYS = _ways()


def convert(cells: Cells, rule: Rule) -> Converted:
    """Convert one column of one batch.

    A value becomes exactly the same value of the target type, or null with the reason in ``rejected``. Where a number
    is read as a moment it may be rounded by less than a microsecond (see ``exuvia.values.convert_time``), and numbers
    of JSON arrays become float32 in ``real[]`` and ``vector``.

    Args:
        cells: The values as SQLite stores them.
        rule: The conversion.
    """
    kind = canonical_type(rule.type)
    rejected: dict[int, str] = {}
    arrays: list[pa.Array] = []
    for storage, part in cells.parts().items():
        if part.null_count == len(part):
            continue
        array = _convert(part, storage, rule, kind)
        if array.null_count > part.null_count:
            _reject(part, array, storage, rule, rejected)
        arrays.append(array)
    if not arrays:
        return Converted(pa.nulls(cells.length, kind), rejected)
    return Converted(arrays[0] if len(arrays) == 1 else pc.coalesce(*arrays), dict(sorted(rejected.items())))


def _convert(part: pa.Array, storage: StorageClass, rule: Rule, kind: pa.DataType) -> pa.Array:
    way = _WAYS.get((rule.type.base, storage))
    if way is None:
        return pa.nulls(len(part), kind)
    if way.nulls or not part.null_count:
        return way.function(part, rule)
    valid = valid_mask(part)
    dense = way.function(part.drop_null(), rule)
    places = np.cumsum(valid) - 1
    return dense.take(pa.array(places, mask=~valid))


def _reject(part: pa.Array, array: pa.Array, storage: StorageClass, rule: Rule, rejected: dict[int, str]) -> None:
    rows = np.flatnonzero(valid_mask(part) & ~valid_mask(array))
    for row, value in zip(rows.tolist(), part.take(pa.array(rows)).to_pylist(), strict=True):
        rejected[row] = explain(storage, value, rule)
