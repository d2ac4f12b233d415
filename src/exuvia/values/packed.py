"""Short byte strings read eight characters at a time, as 64-bit words, for arithmetic on all values at once.

The technique is "SIMD within a register" (L. Lamport, "Multiple byte processing with full-word instructions",
CACM 18(8), 1975): a word holds eight characters in eight lanes, the first one in the lowest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Offsets = NDArray[np.int32] | NDArray[np.int64]

PAD = 64
LONGEST = PAD - 8
BLOCK = 16_384
"""So many values at a time keep the columns of an intermediate result, of 8 bytes each, in the processor's cache."""

_WINDOW = 1 << 20

# From the first large block that it frees on, glibc keeps memory for reuse (mallopt(3), M_MMAP_THRESHOLD); without that
# every intermediate result would come from the system page by page, at twice the time.
np.empty(1 << 23, np.uint8)

_HIGH = np.uint64(0x8080808080808080)
_EIGHT = np.uint64(8)
_TEN = np.uint64(10)
_FIRST_LANES = np.array([(1 << (8 * count)) - 1 for count in range(9)], np.uint64)


def offsets_and_data(array: pa.Array) -> tuple[Offsets, Bytes]:
    """Return the offsets (one more than values) and the data buffer of a binary or string array, without copying."""
    wide = pa.types.is_large_binary(array.type) or pa.types.is_large_string(array.type)
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    count, start = len(array) + 1, array.offset
    places: Offsets = (
        np.frombuffer(offsets, np.int64, count, start * 8)
        if wide
        else np.frombuffer(offsets, np.int32, count, start * 4)
    )
    return places, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def windows(items: NDArray[Any], size: int = _WINDOW) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield parts of ``items`` of ``size`` items each, and where they begin.

    What is computed from a part stays small, however long one value is.
    """
    for place in range(0, len(items), size):
        yield place, items[place : place + size]


@dataclass(frozen=True, slots=True)
class Packed:
    """Values side by side in one padded buffer, so that a word may be read at any place near a value.

    Args:
        data: The bytes, with ``PAD`` zero bytes before and after.
        starts: Where each value begins, ascending.
        lengths: The length of each value in bytes.
        stride: The distance between neighbours when it is the same for all, else 0.
    """

    data: Bytes
    starts: Numbers
    lengths: Numbers
    stride: int

    @classmethod
    def of(cls, array: pa.Array) -> Self:
        """Pack a binary or string array that holds no null."""
        offsets, data = offsets_and_data(array)
        first, last = int(offsets[0]), int(offsets[-1])
        room = np.zeros(last - first + 2 * PAD, np.uint8)
        room[PAD : PAD + last - first] = data[first:last]
        return cls._at(room, offsets[:-1].astype(np.int64) + (PAD - first), np.diff(offsets).astype(np.int64))

    @classmethod
    def _at(cls, data: Bytes, starts: Numbers, lengths: Numbers) -> Self:
        return cls(data, starts, lengths, _stride(starts))

    def __len__(self) -> int:
        return len(self.starts)

    def pick(self, mask: Mask) -> Packed:
        """Return the values where ``mask`` is true."""
        return self if mask.all() else self._at(self.data, self.starts[mask], self.lengths[mask])

    def within(self, before: int, after: int) -> Packed:
        """Return the values without their first ``before`` and last ``after`` bytes."""
        return self._at(self.data, self.starts + before, self.lengths - before - after)

    def word(self, place: int) -> Words:
        """Return the eight bytes from ``place`` (0 to ``LONGEST``) of each value on; what lies behind its end is not
        its own."""
        if self.stride:
            first = int(self.starts[0]) + place
            return np.ndarray((len(self),), "<u8", self.data.data, first, (self.stride,)).copy()
        return self._gather(self.starts + place)

    def last_word(self) -> Words:
        """Return the last eight bytes of each value, the last one in the highest lane."""
        return self._gather(self.starts + (self.lengths - 8))

    def byte(self, place: int) -> Bytes:
        """Return the byte at ``place`` of each value."""
        return self.data[self.starts + place]

    def text(self, row: int) -> bytes:
        """Return one value's bytes."""
        start = int(self.starts[row])
        return self.data[start : start + int(self.lengths[row])].tobytes()

    def segments(self, marks: Mask) -> tuple[Numbers, Numbers]:
        """Return how many of ``marks`` (one per byte of ``data``) are set within each value, and how many before it."""
        total = np.cumsum(marks.view(np.uint8), dtype=np.int64)
        before = total[self.starts - 1]
        return total[self.starts + self.lengths - 1] - before, before

    def _gather(self, places: Numbers) -> Words:
        windows = np.ndarray((len(self.data) - 7,), "<u8", self.data.data, 0, (1,))
        return windows[places]


def _stride(starts: Numbers) -> int:
    if len(starts) < 2:
        return 0
    step = int(starts[1] - starts[0])
    if step <= 0 or int(starts[-1] - starts[0]) != step * (len(starts) - 1):
        return 0
    return step if bool((np.diff(starts) == step).all()) else 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """Eight characters to match: ``0`` stands for a digit, ``?`` for anything, any other character for itself."""

    flip: np.uint64
    carry: np.uint64
    keep: np.uint64

    @classmethod
    def of(cls, text: str) -> Self:
        """Make the pattern of an eight-character text."""
        flip = carry = keep = 0
        for lane, character in enumerate(text):
            if character == "?":
                continue
            shift = 8 * lane
            flip |= ord(character) << shift
            keep |= 0xFF << shift
            carry |= (0x76 if character == "0" else 0x7F) << shift
        return cls(np.uint64(flip), np.uint64(carry), np.uint64(keep))

    def read(self, words: Words) -> tuple[Mask, Words]:
        """Return which words match, and their digits as numbers 0 to 9 in their lanes, all else zero.

        A lane is the digit's value or zero where it matches; adding 0x76 (0x7F) sets its high bit from 10 (1) on.
        """
        digits = (words ^ self.flip) & self.keep
        return ((digits | (digits + self.carry)) & _HIGH) == 0, digits


def pairs(digits: Words) -> Words:
    """Return, in each lane, ten times its digit plus the next lane's."""
    return digits * _TEN + (digits >> _EIGHT)


def lane(words: Words, number: int) -> Numbers:
    """Return one lane of each word as a number."""
    return ((words >> np.uint64(8 * number)) & np.uint64(0xFF)).view(np.int64)


def eight_digits(digits: Words) -> Numbers:
    """Return the number that eight lanes of digits spell, the first lane's digit leading."""
    two = (digits * _TEN + (digits >> _EIGHT)) & np.uint64(0x00FF00FF00FF00FF)
    four = (two * np.uint64(100) + (two >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return ((four * np.uint64(10000) + (four >> np.uint64(32))) & np.uint64(0xFFFFFFFF)).view(np.int64)


def first_lanes(count: Numbers) -> Words:
    """Return words whose first ``count`` lanes (clipped to 0..8) are set."""
    return _FIRST_LANES[np.clip(count, 0, 8)]


def text_word(text: str) -> np.uint64:
    """Return up to eight characters as a word."""
    return np.uint64(int.from_bytes(text.encode().ljust(8, b"\0"), "little"))
