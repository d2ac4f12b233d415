"""Numbers in text: their shape, read all at once, and their exact value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from exuvia.values.packed import Mask, Numbers, Packed

FLOAT_TEXT = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+")
INTEGER_MAX = 2**63 - 1
MAX_INTEGER_DIGITS, MAX_DECIMALS = 131_072, 16_383


@dataclass(frozen=True, slots=True)
class Shapes:
    """How texts are built that are numbers without an exponent.

    Args:
        plain: Which texts are ``[+-]?digits``.
        pointed: Which are digits with one point before, between or behind them, and perhaps a sign.
        before: Digits before the point, leading zeros left out.
        after: Digits behind the point.
        canonical: Which are spelled as PostgreSQL prints the number, all their decimals kept.
    """

    plain: Mask
    pointed: Mask
    before: Numbers
    after: Numbers
    canonical: Mask


def shapes_of(texts: Packed) -> Shapes:
    """Read the shapes of texts."""
    count = len(texts)
    data = texts.data
    digits, _ = texts.segments((data - np.uint8(48)) < 10)
    first = data[texts.starts]
    signed = (first == ord("+")) | (first == ord("-"))
    rest = texts.lengths - signed - digits
    plain = (rest == 0) & (digits > 0)
    after = np.zeros(count, np.int64)
    pointed = (rest == 1) & (digits > 0)
    if pointed.any():
        dots = data == ord(".")
        within, before_it = texts.segments(dots)
        pointed &= within == 1
        places = np.append(np.flatnonzero(dots), 0)
        after = np.where(pointed, texts.starts + texts.lengths - 1 - places[before_it], 0)
    zeros = _leading_zeros(texts, signed, plain | pointed)
    before = np.where(plain | pointed, digits - after - zeros, 0)
    one_zero = (before == 0) & (zeros == 1) & ~signed
    canonical = (plain | (pointed & (after > 0))) & (first != ord("+")) & (one_zero | ((before > 0) & (zeros == 0)))
    return Shapes(plain, pointed, before, after, canonical)


def _leading_zeros(texts: Packed, signed: Mask, numbers: Mask) -> Numbers:
    """Count the zeros at the front of the integer part; few texts begin with two, so these go one by one."""
    zeros = np.zeros(len(texts), np.int64)
    lead = numbers & (texts.data[texts.starts + signed] == ord("0"))
    second = texts.data[texts.starts + signed + 1]
    more = lead & (second == ord("0")) & (texts.lengths - signed > 1)
    zeros[lead] = 1
    for row in np.flatnonzero(more):
        whole = texts.text(int(row))[int(signed[row]) :].partition(b".")[0]
        zeros[row] = len(whole) - len(whole.lstrip(b"0"))
    return zeros


def fits_64_bits(texts: Packed, shapes: Shapes) -> Mask:
    """Return which plain texts name an integer of 64 bits."""
    fits = shapes.plain & (shapes.before <= 18)
    for row in np.flatnonzero(shapes.plain & (shapes.before == 19)):
        text = texts.text(int(row))
        size = int(text[-19:])
        fits[row] = size <= INTEGER_MAX + text.startswith(b"-")
    return fits


def plain_digits(number: Decimal) -> str:
    """Spell a finite decimal without an exponent, keeping its decimals, as PostgreSQL's numeric prints it."""
    text = format(number, "f")
    return text[1:] if text.startswith("-") and not number else text
