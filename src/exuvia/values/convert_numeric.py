"""Values that become numeric: the text that PostgreSQL prints for them, exactly, or nothing.

Each function takes an array without nulls and returns strings, null where a value does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exuvia.catalog.types import Base, SqlType
from exuvia.values.arrays import assemble, only
from exuvia.values.convert_numbers import decimal_of
from exuvia.values.numbers import MAX_DECIMALS, MAX_INTEGER_DIGITS, plain_digits, shapes_of
from exuvia.values.packed import Numbers, Packed
from exuvia.values.reals import Doubles, shortest_texts
from exuvia.values.rules import Rule
from exuvia.values.utf8 import as_string

_FIFTEEN_DIGITS = 1e15
_WORD_SCALE = 18
_EXPONENT_BELOW, _EXPONENT_FROM = 1e-4, 1e16
_PLAIN_SCALE = 6
_DECIMAL_DIGITS = 38


def integers_to_numeric(array: pa.Array, rule: Rule) -> pa.Array:
    """INTEGER with at most p - s digits before the point."""
    texts = array.cast(pa.string())
    if rule.type.size is None:
        return texts
    whole, scale = rule.type.size - (rule.type.scale or 0), rule.type.scale or 0
    if scale:
        texts = pc.binary_join_element_wise(texts, "0" * scale, ".")
    if whole >= 19:
        return texts
    values, limit = array.to_numpy(), 10 ** max(whole, 0)
    return only(texts, (values > -limit) & (values < limit))


def reals_to_numeric(array: pa.Array, rule: Rule) -> pa.Array:
    """REAL whose shortest decimal fits p and s; without p and s, that decimal (numeric also holds infinities)."""
    values: Doubles = array.to_numpy()
    return _any_reals(values) if rule.type.size is None else _sized_reals(values, rule.type)


def _sized_reals(values: Doubles, kind: SqlType) -> pa.Array:
    size, scale = kind.size or 0, kind.scale or 0
    if scale > _WORD_SCALE:
        return _one_by_one(map(_shortest, values.tolist()), kind)
    power = float(10**scale)
    with np.errstate(over="ignore"):
        scaled = np.rint(values * power)
    # Up to 15 digits the product is off by less than a half, so it rounds to the decimal's own digits.
    small = np.abs(scaled) < _FIFTEEN_DIGITS
    fits = small & (scaled / power == values) & (np.abs(scaled) < 10.0 ** min(size, 16))
    parts = [(fits, scaled_texts(scaled[fits].astype(np.int64), scale))]
    if not small.all():
        parts.append((~small, _one_by_one(map(_shortest, values[~small].tolist()), kind)))
    return assemble(len(values), parts, pa.string())


def _any_reals(values: Doubles) -> pa.Array:
    texts = shortest_texts(np.where(values == 0, 0.0, values))
    size = np.abs(values)
    plain = (size < _EXPONENT_FROM) & ((size >= _EXPONENT_BELOW) | (size == 0))
    if plain.all():
        return texts
    others = _one_by_one(map(_shortest, values[~plain].tolist()), SqlType(Base.NUMERIC))
    return assemble(len(values), [(plain, texts.filter(pa.array(plain))), (~plain, others)], pa.string())


def _shortest(value: float) -> Decimal:
    return Decimal(repr(value))


def scaled_texts(numbers: Numbers, scale: int) -> pa.Array:
    """Return the texts of ``numbers / 10**scale`` with exactly ``scale`` decimals, at most 18."""
    if scale == 0:
        return pa.array(numbers).cast(pa.string())
    if scale <= _PLAIN_SCALE:
        # Arrow spells smaller decimals with an exponent.
        wide = np.stack([numbers, numbers >> 63], axis=1)
        kind = pa.decimal128(_DECIMAL_DIGITS, scale)
        return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(wide)]).cast(pa.string())
    size = np.abs(numbers)
    power = 10**scale
    whole = pa.array(size // power).cast(pa.string())
    decimals = pc.utf8_slice_codeunits(pa.array(size % power + power).cast(pa.string()), 1)
    sign = pc.if_else(pa.array(numbers < 0), "-", "")
    return pc.binary_join_element_wise(pc.binary_join_element_wise(sign, whole, ""), decimals, ".")


def texts_to_numeric(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT of a decimal: with p and s, at most s decimals (zeros apart) and p - s digits before the point."""
    texts = Packed.of(array)
    shapes = shapes_of(texts)
    size, scale = rule.type.size, rule.type.scale or 0
    ready = shapes.canonical & (shapes.before <= MAX_INTEGER_DIGITS) & (shapes.after <= MAX_DECIMALS)
    if size is not None:
        ready &= (shapes.after == scale) & (shapes.before <= size - scale)
    if ready.all():
        return as_string(array)
    parts = [(ready, as_string(array.filter(pa.array(ready))))]
    rest = ~ready
    if size is not None:
        short = rest & shapes.canonical & (shapes.after < scale) & (shapes.before <= size - scale)
        parts.append((short, _padded(as_string(array.filter(pa.array(short))), shapes.after[short], scale)))
        rest &= ~short
    if rest.any():
        parts.append((rest, _one_by_one((decimal_of(texts.text(int(row))) for row in np.flatnonzero(rest)), rule.type)))
    return assemble(len(array), parts, pa.string())


def _padded(texts: pa.Array, decimals: Numbers, scale: int) -> pa.Array:
    """Append the point and the zeros that texts with so many decimals lack."""
    zeros = pa.array(["." * (count == 0) + "0" * (scale - count) for count in range(scale + 1)], pa.string())
    return pc.binary_join_element_wise(texts, zeros.take(pa.array(decimals)), "")


def _one_by_one(numbers: Iterable[Decimal | None], kind: SqlType) -> pa.Array:
    return pa.array([None if number is None else numeric_text(number, kind) for number in numbers], pa.string())


def numeric_text(number: Decimal, kind: SqlType) -> str | None:
    """Return a number as PostgreSQL prints it in a column of type ``kind``, or None where it does not fit exactly."""
    if not number.is_finite():
        return str(number) if kind.size is None else None
    if number.adjusted() >= MAX_INTEGER_DIGITS or _exponent(number) < -MAX_DECIMALS:
        return None
    if kind.size is None:
        return plain_digits(number)
    scale = kind.scale or 0
    whole, _, decimals = plain_digits(number).partition(".")
    if decimals[scale:].strip("0"):
        return None
    text = f"{whole}.{decimals[:scale].ljust(scale, '0')}" if scale else whole
    if len(text.replace(".", "").lstrip("-0")) > kind.size:
        return None
    return text


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
