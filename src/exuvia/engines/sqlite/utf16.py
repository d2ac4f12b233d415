"""UTF-16 text, as a UTF-16 database stores it, to UTF-8 without losing what is not valid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def codec_of(encoding: str) -> str:
    """Return Python's name of a database's text encoding; empty for UTF-8."""
    return {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}.get(encoding, "")


def to_utf8(array: pa.Array, big_endian: bool) -> pa.Array:
    """Return ``array`` (binary, UTF-16 in the given byte order) as binary UTF-8.

    SQLite's own conversion joins a lone surrogate with whatever follows. Here it becomes its three bytes
    (ED A0..BF xx, see RFC 3629 section 3), which are not valid UTF-8, so that it is found as malformed; half a code
    unit at the end becomes the byte FF, likewise.
    """
    offsets, data = _window(array)
    starts = np.arange(len(array) + 1) * 0 if not len(data) else offsets
    if len(data) % 2 == 0 and not (np.diff(starts) & 1).any():
        units = data.view(">u2" if big_endian else "<u2")
        if not _is_surrogate(units).any():
            return _encode(array, units, offsets // 2)
    codec = "utf-16-be" if big_endian else "utf-16-le"
    values = [None if value is None else value_to_utf8(value, codec) for value in array.to_pylist()]
    return pa.array(values, pa.binary())


def value_to_utf8(value: bytes, codec: str) -> bytes:
    """Return one UTF-16 value as UTF-8; ``codec`` is ``utf-16-le`` or ``utf-16-be``."""
    even = len(value) & ~1
    text = value[:even].decode(codec, "surrogatepass")
    return text.encode("utf-8", "surrogatepass") + b"\xff" * (len(value) - even)


def value_from_utf8(value: bytes, codec: str) -> bytes:
    """Undo ``value_to_utf8``; of half a code unit at the end only that it is there is known."""
    half = value.endswith(b"\xff")
    return value.removesuffix(b"\xff").decode("utf-8", "surrogatepass").encode(codec, "surrogatepass") + b"\0" * half


def _window(array: pa.Array) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    return offsets - offsets[0], data[offsets[0] : offsets[-1]]


def _is_surrogate(units: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    surrogate: np.ndarray[Any, Any] = np.equal(units & np.array(0xF800, units.dtype), 0xD800)
    return surrogate


def _encode(array: pa.Array, units: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> pa.Array:
    """Encode text without surrogates: every code unit is a character of one, two or three bytes."""
    widths = 1 + (units >= 0x80).astype(np.int32) + (units >= 0x800)
    ends = np.concatenate(([0], np.cumsum(widths, dtype=np.int64)))
    codec = "utf-16-be" if units.dtype.byteorder == ">" else "utf-16-le"
    encoded = units.tobytes().decode(codec).encode("utf-8")
    new_offsets = ends[offsets].astype(np.int32)
    nulls = array.is_valid()
    validity = None if array.null_count == 0 else pa.array(nulls).buffers()[1]
    return pa.Array.from_buffers(pa.binary(), len(array), [validity, pa.py_buffer(new_offsets), pa.py_buffer(encoded)])
