"""The examples within a column's facts: finding their positions, and putting the rows' names in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from exuvia.values.facts import ColumnFacts, Example, FormFacts, VectorFacts

Rename = Callable[[Example], Example]


def examples_of(facts: ColumnFacts) -> Iterator[Example]:
    """Yield every example within ``facts``."""
    for part in (facts.integers, facts.reals, facts.blobs):
        if part is not None:
            yield from part.examples
    if facts.texts is not None:
        for form in facts.texts.forms.values():
            yield from form.examples
    yield from facts.null_examples
    if facts.vectors is not None:
        for found in (*facts.vectors.dimensions.values(), facts.vectors.zero, facts.vectors.not_finite):
            yield from found.examples


def renamed(facts: ColumnFacts, rename: Rename) -> ColumnFacts:
    """Return ``facts`` with ``rename`` applied to every example."""

    def each(examples: tuple[Example, ...]) -> tuple[Example, ...]:
        return tuple(rename(example) for example in examples)

    integers, reals, texts, blobs = facts.integers, facts.reals, facts.texts, facts.blobs
    if texts is not None:
        forms = {form: replace(found, examples=each(found.examples)) for form, found in texts.forms.items()}
        texts = replace(texts, forms=forms)
    return replace(
        facts,
        integers=replace(integers, examples=each(integers.examples)) if integers else None,
        reals=replace(reals, examples=each(reals.examples)) if reals else None,
        texts=texts,
        blobs=replace(blobs, examples=each(blobs.examples)) if blobs else None,
        null_examples=each(facts.null_examples),
        vectors=_vectors(facts.vectors, each) if facts.vectors else None,
    )


def _vectors(facts: VectorFacts, each: Callable[[tuple[Example, ...]], tuple[Example, ...]]) -> VectorFacts:
    def of(found: FormFacts) -> FormFacts:
        return replace(found, examples=each(found.examples))

    dimensions = {size: of(found) for size, found in facts.dimensions.items()}
    return replace(facts, dimensions=dimensions, zero=of(facts.zero), not_finite=of(facts.not_finite))
