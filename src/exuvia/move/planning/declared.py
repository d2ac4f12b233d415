"""What a declared type means: SQLite takes any words there, and programs write those of other databases."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Family(StrEnum):
    """What a declared type asks for."""

    INTEGER = "integer"
    SMALLINT = "smallint"
    BOOLEAN = "boolean"
    REAL = "real"
    NUMERIC = "numeric"
    VARCHAR = "varchar"
    TEXT = "text"
    BLOB = "blob"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    JSON = "json"
    UUID = "uuid"
    UNDECLARED = "undeclared"
    OTHER = "other"


_WORDS = {
    Family.INTEGER: (
        "INT, INTEGER, BIGINT, BIG INT, BIGINTEGER, MEDIUMINT, INT3, INT4, INT8, INT32, INT64, UINT32, UINT64, UINT, "
        "LONG INTEGER, LONG, SERIAL, BIGSERIAL, ROWID"
    ),
    Family.SMALLINT: "SMALLINT, SMALLINTEGER, TINYINT, INT1, INT2, INT16, UINT8, SHORT INTEGER, SHORT, SMALLSERIAL",
    Family.BOOLEAN: "BOOLEAN, BOOL, LOGICAL",
    Family.REAL: "REAL, DOUBLE, DOUBLE PRECISION, FLOAT, FLOAT4, FLOAT8, SINGLE",
    Family.NUMERIC: "NUMERIC, DECIMAL, DEC, FIXED, NUMBER, MONEY, SMALLMONEY, CURRENCY",
    Family.VARCHAR: (
        "VARCHAR, VARCHAR2, NVARCHAR, NVARCHAR2, CHARACTER, CHAR, NCHAR, BPCHAR, VARYING CHARACTER, CHARACTER VARYING, "
        "CHAR VARYING, NATIVE CHARACTER, NATIONAL CHARACTER, NATIONAL CHARACTER VARYING, NATIONAL VARCHAR, VARYINGCHAR"
    ),
    Family.TEXT: "TEXT, TINYTEXT, MEDIUMTEXT, LONGTEXT, NTEXT, CLOB, NCLOB, STRING, CITEXT, LONGVARCHAR, LONG VARCHAR",
    Family.BLOB: (
        "BLOB, TINYBLOB, MEDIUMBLOB, LONGBLOB, BYTEA, BINARY, VARBINARY, LONGVARBINARY, BINARY VARYING, IMAGE, RAW, "
        "BYTES"
    ),
    Family.DATE: "DATE",
    Family.TIME: "TIME, TIME WITHOUT TIME ZONE",
    Family.TIMESTAMP: "DATETIME, DATETIME2, SMALLDATETIME, TIMESTAMP, TIMESTAMP WITHOUT TIME ZONE",
    Family.TIMESTAMPTZ: "TIMESTAMPTZ, TIMESTAMP WITH TIME ZONE, DATETIMEOFFSET, TIMESTAMP_TZ, DATETIMETZ",
    Family.JSON: "JSON, JSONB",
    Family.UUID: "UUID, UNIQUEIDENTIFIER, GUID",
    Family.UNDECLARED: "ANY",
}
_FAMILIES = {word: family for family, words in _WORDS.items() for word in words.split(", ")}
_DECORATION = frozenset({"SIGNED", "UNSIGNED", "ZEROFILL", "AUTO_INCREMENT", "AUTOINCREMENT", "IDENTITY", "NOCASE"})
_SHAPE = re.compile(r"([^()]*)(?:\(\s*([+-]?\d+)\s*(?:,\s*([+-]?\d+)\s*)?\w*\s*\))?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared type that was understood.

    Args:
        family: What it asks for; OTHER for words that no known database uses.
        size: The first number between its parentheses: a length or a precision.
        scale: The second number.
        fixed: True for CHAR(n), which programs use for identifiers of one length.
        unsigned: True when the word UNSIGNED is part of it.
    """

    family: Family
    size: int | None = None
    scale: int | None = None
    fixed: bool = False
    unsigned: bool = False


@lru_cache(maxsize=1024)
def understand(declared_type: str) -> Declared:
    """Read a column's declared type, in any case and with the decorations of other databases."""
    if not declared_type.strip():
        return Declared(Family.UNDECLARED)
    shape = _SHAPE.fullmatch(declared_type.strip())
    if shape is None:
        return Declared(Family.OTHER)
    words = f"{shape[1]} {shape[4]}".upper().split()
    name = " ".join(word for word in words if word not in _DECORATION)
    family = _FAMILIES.get(name, Family.OTHER)
    size = int(shape[2]) if shape[2] else None
    scale = int(shape[3]) if shape[3] else None
    return Declared(family, size, scale, name in ("CHAR", "CHARACTER", "NCHAR", "BPCHAR"), "UNSIGNED" in words)
