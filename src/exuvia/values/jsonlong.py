"""JSON texts too long to become Python's objects at once, which take up to twenty times the room of their text.

A long array or object is taken apart into its members, long ones of them again, and a long string into its
characters; each part is then a short JSON text.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from exuvia.values.jsonapart import characters, commas_of, has_escape, members, skip_blanks
from exuvia.values.jsonparse import NotJsonError
from exuvia.values.packed import Bytes, windows
from exuvia.values.utf8 import used_bytes

LONG = 2 << 20
_PART = 256 * 1024
_MEMBERS = 65_536
_DEEPEST = 16  # long values inside long values; what nests deeper is read at once, whatever it takes
_KEY = re.compile(rb'[ \t\n\r]*+("(?:[^"\\]++|\\.)*+")[ \t\n\r]*+:', re.DOTALL)
_CLOSERS = {b"[": b"]", b"{": b"}", b'"': b'"'}


@dataclass(frozen=True, slots=True)
class Limits:
    """From how many bytes on a text is long, and how many, at most as many, the parts have that it is taken into."""

    long: int = LONG
    part: int = _PART


def check_long(
    text: Bytes, check: Callable[[bytes], tuple[bool, bool]], limits: Limits | None = None
) -> tuple[bool, bool]:
    """Return whether a long text is JSON, and whether jsonb keeps it.

    What orjson cannot read (a number beyond a double, say) passes for not kept here.

    Args:
        text: Valid UTF-8.
        check: Tells both of a short text.
        limits: What is long.
    """
    try:
        return True, _Check(check, limits or Limits()).of(text, 0)
    except NotJsonError:
        return False, False


def canonical_long(text: Bytes, canonical: Callable[[bytes], bytes], limits: Limits | None = None) -> bytearray:
    """Spell a long JSON value in the one way for all equal values.

    Args:
        text: JSON that jsonb keeps.
        canonical: Spells a short text.
        limits: What is long.

    Raises:
        NotJsonError: ``text`` is not JSON.
    """
    spelled = bytearray()
    _Spelling(canonical, limits or Limits(), spelled).add(text, 0)
    return spelled


@dataclass(frozen=True, slots=True)
class _Check:
    check: Callable[[bytes], tuple[bool, bool]]
    limits: Limits

    def of(self, text: Bytes, depth: int) -> bool:
        """Return whether jsonb keeps a value."""
        text = text[skip_blanks(text) :]
        opener = text[:1].tobytes()
        if depth > _DEEPEST or opener not in _CLOSERS:
            return self._short(text.tobytes())
        if opener == b'"':
            return self._all(map(self._characters, characters(text, self.limits.part)))
        keys = array("Q")
        safe = self._all(self._part(part, opener, keys, depth) for part in members(text, self.limits.part))
        return safe and len(np.unique(np.frombuffer(keys, np.uint64))) == len(keys)

    @staticmethod
    def _all(judged: Iterable[bool]) -> bool:
        """Return whether all are true, and look at all, since one that is not JSON may follow."""
        return sum(not safe for safe in judged) == 0

    def _characters(self, piece: Bytes) -> bool:
        return not has_escape(piece) or self._short(b'"' + piece.tobytes() + b'"')

    def _part(self, part: Bytes, opener: bytes, keys: array[int], depth: int) -> bool:
        """Return whether jsonb keeps some members; for those of an object, add the hashes of their keys."""
        if len(part) <= self.limits.long:
            text = opener + part.tobytes() + _CLOSERS[opener]
            return self._short(text) and (opener == b"[" or _add_keys(text, keys))
        if opener == b"[":
            return self.of(part, depth + 1)
        key, value = _key_and_value(part)
        kept = self._short(key) and _add_keys(b"{" + key + b":0}", keys)
        return self.of(value, depth + 1) and kept

    def _short(self, text: bytes) -> bool:
        valid, safe = self.check(text)
        if not valid:
            raise NotJsonError("not JSON")
        return safe


def _hash(key: str) -> int:
    # Two keys of the same hash pass for one key twice: the text is then stored as text, which is no loss
    return xxhash.xxh3_64_intdigest(key.encode())


def _add_keys(text: bytes, keys: array[int]) -> bool:
    """Add the hashes of an object's keys; return whether orjson can read them."""
    try:
        keys.extend(map(_hash, orjson.loads(text)))
    except ValueError:
        return False
    return True


def _key_and_value(member: Bytes) -> tuple[bytes, Bytes]:
    found = _KEY.match(member.data)
    if found is None:
        raise NotJsonError("not JSON: a key in quotes is missing")
    return found[1], member[found.end() :]


@dataclass(frozen=True, slots=True)
class _Spelling:
    canonical: Callable[[bytes], bytes]
    limits: Limits
    out: bytearray

    def add(self, text: Bytes, depth: int) -> None:
        """Add a value's one spelling to ``out``."""
        text = text[skip_blanks(text) :]
        opener = text[:1].tobytes()
        if depth > _DEEPEST or opener not in _CLOSERS:
            self.out.extend(self.canonical(text.tobytes()))
            return
        self.out.extend(opener)
        if opener == b'"':
            for piece in characters(text, self.limits.part):
                self.out.extend(self._characters(piece))
        elif opener == b"[":
            self._array(text, depth)
        else:
            self._object(text, depth)
        self.out.extend(_CLOSERS[opener])

    def _characters(self, piece: Bytes) -> bytes | memoryview:
        return self.canonical(b'"' + piece.tobytes() + b'"')[1:-1] if has_escape(piece) else piece.data

    def _array(self, text: Bytes, depth: int) -> None:
        comma = b""
        for part in members(text, self.limits.part):
            self.out.extend(comma)
            if len(part) > self.limits.long:
                self.add(part, depth + 1)
            else:
                self.out.extend(self.canonical(b"[" + part.tobytes() + b"]")[1:-1])
            comma = b","

    def _object(self, text: Bytes, depth: int) -> None:
        """Spell an object; its members are sorted as Arrow's values, which take little more room than their bytes."""
        names: list[pa.Array] = []
        spelled: list[pa.Array] = []
        long: dict[int, Bytes] = {}
        for part in members(text, self.limits.part):
            if len(part) > self.limits.long:
                key, value = _key_and_value(part)
                long[sum(map(len, names))] = value
                keys, found = [orjson.loads(key)], pa.array([self.canonical(key) + b":"], pa.binary())
            else:
                keys, found = self._members(part)
            names.append(pa.array([key.encode() for key in keys], pa.binary()))
            spelled.append(found)
        order = pc.array_sort_indices(pa.concat_arrays(names)).to_numpy()
        del names
        whole = pa.concat_arrays(spelled)
        del spelled
        start = 0
        for place in np.flatnonzero(np.isin(order, list(long))).tolist():
            self._add_members(whole, order[start : place + 1])
            self.add(long[int(order[place])], depth + 1)
            self.out.extend(b",")
            start = place + 1
        self._add_members(whole, order[start:])
        if len(order):
            del self.out[-1]  # the comma behind the last member

    def _add_members(self, spelled: pa.Array, order: NDArray[np.unsignedinteger]) -> None:
        for _, numbers in windows(order, _MEMBERS):
            self.out.extend(used_bytes(spelled.take(pa.array(numbers))).data)

    def _members(self, part: Bytes) -> tuple[list[str], pa.Array]:
        """Return the keys of short members, and the members' spellings, each with a comma behind it."""
        text = self.canonical(b"{" + part.tobytes() + b"}")
        names = list(orjson.loads(text))
        edges = [1, *(commas_of(np.frombuffer(text, np.uint8)) + 1).tolist(), len(text)]
        offsets = np.array(edges[: len(names) + 1], np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text[:-1] + b",")]
        return names, pa.Array.from_buffers(pa.binary(), len(names), buffers)
