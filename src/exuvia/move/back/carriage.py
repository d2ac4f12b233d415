"""How the values of a PostgreSQL column are held in SQLite: declared type, storage, and how both are compared.

Values go as the server spells them, so that nothing here can misread them; they are compared in another form, the
canonical one of :mod:`exuvia.values`, to which SQLite's values are brought by the conversions of the way there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from exuvia.catalog.model import Affinity
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres.catalog import PgColumn
from exuvia.engines.sqlite.affinity import affinity
from exuvia.move.back.origin import OriginColumn
from exuvia.values.cells import StorageClass
from exuvia.values.rules import Epoch, Rule

Classes = frozenset[StorageClass]

_TEXT, _INTEGER = frozenset({StorageClass.TEXT}), frozenset({StorageClass.INTEGER})
_REAL, _BLOB = frozenset({StorageClass.REAL}), frozenset({StorageClass.BLOB})
_NUMBERS = _INTEGER | _REAL | _TEXT

SIGNIFICANT = 15  # decimal digits that a double always keeps
_WITHIN = "{c} >= '0001-01-01' AND {c} < '%s'"
_NAMES = frozenset({"text", "varchar", "bpchar", "name", "citext", "char"})
_ODD_NUMBER = "{c} IN ('NaN', 'Infinity', '-Infinity')"


@dataclass(frozen=True, slots=True)
class Carriage:
    """How one column goes. SQL fragments hold ``{c}`` where the column stands.

    Args:
        declared: The type that SQLite's column is declared with.
        sent: What PostgreSQL sends to be stored.
        rule: The conversion that brings SQLite's value to the canonical form.
        typed: What PostgreSQL sends to be compared, in the canonical form of ``rule``; values without one are NULL.
        special: What it sends for those, as text; empty where there are none.
        put: The value in SQLite's INSERT.
        classes: The storage classes that can occur.
        collation: SQLite's collating sequence.
        floats: Whether ``sent`` is pgvector's binary form, to be stored as little-endian float32.
        odd: What is part of the sent values that are to be counted for ``odd_reason``.
        odd_reason: What is not the same about those values.
        loss: What is not the same about every value, empty if nothing is.
        fallback: What to do where SQLite turns out to change a value.
        reason: Why the column is declared so, where PostgreSQL's type does not say it.
    """

    declared: str
    sent: str
    rule: Rule
    typed: str
    special: str = ""
    put: str = "?"
    classes: Classes = _TEXT
    collation: str = "BINARY"
    floats: bool = False
    odd: tuple[str, ...] = ()
    odd_reason: str = ""
    loss: str = ""
    fallback: Carriage | None = None
    reason: str = ""

    def chain(self) -> Iterator[Carriage]:
        """Yield this carriage and its fallbacks."""
        one: Carriage | None = self
        while one is not None:
            yield one
            one = one.fallback


def carriage(column: PgColumn, origin: OriginColumn | None, *, exact_decimals: bool) -> Carriage:
    """Decide how a column goes.

    Args:
        column: The column.
        origin: What it was in SQLite, None if it was not there.
        exact_decimals: For ``numeric``: whether every value survives as a double.
    """
    own = _own(column, exact_decimals)
    if origin is None:
        return own
    return _restored(own, column, origin)


def _own(column: PgColumn, exact_decimals: bool) -> Carriage:
    """How a column goes that was never in SQLite."""
    type_ = column.type
    name = type_.name
    if type_.kind == "base" and name in _SIMPLE:
        found = _SIMPLE[name]
    elif type_.kind == "base" and name in _NAMES:
        found = _text_like(column)
    elif type_.kind == "base" and name == "numeric":
        found = _numeric(column, exact_decimals)
    elif type_.kind == "base" and name == "money":
        found = _as_numeric(_numeric(column, exact_decimals=True))
    elif type_.kind == "enum":
        found = replace(_AS_TEXT, loss="")
    elif type_.kind == "array":
        found = replace(_AS_TEXT, sent="array_to_json({c})::text", typed="array_to_json({c})::text", loss=_ARRAY)
    elif type_.kind == "composite" or name == "hstore":
        found = replace(_AS_TEXT, sent="to_json({c})::text", typed="to_json({c})::text", loss="held as JSON text")
    else:
        found = _AS_TEXT
    if name in ("float4", "float8") and column.not_null:
        special = "CASE WHEN {c} = 'NaN' THEN 'NaN' END"
        return replace(found, put="coalesce(?, 'NaN')", special=special, classes=_REAL | _TEXT, odd_reason=_NAN_TEXT)
    return found


def _text_like(column: PgColumn) -> Carriage:
    type_, length = column.type, column.type.length
    text = replace(_AS_TEXT, declared="TEXT", loss="")
    if type_.name == "citext":
        return replace(text, collation="NOCASE", loss="upper and lower case are equal for ASCII letters only")
    if length is not None:
        return replace(text, declared=f"{'VARCHAR' if type_.name == 'varchar' else 'CHAR'}({length})")
    return text


def _numeric(column: PgColumn, exact_decimals: bool) -> Carriage:
    precision = column.type.precision
    text = Carriage(
        "TEXT",
        "{c}::text",
        Rule(SqlType(Base.NUMERIC)),
        f"CASE WHEN NOT ({_ODD_NUMBER}) THEN {{c}}::text END",
        f"CASE WHEN {_ODD_NUMBER} THEN {{c}}::text END",
        classes=_NUMBERS,
        loss="decimals of more than 15 digits stay exact as text, which sorts and compares as text",
    )
    fits = precision is not None and precision[0] <= SIGNIFICANT
    if not fits and not exact_decimals:
        return text
    declared = f"NUMERIC({precision[0]},{precision[1]})" if precision is not None and precision[1] >= 0 else "NUMERIC"
    return replace(
        text,
        declared=declared,
        loss="",
        odd=("NaN", "Infinity"),
        odd_reason="NaN and infinities are held as text",
        fallback=text,
    )


def _as_numeric(way: Carriage) -> Carriage:
    """Return the way of a type that is cast to numeric first."""
    sent, typed, special = (sql.replace("{c}", "{c}::numeric") for sql in (way.sent, way.typed, way.special))
    fallback = _as_numeric(way.fallback) if way.fallback is not None else None
    return replace(way, sent=sent, typed=typed, special=special, fallback=fallback)


def _moment(declared: str, base: Base, sent: str, end: str) -> Carriage:
    within = _WITHIN % end
    return Carriage(
        declared,
        sent,
        Rule(SqlType(base)),
        f"CASE WHEN {within} THEN {{c}} END",
        f"CASE WHEN NOT ({within}) THEN {sent} END",
        odd=("infinity", "BC"),
        odd_reason="infinity and years BC are held as the text that PostgreSQL prints, which SQLite's functions on"
        " dates do not read",
    )


_NAN = "NaN becomes NULL: SQLite has no NaN"
_NAN_TEXT = "NaN is held as the text NaN: SQLite has no NaN, and the column forbids NULL"
_ARRAY = "held as a JSON array; array functions and lower bounds other than 1 are PostgreSQL's"
_AS_TEXT = Carriage(
    "TEXT", "{c}::text", Rule(SqlType(Base.TEXT)), "{c}::text", loss="held as the text that PostgreSQL prints"
)
_WHOLE = Carriage("INTEGER", "{c}::int8", Rule(SqlType(Base.BIGINT)), "{c}::int8", classes=_INTEGER)
_DOUBLE = Carriage(
    "REAL", "{c}::float8", Rule(SqlType(Base.DOUBLE)), "{c}::float8", classes=_REAL, odd=("NaN",), odd_reason=_NAN
)
_SIMPLE = {
    "bool": Carriage("BOOLEAN", "{c}::int", Rule(SqlType(Base.BOOLEAN)), "{c}", classes=_INTEGER),
    "int2": replace(_WHOLE, declared="SMALLINT"),
    "int4": _WHOLE,
    "int8": replace(_WHOLE, declared="BIGINT"),
    "oid": _WHOLE,
    "float4": _DOUBLE,
    "float8": _DOUBLE,
    "bytea": Carriage("BLOB", "{c}", Rule(SqlType(Base.BYTEA)), "{c}", classes=_BLOB),
    "uuid": Carriage("UUID", "{c}::text", Rule(SqlType(Base.UUID)), "uuid_send({c})"),
    "json": Carriage(
        "JSON",
        "{c}::text",
        Rule(SqlType(Base.JSON)),
        "{c}::text",
        classes=_NUMBERS,
        fallback=Carriage("TEXT", "{c}::text", Rule(SqlType(Base.JSON)), "{c}::text"),
    ),
    "jsonb": Carriage(
        "JSON",
        "{c}::text",
        Rule(SqlType(Base.JSONB)),
        "{c}::text",
        classes=_NUMBERS,
        fallback=Carriage("TEXT", "{c}::text", Rule(SqlType(Base.JSONB)), "{c}::text"),
    ),
    "date": _moment("DATE", Base.DATE, "{c}::text", "infinity"),
    "time": Carriage(
        "TIME",
        "{c}::text",
        Rule(SqlType(Base.TIME)),
        "CASE WHEN {c} < '24:00' THEN {c} END",
        "CASE WHEN {c} >= '24:00' THEN {c}::text END",
    ),
    "timestamp": _moment("TIMESTAMP", Base.TIMESTAMP, "{c}::text", "294246-01-01"),
    "timestamptz": _moment(
        "TIMESTAMP WITH TIME ZONE", Base.TIMESTAMPTZ, "replace({c}::text, '+00', 'Z')", "294246-01-01"
    ),
    "interval": replace(_AS_TEXT, loss="held as ISO 8601 text"),
    "vector": replace(_AS_TEXT, loss="held as a JSON array of numbers"),
}
_PER_SECOND = {Epoch.SECONDS: 1, Epoch.MILLISECONDS: 1_000, Epoch.MICROSECONDS: 1_000_000}


def _restored(own: Carriage, column: PgColumn, origin: OriginColumn) -> Carriage:
    """How a column goes back that came from SQLite: under its old declared type, in its old spelling.

    Whatever SQLite would change under that type is found by the comparison, and then the column goes its own way.
    """
    name = column.type.name
    held = affinity(origin.declared)
    collation = origin.collation if origin.collation in ("BINARY", "NOCASE", "RTRIM") else "BINARY"
    loss = "" if name == "numeric" else own.loss
    went = replace(own, declared=origin.declared, collation=collation, loss=loss, reason="declared so before it moved")
    if name == "uuid" and origin.kind == "blob":
        went = replace(went, sent="uuid_send({c})", classes=_BLOB)
    elif name == "uuid" and origin.hex_uuid:
        went = replace(went, sent="replace({c}::text, '-', '')", classes=_under(_TEXT, held))
    elif name in ("timestamptz", "timestamp"):
        went = _time(went, name, held, origin)
    elif name == "vector" and origin.kind == "blob":
        went = replace(went, sent="vector_send({c})", typed="vector_send({c})", floats=True, loss="")
        went = replace(went, rule=Rule(SqlType(Base.BYTEA)), classes=_BLOB)
    elif name == "bytea" and origin.kind == "text":
        went = replace(went, put="CAST(? AS TEXT)", classes=_TEXT)
    elif name in ("text", "varchar", "bpchar") and origin.kind == "blob":
        went = replace(went, put="CAST(? AS BLOB)", classes=_BLOB)
    elif name == "numeric" and origin.kind == "real":
        went = replace(went, put="CAST(? AS REAL)", classes=_under(_REAL, held))
    elif name == "numeric" and origin.kind != "text" and held is Affinity.BLOB:
        went = replace(went, put="CAST(? AS NUMERIC)", classes=_NUMBERS)
    elif name in ("text", "varchar", "bpchar", "json", "jsonb", "numeric"):
        went = replace(went, classes=_under(_TEXT, held))
    elif own.classes in (_INTEGER, _REAL, _REAL | _TEXT):
        went = replace(went, classes=_under(own.classes, held))
    return replace(went, fallback=own)


def _under(sent: Classes, held: Affinity) -> Classes:
    """Return the storage classes that values of these classes can have under an affinity
    (https://sqlite.org/datatype3.html, section 3)."""
    if held is Affinity.BLOB:
        return sent
    if held is Affinity.TEXT:
        return _TEXT
    if sent == _INTEGER:
        return _REAL if held is Affinity.REAL else _INTEGER
    if held is Affinity.REAL:
        return _REAL | _TEXT if sent >= _TEXT else _REAL
    return _NUMBERS if sent >= _TEXT else _REAL | _INTEGER


def _time(went: Carriage, name: str, held: Affinity, origin: OriginColumn) -> Carriage:
    factor = _PER_SECOND.get(origin.epoch) if origin.epoch is not None else None
    if factor is not None and origin.kind == "integer":
        sent = f"CASE WHEN isfinite({{c}}) THEN round(extract(epoch FROM {{c}}) * {factor})::int8 END"
        rule = replace(went.rule, epoch=origin.epoch)
        return replace(went, sent=sent, rule=rule, classes=_under(_INTEGER, held), odd=())
    if name == "timestamptz" and not origin.zoned:
        sent = "replace({c}::text, '+00', '')"
        return replace(went, sent=sent, special=went.special.replace("'Z'", "''"))
    return went
