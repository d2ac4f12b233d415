"""Values that become text[], real[] and vector(n).

Each function takes an array without nulls and returns the canonical array, null where a value does not fit. Numbers
of JSON arrays are rounded to the nearest float32, as PostgreSQL rounds them on input.
"""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.types import Base
from exuvia.values.arrays import assemble
from exuvia.values.canonical import canonical_type
from exuvia.values.packed import Mask, offsets_and_data
from exuvia.values.rules import Rule
from exuvia.values.utf8 import as_string, holding_nul, malformed, used_bytes

_FLOAT32_MAX = float(np.finfo(np.float32).max)


def texts_to_text_array(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT cut at ``rule.separator``, spaces around elements dropped; '' is an empty array. A JSON array of strings
    becomes those strings."""
    kind = canonical_type(rule.type)
    good = np.ones(len(array), np.bool_)
    for mask in (malformed(array), holding_nul(array)):
        if mask is not None:
            good &= ~mask
    parts: list[tuple[Mask, pa.Array]] = []
    lists = pc.starts_with(array, b"[").to_numpy(zero_copy_only=False) & good
    for row in np.flatnonzero(lists):
        lists[row] = json_strings(array[int(row)].as_py()) is not None
    if lists.any():
        parts.append(
            (lists, pa.array([json_strings(text) for text in array.filter(pa.array(lists)).to_pylist()], kind))
        )
    plain = good & ~lists
    parts.append((plain, _split(as_string(array.filter(pa.array(plain))), rule.separator)))
    return assemble(len(array), parts, kind)


def json_strings(text: bytes) -> list[str] | None:
    """Return the strings of a JSON array of strings that text[] can hold, or None."""
    try:
        values = orjson.loads(text)
    except ValueError:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) and "\0" not in value for value in values):
        return None
    return values


def _split(texts: pa.Array, separator: str) -> pa.Array:
    pieces = pc.split_pattern(texts, separator)
    elements = pc.utf8_trim(pieces.flatten(), " ")
    offsets = pieces.offsets.to_numpy()
    offsets = offsets - offsets[0]
    blank = pc.equal(pc.utf8_trim(texts, " "), "").to_numpy(zero_copy_only=False)
    if blank.any():
        keep = np.ones(len(elements), np.bool_)
        keep[offsets[:-1][blank]] = False
        elements = elements.filter(pa.array(keep))
        offsets = offsets - np.concatenate([[0], np.cumsum(blank)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements)


def blobs_to_floats(array: pa.Array, rule: Rule) -> pa.Array:
    """BLOB of little-endian float32 numbers: n of them for vector(n), which holds finite numbers only."""
    if rule.type.base is Base.VECTOR:
        return _blobs_to_vector(array, rule)
    offsets, _ = offsets_and_data(array)
    ok = np.diff(offsets) % 4 == 0
    some = array if ok.all() else array.filter(pa.array(ok))
    places = offsets_and_data(some)[0]
    numbers = pa.array(np.frombuffer(used_bytes(some).tobytes(), "<f4"))
    lists = pa.ListArray.from_arrays(pa.array((places - places[0]) // 4, pa.int32()), numbers)
    return assemble(len(array), [(ok, lists)], canonical_type(rule.type))


def _blobs_to_vector(array: pa.Array, rule: Rule) -> pa.Array:
    size = rule.type.size or 0
    offsets, _ = offsets_and_data(array)
    ok = np.diff(offsets) == 4 * size
    rows = np.zeros((len(array), size), np.float32)
    some = array if ok.all() else array.filter(pa.array(ok))
    rows[ok] = np.frombuffer(used_bytes(some).tobytes(), "<f4").reshape(len(some), size)
    ok &= np.isfinite(rows).all(axis=1)
    return _vectors(rows, ok, size)


def _vectors(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]], ok: Mask, size: int) -> pa.Array:
    numbers = pa.array(rows.reshape(-1))
    mask = None if ok.all() else pa.array(~ok)
    return pa.FixedSizeListArray.from_arrays(numbers, size, mask=mask)


def texts_to_floats(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT of a JSON array of numbers."""
    kind = canonical_type(rule.type)
    size = rule.type.size if rule.type.base is Base.VECTOR else None
    return pa.array([json_floats(text, size) for text in array.to_pylist()], kind)


def json_floats(text: bytes, size: int | None) -> np.ndarray[tuple[int], np.dtype[np.float32]] | None:
    """Return a JSON array of numbers in the range of float32, ``size`` of them unless that is None; else None."""
    try:
        values = orjson.loads(text)
    except ValueError:
        return None
    if not isinstance(values, list) or (size is not None and len(values) != size):
        return None
    if not all(type(value) in (int, float) for value in values):
        return None
    numbers = np.array(values, np.float64)
    if bool((np.abs(numbers) > _FLOAT32_MAX).any()):
        return None
    return numbers.astype(np.float32)
