"""Whatever an application does to whatever tables: a copy that is kept by the change log alone equals them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capturing import Follower, actual, catalog_of, directory, put_under_capture

# Few values, so that keys and unique values meet all the time: equal under NOCASE, equal as numbers, and NULL
VALUES = ("NULL", "0", "1", "2", "3", "1.0", "2.5", "'1'", "'a'", "'A'", "'b'", "'a ' || char(0)", "x'61'", "-1")
CLAUSES = ("", "", " OR REPLACE", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ABORT", " OR ROLLBACK")
KEYS = {
    "integer": ("id INTEGER PRIMARY KEY", ""),
    "autoincrement": ("id INTEGER PRIMARY KEY AUTOINCREMENT", ""),
    "text": ("id TEXT PRIMARY KEY NOT NULL", ""),
    "replaced": ("id TEXT PRIMARY KEY ON CONFLICT REPLACE", ""),
    "nocase": ("id TEXT PRIMARY KEY COLLATE NOCASE", ""),
    "rtrim clustered": ("id TEXT COLLATE RTRIM", ", PRIMARY KEY(id COLLATE NOCASE)) WITHOUT ROWID"),
    "any": ("id PRIMARY KEY", ""),
    "any clustered": ("id PRIMARY KEY", ") WITHOUT ROWID"),
    "real": ("id REAL PRIMARY KEY", ""),
    "strict any": ("id ANY PRIMARY KEY", ") STRICT"),
    "composite": ("id INTEGER NOT NULL", ", PRIMARY KEY(b, id))"),
    "composite clustered": ("id INTEGER", ", PRIMARY KEY(id, a COLLATE NOCASE)) WITHOUT ROWID"),
    "none": ("id INTEGER", ""),
}
PARTS = (
    "UNIQUE(a)",
    "UNIQUE(a, b) ON CONFLICT REPLACE",
    "UNIQUE(b COLLATE NOCASE)",
    "FOREIGN KEY(b) REFERENCES {other}(id) ON DELETE CASCADE ON UPDATE CASCADE",
    "FOREIGN KEY(c) REFERENCES {table}(id) ON DELETE SET NULL ON UPDATE SET DEFAULT",
    "CHECK (a IS NOT 3)",
)
INDEXES = (
    "CREATE UNIQUE INDEX {table}_1 ON {table}(a) WHERE b IS NOT NULL",
    "CREATE UNIQUE INDEX {table}_2 ON {table}(lower(a), c)",
    "CREATE UNIQUE INDEX {table}_3 ON {table}(g)",
    "CREATE UNIQUE INDEX {table}_4 ON {table}(c) WHERE a > '1' AND {table}.b <> 2",
    "CREATE UNIQUE INDEX {table}_5 ON {table}(a || '-' || {table}.b COLLATE NOCASE DESC) WHERE typeof(c) = 'integer'",
)
TRIGGERS = (
    "CREATE TRIGGER {table}_a BEFORE INSERT ON {table} WHEN NEW.a = 2 BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER {table}_b AFTER INSERT ON {table} WHEN NEW.b = 1 BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER {table}_c AFTER UPDATE ON {table} BEGIN UPDATE {table} SET c = 'x' WHERE id IS NEW.id; END",
    "CREATE TRIGGER {table}_d AFTER DELETE ON {table} BEGIN DELETE FROM {other} WHERE a = OLD.a; END",
    "CREATE TRIGGER {table}_e BEFORE UPDATE ON {table} WHEN NEW.a = 1 BEGIN"
    " UPDATE OR REPLACE {table} SET b = 2 WHERE id IS OLD.id; END",
    "CREATE TRIGGER {table}_f AFTER INSERT ON {table} BEGIN INSERT OR REPLACE INTO {other}(id, a) VALUES (1, 2); END",
    "CREATE TRIGGER {table}_g AFTER INSERT ON {table} WHEN NEW.c = 1 BEGIN SELECT RAISE(FAIL, 'no'); END",
    "CREATE TRIGGER {table}_h BEFORE INSERT ON {table} BEGIN UPDATE {table} SET a = NEW.a WHERE b IS NEW.b; END",
)


@dataclass(frozen=True)
class AnyTable:
    """A table to make."""

    name: str
    key: str
    parts: tuple[str, ...]
    objects: tuple[str, ...]

    def definitions(self, other: str) -> list[str]:
        """The statements that make it, of which SQLite may refuse some."""
        column, tail = KEYS[self.key]
        strict = self.key.startswith("strict")
        types = ["a INT", "b ANY", "c ANY DEFAULT 7", "g TEXT AS (a || c)"]
        declared = types if strict else ["a INT", "b", "c TEXT DEFAULT 7", "g AS (a + 1)"]
        constraint, _, options = tail.rpartition(")")
        parts = ", ".join((column, *declared, *self.parts))
        texts = (f"CREATE TABLE {self.name}({parts}{constraint}){options}", *self.objects)
        return [text.replace("{table}", self.name).replace("{other}", other) for text in texts]


@st.composite
def schemas(draw: st.DrawFn) -> list[str]:
    """Draw two tables that may refer to each other."""
    statements: list[str] = []
    for name, other in (("t", "u"), ("u", "t")):
        parts = tuple(draw(st.lists(st.sampled_from(PARTS), unique=True, max_size=2)))
        indexes = draw(st.lists(st.sampled_from(INDEXES), unique=True, max_size=2))
        triggers = draw(st.lists(st.sampled_from(TRIGGERS), unique=True, max_size=2))
        statements += AnyTable(name, draw(st.sampled_from(sorted(KEYS))), parts, (*indexes, *triggers)).definitions(
            other
        )
    return statements


value = st.sampled_from(VALUES)
table = st.sampled_from(("t", "u", "t", "u", "aux.t"))
column = st.sampled_from(("id", "a", "b", "c"))
clause = st.sampled_from(CLAUSES)
values = st.builds("({}, {}, {}, {})".format, value, value, value, value)
conditions = st.one_of(
    st.just("1"),
    st.builds("{} = {}".format, column, value),
    st.builds("{} > {}".format, column, value),
    st.builds("id IN (SELECT id FROM t WHERE a < {})".format, value),
)
statements = st.one_of(
    st.builds(
        lambda how, name, rows: f"INSERT{how} INTO {name}(id, a, b, c) VALUES {', '.join(rows)}",
        clause,
        table,
        st.lists(values, min_size=1, max_size=4),
    ),
    st.builds("INSERT{} INTO {}(a, b) VALUES ({}, {})".format, clause, table, value, value),
    st.builds("REPLACE INTO {}(id, a, b, c) VALUES {}".format, table, values),
    st.builds("INSERT{} INTO {}(rowid, a, b) VALUES ({}, 1, {})".format, clause, table, value, value),
    st.builds("INSERT{} INTO {}(id, a, b, c) SELECT b, a, id, c FROM t".format, clause, table),
    st.builds("INSERT INTO {}(id, a, b, c) VALUES {} ON CONFLICT DO NOTHING".format, table, values),
    st.builds(
        "INSERT INTO {}(id, a, b, c) VALUES {} ON CONFLICT(id) DO UPDATE SET {} = excluded.a".format,
        table,
        values,
        column,
    ),
    st.builds("UPDATE{} {} SET {} = {} WHERE {}".format, clause, table, column, value, conditions),
    st.builds("UPDATE{} {} SET {} = {}, {} = {}".format, clause, table, column, value, column, value),
    st.builds("UPDATE{} {} SET id = id + 1 WHERE {}".format, clause, table, conditions),
    st.builds("UPDATE{} {} SET oid = {} WHERE {}".format, clause, table, value, conditions),
    st.builds("UPDATE{} t SET b = u.a FROM u WHERE t.{} = u.a".format, clause, column),
    st.builds("DELETE FROM {} WHERE {}".format, table, conditions),
    st.sampled_from(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "DELETE FROM t")),
)
scripts = st.lists(st.tuples(st.integers(0, 3), statements), min_size=1, max_size=14)


def writers(path: Path) -> list[apsw.Connection]:
    """Connections as applications open them: recursive triggers and foreign keys on and off; one attaches the file."""
    found = []
    for recursive in ("ON", "OFF"):
        for keys in ("ON", "OFF"):
            connection = apsw.Connection(str(path))
            connection.execute(f"PRAGMA recursive_triggers = {recursive}; PRAGMA foreign_keys = {keys}")
            connection.execute("ATTACH ':memory:' AS aux; PRAGMA synchronous = OFF")
            found.append(connection)
    found[-1].execute("DETACH aux")
    found[-1].execute("ATTACH ? AS aux", (str(path),))
    return found


def run(connections: Sequence[apsw.Connection], script: Sequence[tuple[int, str]]) -> None:
    """Run what SQLite does not refuse; the last transaction is committed."""
    for number, statement in script:
        with suppress(apsw.Error):
            connections[number].execute(statement).fetchall()
        if connections[number].in_transaction and number != script[0][0]:
            connections[number].execute("COMMIT")
    for connection in connections:
        if connection.in_transaction:
            with suppress(apsw.Error):
                connection.execute("COMMIT")
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def follow_everything(encoding: str, schema: list[str], rounds: list[list[tuple[int, str]]]) -> None:
    """Make tables, change them at random under capture, and compare the copy after each round."""
    with directory() as made:
        path = Path(made) / "any.db"
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute(f"PRAGMA encoding = '{encoding}'; PRAGMA journal_mode = WAL").fetchall()
            for statement in schema:
                with suppress(apsw.Error):
                    connection.execute(statement)
        connections = writers(path)
        run(connections, rounds[0])
        plan = put_under_capture(path)
        described = {table.name: table for table in catalog_of(path).tables}
        follower = Follower(path, plan)
        for script in rounds[1:]:
            run(connections, script)
            follower.follow()
            assert follower.copy == actual(connections[0], described, plan)
        for connection in connections:
            connection.close()


SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
ENCODINGS = st.sampled_from(("UTF-8", "UTF-8", "UTF-8", "UTF-16le"))
ROUNDS = st.lists(scripts, min_size=2, max_size=4)


@SETTINGS
@given(ENCODINGS, schemas(), ROUNDS)
def test_a_copy_kept_by_the_log_alone_equals_the_tables(
    encoding: str, schema: list[str], rounds: list[list[tuple[int, str]]]
) -> None:
    follow_everything(encoding, schema, rounds)


@pytest.mark.slow
@settings(SETTINGS, max_examples=10_000)
@given(ENCODINGS, schemas(), ROUNDS)
def test_ten_thousand_more_databases(encoding: str, schema: list[str], rounds: list[list[tuple[int, str]]]) -> None:
    follow_everything(encoding, schema, rounds)
