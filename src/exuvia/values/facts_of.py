"""The facts of one batch of a column, counted without a loop over its values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exuvia.values.cells import Cells
from exuvia.values.classify import FORMS, forms_of
from exuvia.values.facts import (
    BlobFacts,
    ColumnFacts,
    Example,
    FormFacts,
    IntegerFacts,
    RealFacts,
    TextFacts,
    VectorFacts,
)
from exuvia.values.merge import EXAMPLES, merge
from exuvia.values.packed import Mask, Numbers, offsets_and_data, windows
from exuvia.values.reals import Doubles, integer_digits, most_decimals
from exuvia.values.utf8 import SHOWN, characters, holding_nul, malformed, shortened
from exuvia.values.vectors import blob_vectors, text_vectors

__all__ = ["facts_of", "merge"]

_SECONDS = (631_152_000, 4_102_444_800)
_JULIAN_DAYS = (2_447_892.5, 2_488_069.5)
_ORDINARY = (1e-30, 1e6)

_Show = Callable[[int], str]


class _Places:
    """Where the values of one storage class stand in the table."""

    def __init__(self, array: pa.Array, start: int) -> None:
        self.start = start
        self.rows: Numbers | None = None
        if array.null_count:
            self.rows = np.flatnonzero(_valid(array))

    def examples(self, numbers: Numbers, show: _Show) -> tuple[Example, ...]:
        """Show the first of the values with these numbers (counted among the values of this class)."""
        first = [int(number) for number in numbers[:EXAMPLES]]
        rows = [number if self.rows is None else int(self.rows[number]) for number in first]
        return tuple(Example(self.start + row, show(number)) for row, number in zip(rows, first, strict=True))


def facts_of(cells: Cells, start: int) -> ColumnFacts:
    """Count what one batch of a column holds.

    Args:
        cells: The batch.
        start: The position of its first row in the table's reading order.
    """
    parts = {kind.value: part for kind, part in cells.parts().items() if part.null_count < len(part)}
    held = sum(len(part) - part.null_count for part in parts.values())
    nulls = cells.length - held
    integers, reals, texts, blobs = (parts.get(name) for name in ("integer", "real", "text", "blob"))
    return ColumnFacts(
        rows=cells.length,
        nulls=nulls,
        integers=None if integers is None else _integers(integers, start),
        reals=None if reals is None else _reals(reals, start),
        texts=None if texts is None else _texts(texts, start),
        blobs=None if blobs is None else _blobs(blobs, start),
        null_examples=_nulls(list(parts.values()), cells.length, start) if nulls else (),
        vectors=_embeddings(texts, blobs, start) if integers is None and reals is None else None,
    )


def _embeddings(texts: pa.Array | None, blobs: pa.Array | None, start: int) -> VectorFacts | None:
    """Look for vectors where all values are BLOBs, or all are texts."""
    array = texts if blobs is None else blobs
    if array is None or (texts is not None and blobs is not None):
        return None
    values, places = _present(array), _Places(array, start)
    if blobs is None:
        return text_vectors(values, lambda rows: places.examples(rows, _shower(values)))
    lengths = pc.binary_length(values).to_numpy()

    return blob_vectors(values, lengths, lambda rows: places.examples(rows, _hexadecimal(values)))


def _valid(array: pa.Array) -> Mask:
    mask: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return mask


def _present(array: pa.Array) -> pa.Array:
    return array.drop_null() if array.null_count else array


def _nulls(parts: list[pa.Array], length: int, start: int) -> tuple[Example, ...]:
    held = np.zeros(length, np.bool_)
    for part in parts:
        held |= _valid(part)
    return tuple(Example(start + int(row), "NULL") for row in np.flatnonzero(~held)[:EXAMPLES])


def _between(values: Numbers | Doubles, bounds: tuple[float, float], extremes: tuple[float, float]) -> int:
    """Count lower <= value < upper; ``extremes`` are the smallest and largest value, which often tell at once."""
    lower, upper = bounds
    least, most = extremes
    if most < lower or least >= upper:
        return 0
    if least >= lower and most < upper:
        return len(values)
    return int(np.count_nonzero((values >= lower) & (values < upper)))


def _integers(array: pa.Array, start: int) -> IntegerFacts:
    values = _present(array).to_numpy()
    extremes = (int(values.min()), int(values.max()))
    return IntegerFacts(
        count=len(values),
        minimum=extremes[0],
        maximum=extremes[1],
        zero_or_one=_between(values, (0, 2), extremes),
        seconds=_between(values, _SECONDS, extremes),
        milliseconds=_between(values, (_SECONDS[0] * 1000, _SECONDS[1] * 1000), extremes),
        microseconds=_between(values, (_SECONDS[0] * 10**6, _SECONDS[1] * 10**6), extremes),
        examples=_Places(array, start).examples(np.arange(min(EXAMPLES, len(values))), lambda at: str(values[at])),
    )


def _reals(array: pa.Array, start: int) -> RealFacts:
    values: Doubles = _present(array).to_numpy()
    extremes = (float(values.min()), float(values.max()))
    largest = max(abs(extremes[0]), abs(extremes[1]))
    finite = values
    if not np.isfinite(largest):
        finite = values[np.isfinite(values)]
        largest = float(np.abs(finite).max()) if len(finite) else 0.0
    return RealFacts(
        count=len(values),
        minimum=extremes[0],
        maximum=extremes[1],
        integral=int(np.count_nonzero(np.rint(finite) == finite)),
        not_finite=len(values) - len(finite),
        max_scale=most_decimals(finite),
        max_integer_digits=integer_digits(largest),
        seconds=_between(values, _SECONDS, extremes),
        milliseconds=_between(values, (_SECONDS[0] * 1000, _SECONDS[1] * 1000), extremes),
        julian_days=_between(values, _JULIAN_DAYS, extremes),
        examples=_Places(array, start).examples(
            np.arange(min(EXAMPLES, len(values))), lambda at: repr(float(values[at]))
        ),
    )


def _texts(array: pa.Array, start: int) -> TextFacts:
    values, places = _present(array), _Places(array, start)
    lengths = characters(values)
    offsets, _ = offsets_and_data(values)
    forms = forms_of(values)
    counts = np.bincount(forms.codes, minlength=len(FORMS))
    return TextFacts(
        count=len(values),
        min_length=int(lengths.min()),
        max_length=int(lengths.max()),
        max_bytes=int(np.diff(offsets).max()),
        forms={
            form: FormFacts(int(counts[code]), places.examples(_first_of(forms.codes, code), _shower(values)))
            for code, form in enumerate(FORMS)
            if counts[code]
        },
        json_safe=forms.json_safe,
        max_scale=forms.max_scale,
        max_integer_digits=forms.max_integer_digits,
        canonical_integers=forms.canonical_integers,
        spellings=forms.spellings,
    )


def _first_of(codes: NDArray[np.uint8], code: int) -> Numbers:
    head = np.flatnonzero(codes[:64] == code)
    return head if len(head) >= EXAMPLES else np.flatnonzero(codes == code)


def _shower(values: pa.Array) -> _Show:
    return lambda at: shortened(_head(values, at, 4 * SHOWN + 4))


def _head(values: pa.Array, at: int, size: int) -> bytes:
    """Return the first bytes of a value, without copying the whole of it."""
    whole = values[at].as_buffer()
    head: bytes = whole.slice(0, min(size, whole.size)).to_pybytes()
    return head


def _blobs(array: pa.Array, start: int) -> BlobFacts:
    values, places = _present(array), _Places(array, start)
    lengths = pc.binary_length(values).to_numpy()
    spoiled = np.zeros(len(values), np.bool_)
    for mask in (holding_nul(values), malformed(values)):
        if mask is not None:
            spoiled |= mask
    return BlobFacts(
        count=len(values),
        min_length=int(lengths.min()),
        max_length=int(lengths.max()),
        utf8=int(np.count_nonzero(~spoiled)),
        float32=_vectors(values, lengths),
        examples=places.examples(np.arange(min(EXAMPLES, len(values))), _hexadecimal(values)),
    )


def _hexadecimal(values: pa.Array) -> _Show:
    def show(at: int) -> str:
        head, size = _head(values, at, 24).hex().upper(), values[at].as_buffer().size
        return f"X'{head}'" if size <= 24 else f"X'{head}…' ({size} bytes)"

    return show


def _vectors(values: pa.Array, lengths: NDArray[np.integer]) -> int:
    """Count the values that read as vectors: every float32 is 0 or of an embedding's usual size."""
    offsets, data = offsets_and_data(values)
    likely = (lengths > 0) & (lengths % 4 == 0)
    if not likely.any():
        return 0
    if likely.all():
        whole = np.frombuffer(data, "<f4", int(offsets[-1] - offsets[0]) // 4, int(offsets[0]))
        odd = np.zeros(len(values), np.bool_)
        edges = (offsets - offsets[0]) // 4
        for start, part in windows(whole):
            places = np.flatnonzero(~_ordinary(part))
            odd[np.searchsorted(edges, places + start, "right") - 1] = True
        return len(values) - int(np.count_nonzero(odd))
    return _vectors(values.filter(pa.array(likely)), lengths[likely])


def _ordinary(numbers: NDArray[np.float32]) -> Mask:
    size = np.abs(numbers)
    ordinary: Mask = ((size >= _ORDINARY[0]) & (size <= _ORDINARY[1])) | (size == 0)
    return ordinary
