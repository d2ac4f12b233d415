"""JSON texts, many at once: what PostgreSQL accepts, what jsonb keeps, and one spelling for equal values."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import orjson
import pyarrow as pa

from exuvia.values.jsonlong import LONG, canonical_long, check_long
from exuvia.values.jsonparse import MAX_JSONB_BYTES, NotJsonError, read_json
from exuvia.values.packed import Bytes, Mask, Offsets, offsets_and_data

_GROUP_BYTES = 256 * 1024
_LONG_NUMBER = 16_000
_CHECK_ESCAPES = re.compile(rb"\\u00(?:00|3[aA])")
_EXPONENT = re.compile(rb"(?:\A|[\[:,])-?[0-9.]+e")
_POWER = re.compile(rb"[eE][+-]?[0-9]{4}")
# What is JSON although orjson refuses it: half a surrogate pair, numbers beyond a double.
_BEYOND_ORJSON = re.compile(rb"\\u[dD][89a-fA-F]|[eE]\+?[0-9]{2}|[0-9]{200}")
_ORJSON_DEPTH = 1000
_INTEGRAL_FLOAT = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(?P<whole>-?[0-9]+)\.0(?![0-9e])')
_NUMBER_OUTSIDE_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(-?[0-9][-+.0-9eE]*+)')


def check_json(array: pa.Array) -> tuple[Mask, Mask]:
    """Return which texts PostgreSQL's json type accepts, and which of them jsonb holds exactly.

    jsonb cannot hold ``\\u0000``, half a surrogate pair, numbers beyond numeric or a key twice in one object.

    Args:
        array: Valid UTF-8 as binary or string, without nulls.
    """
    valid = np.ones(len(array), np.bool_)
    safe = np.ones(len(array), np.bool_)
    offsets, data = offsets_and_data(array)
    whole = array if pa.types.is_binary(array.type) else array.cast(pa.binary())
    for first, last in _groups(offsets):
        if offsets[last] - offsets[first] > LONG:
            text = data[int(offsets[first]) : int(offsets[last])]
            valid[first], safe[first] = check_long(text, _check_part)
            safe[first] &= len(text) <= MAX_JSONB_BYTES
            continue
        texts = whole.slice(first, last - first).to_pylist()
        if _all_kept(texts, data[int(offsets[first]) : int(offsets[last])]):
            continue
        for row, text in enumerate(texts, first):
            valid[row], safe[row] = _check(text)
    return valid, safe


def _groups(offsets: Offsets) -> Iterator[tuple[int, int]]:
    count, first = len(offsets) - 1, 0
    while first < count:
        last = int(np.searchsorted(offsets, int(offsets[first]) + _GROUP_BYTES, "right")) - 1
        last = min(max(last, first + 1), count)
        yield first, last
        first = last


def _all_kept(texts: list[bytes], data: Bytes) -> bool:
    """Return whether all texts are JSON that jsonb keeps, by tests that may only err on the side of no.

    A key that stands twice is lost on reading, and with it at least one colon on writing again.
    """
    joined = texts[0] if len(texts) == 1 else data.tobytes()
    if b"\\u00" in joined and _CHECK_ESCAPES.search(joined):
        return False
    if len(joined) > MAX_JSONB_BYTES or _odd_numbers(data, max(map(len, texts))):
        return False
    try:
        written = orjson.dumps(list(map(orjson.loads, texts)))
    except (ValueError, TypeError):
        return False
    return _colons(data) == _colons(np.frombuffer(written, np.uint8))


def _colons(data: Bytes) -> int:
    return int(np.count_nonzero(data == ord(":")))


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


def _check_part(text: bytes) -> tuple[bool, bool]:
    return (True, True) if _all_kept([text], np.frombuffer(text, np.uint8)) else _check(text)


def _check(text: bytes) -> tuple[bool, bool]:
    """Return whether one text is JSON, and whether jsonb keeps it."""
    try:
        value = orjson.loads(text)
    except ValueError:
        if not _BEYOND_ORJSON.search(text) and text.count(b"[") + text.count(b"{") < _ORJSON_DEPTH:
            return False, False
    else:
        try:
            kept = orjson.dumps(value).count(b":") == text.count(b":")
        except TypeError:
            kept = False
        if kept and len(text) <= _LONG_NUMBER and not _CHECK_ESCAPES.search(text) and not _POWER.search(text):
            return True, True
    try:
        return True, not read_json(text).obstacle
    except NotJsonError:
        return False, False


def canonical_json(text: bytes) -> bytes:
    """Spell a JSON value in one way for all equal values: keys sorted, no spaces, 1.0 and 1.00 and 1e0 as 1.

    Numbers stay exact, whatever their size.

    Raises:
        NotJsonError: ``text`` is not JSON.
    """
    try:
        value = orjson.loads(text)
        written = orjson.dumps(value)
    except (ValueError, TypeError):
        return read_json(text).canonical
    if not _faithful(text, np.frombuffer(text, np.uint8), written):
        return read_json(text).canonical
    return _sorted(value)


def canonical_json_array(array: pa.Array) -> pa.Array:
    """Return ``canonical_json`` of each text; null stays null.

    Args:
        array: JSON texts as string or binary.

    Raises:
        NotJsonError: A text is not JSON.
    """
    whole = array if pa.types.is_binary(array.type) else array.cast(pa.binary())
    offsets, data = offsets_and_data(whole)
    found: list[bytes | bytearray | None] = []
    for first, last in _groups(offsets):
        if offsets[last] - offsets[first] > LONG:
            found.append(canonical_long(data[int(offsets[first]) : int(offsets[last])], canonical_json))
            continue
        texts = whole.slice(first, last - first).to_pylist()
        found += _canonical_group(texts, data[int(offsets[first]) : int(offsets[last])])
    if len(found) == 1 and found[0] is not None:  # perhaps a long one, which is not to be copied once more
        offsets = np.array([0, len(found[0])], np.int32)
        return pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(found[0])])
    return pa.array(found, pa.binary()).cast(pa.string())


def _canonical_group(texts: list[bytes | None], data: Bytes) -> list[bytes | None]:
    """Spell a group of texts; where one of them is not plain on sight they go one by one."""
    present = [text for text in texts if text is not None]
    try:
        values = list(map(orjson.loads, present))
        written = orjson.dumps(values)
    except (ValueError, TypeError):
        written = b""
    if not written or not _faithful(b"[" + b",".join(present) + b"]", data, written):
        return [None if text is None else canonical_json(text) for text in texts]
    spelled = map(_sorted, values)
    return [None if text is None else next(spelled) for text in texts]


def _sorted(value: object) -> bytes:
    spelled = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return _INTEGRAL_FLOAT.sub(_without_point, spelled) if b".0" in spelled else spelled


def _without_point(found: re.Match[bytes]) -> bytes:
    whole = found["whole"]
    if whole is None:
        return found[0]
    return b"0" if whole == b"-0" else whole


def _faithful(text: bytes, data: Bytes, written: bytes) -> bool:
    """Return whether no number was changed by being a float for a moment, and none is written with an exponent.

    Args:
        text: JSON.
        data: The bytes of its values.
        written: What orjson made of it, in the same order.
    """
    if _may_be_long(data) and _tight(text) != _tight(written) and _numbers(text) != _numbers(written):
        return False
    return not _may_have_exponent(np.frombuffer(written, np.uint8)) or _EXPONENT.search(written) is None


def _tight(text: bytes) -> bytes:
    return text.replace(b", ", b",").replace(b": ", b":")


def _numbers(text: bytes) -> list[bytes]:
    return [number for number in _NUMBER_OUTSIDE_STRINGS.findall(text) if number]


def _may_be_long(data: Bytes) -> bool:
    """Return whether 16 digits (and points) in a row occur, or an exponent."""
    if _may_have_exponent(data):
        return True
    run = ((data - np.uint8(48)) < 10) | (data == 46)
    for width in (1, 2, 4, 8):
        if len(run) <= width:
            return False
        run = run[:-width] & run[width:]
    return bool(run.any())


def _may_have_exponent(data: Bytes) -> bool:
    """Return whether an e stands behind a digit."""
    marks = np.flatnonzero((data | np.uint8(32)) == 101)
    return bool(((data[marks[marks > 0] - 1] - np.uint8(48)) < 10).any())
