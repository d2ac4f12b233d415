"""UUIDs in text, read all at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exuvia.values.packed import Mask, Packed, Words, lane

_HIGH = np.uint64(0x8080808080808080)
_LOW_HALF = np.uint64(0xFFFFFFFF)


def _every(value: int) -> np.uint64:
    return np.uint64(value * 0x0101010101010101)


def dashed_words(texts: Packed) -> tuple[Mask, tuple[Words, Words, Words, Words]]:
    """Return which texts of 36 bytes have the dashes of a UUID, and their 32 other characters."""
    ninth, fourteenth, nineteenth = texts.word(9), texts.word(14), texts.word(19)
    dash = ord("-")
    dashed = (texts.byte(8) == dash) & (lane(ninth, 4) == dash)
    dashed &= (lane(fourteenth, 4) == dash) & (lane(nineteenth, 4) == dash)
    half = np.uint64(32)
    second = (ninth & _LOW_HALF) | (fourteenth << half)
    third = (nineteenth & _LOW_HALF) | (texts.word(24) << half)
    return dashed, (texts.word(0), second, third, texts.word(28))


def plain_words(texts: Packed) -> tuple[Words, Words, Words, Words]:
    """Return the characters of texts of 32 bytes."""
    return texts.word(0), texts.word(8), texts.word(16), texts.word(24)


def hexadecimal(words: tuple[Words, ...]) -> Mask:
    """Return which rows hold hexadecimal digits only, of any case."""
    good = np.full(len(words[0]), _HIGH)
    for word in words:
        lower = word | _every(0x20)
        digit = (word + _every(0x50)) & ~(word + _every(0x46))
        letter = (lower + _every(0x1F)) & ~(lower + _every(0x19))
        good &= (digit | letter) & ~word
    every: Mask = (good & _HIGH) == _HIGH
    return every


def lettered(words: tuple[Words, ...]) -> Mask:
    """Return which rows of hexadecimal digits hold a letter other than e, and so are no number."""
    found = np.zeros(len(words[0]), np.uint64)
    for word in words:
        other = (word | _every(0x20)) ^ _every(ord("e"))
        found |= (other | (other >> np.uint64(1)) | (other >> np.uint64(2))) & (word >> np.uint64(6)) & _every(1)
    mask: Mask = found != 0
    return mask


def cases(words: tuple[Words, ...]) -> tuple[Mask, Mask]:
    """Return which rows of hexadecimal digits hold a letter in upper case, and which one in lower case."""
    upper, lower = np.zeros(len(words[0]), np.uint64), np.zeros(len(words[0]), np.uint64)
    for word in words:
        letter, small = word >> np.uint64(6), word >> np.uint64(5)
        upper |= letter & ~small & _every(1)
        lower |= letter & small & _every(1)
    return upper != 0, lower != 0


def sixteen_bytes(words: tuple[Words, ...]) -> NDArray[np.uint8]:
    """Return the 16 bytes that four words of hexadecimal digits spell, a row for each UUID."""
    found = np.empty((len(words[0]), len(words)), "<u4")
    for column, word in enumerate(words):
        value = (word & _every(0x0F)) + ((word >> np.uint64(6)) & _every(1)) * np.uint64(9)
        byte = ((value << np.uint64(4)) | (value >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        two = (byte | (byte >> np.uint64(8))) & np.uint64(0x0000FFFF0000FFFF)
        found[:, column] = (two | (two >> np.uint64(16))) & _LOW_HALF
    return found.view(np.uint8)
