"""The way between a column's staging type, which exuvia writes, and the type that the target gives it.

Values are copied and proved in the staging type. ``write`` makes the target's value of a staged one, in SQL, and
``read`` makes the staged value again. Where ``read(write(value))`` is not ``value``, the target's type cannot hold
the value exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

from exuvia.catalog.model import Column
from exuvia.catalog.names import fold, quote
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.existing import ExistingType
from exuvia.errors import PlanError
from exuvia.move.planning.proposals import has_form, only_forms
from exuvia.values.facts import ColumnFacts, TextForm

_SAME = "{}"
_MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"
_SINCE_1970 = "timestamp '1970-01-01'"
# By the target's type: a staging type that holds all of its values and more, and the way back into it.
_NARROWER = {
    "float4": (Base.DOUBLE, "({})::text::double precision"),
    "timestamp": (Base.TIMESTAMP, "({})::timestamp"),
    "timestamptz": (Base.TIMESTAMPTZ, "({})::timestamptz"),
    "time": (Base.TIME, "({})::time"),
    "numeric": (Base.NUMERIC, "({})::numeric"),
    "oid": (Base.BIGINT, "({})::bigint"),
}
_ONE_SPELLING = frozenset({"bpchar", "citext", "name", "char", "bit", "varbit"})
_PLAIN_ELEMENTS = frozenset(
    {"_bool", "_int2", "_int4", "_int8", "_float8", "_numeric", "_text", "_varchar", "_bpchar", "_citext"}
)


@dataclass(frozen=True, slots=True)
class Bridge:
    """How values get from the staging type into the target's type and back.

    Args:
        staged: The type in which values are copied and proved.
        write: SQL for the target's value of a staged one, which stands for ``{}``.
        read: SQL for the staged value of the target's, which stands for ``{}``.
        exact: Whether a value that is not the same on its way back has changed; else it is only spelled otherwise.
    """

    staged: SqlType
    write: str = _SAME
    read: str = _SAME
    exact: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether the two types are one."""
        return self.write == _SAME and self.read == _SAME

    def written(self, value: str) -> str:
        """Return SQL for the target's value of a staged value."""
        return self.write.replace("{}", value)

    def reading(self, column: str) -> str:
        """Return SQL that reads a column of the target in the staging type, empty where its name does."""
        return "" if self.is_plain else self.back(quote(column))

    def back(self, value: str) -> str:
        """Return SQL for the staged value of a value of the target's."""
        return self.read.replace("{}", value)


def bridge(type_: ExistingType, source: Column, facts: ColumnFacts) -> Bridge:
    """Return the way into a type of the target for a column of the source.

    Args:
        type_: The target's type.
        source: The source's column; its declaration tells how an ORM keeps an interval in SQLite.
        facts: What the column holds.
    """
    if type_.under is not None:
        return _domain(type_.name, type_.under, bridge(type_.under, source, facts))
    if type_.bare == "timestamp" and names_zones(facts):
        in_utc = "({} AT TIME ZONE 'UTC')"
        return Bridge(SqlType(Base.TIMESTAMPTZ), f"{in_utc}::{type_.name}", in_utc)
    if type_.kind == "base" and (native := parsed(type_.name)) is not None:
        return Bridge(native)
    if type_.array:
        return _array(type_, facts)
    return _interval(type_, source, facts) if type_.bare == "interval" else _cast(type_)


def _cast(type_: ExistingType) -> Bridge:
    if type_.bare in _NARROWER:
        staged, back = _NARROWER[type_.bare]
        return Bridge(SqlType(staged), f"({{}})::{type_.name}", back)
    back = "abbrev({})" if type_.bare == "inet" else "({})::text"
    exact = type_.kind == "enum" or type_.bare in _ONE_SPELLING
    return Bridge(SqlType(Base.TEXT), f"({{}})::{type_.name}", back, exact)


def names_zones(facts: ColumnFacts) -> bool:
    """Whether some values are moments that name their zone. In a timestamp without a zone they are in UTC, as ORMs that
    write zones in SQLite (Prisma, for one) keep them in PostgreSQL."""
    return has_form(facts.texts, TextForm.TIMESTAMP_ZONE)


def _domain(name: str, under: ExistingType, way: Bridge) -> Bridge:
    read = way.read.replace("{}", f"({{}})::{under.name}")
    return Bridge(way.staged, f"({way.write})::{name}", read, way.exact)


def parsed(name: str) -> SqlType | None:
    """Return a type that exuvia writes itself, None for any other."""
    try:
        return SqlType.parse(name)
    except PlanError:
        return None


def _array(type_: ExistingType, facts: ColumnFacts) -> Bridge:
    """Arrays are JSON arrays in the source, or text as PostgreSQL writes arrays."""
    if not only_forms(facts, TextForm.JSON_ARRAY):
        return _cast(type_)
    elements = "ARRAY(SELECT jsonb_array_elements_text({}))"
    return Bridge(
        SqlType(Base.JSONB),
        f"CASE WHEN {{}} IS NOT NULL THEN {elements}::{type_.name} END",
        "to_jsonb({})",
        type_.bare in _PLAIN_ELEMENTS,
    )


def _interval(type_: ExistingType, source: Column, facts: ColumnFacts) -> Bridge:
    """Django keeps an interval as a number of microseconds, SQLAlchemy as the moment that lies so far from 1970."""
    if facts.integers is not None and facts.texts is None and facts.reals is None:
        return Bridge(SqlType(Base.BIGINT), f"({{}} * interval '1 microsecond')::{type_.name}", _MICROSECONDS)
    if fold(source.declared_type).startswith(("datetime", "timestamp")) and only_forms(facts, TextForm.TIMESTAMP):
        staged = SqlType(Base.TIMESTAMP)
        return Bridge(staged, f"({{}} - {_SINCE_1970})::{type_.name}", f"({_SINCE_1970} + {{}})")
    return _cast(type_)
