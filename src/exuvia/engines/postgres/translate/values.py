"""What a translated expression is: PostgreSQL text together with what SQLite would hold in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from exuvia.catalog.model import Affinity
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.ddl import literal
from exuvia.values.cells import StorageClass

Constant = int | float | str | bytes | None

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
INT32_MAX = (1 << 31) - 1
EXACT_FLOAT = 1 << 53


class NotExact(Exception):  # noqa: N818  # not a failure: the answer "this has no exact equivalent"
    """An expression has no exact equivalent; the message is the reason, in words."""


class Kind(StrEnum):
    """The storage class that SQLite would have (BOOLEAN: an INTEGER of 0 or 1), or the form its text is kept in.

    NUMBER is INTEGER or REAL, value by value. LABEL is an INTEGER, kept as the text of its digits, or a TEXT that does
    not look like a number, as a column of numeric affinity holds them: values are equal where their texts are. OPAQUE
    is a value that is only known to be NULL or not.
    """

    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    REAL = "real"
    NUMBER = "number"
    TEXT = "text"
    LABEL = "integer or text"
    BLOB = "blob"
    JSON = "JSON"
    UUID = "uuid"
    DATE = "date"
    TIMESTAMP = "time"
    OPAQUE = "unknown"


NUMERIC_KINDS = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.NUMBER})
NUMERIC_AFFINITIES = frozenset({Affinity.INTEGER, Affinity.REAL, Affinity.NUMERIC})


@dataclass(frozen=True, slots=True)
class NamedColumn:
    """A source column as an expression finds it in the target.

    Args:
        name: The target's name.
        type: The target's type.
        affinity: The source column's affinity, which decides how SQLite compares it; None where the parts of a
            combination differ in it.
        collation: The source column's collation.
        classes: The storage classes of its values, NULL apart; None when nobody looked.
        spelling: For dates and times, the one spelling that all its texts share, each digit written as 0
            (``0000-00-00 00:00:00``); for UUIDs ``uuid`` or ``UUID``, by the case of their letters; None when there is
            none or nobody looked.
        generated: The target computes it.
    """

    name: str
    type: SqlType
    affinity: Affinity | None = Affinity.BLOB
    collation: str = "BINARY"
    classes: frozenset[StorageClass] | None = None
    spelling: str | None = None
    generated: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view that expressions may name: its target name and its columns by source name, in order.

    ``rowid`` is the source column that aliases the rowid, None where the rowid is not kept. ``key`` are the source
    columns of the primary key.
    """

    schema: str
    name: str
    columns: Mapping[str, NamedColumn]
    rowid: str | None = None
    key: tuple[str, ...] = ()
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """A PostgreSQL expression that stands for a SQLite value.

    Args:
        sql: The expression, closed by itself (a name, a constant, a call, or in parentheses).
        kind: What SQLite would hold.
        pg: The expression's PostgreSQL type.
        affinity: SQLite's affinity of the expression; BLOB means none, None that it cannot be told.
        collation: SQLite's collation of the expression.
        explicit: The collation was written with COLLATE.
        named: It is a column, also behind CAST and unary plus, whose collation counts in a comparison.
        constant: The value of a literal.
        is_constant: Whether ``constant`` is the value.
        low: The least it can be, where it is an INTEGER.
        high: The greatest it can be, where it is an INTEGER.
        instant: A moment that the text spells: a timestamp without time zone in UTC.
        number: An integer expression that equals the text, where SQLite's affinity would make one of it.
        uuid: An expression of type uuid which has the text's distribution.
        json: An expression of type jsonb that the value was extracted from as an SQL value.
        type_of: An expression of type jsonb whose json_type() the value is.
        spelling: As in `NamedColumn`; also of the text of an instant.
        volatile: Each evaluation may give another value.
        columns: Columns it reads outside aggregates, as SQL.
        aggregate: It holds an aggregate.
        remarks: What a reader should know about it.
    """

    sql: str
    kind: Kind
    pg: SqlType
    affinity: Affinity | None = Affinity.BLOB
    collation: str = "BINARY"
    explicit: bool = False
    named: bool = False
    constant: Constant = None
    is_constant: bool = False
    low: int = INT64_MIN
    high: int = INT64_MAX
    instant: str | None = None
    number: str | None = None
    uuid: str | None = None
    json: str | None = None
    type_of: str | None = None
    spelling: str | None = None
    volatile: bool = False
    columns: frozenset[str] = field(default=frozenset())
    aggregate: bool = False
    remarks: frozenset[str] = field(default=frozenset())


BOOLEAN = SqlType(Base.BOOLEAN)
INTEGER = SqlType(Base.INTEGER)
BIGINT = SqlType(Base.BIGINT)
DOUBLE = SqlType(Base.DOUBLE)
NUMERIC = SqlType(Base.NUMERIC)
TEXT = SqlType(Base.TEXT)
BYTEA = SqlType(Base.BYTEA)
JSONB = SqlType(Base.JSONB)

_INTEGER_RANGE = {
    Base.SMALLINT: (-(1 << 15), (1 << 15) - 1),
    Base.INTEGER: (-(1 << 31), INT32_MAX),
    Base.BIGINT: (INT64_MIN, INT64_MAX),
}
_USUAL = {
    Affinity.INTEGER: frozenset({StorageClass.INTEGER}),
    Affinity.NUMERIC: frozenset({StorageClass.INTEGER}),
    Affinity.REAL: frozenset({StorageClass.REAL}),
    Affinity.TEXT: frozenset({StorageClass.TEXT}),
    Affinity.BLOB: frozenset({StorageClass.BLOB}),
}
_NUMBERS = (StorageClass.INTEGER, StorageClass.REAL)
_TEXTS = (StorageClass.TEXT,)
_UUID_CASES = {"uuid": "({})::text", "UUID": "upper(({})::text)"}
_LABELS = frozenset({StorageClass.INTEGER, StorageClass.TEXT})
_WHOLE = (Affinity.INTEGER, Affinity.NUMERIC)
_BY_BASE: dict[Base, tuple[Kind, tuple[StorageClass, ...]]] = {
    Base.DOUBLE: (Kind.NUMBER, _NUMBERS),
    Base.NUMERIC: (Kind.NUMBER, _NUMBERS),
    Base.BYTEA: (Kind.BLOB, (StorageClass.BLOB,)),
    Base.BOOLEAN: (Kind.BOOLEAN, (StorageClass.INTEGER,)),
    Base.JSONB: (Kind.JSON, _TEXTS),
    Base.TEXT: (Kind.TEXT, _TEXTS),
    Base.VARCHAR: (Kind.TEXT, _TEXTS),
    Base.UUID: (Kind.UUID, _TEXTS),
    Base.DATE: (Kind.DATE, _TEXTS),
    Base.TIMESTAMP: (Kind.TIMESTAMP, _TEXTS),
    Base.TIMESTAMPTZ: (Kind.TIMESTAMP, _TEXTS),
}


def column_value(sql: str, column: NamedColumn) -> Value:
    """Return the value that the column reference ``sql`` stands for."""
    value = Value(
        sql,
        _column_kind(column),
        column.type,
        affinity=column.affinity,
        collation=column.collation.upper(),
        named=True,
        spelling=column.spelling,
        columns=frozenset({sql}),
    )
    low, high = _INTEGER_RANGE.get(column.type.base, (INT64_MIN, INT64_MAX))
    if value.kind is Kind.REAL and column.type.base in _INTEGER_RANGE:
        return replace(value, sql=f"{sql}::double precision", pg=DOUBLE)
    if column.type.base is Base.NUMERIC and column.type.size is not None:
        high = 10 ** (column.type.size - (column.type.scale or 0))
        low = -high
    return replace(value, low=low, high=high) if value.kind in (Kind.INTEGER, Kind.NUMBER) else value


def _column_kind(column: NamedColumn) -> Kind:
    base = column.type.base
    if base in _INTEGER_RANGE:
        if column.affinity is Affinity.REAL:
            return Kind.REAL if _holds(column, StorageClass.REAL) else Kind.OPAQUE
        return Kind.INTEGER if _holds(column, StorageClass.INTEGER) else Kind.OPAQUE
    if base in (Base.DOUBLE, Base.NUMERIC) and _holds(column, StorageClass.REAL) and _all_real(column):
        return Kind.REAL
    if base in (Base.TEXT, Base.VARCHAR) and _holds_labels(column):
        return Kind.LABEL
    kind, classes = _BY_BASE.get(base, (Kind.OPAQUE, ()))
    return kind if classes and _holds(column, *classes) else Kind.OPAQUE


def _holds_labels(column: NamedColumn) -> bool:
    """Tell whether integers and texts share a column whose affinity makes integers of texts that look like them."""
    classes = column.classes or frozenset()
    return column.affinity in _WHOLE and StorageClass.INTEGER in classes and classes <= _LABELS


def _all_real(column: NamedColumn) -> bool:
    return column.affinity is Affinity.REAL or column.classes == frozenset({StorageClass.REAL})


def _holds(column: NamedColumn, *classes: StorageClass) -> bool:
    """Tell whether a column holds these storage classes only; where nobody looked, by its affinity."""
    if column.classes is not None:
        return column.classes <= frozenset(classes)
    return column.affinity is not None and _USUAL[column.affinity] <= frozenset(classes)


def constant_value(value: Constant) -> Value:
    """Return the literal for a SQLite value; NotExact where PostgreSQL has none."""
    if value is None:
        return Value("NULL", Kind.NULL, TEXT, is_constant=True)
    if isinstance(value, bytes):
        return Value(f"'\\x{value.hex()}'::bytea", Kind.BLOB, BYTEA, constant=value, is_constant=True)
    if isinstance(value, str):
        if "\x00" in value:
            raise NotExact("its text holds U+0000, which PostgreSQL cannot")
        return Value(literal(value), Kind.TEXT, TEXT, constant=value, is_constant=True)
    if isinstance(value, int):
        pg = INTEGER if abs(value) <= INT32_MAX else BIGINT
        sql = str(value) if value >= 0 else f"({value})"
        if value == INT64_MIN:
            sql = f"('{value}'::bigint)"
        return Value(sql, Kind.INTEGER, pg, constant=value, is_constant=True, low=value, high=value)
    return Value(_float_literal(value), Kind.REAL, DOUBLE, constant=value, is_constant=True)


def _float_literal(value: float) -> str:
    if math.isinf(value):
        return f"'{'-' if value < 0 else ''}Infinity'::double precision"
    return f"{value!r}::double precision" if value >= 0 else f"({value!r}::double precision)"


def null_like(pg: SqlType) -> Value:
    """Return SQL NULL of a PostgreSQL type."""
    return Value(f"NULL::{pg}", Kind.NULL, pg)


def boolean(sql: str, *operands: Value) -> Value:
    """Return a truth value made from ``operands``: an INTEGER of 0 or 1 to SQLite."""
    return derive(Value(sql, Kind.BOOLEAN, BOOLEAN, low=0, high=1), *operands)


def text(sql: str, *operands: Value) -> Value:
    """Return a text made from ``operands``."""
    return derive(Value(sql, Kind.TEXT, TEXT), *operands)


def integer(sql: str, *operands: Value, low: int = INT64_MIN, high: int = INT64_MAX, pg: SqlType = BIGINT) -> Value:
    """Return an integer between ``low`` and ``high`` made from ``operands``."""
    return derive(Value(sql, Kind.INTEGER, pg, low=max(low, INT64_MIN), high=min(high, INT64_MAX)), *operands)


def real(sql: str, *operands: Value) -> Value:
    """Return a floating-point number made from ``operands``."""
    return derive(Value(sql, Kind.REAL, DOUBLE), *operands)


def derive(value: Value, *operands: Value) -> Value:
    """Return ``value`` with what it inherits from the operands that it is made from."""
    return replace(
        value,
        volatile=value.volatile or any(operand.volatile for operand in operands),
        columns=value.columns.union(*(operand.columns for operand in operands)),
        aggregate=value.aggregate or any(operand.aggregate for operand in operands),
        remarks=value.remarks.union(*(operand.remarks for operand in operands)),
    )


def shown(value: Value) -> str:
    """Return the SQL of a value that leaves the expression; NotExact where its class is not known."""
    if value.kind is Kind.OPAQUE and value.sql not in value.columns:
        raise NotExact(f"it gives {describe(value)}")
    return value.sql


def forget(value: Value) -> Value:
    """Return a value of the same kind and type of which no more is known than that."""
    kept = replace(value, is_constant=False, constant=None, named=False, explicit=False)
    return replace(kept, instant=None, number=None, uuid=None, json=None, type_of=None)


def as_integer(value: Value) -> Value:
    """Return an INTEGER in the place of a truth value; other kinds stay."""
    if value.kind is not Kind.BOOLEAN:
        return value
    return integer(f"({value.sql})::integer", value, low=0, high=1, pg=INTEGER)


def as_real(value: Value) -> Value:
    """Return a number as double precision; NotExact for what is not a number, or has more digits than a double."""
    value = as_integer(value)
    if value.kind not in NUMERIC_KINDS:
        raise NotExact(f"it calculates with {describe(value)}")
    if value.pg.base is Base.NUMERIC and not (value.pg.size is not None and value.pg.size <= 15):
        raise NotExact("it calculates with decimals of more than 15 digits, which SQLite rounds")
    if value.is_constant and isinstance(value.constant, int):
        return replace(constant_value(float(value.constant)), affinity=value.affinity)
    if value.pg.base is Base.DOUBLE:
        return value
    kind = Kind.REAL if value.kind is Kind.INTEGER else value.kind
    return replace(value, sql=f"({value.sql})::double precision", kind=kind, pg=DOUBLE)


def as_text(value: Value) -> Value:
    """Return the text that SQLite makes of a value; NotExact where PostgreSQL would spell it differently."""
    value = as_integer(value)
    if value.kind is Kind.TEXT or value.kind is Kind.NULL:
        return value
    if value.kind is Kind.LABEL:
        return replace(value, kind=Kind.TEXT)
    if value.kind is Kind.UUID and value.spelling in _UUID_CASES:
        return text(_UUID_CASES[value.spelling].format(value.sql), value)
    if value.kind is Kind.INTEGER:
        if value.is_constant:
            return constant_value(str(value.constant))
        return text(f"({value.sql})::text", value)
    raise NotExact(f"it uses {describe(value)} as text")


def describe(value: Value) -> str:
    """Return what a value is, for a reason."""
    words = {
        Kind.REAL: "a floating-point number",
        Kind.NUMBER: "a number that may be whole or not",
        Kind.BLOB: "a blob",
        Kind.JSON: f"the JSON {value.sql}",
        Kind.UUID: f"the uuid {value.sql}",
        Kind.DATE: f"the date {value.sql}",
        Kind.TIMESTAMP: f"the time {value.sql}",
        Kind.LABEL: f"{value.sql}, which holds integers and texts",
        Kind.OPAQUE: f"{value.sql}, whose values are not of one class",
    }
    return words.get(value.kind, f"{value.kind.value} ({value.sql})")


def distinguishable(value: Value) -> None:
    """Raise NotExact where grouping by a value, or telling its rows apart, would differ from SQLite."""
    if value.kind in (Kind.TEXT, Kind.LABEL) and value.collation != "BINARY":
        raise NotExact(f"it groups texts under the collation {value.collation}, and shows any one of a group")
    if value.kind in (Kind.JSON, Kind.OPAQUE):
        raise NotExact(f"it groups by {describe(value)}")
    if value.kind in (Kind.UUID, Kind.DATE, Kind.TIMESTAMP) and value.spelling is None:
        raise NotExact(f"it groups by {describe(value)}")
