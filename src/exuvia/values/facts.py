"""What a column really holds: counts, ranges and forms over ALL of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exuvia.values.spellings import NO_SPELLINGS, Spellings


class TextForm(StrEnum):
    """The form of a text value; each value has exactly one, the first that applies in this order."""

    MALFORMED = "malformed"  # not UTF-8
    NUL = "nul"  # holds U+0000
    EMPTY = "empty"
    INTEGER = "integer"  # [+-]?digits, fits 64 bits
    DECIMAL = "decimal"  # digits with a point, or an integer over 64 bits; no exponent
    FLOAT = "float"  # with an exponent
    BOOLEAN = "boolean"  # true false t f yes no y n on off, any case
    UUID = "uuid"  # 8-4-4-4-12 hexadecimal digits
    UUID_HEX = "uuid_hex"  # 32 hexadecimal digits
    DATE = "date"  # YYYY-MM-DD and a real day
    TIME = "time"  # HH:MM[:SS[.f]], at most 6 significant fraction digits
    TIMESTAMP = "timestamp"  # date, T or space, time; no zone; PostgreSQL can hold it exactly
    TIMESTAMP_ZONE = "timestamp_zone"  # the same with Z or an offset
    JSON_OBJECT = "json_object"
    JSON_ARRAY = "json_array"
    JSON_SCALAR = "json_scalar"  # null, or a quoted string (numbers and true/false have their own forms)
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Example:
    """One value that shows a fact. ``position`` counts rows from 0 in the table's reading order; ``row`` names the
    row for people (``rowid=17``, ``id='a'``), empty until it has been looked up; ``value`` is shortened for print."""

    position: int
    value: str
    row: str = ""


@dataclass(frozen=True, slots=True)
class FormFacts:
    """How many values have a form, and up to three of them."""

    count: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class IntegerFacts:
    """INTEGER values: how many, their range, how many are 0 or 1, and how many lie between 1990 and 2100 when read
    as seconds, milliseconds or microseconds since 1970."""

    count: int
    minimum: int
    maximum: int
    zero_or_one: int
    seconds: int
    milliseconds: int
    microseconds: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class RealFacts:
    """REAL values: ``integral`` counts whole numbers, ``not_finite`` infinities; ``max_scale`` is the largest number
    of decimals of any value's shortest exact form (None when some value needs an exponent or more than 15
    significant digits), ``max_integer_digits`` the digits before the point."""

    count: int
    minimum: float
    maximum: float
    integral: int
    not_finite: int
    max_scale: int | None
    max_integer_digits: int
    seconds: int
    milliseconds: int
    julian_days: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class TextFacts:
    """TEXT values. Lengths are in characters, ``max_bytes`` in UTF-8 bytes. ``json_safe`` is how many of the JSON
    objects, arrays and scalars PostgreSQL's jsonb can hold (no \\u0000, no lone surrogate, no duplicate key);
    ``max_scale`` and ``max_integer_digits`` describe the INTEGER and DECIMAL forms; ``canonical_integers`` is how many
    INTEGER texts are spelled as PostgreSQL prints the number (not ``007``, ``+5`` or ``-0``). ``spellings`` are those
    of dates, times and UUIDs."""

    count: int
    min_length: int
    max_length: int
    max_bytes: int
    forms: Mapping[TextForm, FormFacts]
    json_safe: int = 0
    max_scale: int = 0
    max_integer_digits: int = 0
    canonical_integers: int = 0
    spellings: Spellings = NO_SPELLINGS


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """BLOB values: lengths in bytes, how many are valid UTF-8 without NUL, how many read as little-endian float32
    vectors (length a multiple of 4, every number finite and of ordinary magnitude)."""

    count: int
    min_length: int
    max_length: int
    utf8: int
    float32: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class VectorFacts:
    """What the values of a column are as vectors: BLOBs of little-endian float32, or JSON texts of numbers.

    ``count`` values were looked at; ``dimensions`` says how many are vectors of each size, under 0 those that are
    none. ``zero`` ones hold nothing but zeros, ``not_finite`` ones an infinity or NaN.
    """

    count: int
    dimensions: Mapping[int, FormFacts]
    zero: FormFacts
    not_finite: FormFacts


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """Everything counted about one column; a part is None when no value has that storage class, and ``vectors`` is
    None where most values cannot be embeddings."""

    rows: int = 0
    nulls: int = 0
    integers: IntegerFacts | None = None
    reals: RealFacts | None = None
    texts: TextFacts | None = None
    blobs: BlobFacts | None = None
    null_examples: tuple[Example, ...] = field(default=())
    vectors: VectorFacts | None = None
