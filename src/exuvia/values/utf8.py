"""UTF-8 bytes that may be malformed or hold U+0000."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.values.packed import Bytes, Mask, Numbers, offsets_and_data, windows

SHOWN = 60
"""So many characters of a text are shown to people."""

_WINDOW = 1 << 20


def used_bytes(array: pa.Array) -> Bytes:
    """Return the bytes of a binary or string array's values, without copying."""
    offsets, data = offsets_and_data(array)
    return data[int(offsets[0]) : int(offsets[-1])]


def as_string(array: pa.Array) -> pa.Array:
    """Reinterpret binary as string, without copying and without a check."""
    if pa.types.is_large_binary(array.type) or pa.types.is_large_string(array.type):
        return array.view(pa.large_string())
    return array.view(pa.string())


def is_ascii(data: Bytes) -> bool:
    """Return whether every byte is below 0x80."""
    return len(data) == 0 or int(data.max()) < 0x80


def malformed(array: pa.Array) -> Mask | None:
    """Return which values are not UTF-8; None when all are. Nulls are not malformed."""
    if is_ascii(used_bytes(array)):
        return None
    try:
        as_string(array).validate(full=True)
    except pa.ArrowInvalid:
        return np.array(
            [value is not None and malformed_at(value) is not None for value in array.to_pylist()], np.bool_
        )
    return None


def malformed_at(value: bytes) -> int | None:
    """Return the position of the first byte that is not UTF-8, or None."""
    if value.isascii():
        return None
    start = end = 0
    while end < len(value):
        start, end = end, _boundary(value, end + _WINDOW)
        try:
            value[start:end].decode()
        except UnicodeDecodeError as error:
            return start + error.start
    return None


def _boundary(value: bytes, place: int) -> int:
    """Return the first place from ``place`` on where a character may begin, the end if there is none."""
    if place >= len(value):
        return len(value)
    while place < len(value) and value[place] & 0xC0 == 0x80:
        place += 1
    return place


def holding_nul(array: pa.Array) -> Mask | None:
    """Return which values hold U+0000; None when none does."""
    data = used_bytes(array)
    if len(data) == 0 or int(data.min()) > 0:
        return None
    offsets, _ = offsets_and_data(array)
    mask: Mask = np.zeros(len(array), np.bool_)
    for start, part in windows(data):
        places = np.flatnonzero(part == 0) + (start + int(offsets[0]))
        if len(places):
            first, last = np.searchsorted(offsets, (places[0], places[-1]), "right")
            edges = np.searchsorted(places, offsets[first - 1 : last + 1])
            mask[first - 1 : last] |= np.diff(edges) > 0
    if array.null_count:
        mask &= array.is_valid().to_numpy(zero_copy_only=False)
    return mask if mask.any() else None


def characters(array: pa.Array) -> Numbers:
    """Return the length of each value in characters; bytes that begin none are not counted. No nulls allowed."""
    if is_ascii(used_bytes(array)):
        offsets, _ = offsets_and_data(array)
        return np.diff(offsets).astype(np.int64)
    lengths: Numbers = pc.utf8_length(as_string(array)).to_numpy().astype(np.int64)
    return lengths


def shortened(value: bytes, limit: int = SHOWN) -> str:
    """Return a text for people of at most ``limit`` characters; malformed bytes and control characters are replaced."""
    text = value[: 4 * limit + 4].decode(errors="replace")
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: limit + 1])
    return shown if len(shown) <= limit and len(text) <= limit else shown[: limit - 1] + "…"
