"""The form of every text of a column, decided for all texts at once.

The first byte rules most forms out (a name is no number), so only what may have a form is looked at further.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exuvia.values import temporal, uuids
from exuvia.values.facts import TextForm
from exuvia.values.jsontext import check_json
from exuvia.values.numbers import FLOAT_TEXT, fits_64_bits, shapes_of
from exuvia.values.packed import LONGEST, Mask, Packed, first_lanes, text_word
from exuvia.values.utf8 import holding_nul, malformed, offsets_and_data

FORMS = tuple(TextForm)
CODE = {form: code for code, form in enumerate(FORMS)}

_NUMBER, _WORD, _HEX, _JSON, _BLANK = 1, 2, 4, 8, 16
_TRUTHS = tuple(text_word(word) for word in ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off"))
_TEMPORAL = (TextForm.DATE, TextForm.TIME, TextForm.TIMESTAMP, TextForm.TIMESTAMP_ZONE)


def _kinds() -> NDArray[np.uint8]:
    kinds = np.zeros(256, np.uint8)
    for characters, kind in (
        ("0123456789+-.", _NUMBER),
        ("tTfFyYnNoO", _WORD),
        ("0123456789abcdefABCDEF", _HEX),
        ('{["n', _JSON),
        (" \t\n\r", _BLANK),
    ):
        for character in characters:
            kinds[ord(character)] |= kind
    return kinds


_KINDS = _kinds()


@dataclass(slots=True)
class Forms:
    """The forms of texts.

    Args:
        codes: For each text the place of its form in ``FORMS``.
        json_safe: How many of the JSON texts jsonb holds exactly.
        max_scale: Most digits behind the point among INTEGER and DECIMAL texts.
        max_integer_digits: Most digits before the point among them, leading zeros left out.
        canonical_integers: How many INTEGER texts are spelled as PostgreSQL prints the number.
    """

    codes: NDArray[np.uint8]
    json_safe: int = 0
    max_scale: int = 0
    max_integer_digits: int = 0
    canonical_integers: int = 0


def forms_of(array: pa.Array) -> Forms:
    """Return the form of every text.

    Args:
        array: The texts' bytes as binary, without nulls.
    """
    offsets, data = offsets_and_data(array)
    lengths = np.diff(offsets)
    forms = Forms(np.full(len(array), CODE[TextForm.OTHER], np.uint8))
    if not len(array):
        return forms
    empty = lengths == 0
    spoiled = _spoiled(array, forms)
    kinds = np.zeros(len(array), np.uint8)
    if len(data):
        kinds = _KINDS[data[np.minimum(offsets[:-1], len(data) - 1)]]
        kinds[empty | spoiled] = 0
    forms.codes[empty & ~spoiled] = CODE[TextForm.EMPTY]
    short = lengths <= LONGEST
    _each(array, (kinds & _WORD > 0) & (lengths <= 5), forms, _booleans)
    _each(array, (kinds & (_NUMBER | _HEX) > 0) & short & (lengths > 4), forms, _shaped)
    numbers = (kinds & _NUMBER > 0) & (forms.codes == CODE[TextForm.OTHER])
    _each(array, numbers, forms, _numbers)
    hexadecimal = (kinds & _HEX > 0) & (lengths == 32) & (forms.codes == CODE[TextForm.OTHER])
    _each(array, hexadecimal, forms, _uuid_hex)
    _json(array, kinds, forms)
    return forms


def _spoiled(array: pa.Array, forms: Forms) -> Mask:
    spoiled = np.zeros(len(array), np.bool_)
    for mask, form in ((holding_nul(array), TextForm.NUL), (malformed(array), TextForm.MALFORMED)):
        if mask is not None:
            forms.codes[mask] = CODE[form]
            spoiled |= mask
    return spoiled


def _each(array: pa.Array, mask: Mask, forms: Forms, read: Callable[[Packed, Forms], NDArray[np.uint8]]) -> None:
    """Give the texts under ``mask`` to ``read`` and store the codes that it finds; 255 says none."""
    if not mask.any():
        return
    every = bool(mask.all())
    codes = read(Packed.of(array if every else array.filter(pa.array(mask))), forms)
    if every:
        forms.codes[codes != 255] = codes[codes != 255]
    else:
        rows = np.flatnonzero(mask)
        forms.codes[rows[codes != 255]] = codes[codes != 255]


def _nothing(texts: Packed) -> NDArray[np.uint8]:
    return np.full(len(texts), 255, np.uint8)


def _booleans(texts: Packed, _: Forms) -> NDArray[np.uint8]:
    codes = _nothing(texts)
    lower = (texts.word(0) | np.uint64(0x2020202020202020)) & first_lanes(texts.lengths)
    for truth in _TRUTHS:
        codes[lower == truth] = CODE[TextForm.BOOLEAN]
    return codes


def _shaped(texts: Packed, _: Forms) -> NDArray[np.uint8]:
    """Find dates, times, timestamps and UUIDs with dashes."""
    codes = _nothing(texts)
    dashed = texts.lengths == 36
    if dashed.any():
        found, words = uuids.dashed_words(texts.pick(dashed))
        codes[dashed] = np.where(found & uuids.hexadecimal(words), CODE[TextForm.UUID], 255)
        if dashed.all() and (codes != 255).all():
            return codes
    moments = temporal.read_moments(texts)
    for number, form in enumerate(_TEMPORAL, temporal.DATE):
        codes[moments.form == number] = CODE[form]
    return codes


def _numbers(texts: Packed, forms: Forms) -> NDArray[np.uint8]:
    codes = _nothing(texts)
    shapes = shapes_of(texts)
    numeric = shapes.plain | shapes.pointed
    codes[numeric] = CODE[TextForm.DECIMAL]
    codes[fits_64_bits(texts, shapes)] = CODE[TextForm.INTEGER]
    if numeric.any():
        forms.max_scale = int(shapes.after[numeric].max())
        forms.max_integer_digits = int(shapes.before[numeric].max())
        forms.canonical_integers = int(np.count_nonzero(shapes.canonical & (codes == CODE[TextForm.INTEGER])))
    for row in np.flatnonzero(~numeric):
        if FLOAT_TEXT.fullmatch(texts.text(int(row))):
            codes[row] = CODE[TextForm.FLOAT]
    return codes


def _uuid_hex(texts: Packed, _: Forms) -> NDArray[np.uint8]:
    codes = _nothing(texts)
    codes[uuids.hexadecimal(uuids.plain_words(texts))] = CODE[TextForm.UUID_HEX]
    return codes


def _json(array: pa.Array, kinds: NDArray[np.uint8], forms: Forms) -> None:
    candidates = (kinds & (_JSON | _BLANK) > 0) & (forms.codes == CODE[TextForm.OTHER])
    rows = np.flatnonzero(candidates)
    offsets, data = offsets_and_data(array)
    first = data[offsets[rows]] if len(rows) else np.zeros(0, np.uint8)
    for place in np.flatnonzero(kinds[rows] == _BLANK):
        text = data[int(offsets[rows[place]]) : int(offsets[rows[place] + 1])].tobytes().lstrip(b" \t\n\r")
        first[place] = text[0] if text[:1] in (b"{", b"[", b'"', b"n") else 0
    rows, first = rows[first > 0], first[first > 0]
    if not len(rows):
        return
    texts = array if len(rows) == len(array) else array.take(pa.array(rows))
    valid, safe = check_json(texts)
    names = {ord("{"): TextForm.JSON_OBJECT, ord("["): TextForm.JSON_ARRAY}
    codes = np.full(len(rows), CODE[TextForm.JSON_SCALAR], np.uint8)
    for byte, form in names.items():
        codes[first == byte] = CODE[form]
    forms.codes[rows[valid]] = codes[valid]
    forms.json_safe = int(np.count_nonzero(safe & valid))
