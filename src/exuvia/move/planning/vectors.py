"""Columns of vectors: which become vector(n), and what a person should know about their values."""

from __future__ import annotations

import re

from exuvia.catalog.types import Base, SqlType
from exuvia.move.plan import Problem
from exuvia.move.planning.proposals import Proposal
from exuvia.move.planning.words import counted
from exuvia.values.facts import ColumnFacts, Example, VectorFacts
from exuvia.values.rules import Rule

MAX_DIMENSIONS = 16_000  # pgvector's limit for a column of type vector

# float[384] is vec0's, F32_BLOB(384) and FLOAT32(384) are libSQL's.
_DECLARED = re.compile(
    r"\s*(?:(?:float|f32|float32)\s*\[\s*(\d+)\s*\]|(?:f32_blob|float32|vector)\s*\(\s*(\d+)\s*\))\s*", re.IGNORECASE
)
_BITS = re.compile(r"\s*bit\s*\[\s*(\d+)\s*\]\s*", re.IGNORECASE)
_ANY_SIZE = "float[]"
_MOST = 0.9  # of the values have one size, else the column is nothing that vectors alone would explain
_VALUES = ("value is", "values are")


def declared_vector(declared_type: str, facts: ColumnFacts, *, pgvector: bool) -> Proposal | None:
    """Return the vector that a declared type asks for, such as ``float[384]``, ``F32_BLOB(384)`` or ``bit[384]``.

    ``float[]`` is vector(n) where all values have one size, else real[].
    """
    if declared_type.lower() == _ANY_SIZE:
        several = Proposal(Rule(SqlType(Base.REAL_ARRAY)), "vectors of several sizes, or of few numbers")
        return embedding(facts, pgvector=pgvector) or several
    bits = _BITS.fullmatch(declared_type)
    if bits is not None and int(bits[1]) and int(bits[1]) % 8 == 0:
        return Proposal(Rule(SqlType(Base.BIT, int(bits[1]))), f"declared {declared_type}")
    match = _DECLARED.fullmatch(declared_type)
    if match is None:
        return None
    return _proposal(int(match[1] or match[2]), f"declared {declared_type}", pgvector=pgvector)


def is_vector(declared_type: str) -> bool:
    """Whether a declared type is one of vectors."""
    forms = (_DECLARED, _BITS)
    return declared_type.lower() == _ANY_SIZE or any(form.fullmatch(declared_type) is not None for form in forms)


def embedding(facts: ColumnFacts, *, pgvector: bool) -> Proposal | None:
    """Return vector(n) where every value is a finite vector of n numbers, or real[] where the target lacks pgvector."""
    size = _size(facts)
    values = facts.rows - facts.nulls
    if size is None or facts.vectors is None or facts.vectors.dimensions[size].count < values:
        return None
    if facts.vectors.not_finite.count or (facts.blobs is not None and facts.blobs.float32 < facts.blobs.count):
        return None
    kind = "float32 numbers" if facts.texts is None else "numbers in JSON"
    return _proposal(size, f"every value is a vector of {size:,} {kind}", pgvector=pgvector)


def _proposal(size: int, reason: str, *, pgvector: bool) -> Proposal | None:
    if not size:
        return None
    if pgvector and size <= MAX_DIMENSIONS:
        return Proposal(Rule(SqlType(Base.VECTOR, size)), reason)
    why = "pgvector is not in the target" if not pgvector else f"pgvector's limit is {MAX_DIMENSIONS:,}"
    return Proposal(Rule(SqlType(Base.REAL_ARRAY)), f"{reason}; {why}")


def _size(facts: ColumnFacts) -> int | None:
    """The size of most of a column's vectors; None where they are not most of its values."""
    vectors, values = facts.vectors, facts.rows - facts.nulls
    if vectors is None or not vectors.dimensions:
        return None
    size = max(vectors.dimensions, key=lambda each: vectors.dimensions[each].count)
    blobs = facts.blobs
    # Digits and capitals read as ordinary numbers too: BLOBs that are text are no vectors
    plausible = blobs is None or (blobs.float32 >= _MOST * blobs.count and 2 * blobs.utf8 <= blobs.count)
    return size if size and plausible and vectors.dimensions[size].count >= _MOST * values else None


def vector_problems(rule: Rule, facts: ColumnFacts, where: str) -> tuple[Problem, ...]:
    """Return what a person should know of a column of vectors: those of another size, not finite or all zero, what
    their type costs, and that there are vectors where they stay BLOBs or JSON.

    Args:
        rule: The column's conversion.
        facts: What it holds.
        where: The column, as ``table.column``.
    """
    size, vectors = _size(facts), facts.vectors
    if size is None or vectors is None or rule.type.base in (Base.TEXT_ARRAY, Base.UUID, Base.BIT):
        return ()
    found = [*_odd(vectors, size, where)]
    if rule.type.base is Base.VECTOR and facts.texts is not None:
        message = "The numbers are rounded to float32, as vector holds them: 7 digits and a little more."
        found.append(Problem("note", where, message))
    elif rule.type.base is Base.REAL_ARRAY:
        message = f"Its vectors of {size:,} numbers become real[], which no index for nearest neighbours takes."
        found.append(Problem("note", where, message))
    elif rule.type.base is not Base.VECTOR and size <= MAX_DIMENSIONS:
        what = "All" if len(vectors.dimensions) == 1 else f"{vectors.dimensions[size].count:,} of the"
        kind = f"{facts.rows - facts.nulls:,} {'BLOBs' if facts.texts is None else 'texts'}"
        message = f"{what} {kind} read as vectors of {size} float32 numbers."
        choices = (f'type = "vector({size})" (needs pgvector in the target)',)
        found.append(Problem("note", where, message, choices=choices))
    return tuple(found)


def _odd(vectors: VectorFacts, size: int, where: str) -> list[Problem]:
    """Values that are not as the others."""
    found: list[Problem] = []
    others = {length: part for length, part in vectors.dimensions.items() if length != size}
    if others:
        count = sum(part.count for part in others.values())
        rows: tuple[Example, ...] = tuple(example for part in others.values() for example in part.examples)[:3]
        message = f"{counted(count, _VALUES)} not a vector of {size:,} numbers, as the others are."
        choices = (f'type = "vector({size})", on_misfit = "null"', f'type = "vector({size})", on_misfit = "quarantine"')
        found.append(Problem("warning", where, message, rows, count, choices))
    if vectors.not_finite.count:
        message = f"{counted(vectors.not_finite.count, _VALUES)} a vector with NaN or infinity in it."
        found.append(Problem("warning", where, message, vectors.not_finite.examples, vectors.not_finite.count))
    if vectors.zero.count:
        message = (
            f"{counted(vectors.zero.count, _VALUES)} a vector of zeros: "
            "it has no direction, and a search by cosine does not find it."
        )
        found.append(Problem("warning", where, message, vectors.zero.examples, vectors.zero.count))
    return found
