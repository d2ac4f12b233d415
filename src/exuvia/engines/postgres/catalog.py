"""What one schema of a PostgreSQL database declares, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TypeKind = Literal["base", "enum", "range", "composite", "array", "pseudo"]


@dataclass(frozen=True, slots=True)
class PgCheck:
    """A CHECK constraint; ``valid`` is False where rows that are there may break it (NOT VALID)."""

    name: str
    expression: str
    valid: bool = True


@dataclass(frozen=True, slots=True)
class PgType:
    """A column's type.

    Args:
        name: Name in pg_type, without its schema; of a domain, its base type's.
        text: What ``format_type`` prints for the column, the domain's name included.
        kind: What sort of type it is.
        modifier: The type modifier, -1 without one.
        labels: An enum's labels in order.
        domain: The domain's name, empty if there is none.
        checks: The domain's checks, over ``VALUE``.
    """

    name: str
    text: str
    kind: TypeKind = "base"
    modifier: int = -1
    labels: tuple[str, ...] = ()
    domain: str = ""
    checks: tuple[PgCheck, ...] = ()

    @property
    def precision(self) -> tuple[int, int] | None:
        """Precision and scale of ``numeric(p, s)``; None where there are none."""
        if self.name != "numeric" or self.modifier < 4:
            return None
        packed = self.modifier - 4
        scale = packed & 0x7FF
        return packed >> 16 & 0xFFFF, scale - 0x800 if scale & 0x400 else scale

    @property
    def length(self) -> int | None:
        """Characters of ``varchar(n)`` and ``char(n)``; None where there is no limit."""
        return self.modifier - 4 if self.name in ("varchar", "bpchar") and self.modifier > 4 else None


@dataclass(frozen=True, slots=True)
class PgColumn:
    """A column. ``default`` and ``generated`` are expressions; ``counted`` says that a sequence of its own gives its
    values, and ``last`` is the last value that it gave."""

    name: str
    type: PgType
    not_null: bool = False
    default: str | None = None
    generated: str | None = None
    generated_stored: bool = True
    counted: bool = False
    last: int | None = None


@dataclass(frozen=True, slots=True)
class PgKey:
    """A primary key or a UNIQUE constraint."""

    name: str
    columns: tuple[str, ...]
    deferrable: bool = False
    nulls_equal: bool = False


@dataclass(frozen=True, slots=True)
class PgForeignKey:
    """A foreign key; ``schema`` and ``table`` are what it points to."""

    name: str
    columns: tuple[str, ...]
    schema: str
    table: str
    target_columns: tuple[str, ...]
    on_update: str
    on_delete: str
    deferrable: bool
    initially_deferred: bool
    valid: bool


@dataclass(frozen=True, slots=True)
class PgIndexPart:
    """One key of an index: its expression as SQL, and the column's name where it is one."""

    expression: str
    column: str | None
    descending: bool


@dataclass(frozen=True, slots=True)
class PgIndex:
    """An index that belongs to no constraint; ``definition`` is its CREATE INDEX."""

    name: str
    method: str
    unique: bool
    parts: tuple[PgIndexPart, ...]
    where: str | None
    nulls_equal: bool
    definition: str


@dataclass(frozen=True, slots=True)
class PgTable:
    """An ordinary table, or a partitioned one as a whole. ``comment`` is its COMMENT; ``rows`` is estimated."""

    schema: str
    name: str
    columns: tuple[PgColumn, ...]
    primary_key: PgKey | None = None
    uniques: tuple[PgKey, ...] = ()
    foreign_keys: tuple[PgForeignKey, ...] = ()
    checks: tuple[PgCheck, ...] = ()
    indexes: tuple[PgIndex, ...] = ()
    partitioned: bool = False
    comment: str = ""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class PgView:
    """A view: its query and its columns."""

    schema: str
    name: str
    query: str
    columns: tuple[PgColumn, ...]


@dataclass(frozen=True, slots=True)
class PgObject:
    """Anything else that the schema holds: triggers, materialized views, foreign tables, sequences, functions."""

    kind: str
    name: str
    table: str = ""
    definition: str = ""


@dataclass(frozen=True, slots=True)
class PgCatalog:
    """Everything that a schema declares."""

    schema: str
    tables: tuple[PgTable, ...]
    views: tuple[PgView, ...]
    others: tuple[PgObject, ...]
