"""The form of every text of a column, decided for all texts at once.

The first byte rules most forms out (a name is no number), so only what may have a form is looked at further.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from exuvia.values import temporal, uuids
from exuvia.values.facts import TextForm
from exuvia.values.jsontext import check_json
from exuvia.values.numbers import FLOAT_TEXT, fits_64_bits, shapes_of
from exuvia.values.packed import (
    BLOCK,
    LONGEST,
    Bytes,
    Mask,
    Offsets,
    Packed,
    Words,
    first_lanes,
    offsets_and_data,
    text_word,
)
from exuvia.values.spellings import NO_SPELLINGS, Spellings, spellings_of_moments, spellings_of_uuids
from exuvia.values.utf8 import holding_nul, malformed

FORMS = tuple(TextForm)
CODE = {form: code for code, form in enumerate(FORMS)}

_NUMBER, _WORD, _HEX, _JSON, _BLANK = 1, 2, 4, 8, 16
_TRUTHS = tuple(text_word(word) for word in ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off"))
_NONE = 255
_OTHER = CODE[TextForm.OTHER]
_TEMPORAL = (TextForm.DATE, TextForm.TIME, TextForm.TIMESTAMP, TextForm.TIMESTAMP_ZONE)
_MOMENTS = np.array([_NONE, *(CODE[form] for form in _TEMPORAL)], np.uint8)


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
_JSON_FORMS = np.full(256, CODE[TextForm.JSON_SCALAR], np.uint8)
_JSON_FORMS[ord("{")] = CODE[TextForm.JSON_OBJECT]
_JSON_FORMS[ord("[")] = CODE[TextForm.JSON_ARRAY]
_FLOAT_BYTES = np.isin(np.arange(256), np.frombuffer(b"0123456789+-.eE", np.uint8))


@dataclass(slots=True)
class Forms:
    """The forms of texts.

    Args:
        codes: For each text the place of its form in ``FORMS``.
        json_safe: How many of the JSON texts jsonb holds exactly.
        max_scale: Most digits behind the point among INTEGER and DECIMAL texts.
        max_integer_digits: Most digits before the point among them, leading zeros left out.
        canonical_integers: How many INTEGER texts are spelled as PostgreSQL prints the number.
        spellings: How dates, times and UUIDs are spelled.
    """

    codes: NDArray[np.uint8]
    json_safe: int = 0
    max_scale: int = 0
    max_integer_digits: int = 0
    canonical_integers: int = 0
    spellings: Spellings = NO_SPELLINGS


def forms_of(array: pa.Array) -> Forms:
    """Return the form of every text.

    Args:
        array: The texts' bytes as binary, without nulls.
    """
    blocks = [_forms_of_block(array.slice(first, BLOCK)) for first in range(0, len(array), BLOCK)]
    return Forms(
        codes=np.concatenate([np.zeros(0, np.uint8), *(block.codes for block in blocks)]),
        json_safe=sum(block.json_safe for block in blocks),
        max_scale=max((block.max_scale for block in blocks), default=0),
        max_integer_digits=max((block.max_integer_digits for block in blocks), default=0),
        canonical_integers=sum(block.canonical_integers for block in blocks),
        spellings=reduce(or_, (block.spellings for block in blocks), NO_SPELLINGS),
    )


def _forms_of_block(array: pa.Array) -> Forms:
    offsets, data = offsets_and_data(array)
    lengths = np.diff(offsets)
    forms = Forms(np.full(len(array), _OTHER, np.uint8))
    empty = lengths == 0
    spoiled = _spoiled(array, forms)
    kinds = np.zeros(len(array), np.uint8)
    if len(data):
        kinds = _KINDS[_byte(offsets, data, 0)]
        kinds[empty | spoiled] = 0
    forms.codes[empty & ~spoiled] = CODE[TextForm.EMPTY]
    _each(array, (kinds & _WORD > 0) & (lengths <= 5), forms, _booleans)
    _each(array, _may_be_shaped(offsets, data, lengths, kinds), forms, _shaped)
    bare = (kinds & _HEX > 0) & (lengths == 32)
    _each(array, bare, forms, _lettered_uuids)
    _each(array, (kinds & _NUMBER > 0) & (forms.codes == _OTHER), forms, _numbers)
    _each(array, bare & (forms.codes == _OTHER), forms, _uuids)
    _json(array, kinds, forms)
    return forms


def _byte(offsets: Offsets, data: Bytes, place: int) -> Bytes:
    return data[np.minimum(offsets[:-1] + place, len(data) - 1)]


def _may_be_shaped(offsets: Offsets, data: Bytes, lengths: Offsets, kinds: NDArray[np.uint8]) -> Mask:
    """Return what may be a date, a time, a timestamp or a UUID with dashes, by the length and two bytes."""
    dashed: Mask = (kinds & _HEX > 0) & (lengths == 36)
    digits: Mask = (kinds & _NUMBER > 0) & (lengths >= 5) & (lengths <= LONGEST)
    if digits.any():
        third, fifth = _byte(offsets, data, 2), _byte(offsets, data, 4)
        long_year = (lengths > 10) & ((fifth - np.uint8(48)) < 10)
        digits &= (third == ord(":")) | (fifth == ord("-")) | long_year
    return dashed | digits


def _spoiled(array: pa.Array, forms: Forms) -> Mask:
    spoiled = np.zeros(len(array), np.bool_)
    for mask, form in ((holding_nul(array), TextForm.NUL), (malformed(array), TextForm.MALFORMED)):
        if mask is not None:
            forms.codes[mask] = CODE[form]
            spoiled |= mask
    return spoiled


def _each(array: pa.Array, mask: Mask, forms: Forms, read: Callable[[Packed, Forms], NDArray[np.uint8]]) -> None:
    """Give the texts under ``mask`` to ``read`` and store the codes that it finds."""
    if not mask.any():
        return
    if mask.all():
        codes = read(Packed.of(array), forms)
        np.copyto(forms.codes, codes, where=codes != _NONE)
        return
    codes = read(Packed.of(array.filter(pa.array(mask))), forms)
    known = forms.codes[mask]
    np.copyto(known, codes, where=codes != _NONE)
    forms.codes[mask] = known


def _nothing(texts: Packed) -> NDArray[np.uint8]:
    return np.full(len(texts), _NONE, np.uint8)


def _booleans(texts: Packed, _: Forms) -> NDArray[np.uint8]:
    codes = _nothing(texts)
    lower = (texts.word(0) | np.uint64(0x2020202020202020)) & first_lanes(texts.lengths)
    for truth in _TRUTHS:
        codes[lower == truth] = CODE[TextForm.BOOLEAN]
    return codes


def _shaped(texts: Packed, forms: Forms) -> NDArray[np.uint8]:
    """Find dates, times, timestamps and UUIDs with dashes."""
    codes = _nothing(texts)
    dashed = texts.lengths == 36
    if dashed.any():
        found, words = uuids.dashed_words(texts.pick(dashed))
        codes[dashed] = _uuid_codes(found & uuids.hexadecimal(words), words, TextForm.UUID, forms)
        if dashed.all() and (codes != _NONE).all():
            return codes
    moments = temporal.read_moments(texts)
    forms.spellings |= spellings_of_moments(texts, moments)
    dated = _MOMENTS[moments.form]
    return np.where(codes == _NONE, dated, codes) if dashed.any() else dated


def _uuid_codes(found: Mask, words: tuple[Words, ...], form: TextForm, forms: Forms) -> NDArray[np.uint8]:
    forms.spellings |= spellings_of_uuids(words if found.all() else tuple(word[found] for word in words))
    return np.where(found, np.uint8(CODE[form]), np.uint8(_NONE))


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
    rest = ~numeric
    if rest.any():
        rest &= texts.segments(_FLOAT_BYTES[texts.data])[0] == texts.lengths
    for row in np.flatnonzero(rest):
        if FLOAT_TEXT.fullmatch(texts.text(int(row))):
            codes[row] = CODE[TextForm.FLOAT]
    return codes


def _lettered_uuids(texts: Packed, forms: Forms) -> NDArray[np.uint8]:
    words = uuids.plain_words(texts)
    return _uuid_codes(uuids.hexadecimal(words) & uuids.lettered(words), words, TextForm.UUID_HEX, forms)


def _uuids(texts: Packed, forms: Forms) -> NDArray[np.uint8]:
    words = uuids.plain_words(texts)
    return _uuid_codes(uuids.hexadecimal(words), words, TextForm.UUID_HEX, forms)


def _json(array: pa.Array, kinds: NDArray[np.uint8], forms: Forms) -> None:
    rows = np.flatnonzero((kinds & (_JSON | _BLANK) > 0) & (forms.codes == _OTHER))
    if not len(rows):
        return
    offsets, data = offsets_and_data(array)
    first = data[offsets[rows]]
    doubtful = kinds[rows] == _BLANK
    word = np.flatnonzero(first == ord("n"))
    for at, byte in enumerate(b"ull", 1):
        same = _byte(offsets, data, at)[rows[word]] == byte
        first[word[~same]] = 0
        word = word[same]
    doubtful[word] = True
    for place in np.flatnonzero(doubtful):
        text = data[int(offsets[rows[place]]) : int(offsets[rows[place] + 1])].tobytes().strip(b" \t\n\r")
        first[place] = text[0] if text[:1] in (b"{", b"[", b'"') or text == b"null" else 0
    rows, first = rows[first > 0], first[first > 0]
    if not len(rows):
        return
    valid, safe = check_json(array if len(rows) == len(array) else array.take(pa.array(rows)))
    codes = _JSON_FORMS[first]
    forms.codes[rows[valid]] = codes[valid]
    forms.json_safe = int(np.count_nonzero(safe & valid))
