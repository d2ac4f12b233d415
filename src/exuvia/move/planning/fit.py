"""Which values of a column, by its facts, a target type cannot hold exactly."""

from __future__ import annotations

from exuvia.catalog.types import Base, SqlType
from exuvia.move.planning.fit_numbers import RANGES, integers, reals
from exuvia.move.planning.misfit import Misfit, some
from exuvia.move.planning.words import BLOB, FORMS, counted
from exuvia.values.facts import BlobFacts, ColumnFacts, TextFacts, TextForm
from exuvia.values.rules import Rule

_JSON = (Base.JSON, Base.JSONB)
_JSON_FORMS = (TextForm.JSON_OBJECT, TextForm.JSON_ARRAY, TextForm.JSON_SCALAR)
_ANY_TEXT = frozenset(TextForm) - {TextForm.MALFORMED, TextForm.NUL}
_ONE_SPELLING = (Base.UUID, Base.BOOLEAN, Base.DATE, Base.TIME, Base.TIMESTAMP, Base.TIMESTAMPTZ)
_FLOAT_DIGITS = 15
_UNSAFE = ("JSON text that jsonb cannot hold exactly", "JSON texts that jsonb cannot hold exactly")

_FORMS: dict[Base, frozenset[TextForm]] = {
    Base.BOOLEAN: frozenset({TextForm.BOOLEAN}),
    Base.SMALLINT: frozenset({TextForm.INTEGER}),
    Base.INTEGER: frozenset({TextForm.INTEGER}),
    Base.BIGINT: frozenset({TextForm.INTEGER}),
    Base.DOUBLE: frozenset({TextForm.INTEGER, TextForm.DECIMAL}),
    Base.NUMERIC: frozenset({TextForm.INTEGER, TextForm.DECIMAL}),
    Base.TEXT: _ANY_TEXT,
    Base.VARCHAR: _ANY_TEXT,
    Base.BYTEA: frozenset(TextForm),
    Base.UUID: frozenset({TextForm.UUID, TextForm.UUID_HEX}),
    Base.JSON: frozenset(_JSON_FORMS),
    Base.JSONB: frozenset(_JSON_FORMS),
    Base.DATE: frozenset({TextForm.DATE}),
    Base.TIME: frozenset({TextForm.TIME}),
    Base.TIMESTAMP: frozenset({TextForm.TIMESTAMP, TextForm.DATE}),
    Base.TIMESTAMPTZ: frozenset({TextForm.TIMESTAMP_ZONE, TextForm.TIMESTAMP, TextForm.DATE}),
    Base.TEXT_ARRAY: _ANY_TEXT,
    Base.REAL_ARRAY: frozenset({TextForm.JSON_ARRAY}),
    Base.VECTOR: frozenset({TextForm.JSON_ARRAY}),
    Base.BIT: frozenset(),
}


def misfits(rule: Rule, facts: ColumnFacts, *, trusted: bool = False) -> tuple[Misfit, ...]:
    """Return what does not fit ``rule``'s type, empty when every value fits.

    Args:
        rule: The conversion in question.
        facts: What the column holds.
        trusted: A person chose the rule: numbers then count as moments also outside the years 1990 to 2100, and
            integers may lose leading zeros.
    """
    found: list[Misfit] = []
    if facts.integers is not None:
        found += integers(rule, facts.integers, trusted=trusted)
    if facts.reals is not None:
        found += reals(rule, facts.reals, trusted=trusted)
    if facts.texts is not None:
        found += _texts(rule, facts.texts, trusted)
    if facts.blobs is not None:
        found += _blobs(rule, facts.blobs, seen=facts.vectors is not None, trusted=trusted)
    numbers = rule.type.base is Base.VECTOR or (rule.type.base is Base.REAL_ARRAY and facts.texts is not None)
    if numbers and not found and not (trusted and facts.vectors is None):
        found += _vectors(rule, facts)
    return tuple(found)


def fits(rule: Rule, facts: ColumnFacts) -> bool:
    """Whether every value of the column fits ``rule``'s type exactly."""
    return not misfits(rule, facts)


def keeps_apart(rule: Rule, facts: ColumnFacts) -> bool:
    """Whether values that SQLite tells apart surely stay different: a date and its midnight, a UUID in upper and in
    lower case, or JSON with and without blanks would become one value of a key."""
    texts = facts.texts
    if rule.type.base in _JSON:
        return texts is None or texts.count <= 1
    if rule.type.base not in _ONE_SPELLING:
        return True
    forms = texts.forms.values() if texts is not None else ()
    spellings = sum(form.count > 0 for form in forms)
    kinds = spellings + sum(part is not None for part in (facts.integers, facts.reals, facts.blobs))
    return kinds <= 1 and (texts is None or texts.spellings.tell_apart())


def _texts(rule: Rule, facts: TextFacts, trusted: bool) -> list[Misfit]:
    base, size = rule.type.base, rule.type.size
    allowed = _FORMS[base]
    if base is Base.TIMESTAMPTZ and rule.naive_time == "as-is":
        allowed = frozenset({TextForm.TIMESTAMP_ZONE})
    if base in _JSON:
        allowed |= _json_words(facts)
    found = [
        Misfit(counted(form_facts.count, FORMS[form]), form_facts.count, form_facts.examples)
        for form, form_facts in facts.forms.items()
        if form not in allowed and form_facts.count
    ]
    if base is Base.JSONB and not found:
        unsafe = sum(facts.forms[form].count for form in _JSON_FORMS if form in facts.forms) - facts.json_safe
        found += some(_UNSAFE, unsafe)
    elif base is Base.VARCHAR and size is not None and facts.max_length > size:
        found.append(Misfit(f"text of up to {facts.max_length:,} characters", 0))
    elif base in RANGES or base in (Base.DOUBLE, Base.NUMERIC):
        found += _text_digits(rule.type, facts) if not found else []
        found += _spellings(facts) if base in RANGES and not found and not trusted else []
    return found


def _json_words(facts: TextFacts) -> frozenset[TextForm]:
    """The forms of plain JSON words, where the examples show every value: true and false are JSON, yes is not."""
    words = facts.forms.get(TextForm.BOOLEAN)
    if words is None or words.count > len(words.examples):
        return frozenset()
    known = all(example.value in ("true", "false") for example in words.examples)
    return frozenset({TextForm.BOOLEAN}) if known else frozenset()


def _text_digits(wanted: SqlType, facts: TextFacts) -> list[Misfit]:
    before, after = facts.max_integer_digits, facts.max_scale
    limits = {Base.SMALLINT: 4, Base.INTEGER: 9}
    if wanted.base in limits and before > limits[wanted.base]:
        return [Misfit(f"integers of {before} digits as text", 0)]
    if wanted.base is Base.DOUBLE and before + after > _FLOAT_DIGITS:
        return [Misfit("decimal numbers of more than 15 digits as text", 0)]
    if wanted.base is Base.NUMERIC and wanted.size is not None:
        scale = wanted.scale or 0
        if after > scale or before > wanted.size - scale:
            return [Misfit(f"decimal numbers of {before} digits before and {after} after the point as text", 0)]
    return []


def _spellings(facts: TextFacts) -> list[Misfit]:
    """Integers as text whose spelling an integer type would not keep, such as 007."""
    integers = facts.forms.get(TextForm.INTEGER)
    odd = integers.count - facts.canonical_integers if integers else 0
    words = ("integer as text with a sign or leading zeros", "integers as text with signs or leading zeros")
    return some(words, odd, integers.examples if integers else ())


def _blobs(rule: Rule, facts: BlobFacts, *, seen: bool, trusted: bool) -> list[Misfit]:
    """``seen`` says that vectors of other sizes have been counted one by one."""
    base, size = rule.type.base, rule.type.size
    if base is Base.BYTEA:
        return []
    if base in (Base.TEXT, Base.VARCHAR):
        too_long = size is not None and facts.max_length > size
        found = some(("BLOB that is not text", "BLOBs that are not text"), facts.count - facts.utf8, facts.examples)
        return [*found, Misfit(f"BLOBs of up to {facts.max_length:,} bytes", 0)] if too_long else found
    if base is Base.UUID and facts.min_length == facts.max_length == 16:
        return []
    if base is Base.BIT and facts.min_length == facts.max_length == (size or 0) // 8:
        return []
    if base in (Base.VECTOR, Base.REAL_ARRAY):
        return [] if seen and (trusted or facts.float32 == facts.count) else _blob_vectors(size, facts, seen=seen)
    return some(BLOB, facts.count, facts.examples)


def _blob_vectors(size: int | None, facts: BlobFacts, *, seen: bool) -> list[Misfit]:
    if not seen and size is not None and not facts.min_length == facts.max_length == 4 * size:
        return [Misfit(f"BLOBs of {facts.min_length:,} to {facts.max_length:,} bytes", 0, facts.examples)]
    words = ("BLOB that is no float32 vector", "BLOBs that are no float32 vectors")
    return some(words, facts.count - facts.float32, facts.examples)


def _vectors(rule: Rule, facts: ColumnFacts) -> list[Misfit]:
    """Values that are no vectors, not finite, or of another size than the type's."""
    values, vectors, size = facts.rows - facts.nulls, facts.vectors, rule.type.size
    if not values:
        return []
    if vectors is None or vectors.count < values:
        return [Misfit("values that are no vectors", 0)] if facts.texts is not None else []
    found: list[Misfit] = []
    for length, part in vectors.dimensions.items():
        if not length:
            found += some(("value that is no vector", "values that are no vectors"), part.count, part.examples)
        elif size is not None and length != size:
            words = (f"vector of {length:,} numbers", f"vectors of {length:,} numbers")
            found += some(words, part.count, part.examples)
    if rule.type.base is Base.VECTOR:
        words = ("vector that is not finite", "vectors that are not finite")
        found += some(words, vectors.not_finite.count, vectors.not_finite.examples)
    return found
