"""Values that become text, varchar, bytea, uuid, json and jsonb: exactly, or not at all.

Each function takes an array and returns the canonical array, null where a value does not fit; those that say so take
nulls too, so that a column which is as it should be needs no copy.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exuvia.catalog.types import Base
from exuvia.values import uuids
from exuvia.values.arrays import from_numpy, only
from exuvia.values.jsontext import check_json
from exuvia.values.packed import Mask, Packed, Words, offsets_and_data, text_word
from exuvia.values.reals import shortest_texts
from exuvia.values.rules import Rule
from exuvia.values.utf8 import as_string, holding_nul, malformed, used_bytes

_URN = b"urn:uuid:"


def integers_to_text(array: pa.Array, rule: Rule) -> pa.Array:
    """INTEGER as SQLite prints it; nulls may stay in the array."""
    return _short_enough(array.cast(pa.string()), rule)


def reals_to_text(array: pa.Array, rule: Rule) -> pa.Array:
    """REAL as its shortest exact decimal (``1.0``, ``1e+100``).

    SQLite's own CAST keeps 15 significant digits and so loses some; an infinity is SQLite's ``Inf``.
    """
    values = array.to_numpy()
    texts = shortest_texts(values)
    if not np.isfinite(values).all():
        texts = pc.replace_substring(texts, "inf", "Inf")
    return _short_enough(texts, rule)


def bytes_to_text(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT, or a BLOB, of valid UTF-8 without U+0000; nulls may stay in the array."""
    spoiled = [mask for mask in (malformed(array), holding_nul(array)) if mask is not None]
    texts = as_string(array)
    if spoiled:
        texts = only(texts, ~np.logical_or.reduce(spoiled))
    return _short_enough(texts if pa.types.is_string(texts.type) else texts.cast(pa.string()), rule)


def _short_enough(texts: pa.Array, rule: Rule) -> pa.Array:
    if rule.type.base is not Base.VARCHAR or rule.type.size is None or not len(texts):
        return texts
    lengths = pc.utf8_length(texts)
    longest = pc.max(lengths).as_py()
    if longest is None or longest <= rule.type.size:
        return texts
    return pc.if_else(pc.less_equal(lengths, rule.type.size), texts, pa.scalar(None, pa.string()))


def bytes_to_bytea(array: pa.Array, _: Rule) -> pa.Array:
    """BLOB as it is, TEXT as its bytes; nulls may stay in the array."""
    return array if pa.types.is_binary(array.type) else array.cast(pa.binary())


def integers_to_bytea(array: pa.Array, _: Rule) -> pa.Array:
    """INTEGER as the bytes of its text; nulls may stay in the array."""
    return array.cast(pa.string()).view(pa.binary())


def reals_to_bytea(array: pa.Array, rule: Rule) -> pa.Array:
    """REAL as the bytes of its text."""
    return reals_to_text(array, rule).view(pa.binary())


def texts_to_uuid(array: pa.Array, _: Rule) -> pa.Array:
    """TEXT of 32 hexadecimal digits of any case: plain, with dashes, in braces or behind ``urn:uuid:``."""
    texts = Packed.of(array)
    found = np.zeros((len(array), 16), np.uint8)
    ok = np.zeros(len(array), np.bool_)
    plain = texts.lengths == 32
    if plain.any():
        words = uuids.plain_words(texts.pick(plain))
        _store(found, ok, plain, words, uuids.hexadecimal(words))
    for before, after, wrapped in ((0, 0, None), (1, 1, _braced), (len(_URN), 0, _is_urn)):
        mask = texts.lengths == before + 36 + after
        if not mask.any():
            continue
        some = texts.pick(mask)
        good = np.ones(len(some), np.bool_) if wrapped is None else wrapped(some)
        dashed, words = uuids.dashed_words(some.within(before, after))
        _store(found, ok, mask, words, good & dashed & uuids.hexadecimal(words))
    return from_numpy(found, ok, pa.binary(16))


def _store(found: NDArray[np.uint8], ok: Mask, mask: Mask, words: tuple[Words, ...], good: Mask) -> None:
    found[mask] = uuids.sixteen_bytes(words)
    ok[mask] = good


def _braced(texts: Packed) -> Mask:
    braced: Mask = (texts.byte(0) == ord("{")) & (texts.byte(37) == ord("}"))
    return braced


def _is_urn(texts: Packed) -> Mask:
    lower = texts.word(0) | np.uint64(0x2020202020202020)
    urn: Mask = (lower == text_word("urn:uuid")) & (texts.byte(3) == ord(":")) & (texts.byte(8) == ord(":"))
    return urn


def blobs_to_uuid(array: pa.Array, _: Rule) -> pa.Array:
    """BLOB of 16 bytes."""
    return sized_blobs(array, 16, pa.binary(16))


def blobs_to_bits(array: pa.Array, rule: Rule) -> pa.Array:
    """BLOB of n bits, the first of which is the highest of the first byte."""
    size = (rule.type.size or 0) // 8
    return sized_blobs(array, size, pa.binary(size))


def sized_blobs(array: pa.Array, size: int, kind: pa.DataType) -> pa.Array:
    """Return BLOBs of ``size`` bytes as fixed-width values of ``kind``, null where one has another size."""
    offsets, data = offsets_and_data(array)
    ok = np.diff(offsets) == size
    rows = np.zeros((len(array), size), np.uint8)
    if ok.all():
        rows = data[int(offsets[0]) : int(offsets[-1])].reshape(len(array), size)
    else:
        some = array.filter(pa.array(ok))
        rows[ok] = used_bytes(some).reshape(len(some), size)
    return from_numpy(rows, ok, kind)


def texts_to_json(array: pa.Array, rule: Rule) -> pa.Array:
    """TEXT that is JSON, unchanged; for jsonb only where jsonb holds it exactly."""
    good = np.ones(len(array), np.bool_)
    for mask in (malformed(array), holding_nul(array)):
        if mask is not None:
            good &= ~mask
    valid, safe = check_json(array if good.all() else array.filter(pa.array(good)))
    good[good] = safe & valid if rule.type.base is Base.JSONB else valid
    texts = only(as_string(array), good)
    return texts if pa.types.is_string(texts.type) else texts.cast(pa.string())


def integers_to_json(array: pa.Array, _: Rule) -> pa.Array:
    """INTEGER as a JSON number; nulls may stay in the array."""
    return array.cast(pa.string())


def reals_to_json(array: pa.Array, _: Rule) -> pa.Array:
    """REAL as a JSON number, its shortest exact decimal; JSON has no infinity."""
    values = array.to_numpy()
    return only(shortest_texts(values), np.isfinite(values))
