"""The shape of ``exuvia inspect --json``: stable field names, by the rules of ``exuvia.report.document``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from exuvia.report.document import ExampleDocument, SourceDocument


@dataclass(frozen=True, slots=True)
class IntegersDocument:
    """INTEGER values. ``seconds``, ``milliseconds`` and ``microseconds`` count those between 1990 and 2100 when read
    so since 1970."""

    count: int
    minimum: int
    maximum: int
    zero_or_one: int
    seconds: int
    milliseconds: int
    microseconds: int
    examples: Sequence[ExampleDocument]


@dataclass(frozen=True, slots=True)
class RealsDocument:
    """REAL values; ``max_scale`` is null when a value needs an exponent or over 15 digits. An infinite bound is
    ``Infinity`` or ``-Infinity``."""

    count: int
    minimum: float | str
    maximum: float | str
    integral: int
    not_finite: int
    max_scale: int | None
    max_integer_digits: int
    seconds: int
    milliseconds: int
    julian_days: int
    examples: Sequence[ExampleDocument]


@dataclass(frozen=True, slots=True)
class FormDocument:
    """How many texts have a form, and up to three of them."""

    count: int
    examples: Sequence[ExampleDocument]


@dataclass(frozen=True, slots=True)
class TextsDocument:
    """TEXT values: lengths in characters, and every value's form (``exuvia.values.facts.TextForm``)."""

    count: int
    min_length: int
    max_length: int
    max_bytes: int
    forms: Mapping[str, FormDocument]
    json_safe: int
    max_scale: int
    max_integer_digits: int
    canonical_integers: int


@dataclass(frozen=True, slots=True)
class BlobsDocument:
    """BLOB values: lengths in bytes, how many are UTF-8 and how many read as vectors of float32."""

    count: int
    min_length: int
    max_length: int
    utf8: int
    float32: int
    examples: Sequence[ExampleDocument]


@dataclass(frozen=True, slots=True)
class VectorsDocument:
    """Values read as vectors: ``dimensions`` counts them by size, with those that are no vector under ``0``."""

    count: int
    dimensions: Mapping[str, FormDocument]
    zero: FormDocument
    not_finite: FormDocument


@dataclass(frozen=True, slots=True)
class FactsDocument:
    """What a column holds; a storage class that does not occur is null, ``vectors`` where there hardly are any."""

    rows: int
    nulls: int
    integers: IntegersDocument | None
    reals: RealsDocument | None
    texts: TextsDocument | None
    blobs: BlobsDocument | None
    vectors: VectorsDocument | None


@dataclass(frozen=True, slots=True)
class InspectedColumnDocument:
    """A column as declared, its facts (null when it was not read), and the facts in a sentence."""

    name: str
    declared_type: str
    affinity: str
    not_null: bool
    default: str | None
    collation: str
    generated: str | None
    summary: str
    facts: FactsDocument | None


@dataclass(frozen=True, slots=True)
class InspectedForeignKeyDocument:
    """A foreign key as declared; ``target_columns`` is empty when what it refers to does not exist."""

    columns: Sequence[str]
    target_table: str
    target_columns: Sequence[str]
    on_update: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class InspectedIndexDocument:
    """An index and its CREATE INDEX text."""

    name: str
    unique: bool
    sql: str


@dataclass(frozen=True, slots=True)
class InspectedTableDocument:
    """A table. ``rows`` and ``bytes`` are null, and ``unreadable`` says why, when its rows could not be read.
    ``derived`` ones are not stored as such: the rows of a virtual table, or documents put together."""

    name: str
    rows: int | None
    bytes: int | None
    unreadable: str
    columns: Sequence[InspectedColumnDocument]
    primary_key: Sequence[str]
    uniques: Sequence[Sequence[str]]
    foreign_keys: Sequence[InspectedForeignKeyDocument]
    checks: Sequence[str]
    indexes: Sequence[InspectedIndexDocument]
    rowid_column: str | None
    autoincrement: bool
    sequence: int | None
    without_rowid: bool
    strict: bool
    sql: str
    derived: bool


@dataclass(frozen=True, slots=True)
class InspectedObjectDocument:
    """A view, a trigger (``table`` is what it belongs to), a virtual table (``module``, ``shadows``) or an object that
    could not be described (``reason``)."""

    kind: Literal["view", "trigger", "virtual table", "table", "index"]
    name: str
    table: str
    module: str
    shadows: Sequence[str]
    reason: str
    sql: str


@dataclass(frozen=True, slots=True)
class InspectionDocument:
    """``exuvia inspect --json``; ``seconds`` is how long reading every value took."""

    format: Literal["exuvia.inspection"]
    version: int
    source: SourceDocument
    seconds: float
    tables: Sequence[InspectedTableDocument]
    objects: Sequence[InspectedObjectDocument]
