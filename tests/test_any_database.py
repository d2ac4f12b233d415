"""Any database at all: random tables of hostile values are moved, and the oracle finds every row.

The pools of declared types and values are those that real files get wrong; hypothesis combines and shrinks them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import servers
from exuvia.move.pipeline import MoveOptions, migrate
from exuvia.move.planner import PlanOptions
from oracle import claim_of, fingerprint, judge

DECLARED = (
    *("", "INTEGER", "INT", "BIGINT", "SMALLINT", "TINYINT(1)", "BOOLEAN", "REAL", "FLOAT", "DOUBLE PRECISION", "TEXT"),
    *("VARCHAR(5)", "CHAR(36)", "CHAR(32)", "UUID", "BLOB", "NUMERIC", "DECIMAL(10,2)", "DECIMAL", "DATE", "TIME"),
    *("DATETIME", "TIMESTAMP", "TIMESTAMPTZ", "JSON", "JSONB", "STRING", "ANYTHING", "DATETIME(6)", "MONEY"),
)

INTEGERS = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from((2**31, 2**53 + 1, 1700000000, 1700000000123, 1700000000123456, 10**11, 10**14, 20240229)),
)
REALS = st.one_of(
    st.floats(allow_nan=False),
    st.sampled_from((-0.0, 0.1, 1.005, 1e22, 5e-324, 1700000000.25, 2460000.5, 1e15 + 0.3, 99999999.995, float("inf"))),
)
SPELLINGS = st.sampled_from(
    (
        *(
            "",
            " ",
            "0",
            "1",
            "-1",
            "007",
            "1.50",
            "1e3",
            "+5",
            "0x1F",
            "NaN",
            "Infinity",
            "true",
            "F",
            "yes",
            "null",
            "{}",
        ),
        *(
            "[1, 2.0]",
            '{"a": 1, "a": 2}',
            '"\\u0000"',
            '{"b": "\\ud83d\\ude00"}',
            "[1e400]",
            "NULL",
            "\\N",
            "now",
            "epoch",
        ),
        *(
            "2024-02-29",
            "2023-02-29",
            "2024-01-01 10:00:00",
            "2024-01-01T10:00:00.123456Z",
            "2024-01-01T10:00:00+05:30",
        ),
        *("2024-01-01 10:00:00.1234567", "24:00:00", "10:00", "23:59:60", "99999-01-01", "0000-00-00", "unknown"),
        *(
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        ),
        *("a\0b", "\ufeffx", "é", "e\u0301", "😀", "\U0010ffff", "a\tb\n\\.", "12345678901234567890", "0." + "1" * 40),
    )
)
TEXTS = st.one_of(SPELLINGS, st.text(max_size=8), st.datetimes().map(str), st.dates().map(str), st.decimals().map(str))
BLOBS = st.one_of(st.binary(max_size=20), st.sampled_from((b"", b"text", b"\xff\xfe", bytes(16), b"{}")))
BROKEN = st.sampled_from((b"\xff", b"a\xc3", b"\xed\xa0\x80"))
VALUES = st.one_of(st.none(), INTEGERS, REALS, TEXTS, BLOBS, BROKEN.map(lambda raw: ("text", raw)))
ONE_CLASS = st.sampled_from((INTEGERS, REALS, TEXTS, SPELLINGS, BLOBS, VALUES)).flatmap(
    lambda kind: st.lists(st.one_of(st.none(), kind), min_size=1, max_size=12)
)
KEYS = ("none", "rowid", "autoincrement", "plain", "without rowid", "unique", "composite", "nocase")


@dataclass(frozen=True)
class AnyTable:
    """A table to make: its columns' declared types, the kind of its key, and its values by column."""

    declared: tuple[str, ...]
    key: str
    values: tuple[list[object], ...]

    def definition(self, name: str) -> str:
        """Return the CREATE TABLE statement."""
        columns = [f'"c{number}" {declared}' for number, declared in enumerate(self.declared)]
        tails = {
            "plain": " PRIMARY KEY",
            "without rowid": " PRIMARY KEY",
            "unique": " UNIQUE",
            "nocase": " COLLATE NOCASE UNIQUE",
        }
        columns[0] += tails.get(self.key, "")
        first = {"rowid": ["id INTEGER PRIMARY KEY"], "autoincrement": ["id INTEGER PRIMARY KEY AUTOINCREMENT"]}
        last = ['PRIMARY KEY("c0", "c1")'] if self.key == "composite" and len(columns) > 1 else []
        options = " WITHOUT ROWID" if self.key == "without rowid" else ""
        return f"CREATE TABLE {name}({', '.join([*first.get(self.key, []), *columns, *last])}){options}"

    def fill(self, connection: sqlite3.Connection, name: str) -> None:
        """Insert the values; rows that SQLite itself refuses are left out. A pair is TEXT of raw bytes."""
        names = ", ".join(f'"c{number}"' for number in range(len(self.declared)))
        for row in range(max(map(len, self.values))):
            given = [column[row % len(column)] for column in self.values]
            marks = ["CAST(? AS TEXT)" if isinstance(value, tuple) else "?" for value in given]
            plain = [value[1] if isinstance(value, tuple) else value for value in given]
            # An INTEGER PRIMARY KEY refuses everything but integers, whatever the conflict clause.
            with suppress(sqlite3.IntegrityError):
                connection.execute(f"INSERT OR IGNORE INTO {name}({names}) VALUES({', '.join(marks)})", plain)


@st.composite
def tables(draw: st.DrawFn) -> AnyTable:
    """Draw a table of one to four columns."""
    declared = tuple(draw(st.lists(st.sampled_from(DECLARED), min_size=1, max_size=4)))
    return AnyTable(declared, draw(st.sampled_from(KEYS)), tuple(draw(ONE_CLASS) for _ in declared))


def moved_and_judged(drawn: list[AnyTable], style: str, encoding: str, url: str) -> list[str]:
    """Build a database, move it and return the oracle's complaints."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "any.sqlite"
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        for number, table in enumerate(drawn):
            connection.execute(table.definition(f"t{number}"))
            table.fill(connection, f"t{number}")
        connection.commit()
        connection.close()
        before = fingerprint(path)
        options = MoveOptions(
            plan=PlanOptions(style=style),  # type: ignore[arg-type]
            jobs=2,
            batch_rows=5,
            quarantine_file=Path(directory) / "quarantine.jsonl",
        )
        report = migrate(path, url, options=options)
        complaints = judge(path, url, claim_of(report))
        complaints += ["the proof says that the sides differ"] if report.proof is None or not report.proof.equal else []
        return complaints + (["the source was changed"] if fingerprint(path) != before else [])


SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(
    drawn=st.lists(tables(), min_size=1, max_size=2),
    style=st.sampled_from(("faithful", "native")),
    encoding=st.sampled_from(("UTF-8", "UTF-8", "UTF-16le", "UTF-16be")),
)
def test_every_row_of_any_database_is_moved_or_rejected_with_a_reason(
    server_url: Callable[[str], str], drawn: list[AnyTable], style: str, encoding: str
) -> None:
    with servers.fresh_database(server_url("pip")) as url:
        assert moved_and_judged(drawn, style, encoding, url) == []


@pytest.mark.slow
@settings(SETTINGS, max_examples=2_000)
@given(drawn=st.lists(tables(), min_size=1, max_size=3), style=st.sampled_from(("faithful", "native")))
def test_two_thousand_more_databases(server_url: Callable[[str], str], drawn: list[AnyTable], style: str) -> None:
    with servers.fresh_database(server_url("debian")) as url:
        assert moved_and_judged(drawn, style, "UTF-8", url) == []
