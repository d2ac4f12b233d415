"""Values that become integers, doubles and booleans: exactly, or not at all.

Each function takes an array without nulls and returns the canonical array, null where a value does not fit.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.types import Base
from exuvia.values.arrays import assemble, booleans, from_numpy, valid_mask
from exuvia.values.numbers import fits_64_bits, shapes_of
from exuvia.values.packed import Mask, Packed, first_lanes, text_word
from exuvia.values.rules import Rule
from exuvia.values.utf8 import as_string

RANGES = {
    Base.SMALLINT: (-(2**15), 2**15 - 1),
    Base.INTEGER: (-(2**31), 2**31 - 1),
    Base.BIGINT: (-(2**63), 2**63 - 1),
}
NUMBER_TEXT = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_EXACT_INTEGER = 2**53
_SAFE_DIGITS = 15
_YES = ("true", "t", "yes", "y", "on", "1")
_NO = ("false", "f", "no", "n", "off", "0")


def integers_to_integer(array: pa.Array, rule: Rule) -> pa.Array:
    """INTEGER in the range of the target type; nulls may stay in the array."""
    if rule.type.base is Base.BIGINT:
        return array
    lower, upper = RANGES[rule.type.base]
    bounds = pc.min_max(array).as_py()
    if bounds["min"] is None or (bounds["min"] >= lower and bounds["max"] <= upper):
        return array
    values = array.fill_null(0).to_numpy()
    return from_numpy(values, valid_mask(array) & (values >= lower) & (values <= upper), pa.int64())


def reals_to_integer(array: pa.Array, rule: Rule) -> pa.Array:
    """REAL that is a whole number in the range in which doubles hold every integer."""
    values = array.to_numpy()
    lower, upper = RANGES[rule.type.base]
    ok = (np.rint(values) == values) & (np.abs(values) <= _EXACT_INTEGER) & (values >= lower) & (values <= upper)
    return from_numpy(np.where(ok, values, 0).astype(np.int64), ok, pa.int64())


def texts_to_integer(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT of digits, perhaps with a sign."""
    texts = Packed.of(array)
    ok = fits_64_bits(texts, shapes_of(texts))
    return integers_to_integer(parse_integers(array, texts, ok), rule)


def parse_integers(array: pa.Array, texts: Packed, ok: Mask) -> pa.Array:
    """Return the integers that the texts under ``ok`` spell, null elsewhere."""
    bare = as_string(array if ok.all() else array.filter(pa.array(ok)))
    if bool((texts.data[texts.starts[ok]] == ord("+")).any()):
        bare = pc.utf8_ltrim(bare, "+")
    return assemble(len(array), [(ok, bare.cast(pa.int64()))], pa.int64())


def integers_to_double(array: pa.Array, _: Rule) -> pa.Array:
    """INTEGER that a double holds exactly."""
    values = array.to_numpy()
    doubles = values.astype(np.float64)
    inside = doubles < 2.0**63
    ok = inside & (np.where(inside, doubles, 0).astype(np.int64) == values)
    return from_numpy(doubles, ok, pa.float64())


def reals_to_double(array: pa.Array, _: Rule) -> pa.Array:
    """REAL as it is; nulls may stay in the array."""
    return array


def texts_to_double(array: pa.Array, _: Rule) -> pa.Array:
    """TEXT of a number whose decimal is also the shortest decimal of the double nearest to it.

    Decimals of at most 15 significant digits always are (DBL_DIG); the others are compared one by one.
    """
    texts = Packed.of(array)
    shapes = shapes_of(texts)
    short = (shapes.plain | shapes.pointed) & (shapes.before + shapes.after <= _SAFE_DIGITS)
    bare = as_string(array if short.all() else array.filter(pa.array(short)))
    if bool((texts.data[texts.starts[short]] == ord("+")).any()):
        bare = pc.utf8_ltrim(bare, "+")
    if short.all():
        return bare.cast(pa.float64())
    values = np.zeros(len(array), np.float64)
    values[short] = bare.cast(pa.float64()).to_numpy()
    ok = short.copy()
    for row in np.flatnonzero(~short):
        number = faithful_double(texts.text(int(row)))
        if number is not None:
            values[row], ok[row] = number, True
    return from_numpy(values, ok, pa.float64())


def faithful_double(text: bytes) -> float | None:
    """Return the double that a text denotes if its shortest decimal is the same number, else None."""
    if NUMBER_TEXT.fullmatch(text) is None:
        return None
    number = float(text)
    if math.isinf(number):
        return None
    return number if Decimal(repr(number)) == decimal_of(text) else None


def decimal_of(text: bytes) -> Decimal | None:
    """Return the number that a text spells, else None; an exponent of 19 digits is more than Decimal holds."""
    if NUMBER_TEXT.fullmatch(text) is None:
        return None
    try:
        return Decimal(text.decode())
    except InvalidOperation:
        return None


def integers_to_boolean(array: pa.Array, _: Rule) -> pa.Array:
    """INTEGER 0 or 1."""
    values = array.to_numpy()
    return booleans(values == 1, (values == 0) | (values == 1))


def texts_to_boolean(array: pa.Array, _: Rule) -> pa.Array:
    """TEXT that PostgreSQL's boolean reads: true, t, yes, y, on, 1 and their opposites, in any case."""
    texts = Packed.of(array)
    own = first_lanes(texts.lengths)
    words = texts.word(0) & own
    lower = words | (np.uint64(0x2020202020202020) & own)
    ok = np.zeros(len(array), np.bool_)
    yes = np.zeros(len(array), np.bool_)
    for spelling in _YES + _NO:
        same = ((lower if spelling.isalpha() else words) == text_word(spelling)) & (texts.lengths == len(spelling))
        ok |= same
        if spelling in _YES:
            yes |= same
    return booleans(yes, ok)
