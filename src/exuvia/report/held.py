"""What a column's values are, in a sentence, with what they might mean."""

from __future__ import annotations

from exuvia.move.planning.evidence import evidence
from exuvia.report.words import counted
from exuvia.values.facts import BlobFacts, ColumnFacts, IntegerFacts, RealFacts, TextFacts, TextForm, VectorFacts

_JSON = (TextForm.JSON_OBJECT, TextForm.JSON_ARRAY, TextForm.JSON_SCALAR)
_MOST_SIZES = 3


def held(facts: ColumnFacts) -> str:
    """Return what the values of a column are, as the plan's evidence does, and what they could be read as.

    A reading is only named when every value of the storage class allows it; whether it is right, a person knows.
    """
    hints = [
        *(_of_integers(facts.integers) if facts.integers else []),
        *(_of_reals(facts.reals) if facts.reals else []),
        *(_of_texts(facts.texts) if facts.texts else []),
        *(_of_blobs(facts.blobs) if facts.blobs else []),
        *(_of_vectors(facts.vectors) if facts.vectors else []),
    ]
    return "; ".join([evidence(facts), *hints])


def _of_integers(facts: IntegerFacts) -> list[str]:
    if facts.zero_or_one == facts.count:
        return ["0 or 1 throughout"]
    units = {"seconds": facts.seconds, "milliseconds": facts.milliseconds, "microseconds": facts.microseconds}
    return [f"could be {unit} since 1970" for unit, number in units.items() if number == facts.count]


def _of_reals(facts: RealFacts) -> list[str]:
    units = {"seconds since 1970": facts.seconds, "milliseconds since 1970": facts.milliseconds}
    units["Julian days"] = facts.julian_days
    hints = [f"could be {unit}" for unit, number in units.items() if number == facts.count]
    hints += ["whole numbers throughout"] if facts.integral == facts.count else []
    return hints + ([f"{facts.not_finite:,} infinite"] if facts.not_finite else [])


def _of_texts(facts: TextFacts) -> list[str]:
    hints = []
    unsafe = sum(facts.forms[form].count for form in _JSON if form in facts.forms) - facts.json_safe
    if unsafe > 0:
        hints.append(f"{counted(unsafe, 'JSON text')} that jsonb cannot hold")
    integers = facts.forms.get(TextForm.INTEGER)
    if integers and integers.count > facts.canonical_integers:
        hints.append(f"{counted(integers.count - facts.canonical_integers, 'integer')} with leading zeros or a sign")
    return hints


def _of_blobs(facts: BlobFacts) -> list[str]:
    return ["UTF-8 text throughout"] if facts.utf8 == facts.count else []


def _of_vectors(facts: VectorFacts) -> list[str]:
    sizes = {size: found.count for size, found in facts.dimensions.items() if size}
    common = sorted(sizes, key=lambda size: -sizes[size])[:_MOST_SIZES]
    hints = [f"{counted(sizes[size], 'vector')} of {size:,} numbers" for size in common]
    rest = sum(sizes.values()) - sum(sizes[size] for size in common)
    hints += [f"{counted(rest, 'vector')} of other sizes"] if rest else []
    return hints + ([f"{facts.not_finite.count:,} of them not finite"] if facts.not_finite.count else [])
