"""JSON texts, many at once: what PostgreSQL accepts, what jsonb keeps, and one spelling for equal values."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import orjson
import pyarrow as pa

from exuvia.values.jsonparse import MAX_JSONB_BYTES, NotJson, read_json
from exuvia.values.packed import Bytes, Mask, offsets_and_data

_GROUP_BYTES = 256 * 1024
_LONG_NUMBER = 16_000
_CHECK_ESCAPES = re.compile(rb"\\u00(?:00|3[aA])")
_EXPONENT = re.compile(rb"(?:\A|[\[:,])-?[0-9.]+e")
_INTEGRAL_FLOAT = re.compile(rb"[0-9]\.0(?![0-9])")


def check_json(array: pa.Array) -> tuple[Mask, Mask]:
    """Return which texts PostgreSQL's json type accepts, and which of them jsonb holds exactly.

    jsonb cannot hold ``\\u0000``, half a surrogate pair, numbers beyond numeric or a key twice in one object.

    Args:
        array: Valid UTF-8 as binary or string, without nulls.
    """
    valid = np.ones(len(array), np.bool_)
    safe = np.ones(len(array), np.bool_)
    offsets, data = offsets_and_data(array)
    for first, last in _groups(offsets):
        texts = array.slice(first, last - first).to_pylist()
        part = data[int(offsets[first]) : int(offsets[last])]
        if _simple(texts, part):
            continue
        for row, text in enumerate(texts, first):
            valid[row], safe[row] = _check_one(text.encode() if isinstance(text, str) else text)
    return valid, safe


def _groups(offsets: np.ndarray[tuple[int], np.dtype[np.integer]]) -> Iterator[tuple[int, int]]:
    count, first = len(offsets) - 1, 0
    while first < count:
        last = int(np.searchsorted(offsets, int(offsets[first]) + _GROUP_BYTES, "right")) - 1
        last = min(max(last, first + 1), count)
        yield first, last
        first = last


def _simple(texts: list[bytes], data: Bytes) -> bool:
    """Return whether all texts are JSON that jsonb keeps, by tests that may only err on the side of no.

    A key that stands twice is lost on reading, and with it at least one colon on writing again.
    """
    joined = data.tobytes() if len(texts) > 1 else texts[0]
    if b"\\u00" in joined and _CHECK_ESCAPES.search(joined):
        return False
    if _odd_numbers(data, max(map(len, texts))) or len(joined) > MAX_JSONB_BYTES:
        return False
    try:
        values = list(map(orjson.loads, texts))
        written = orjson.dumps(values)
    except (ValueError, TypeError):
        return False
    return int(np.count_nonzero(data == 58)) == int(np.count_nonzero(np.frombuffer(written, np.uint8) == 58))


def _odd_numbers(data: Bytes, longest: int) -> bool:
    """Return whether an exponent of four digits or more, or a very long run of digits, may occur."""
    if len(data) < 6:
        return False
    digit = (data - np.uint8(48)) < 10
    power = ((data[:-4] | np.uint8(32)) == 101) & digit[2:-2] & digit[3:-1] & digit[4:]
    if bool(power.any()):
        return True
    if longest <= _LONG_NUMBER:
        return False
    breaks = np.flatnonzero(~digit)
    return len(breaks) == 0 or int(np.diff(breaks, prepend=-1, append=len(data)).max()) > _LONG_NUMBER


def _check_one(text: bytes) -> tuple[bool, bool]:
    if _simple([text], np.frombuffer(text, np.uint8)):
        return True, True
    try:
        reading = read_json(text)
    except NotJson:
        return False, False
    return True, not reading.obstacle


def canonical_json(text: bytes) -> bytes:
    """Spell a JSON value in one way for all equal values: keys sorted, no spaces, 1.0 and 1.00 and 1e0 as 1.

    Numbers stay exact, whatever their size.

    Raises:
        NotJson: ``text`` is not JSON.
    """
    try:
        value = orjson.loads(text)
        written = orjson.dumps(value)
    except (ValueError, TypeError):
        return read_json(text).canonical
    if not _faithful(text, written):
        return read_json(text).canonical
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _faithful(text: bytes, written: bytes) -> bool:
    """Return whether no number was changed by being a float for a moment, and each is spelled canonically."""
    if b".0" in written and _INTEGRAL_FLOAT.search(written):
        return False
    if not _may_be_long(np.frombuffer(text, np.uint8)):
        return b"e-" not in written or _EXPONENT.search(written) is None
    return _tight(text) == _tight(written) and _EXPONENT.search(written) is None


def _tight(text: bytes) -> bytes:
    return text.replace(b", ", b",").replace(b": ", b":")


def _may_be_long(data: Bytes) -> bool:
    """Return whether 16 digits (and points) in a row occur, or a digit before an exponent."""
    if len(data) < 2:
        return False
    digit = ((data - np.uint8(48)) < 10) | (data == 46)
    if bool((digit[:-1] & ((data[1:] | np.uint8(32)) == 101)).any()):
        return True
    run = digit
    for width in (1, 2, 4, 8):
        if len(run) <= width:
            return False
        run = run[:-width] & run[width:]
    return bool(run.any())


def canonical_json_array(array: pa.Array) -> pa.Array:
    """Return ``canonical_json`` of each text; null stays null.

    Args:
        array: JSON texts as string or binary.
    """
    texts = array.cast(pa.binary()).to_pylist() if not pa.types.is_binary(array.type) else array.to_pylist()
    return pa.array([None if text is None else canonical_json(text) for text in texts], pa.binary()).cast(pa.string())
