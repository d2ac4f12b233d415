# ruff: noqa: E501
"""One table in SQLite and in PostgreSQL with the same rows, to ask both the same question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import apsw
import psycopg

from exuvia.catalog.model import Affinity
from exuvia.catalog.names import quote
from exuvia.catalog.types import SqlType
from exuvia.engines.postgres.translate import NamedColumn, Names, Relation
from exuvia.engines.postgres.translate.cast import affinity_of
from exuvia.values.cells import StorageClass

Cell = int | float | str | bytes | None

ODD = 'Größe "x" 東'
TABLE = 'Order "no" 東'

_INTEGER, _REAL = StorageClass.INTEGER, StorageClass.REAL
_TEXT, _BLOB = StorageClass.TEXT, StorageClass.BLOB

# source column, declared type, target column, target type, storage classes, spelling
COLUMNS: tuple[tuple[str, str, str, str, frozenset[StorageClass], str | None], ...] = (
    ("id", "INTEGER", "id", "bigint", frozenset({_INTEGER}), None),
    ("i", "INTEGER", "i", "bigint", frozenset({_INTEGER}), None),
    ("j", "INT", "J", "integer", frozenset({_INTEGER}), None),
    ("s", "SMALLINT", "s", "smallint", frozenset({_INTEGER}), None),
    ("r", "REAL", "r", "double precision", frozenset({_REAL}), None),
    ("q", "DOUBLE", "q", "double precision", frozenset({_REAL}), None),
    ("n", "NUMERIC", "n", "double precision", frozenset({_INTEGER, _REAL}), None),
    ("d", "DECIMAL(10,2)", "d", "numeric(10,2)", frozenset({_INTEGER, _REAL}), None),
    ("t", "TEXT", "t", "text", frozenset({_TEXT}), None),
    ("u", "VARCHAR(50)", "u", "varchar(50)", frozenset({_TEXT}), None),
    ("c", "TEXT COLLATE NOCASE", "c", "text", frozenset({_TEXT}), None),
    (ODD, "TEXT", ODD + "!", "text", frozenset({_TEXT}), None),
    ("b", "BLOB", "b", "bytea", frozenset({_BLOB}), None),
    ("f", "BOOLEAN", "f", "boolean", frozenset({_INTEGER}), None),
    ("g", "BOOLEAN", "g", "boolean", frozenset({_INTEGER}), None),
    ("js", "JSON", "js", "jsonb", frozenset({_TEXT}), None),
    ("day", "DATE", "day", "date", frozenset({_TEXT}), "0000-00-00"),
    ("at", "DATETIME", "at", "timestamp", frozenset({_TEXT}), "0000-00-00 00:00:00"),
    ("seen", "DATETIME", "seen", "timestamp", frozenset({_TEXT}), None),
    ("o", "NUMERIC", "o", "text", frozenset({_TEXT, _INTEGER}), None),
)

ROWS: tuple[tuple[Cell, ...], ...] = (
    (1, 0, 0, 0, 0.0, 1.5, 0, 0, "", "", "", "", b"", 0, 0, "{}", "2024-02-29", "2024-02-29 00:00:00", "2024-02-29T00:00:00", "x"),
    (2, 1, -1, 1, -1.0, 0.1, 1, 1, "abc", "ABC", "abc", "a", b"\x00\xff", 1, 0, '{"a":1,"b":"x"}', "0001-01-01", "1999-12-31 23:59:59", "2024-02-29 00:00:01", 5),
    (3, -7, 7, -3, 2.5, -2.5, 2.5, 10.5, "ABC", "abc", "ABC", "A", b"abc", 1, 1, '{"a":"x","b":null}', "9999-12-31", "2024-01-01 00:00:00", "2024-01-01T10:11", "7"),
    (4, 12345678901, 2147483647, 32767, 1e10, 3.0, -3, -0.01, "äÖü", "ÄöÜ", "äÖ", "ß", b"abd", 0, 1, "[1,2,3]", "2024-03-01", "2024-03-01 12:34:56", "2023-12-31 23:59:59.250", "y"),
    (5, -12345678901, -2147483648, -32768, -1e-7, 1e15, 7, 99999999.99, " a b ", "a_b%", " a b", "x y", b"\xff", None, 1, '{"a":{"b":[10,"20"]}}', None, None, None, None),
    (6, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None),
    (7, 5, 3, 2, 0.5, -0.5, 0.1, 0.1, "5", "5.0", "5", "12abc", b"5", 1, 1, "null", "1970-01-01", "1970-01-01 00:00:00", "1970-01-01 00:00:00", "12"),
    (8, 9007199254740993, 100, 10, 1e300, 2.0, 1000000, 12345.67, "a\nb", "a\\b", "Zz", "it's", b"\x00", 0, None, '{"a":true,"b":false}', "2000-12-31", "2000-12-31 13:00:00", "2000-12-31 13:00", "z"),
    (9, 2, 2, 2, 1.005, 2.675, 2, 2, "[x]", "😀b", "z", "-12", b"2", 0, 0, '{"a":1.0}', "2010-10-10", "2010-10-10 10:10:10", "2010-10-10 10:10:10.999", "2"),
    (10, -1, 1, -1, -0.5, 9007199254740992.0, -0.25, -10, "*?", "  ", "aBc", "zebra", b"x", 1, 0, '"x"', "2011-11-11", "2011-11-11 11:11:11", "2011-11-11T11:11:11.5", "w"),
)  # fmt: skip


def names() -> Names:
    """The names of the table on both sides."""
    columns = {
        source: NamedColumn(
            target,
            SqlType.parse(type_),
            affinity_of(declared.split(" COLLATE")[0]),
            _collation(declared),
            classes,
            spelling,
        )
        for source, declared, target, type_, classes, spelling in COLUMNS
    }
    return Names({TABLE: Relation("public", "Ziel", columns, rowid="id", key=("id",))})


def _collation(declared: str) -> str:
    return "NOCASE" if "NOCASE" in declared else "BINARY"


@dataclass(frozen=True)
class Pair:
    """The two databases."""

    sqlite: apsw.Connection
    postgres: psycopg.Connection

    def ask_sqlite(self, expression: str) -> list[Cell]:
        """Return an expression's value for each row."""
        sql = f"SELECT {expression}\n FROM {quoted(TABLE)} ORDER BY id"
        return [row[0] for row in self.sqlite.execute(sql).fetchall()]

    def ask_postgres(self, expression: str) -> list[Cell]:
        """Return a translated expression's value for each row, as SQLite would hold it."""
        sql = f'SELECT {expression} FROM "Ziel" ORDER BY id'
        return [as_sqlite(row[0]) for row in self.postgres.execute(sql.encode()).fetchall()]


def quoted(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def as_sqlite(value: object) -> Cell:
    """Return what SQLite would hold for a value that PostgreSQL gave."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return float(value) if value != int(value) else int(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    assert value is None or isinstance(value, int | float | str | bytes), value
    return value


def same(left: Sequence[Cell], right: Sequence[Cell]) -> bool:
    """Tell whether two columns are equal: 2 and 2.0 are, '2' and 2 are not."""
    numbers = (int, float)
    for one, other in zip(left, right, strict=True):
        if isinstance(one, numbers) and isinstance(other, numbers):
            if one != other:
                return False
        elif type(one) is not type(other) or one != other:
            return False
    return True


@contextmanager
def pair(url: str, rows: Sequence[Sequence[Cell]] = ROWS) -> Iterator[Pair]:
    """Make the table in memory and on the server, with the same rows."""
    sqlite = apsw.Connection(":memory:")
    declared = ", ".join(f"{quoted(source)} {type_}" for source, type_, *_ in COLUMNS)
    sqlite.execute(f"CREATE TABLE {quoted(TABLE)} ({declared})")
    marks = ", ".join("?" * len(COLUMNS))
    with psycopg.connect(url, autocommit=True) as postgres:
        listed = ", ".join(f"{quote(target)} {type_}" for _, _, target, type_, *_ in COLUMNS)
        postgres.execute(f'CREATE TABLE "Ziel" ({listed})'.encode())
        slots = ", ".join(f"%s::text::{type_}" if type_ != "bytea" else "%s" for *_, type_, _, _ in COLUMNS)
        for row in rows:
            sqlite.execute(f"INSERT INTO {quoted(TABLE)} VALUES ({marks})", tuple(row))
            postgres.execute(f'INSERT INTO "Ziel" VALUES ({slots})'.encode(), tuple(row))
        yield Pair(sqlite, postgres)
    sqlite.close()


AFFINITIES = {source: affinity_of(declared) for source, declared, *_ in COLUMNS}
assert AFFINITIES["d"] is Affinity.NUMERIC
