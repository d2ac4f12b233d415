"""The types that exuvia gives to target columns, as values: parsed from text, printed as PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from exuvia.errors import PlanError


class Base(StrEnum):
    """The types that a plan can name, by PostgreSQL's usual spelling."""

    BOOLEAN = "boolean"
    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    DOUBLE = "double precision"
    NUMERIC = "numeric"
    TEXT = "text"
    VARCHAR = "varchar"
    BYTEA = "bytea"
    UUID = "uuid"
    JSON = "json"
    JSONB = "jsonb"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    TEXT_ARRAY = "text[]"
    REAL_ARRAY = "real[]"
    VECTOR = "vector"
    BIT = "bit"


_ALIASES = {
    "bool": Base.BOOLEAN,
    "int2": Base.SMALLINT,
    "int": Base.INTEGER,
    "int4": Base.INTEGER,
    "int8": Base.BIGINT,
    "float8": Base.DOUBLE,
    "decimal": Base.NUMERIC,
    "character varying": Base.VARCHAR,
    "timestamp with time zone": Base.TIMESTAMPTZ,
    "timestamp without time zone": Base.TIMESTAMP,
    "time without time zone": Base.TIME,
}

_SHAPE = re.compile(r"\s*([a-z0-9_ ]+?(?:\[\])?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SqlType:
    """A target type with its parameters.

    Args:
        base: The type's name.
        size: Characters of ``varchar(n)``, dimensions of ``vector(n)``, bits of ``bit(n)``, precision of
            ``numeric(p, s)``.
        scale: Decimals of ``numeric(p, s)``; None elsewhere.
    """

    base: Base
    size: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        if self.size is None:
            return self.base.value
        if self.scale is None:
            return f"{self.base.value}({self.size})"
        return f"{self.base.value}({self.size},{self.scale})"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a type such as ``bigint``, ``varchar(20)``, ``numeric(10,2)`` or ``vector(384)``.

        Raises:
            PlanError: The text names no type that exuvia writes.
        """
        shape = _SHAPE.fullmatch(text)
        name = " ".join(shape[1].lower().split()) if shape else ""
        base = _ALIASES.get(name) or next((base for base in Base if base.value == name), None)
        if shape is None or base is None:
            known = ", ".join(base.value for base in Base)
            raise PlanError(f"{text!r} is not a type that exuvia writes.", hint=f"Known types: {known}.", code="type")
        size = int(shape[2]) if shape[2] else None
        scale = int(shape[3]) if shape[3] else None
        if base is Base.NUMERIC and size is not None and scale is None:
            scale = 0
        parsed = cls(base, size, scale)
        parsed._check(text)
        return parsed

    def _check(self, text: str) -> None:
        sized = self.base in (Base.VARCHAR, Base.NUMERIC, Base.VECTOR, Base.BIT)
        wrong_numeric = self.base is Base.NUMERIC and self.size is not None and not 1 <= self.size <= 1000
        wrong_scale = self.scale is not None and (self.base is not Base.NUMERIC or self.scale > 1000)
        wrong_vector = self.base is Base.VECTOR and (self.size is None or not 1 <= self.size <= 16000)
        wrong_bit = self.base is Base.BIT and (self.size is None or self.size % 8 or not 8 <= self.size <= 83_886_080)
        wrong_varchar = self.base is Base.VARCHAR and self.size is not None and not 1 <= self.size <= 10_485_760
        if (
            (self.size is not None and not sized)
            or wrong_numeric
            or wrong_scale
            or wrong_vector
            or wrong_bit
            or wrong_varchar
        ):
            raise PlanError(
                f"{text!r} has parameters that PostgreSQL does not take.",
                hint="Write for example varchar(20), numeric(10,2), vector(384), or bit(384) with whole bytes.",
                code="type",
            )
