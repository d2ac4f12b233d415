"""Facts of two parts of a column, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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

EXAMPLES = 3
_MOST_SIZES = 64  # columns of embeddings have one size, or a few
_NONE = FormFacts(0)
_Facts = TypeVar("_Facts")


def merge(a: ColumnFacts, b: ColumnFacts) -> ColumnFacts:
    """Return the facts of two disjoint parts of one column, in any order; of examples the first three stay."""
    return ColumnFacts(
        rows=a.rows + b.rows,
        nulls=a.nulls + b.nulls,
        integers=_either(a.integers, b.integers, _integers),
        reals=_either(a.reals, b.reals, _reals),
        texts=_either(a.texts, b.texts, _texts),
        blobs=_either(a.blobs, b.blobs, _blobs),
        null_examples=_first(a.null_examples, b.null_examples),
        vectors=_either(a.vectors, b.vectors, _vectors),
    )


def _either(a: _Facts | None, b: _Facts | None, both: Callable[[_Facts, _Facts], _Facts]) -> _Facts | None:
    if a is None or b is None:
        return a if b is None else b
    return both(a, b)


def _first(a: tuple[Example, ...], b: tuple[Example, ...]) -> tuple[Example, ...]:
    if len(a) == EXAMPLES and (not b or a[-1].position < b[0].position):
        return a
    return tuple(sorted(a + b, key=lambda example: example.position)[:EXAMPLES])


def _integers(a: IntegerFacts, b: IntegerFacts) -> IntegerFacts:
    return IntegerFacts(
        count=a.count + b.count,
        minimum=min(a.minimum, b.minimum),
        maximum=max(a.maximum, b.maximum),
        zero_or_one=a.zero_or_one + b.zero_or_one,
        seconds=a.seconds + b.seconds,
        milliseconds=a.milliseconds + b.milliseconds,
        microseconds=a.microseconds + b.microseconds,
        examples=_first(a.examples, b.examples),
    )


def _reals(a: RealFacts, b: RealFacts) -> RealFacts:
    scales = (a.max_scale, b.max_scale)
    return RealFacts(
        count=a.count + b.count,
        minimum=min(a.minimum, b.minimum),
        maximum=max(a.maximum, b.maximum),
        integral=a.integral + b.integral,
        not_finite=a.not_finite + b.not_finite,
        max_scale=None if scales[0] is None or scales[1] is None else max(scales[0], scales[1]),
        max_integer_digits=max(a.max_integer_digits, b.max_integer_digits),
        seconds=a.seconds + b.seconds,
        milliseconds=a.milliseconds + b.milliseconds,
        julian_days=a.julian_days + b.julian_days,
        examples=_first(a.examples, b.examples),
    )


def _texts(a: TextFacts, b: TextFacts) -> TextFacts:
    forms = dict(a.forms)
    for form, facts in b.forms.items():
        forms[form] = _forms(forms.get(form, _NONE), facts)
    return TextFacts(
        count=a.count + b.count,
        min_length=min(a.min_length, b.min_length),
        max_length=max(a.max_length, b.max_length),
        max_bytes=max(a.max_bytes, b.max_bytes),
        forms=forms,
        json_safe=a.json_safe + b.json_safe,
        max_scale=max(a.max_scale, b.max_scale),
        max_integer_digits=max(a.max_integer_digits, b.max_integer_digits),
        canonical_integers=a.canonical_integers + b.canonical_integers,
        spellings=a.spellings | b.spellings,
    )


def _blobs(a: BlobFacts, b: BlobFacts) -> BlobFacts:
    return BlobFacts(
        count=a.count + b.count,
        min_length=min(a.min_length, b.min_length),
        max_length=max(a.max_length, b.max_length),
        utf8=a.utf8 + b.utf8,
        float32=a.float32 + b.float32,
        examples=_first(a.examples, b.examples),
    )


def _vectors(a: VectorFacts, b: VectorFacts) -> VectorFacts:
    sizes = [*a.dimensions, *(size for size in b.dimensions if size not in a.dimensions)][:_MOST_SIZES]
    return VectorFacts(
        count=a.count + b.count,
        dimensions={size: _forms(a.dimensions.get(size, _NONE), b.dimensions.get(size, _NONE)) for size in sizes},
        zero=_forms(a.zero, b.zero),
        not_finite=_forms(a.not_finite, b.not_finite),
    )


def _forms(a: FormFacts, b: FormFacts) -> FormFacts:
    return FormFacts(a.count + b.count, _first(a.examples, b.examples))
