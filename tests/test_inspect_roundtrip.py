"""Any table that SQLite accepts is described as it was declared, however its text is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from exuvia.catalog.model import Check, ForeignKey, Generated, Key, Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.inspect import inspect

T = TypeVar("T")

ODD_NAMES = [
    "check",
    "primary key",
    "a,b",
    "it's",
    'x"y',
    "]",
    "`",
    "(",
    "--",
    "/*",
    "constraint",
    "as",
    "é",
    "😀",
    "1",
    "",
    " ",
]
BARE_NAMES = ["a", "b", "Id", "generated", "always", "key", "replace", "desc", "with_1", "conflict", "naïve", "a$"]
TYPES = [
    "",
    "INT",
    "INTEGER",
    "TEXT",
    "VARCHAR(10, 2)",
    "DOUBLE PRECISION",
    "unsigned big int",
    "DECIMAL(-1,+2)",
    "BLOB",
    "JSON",
]
EXPRESSIONS = ["1", "1 <> ')'", "(1) + (2)", "1 IN (1, 2) /* ( */", "'--' <> '/*'", "x'29' <> 'CHECK (1)'"]
DEFAULTS = [
    ("5", "5"),
    ("-1", "-1"),
    ("'a''b,('", "'a''b,('"),
    ("(1 + (2))", "1 + (2)"),
    ("word", "'word'"),
    ("NULL", "NULL"),
]
GAPS = [" ", "\n", "\t ", "/* ' ) , */", ' -- " ( ,\n', " \ufeff", "/**/"]
ACTIONS = ["NO ACTION", "CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"]

spelled = st.one_of(
    st.sampled_from(BARE_NAMES),
    st.sampled_from(ODD_NAMES),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6),
)
constraint_names = st.none() | spelled


@dataclass(frozen=True)
class Sample:
    """A CREATE TABLE statement and what its description must say."""

    sql: str
    columns: list[tuple[str, str, bool, str | None, str, Generated | None]]
    primary_key: Key | None
    uniques: tuple[Key, ...]
    checks: tuple[Check, ...]
    foreign_keys: tuple[ForeignKey, ...]


class Writer:
    """Draws a table and writes it down in one of the many ways in which SQLite lets it be written."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._pieces: list[str] = []
        self._names: list[str] = []
        self._uniques: list[Key] = []
        self._checks: list[Check] = []
        self._foreign_keys: list[ForeignKey] = []

    def sample(self) -> Sample:
        name = self._draw(spelled.filter(lambda name: not fold(name).startswith("sqlite_")))
        self._names = self._draw(st.lists(spelled, min_size=1, max_size=5, unique_by=fold))
        self._write("CREATE TABLE", self._spell(name), "(")
        columns = [self._column(number, column) for number, column in enumerate(self._names)]
        primary = self._table_constraints([column[0] for column in columns if column[5] is None])
        self._write(")")
        if primary is not None and self._maybe():
            self._write("WITHOUT", "ROWID")
            columns = [(*column[:2], column[2] or column[0] in primary.columns, *column[3:]) for column in columns]
        text = "".join(piece + self._pick(GAPS) for piece in self._pieces)
        return Sample(text, columns, primary, self._distinct(primary), tuple(self._checks), tuple(self._foreign_keys))

    def _column(self, number: int, name: str) -> tuple[str, str, bool, str | None, str, Generated | None]:
        if number:
            self._write(",")
        declared = self._pick(TYPES)
        self._write(self._spell(name), declared)
        clauses = self._draw(
            st.permutations(["not null", "default", "collate", "check", "unique", "references", "none"])
        )
        found: dict[str, str] = {}
        for clause in clauses[: clauses.index("none")]:
            self._column_clause(clause, name, found)
        generated = self._generated(number) if "default" not in found else None
        return name, declared, "not null" in found, found.get("default"), found.get("collate", "BINARY"), generated

    def _column_clause(self, clause: str, name: str, found: dict[str, str]) -> None:
        constraint = self._constraint()
        found[clause] = ""
        if clause == "not null":
            self._write("NOT", "NULL", self._pick(["", "ON CONFLICT IGNORE"]))
        elif clause == "default":
            text, found[clause] = self._pick(DEFAULTS)
            self._write("DEFAULT", text)
        elif clause == "collate":
            found[clause] = self._pick(["NOCASE", "RTRIM"])
            self._write("collate", found[clause].lower())
        elif clause == "check":
            self._check(constraint)
        elif clause == "unique":
            self._write("unique", self._pick(["", "ON CONFLICT REPLACE"]))
            self._uniques.append(Key((name,), constraint))
        else:
            self._references((name,), constraint)

    def _generated(self, number: int) -> Generated | None:
        if number == 0 or not self._maybe():
            return None
        generated = Generated(self._pick(EXPRESSIONS[:3]), self._maybe())
        self._write(self._pick(["", "GENERATED ALWAYS"]), "AS", f"({generated.expression})")
        self._write("STORED" if generated.stored else self._pick(["", "VIRTUAL"]))
        return generated

    def _table_constraints(self, stored: Sequence[str]) -> Key | None:
        primary = None
        for kind in self._draw(st.lists(st.sampled_from(["primary", "unique", "check", "foreign"]), max_size=4)):
            self._write(",")
            constraint = self._constraint()
            first = kind == "primary" and primary is None
            candidates = stored if first else self._names
            columns = self._draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=3, unique=True))
            if first:
                self._write("PRIMARY", "KEY")
                primary = Key(tuple(columns), constraint)
            elif kind == "foreign":
                self._write("FOREIGN", "KEY")
            elif kind == "check":
                self._check(constraint)
                continue
            else:
                self._write("UNIQUE")
                self._uniques.append(Key(tuple(columns), constraint))
            self._list(columns)
            if kind == "foreign":
                self._references(tuple(columns), constraint)
        return primary

    def _check(self, constraint: str | None) -> None:
        expression = self._pick(EXPRESSIONS)
        self._write("CHECK", f"({expression})")
        self._checks.append(Check(expression, constraint))

    def _references(self, columns: tuple[str, ...], constraint: str | None) -> None:
        update, delete = self._pick(ACTIONS), self._pick(ACTIONS)
        self._write(
            "REFERENCES", self._spell("no where"), "ON", "UPDATE", update, "MATCH", "full", "ON", "DELETE", delete
        )
        written, deferrable, initially = self._pick(
            [
                ("", False, False),
                ("DEFERRABLE", True, False),
                ("NOT DEFERRABLE INITIALLY DEFERRED", False, False),
                ("DEFERRABLE INITIALLY DEFERRED", True, True),
                ("DEFERRABLE INITIALLY IMMEDIATE", True, False),
            ]
        )
        self._write(written)
        self._foreign_keys.append(
            ForeignKey(columns, "no where", (), update, delete, deferrable, initially, constraint)
        )

    def _constraint(self) -> str | None:
        name = self._draw(constraint_names)
        if name is not None:
            self._write("CONSTRAINT", self._spell(name))
        return name

    def _list(self, columns: Sequence[str]) -> None:
        self._write("(")
        for number, column in enumerate(columns):
            self._write("," if number else "", self._spell(column))
        self._write(")")

    def _distinct(self, primary: Key | None) -> tuple[Key, ...]:
        """SQLite keeps one key of several over the same columns; the primary key goes before a UNIQUE constraint."""
        found: dict[tuple[str, ...], Key] = {}
        for key in self._uniques:
            found.setdefault(key.columns, key)
        return tuple(key for key in found.values() if primary is None or key.columns != primary.columns)

    def _spell(self, name: str) -> str:
        """One of the spellings of a name."""
        ways = [
            '"' + name.replace('"', '""') + '"',
            "`" + name.replace("`", "``") + "`",
            "'" + name.replace("'", "''") + "'",
        ]
        if "]" not in name:
            ways.append(f"[{name}]")
        if name in BARE_NAMES and name not in ("generated", "always"):
            ways.append(name)
        return self._pick(ways)

    def _pick(self, values: Sequence[T]) -> T:
        return self._draw(st.sampled_from(values))

    def _maybe(self) -> bool:
        return self._draw(st.booleans())

    def _write(self, *pieces: str) -> None:
        self._pieces += [piece for piece in pieces if piece]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    return Writer(draw).sample()


@settings(max_examples=300, deadline=None)
@given(samples())
def test_a_table_is_described_as_it_was_declared(sample: Sample) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(sample.sql)
    catalog = inspect(connection, "memory")
    (table,) = catalog.tables
    assert catalog.unreadable == ()
    assert columns_of(table) == sample.columns
    assert table.primary_key == sample.primary_key
    assert table.uniques == sample.uniques
    assert table.checks == sample.checks
    assert table.foreign_keys == sample.foreign_keys
    assert table.indexes == ()


def columns_of(table: Table) -> list[tuple[str, str, bool, str | None, str, Generated | None]]:
    return [
        (column.name, column.declared_type, column.not_null, column.default, column.collation, column.generated)
        for column in table.columns
    ]
