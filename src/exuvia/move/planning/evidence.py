"""What a column's values showed, in a sentence for people."""

from __future__ import annotations

from exuvia.move.planning.words import BLOB, CHARACTER, DECIMAL, FORMS, INTEGER, REAL, ROW, TEXT, counted
from exuvia.values.facts import BlobFacts, ColumnFacts, IntegerFacts, RealFacts, TextFacts, TextForm

_MOST_FORMS = 4


def evidence(facts: ColumnFacts) -> str:
    """Return what the values of a column are, such as ``12 integers, 1 to 40, no NULL``."""
    if facts.rows == 0:
        return "no rows"
    if facts.nulls == facts.rows:
        return f"only NULL, in {counted(facts.rows, ROW)}"
    parts = [
        *([_integers(facts.integers)] if facts.integers else []),
        *([_reals(facts.reals)] if facts.reals else []),
        *([_texts(facts.texts)] if facts.texts else []),
        *([_blobs(facts.blobs)] if facts.blobs else []),
    ]
    nulls = f"{facts.nulls:,} NULL" if facts.nulls else "no NULL"
    return f"{'; '.join(parts)}{';' if len(parts) > 1 else ','} {nulls}"


def _range(low: object, high: object) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _integers(facts: IntegerFacts) -> str:
    return f"{counted(facts.count, INTEGER)}, {_range(f'{facts.minimum:,}', f'{facts.maximum:,}')}"


def _reals(facts: RealFacts) -> str:
    scale = "" if facts.max_scale is None else f", up to {counted(facts.max_scale, DECIMAL)}"
    return f"{counted(facts.count, REAL)}, {_range(repr(facts.minimum), repr(facts.maximum))}{scale}"


def _texts(facts: TextFacts) -> str:
    found = sorted(((form, f.count) for form, f in facts.forms.items() if f.count), key=lambda pair: -pair[1])
    longest = counted(facts.max_length, CHARACTER)
    length = longest if facts.min_length == facts.max_length else f"{facts.min_length:,} to {longest}"
    if not found or [form for form, _ in found] == [TextForm.OTHER]:
        return f"{counted(facts.count, TEXT)}, {length}"
    shown = [counted(count, FORMS[form]) for form, count in found[:_MOST_FORMS]]
    rest = sum(count for _, count in found[_MOST_FORMS:])
    forms = ", ".join([*shown, *([f"{rest:,} more"] if rest else [])])
    return f"{forms}, {length}"


def _blobs(facts: BlobFacts) -> str:
    size = _range(f"{facts.min_length:,}", f"{facts.max_length:,}")
    return f"{counted(facts.count, BLOB)}, {size} {'byte' if size == '1' else 'bytes'}"
