"""What the catalog reader says about tables, against databases that SQLite itself made."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from exuvia.catalog.model import Affinity, Catalog, Check, ForeignKey, Generated, IndexPart, Key, Table
from exuvia.engines.sqlite.inspect import inspect
from exuvia.errors import CancelledError, SourceError


def catalog_of(*statements: str) -> Catalog:
    connection = apsw.Connection(":memory:")
    for statement in statements:
        connection.execute(statement)
    return inspect(connection, "memory")


def table_of(statement: str) -> Table:
    (table,) = catalog_of(statement).tables
    return table


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("INT", Affinity.INTEGER),
        ("unsigned big int", Affinity.INTEGER),
        ("FLOATING POINT", Affinity.INTEGER),
        ("CHARINT", Affinity.INTEGER),
        ("VARCHAR(10, 2)", Affinity.TEXT),
        ("native character", Affinity.TEXT),
        ("clob", Affinity.TEXT),
        ("BLOB", Affinity.BLOB),
        ("", Affinity.BLOB),
        ("DOUBLE PRECISION", Affinity.REAL),
        ("float", Affinity.REAL),
        ("JSON", Affinity.NUMERIC),
        ("DATETIME", Affinity.NUMERIC),
        ("DECIMAL(10,2)", Affinity.NUMERIC),
        ("ANY", Affinity.NUMERIC),
        ('"my weird type"', Affinity.NUMERIC),
    ],
)
def test_affinity_is_what_sqlite_does_with_a_value(declared: str, expected: Affinity) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t(c {declared})")
    connection.execute("INSERT INTO t VALUES (12), ('12'), (12.0)")
    stored = tuple(row[0] for row in connection.execute("SELECT typeof(c) FROM t ORDER BY rowid"))
    effect = {
        Affinity.INTEGER: ("integer", "integer", "integer"),
        Affinity.NUMERIC: ("integer", "integer", "integer"),
        Affinity.TEXT: ("text", "text", "text"),
        Affinity.REAL: ("real", "real", "real"),
        Affinity.BLOB: ("integer", "text", "real"),
    }
    column = inspect(connection, "memory").table("t").column("c")
    assert column.affinity is expected
    assert stored == effect[column.affinity]


def test_strict_tables_keep_their_types_and_any_has_no_affinity() -> None:
    table = table_of(
        "CREATE TABLE t(a INTEGER, b ANY, c REAL NOT NULL) STRICT, WITHOUT ROWID".replace(
            "a INTEGER", "a INT PRIMARY KEY"
        )
    )
    assert table.strict
    assert table.without_rowid
    assert [(column.declared_type, column.affinity) for column in table.columns] == [
        ("INT", Affinity.INTEGER),
        ("ANY", Affinity.BLOB),
        ("REAL", Affinity.REAL),
    ]


@pytest.mark.parametrize(
    ("definition", "alias"),
    [
        ("id INTEGER PRIMARY KEY", "id"),
        ("id integer primary key asc", "id"),
        ('"id" "INTEGER" PRIMARY KEY', "id"),
        ("id INTEGER, PRIMARY KEY(ID)", "id"),
        ("id INTEGER, PRIMARY KEY(id DESC)", "id"),
        ("id INTEGER UNIQUE PRIMARY KEY", "id"),
        ("id INTEGER PRIMARY KEY DESC", None),
        ("id INT PRIMARY KEY", None),
        ("id BIGINT PRIMARY KEY", None),
        ("id INTEGER(4) PRIMARY KEY", None),
        ("id INTEGER, b, PRIMARY KEY(id, b)", None),
        ("id INTEGER", None),
    ],
)
def test_the_rowid_alias_is_the_column_that_follows_the_rowid(definition: str, alias: str | None) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t({definition})")
    connection.execute("INSERT INTO t(rowid) VALUES (7)")
    follows = list(connection.execute("SELECT id FROM t")) == [(7,)]
    assert inspect(connection, "memory").table("t").rowid_column == alias
    assert follows == (alias is not None)


def test_a_rowid_name_is_one_that_no_column_takes() -> None:
    assert table_of("CREATE TABLE t(a)").rowid_name == "rowid"
    assert table_of("CREATE TABLE t(ROWID)").rowid_name == "_rowid_"
    assert table_of("CREATE TABLE t(rowid, [_RowId_])").rowid_name == "oid"
    assert table_of("CREATE TABLE t(rowid, _rowid_, oid)").rowid_name is None
    assert table_of("CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID").rowid_name is None


def test_autoincrement_and_its_position_above_the_largest_row() -> None:
    catalog = catalog_of(
        "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE b(id INTEGER, PRIMARY KEY(id AUTOINCREMENT))",
        "CREATE TABLE c([autoincrement] INTEGER PRIMARY KEY CHECK ('AUTOINCREMENT' <> ''))",
        "INSERT INTO a VALUES (41), (42)",
        "DELETE FROM a",
    )
    assert [(table.autoincrement, table.sequence) for table in catalog.tables] == [
        (True, 42),
        (True, None),
        (False, None),
    ]


def test_primary_key_columns_come_in_key_order_with_the_constraint_name() -> None:
    table = table_of("CREATE TABLE t(a, b, c, CONSTRAINT pk PRIMARY KEY (C, a) ON CONFLICT REPLACE)")
    assert table.primary_key == Key(("c", "a"), "pk")


def test_uniques_come_in_declared_order_with_names_and_without_repetition() -> None:
    table = table_of(
        """CREATE TABLE t(a CONSTRAINT first UNIQUE ON CONFLICT IGNORE, b UNIQUE, c,
           CONSTRAINT "third one" UNIQUE (b, C), UNIQUE (a), UNIQUE (c DESC))"""
    )
    assert table.uniques == (Key(("a",), "first"), Key(("b",)), Key(("b", "c"), "third one"), Key(("c",)))
    assert table.indexes == ()


def test_a_key_with_a_collation_of_its_own_is_told_as_a_unique_index() -> None:
    table = table_of("CREATE TABLE t(a TEXT COLLATE nocase, b TEXT, UNIQUE (a), UNIQUE (b COLLATE NOCASE))")
    assert table.column("a").collation == "NOCASE"
    assert table.uniques == (Key(("a",)),)
    (index,) = table.indexes
    assert index.unique
    assert index.parts == (IndexPart(column="b", collation="NOCASE"),)


def test_checks_keep_their_text_and_names() -> None:
    table = table_of(
        """CREATE TABLE t(
            a INT CONSTRAINT positive CHECK (a > 0 AND (a < 10 OR a IN (11, 12))) DEFAULT 1,
            b TEXT CONSTRAINT given NOT NULL CHECK (b <> ')' /* ) */ AND b <> 'it''s'), -- CHECK (no)
            "check" TEXT DEFAULT 'CHECK (x)',
            CHECK (length("check") > length("a(")) ON CONFLICT ABORT
            CONSTRAINT [last one] CHECK (a <> b))""".replace('"a("', '"b"')
    )
    assert table.checks == (
        Check("a > 0 AND (a < 10 OR a IN (11, 12))", "positive"),
        Check("b <> ')' /* ) */ AND b <> 'it''s'"),
        Check('length("check") > length("b")'),
        Check("a <> b", "last one"),
    )


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("DEFAULT 5", "5"),
        ("DEFAULT -1", "-1"),
        ("DEFAULT + 2.5e3", "+ 2.5e3"),
        ("DEFAULT 'it''s'", "'it''s'"),
        ("DEFAULT (1 + (2))", "1 + (2)"),
        ("DEFAULT (datetime('now', 'localtime'))", "datetime('now', 'localtime')"),
        ("DEFAULT CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
        ("DEFAULT NULL", "NULL"),
        ("DEFAULT true", "true"),
        ("DEFAULT x'00ff'", "x'00ff'"),
        ("DEFAULT hello", "'hello'"),
        ('DEFAULT "it\'s"', "'it''s'"),
        ("", None),
    ],
)
def test_defaults_are_expressions_that_mean_what_sqlite_stores(clause: str, expected: str | None) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t(a, c {clause} NOT NULL ON CONFLICT IGNORE CHECK (c IS NOT 'no'), d)")
    connection.execute("INSERT INTO t(a) VALUES (1)")
    default = inspect(connection, "memory").table("t").column("c").default
    assert default == expected
    stored = list(connection.execute("SELECT c FROM t"))
    if default not in (None, "NULL"):
        assert stored == list(connection.execute(f"SELECT {default}"))


def test_generated_columns_have_their_expression_and_say_whether_they_are_stored() -> None:
    table = table_of(
        """CREATE TABLE t(a INT, b INT GENERATED ALWAYS AS (a * (2 + 1)) STORED, c AS (a || ')'),
           d TEXT NOT NULL CONSTRAINT n GENERATED ALWAYS AS (upper(a)) VIRTUAL UNIQUE)"""
    )
    assert [column.generated for column in table.columns] == [
        None,
        Generated("a * (2 + 1)", stored=True),
        Generated("a || ')'", stored=False),
        Generated("upper(a)", stored=False),
    ]
    assert [column.declared_type for column in table.columns] == ["INT", "INT", "", "TEXT"]


def test_types_are_told_without_comments_and_line_breaks() -> None:
    table = table_of(
        "CREATE TABLE t(a unsigned /* int */ big\n  int, b VARCHAR -- n\n (10 , 2), c [double precision], d)"
    )
    assert [column.declared_type for column in table.columns] == [
        "unsigned big int",
        "VARCHAR (10 , 2)",
        "double precision",
        "",
    ]


def test_foreign_keys_resolve_to_declared_spelling_implicit_keys_and_deferral() -> None:
    catalog = catalog_of(
        "CREATE TABLE Parent(Id INTEGER PRIMARY KEY, Code TEXT UNIQUE, x, y)",
        "CREATE TABLE pair(A, B, PRIMARY KEY (B, A))",
        """CREATE TABLE child(
            p INT CONSTRAINT own REFERENCES PARENT ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
            c TEXT REFERENCES "parent"(CODE) MATCH FULL NOT DEFERRABLE INITIALLY DEFERRED,
            a, b, self REFERENCES CHILD(p),
            FOREIGN KEY (B, a) REFERENCES Pair DEFERRABLE INITIALLY IMMEDIATE
            CONSTRAINT both FOREIGN KEY (a, b) REFERENCES pair(a, b) ON DELETE RESTRICT,
            UNIQUE (p))""",
    )
    assert catalog.table("child").foreign_keys == (
        ForeignKey(("p",), "Parent", ("Id",), "SET NULL", "CASCADE", True, True, "own"),
        ForeignKey(("c",), "Parent", ("Code",)),
        ForeignKey(("self",), "child", ("p",)),
        ForeignKey(("b", "a"), "pair", ("B", "A"), deferrable=True),
        ForeignKey(("a", "b"), "pair", ("A", "B"), on_delete="RESTRICT", name="both"),
    )
    assert catalog.notes == ()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("REFERENCES nowhere(id)", "nowhere"),
        ("REFERENCES v", "v, and there is no such ordinary table"),
        ("REFERENCES nokey", "no columns"),
        ("REFERENCES two", "2 columns"),
        ("REFERENCES nokey(zz)", "column zz of nokey"),
        ("REFERENCES nokey(a)", "nokey (a), which is not a unique key"),
        ("REFERENCES part(a)", "part (a), which is not a unique key"),
    ],
)
def test_a_foreign_key_to_nothing_has_no_target_columns_and_a_note(reference: str, said: str) -> None:
    catalog = catalog_of(
        "CREATE TABLE nokey(a)",
        "CREATE TABLE two(a, b, PRIMARY KEY (a, b))",
        "CREATE TABLE part(a, b)",
        "CREATE UNIQUE INDEX partly ON part(a) WHERE b",
        "CREATE VIEW v AS SELECT 1 AS id",
        f"CREATE TABLE t(c {reference})",
    )
    (key,) = catalog.table("t").foreign_keys
    assert key.target_columns == ()
    (note,) = catalog.notes
    assert said in note
    assert "t (c)" in note


def test_a_unique_index_is_a_key_that_can_be_referred_to() -> None:
    catalog = catalog_of(
        "CREATE TABLE p(a, b)",
        "CREATE UNIQUE INDEX i ON p(b, a)",
        "CREATE TABLE t(x, y, FOREIGN KEY (x, y) REFERENCES p(a, b))",
    )
    assert catalog.table("t").foreign_keys[0].target_columns == ("a", "b")


def test_indexes_have_expressions_orders_collations_and_conditions() -> None:
    catalog = catalog_of(
        "CREATE TABLE t(a TEXT, b TEXT COLLATE NOCASE, c)",
        """CREATE UNIQUE INDEX IF NOT EXISTS main."on i" ON "t" (a COLLATE RTRIM DESC, B, lower(a || ')')
           COLLATE nocase DESC,
           a || b COLLATE NOCASE ASC, (c + 1)) WHERE c > 1 AND a <> ';' ; -- the end""",
        "CREATE INDEX plain ON t(c)",
    )
    first, second = catalog.table("t").indexes
    assert (first.name, first.unique, first.where) == ("on i", True, "c > 1 AND a <> ';'")
    assert first.parts == (
        IndexPart(column="a", descending=True, collation="RTRIM"),
        IndexPart(column="b", collation="NOCASE"),
        IndexPart(expression="lower(a || ')')", descending=True, collation="NOCASE"),
        IndexPart(expression="a || b COLLATE NOCASE"),
        IndexPart(expression="(c + 1)"),
    )
    assert (second.name, second.unique, second.where, second.parts) == ("plain", False, None, (IndexPart(column="c"),))


def test_altered_tables_are_read_as_sqlite_rewrote_them() -> None:
    catalog = catalog_of(
        "CREATE TABLE old(a INT, b TEXT -- note, with (a parenthesis\n, UNIQUE (a))",
        "ALTER TABLE old ADD COLUMN   c   INTEGER NOT NULL DEFAULT 4 CHECK (c > 0)",
        "ALTER TABLE old ADD COLUMN d REFERENCES old(a)",
        "ALTER TABLE old RENAME TO new",
        'ALTER TABLE new RENAME COLUMN a TO "select"',
        "CREATE TABLE copy AS SELECT 1 AS x, 'y' AS \"order by\"",
    )
    table = catalog.table("new")
    assert [column.name for column in table.columns] == ["select", "b", "c", "d"]
    assert table.checks == (Check("c > 0"),)
    assert table.uniques == (Key(("select",)),)
    assert table.foreign_keys == (ForeignKey(("d",), "new", ("select",)),)
    assert [column.name for column in catalog.table("copy").columns] == ["x", "order by"]


def test_views_triggers_and_sqlites_own_tables() -> None:
    catalog = catalog_of(
        "CREATE TABLE Base(a INTEGER PRIMARY KEY AUTOINCREMENT, b)",
        "CREATE INDEX i ON base(b)",
        "INSERT INTO base(b) VALUES (1)",
        "ANALYZE",
        "CREATE VIEW good(x, y) AS SELECT a, b FROM base",
        "CREATE VIEW broken AS SELECT a FROM nowhere",
        "CREATE TRIGGER tr AFTER INSERT ON BASE BEGIN SELECT 1; END",
        "CREATE TRIGGER tv INSTEAD OF INSERT ON good BEGIN SELECT 1; END",
    )
    assert [table.name for table in catalog.tables] == ["Base"]
    assert [(view.name, view.columns) for view in catalog.views] == [("good", ("x", "y")), ("broken", ())]
    assert [(trigger.name, trigger.table) for trigger in catalog.triggers] == [("tr", "Base"), ("tv", "good")]
    assert len(catalog.notes) == 1
    assert "broken" in catalog.notes[0]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_encoding_sizes_and_numbers_of_a_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.db"
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA encoding = '{encoding}'; PRAGMA application_id = 77; PRAGMA user_version = -3")
    connection.execute("CREATE TABLE 'täble 😀'(\"cölumn\" TEXT DEFAULT 'é😀')")
    connection.execute("PRAGMA journal_mode = wal").close()
    connection.close()
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    catalog = inspect(reader, "a.db")
    assert (catalog.label, catalog.encoding, catalog.journal_mode) == ("a.db", encoding, "wal")
    assert (catalog.application_id, catalog.user_version) == (77, -3)
    assert catalog.size_bytes == path.stat().st_size
    assert catalog.table("täble 😀").column("cölumn").default == "'é😀'"


def test_thousands_of_tables_and_columns_are_all_described() -> None:
    connection = apsw.Connection(":memory:")
    with connection:
        for number in range(3000):
            connection.execute(f"CREATE TABLE t{number}(id INTEGER PRIMARY KEY, p REFERENCES t{max(0, number - 1)})")
        columns = ", ".join(f"c{number} VARCHAR(10) COLLATE NOCASE CHECK (c{number} > '')" for number in range(2000))
        connection.execute(f"CREATE TABLE wide({columns})")
    catalog = inspect(connection, "memory")
    assert len(catalog.tables) == 3001
    assert all(table.foreign_keys[0].target_columns == ("id",) for table in catalog.tables[:-1])
    wide = catalog.table("wide")
    assert (len(wide.columns), len(wide.checks), wide.columns[-1].collation) == (2000, 2000, "NOCASE")


def test_malformed_text_is_named_and_stops_nothing_else() -> None:
    connection = apsw.Connection(":memory:")
    for name in ("good", "kept", "lost", "nameXX"):
        connection.execute(f"CREATE TABLE {name}(a, {'b' if name != 'lost' else 'bXX'} DEFAULT 'caf{name}')")
    connection.execute("CREATE INDEX i ON good(b)")
    connection.execute("PRAGMA writable_schema = ON")
    for column in ("sql", "name", "tbl_name"):
        for text in ("XX", "fkept"):
            blob = f"replace(CAST({column} AS BLOB), '{text}', x'e9')"
            connection.execute(f"UPDATE sqlite_schema SET {column} = CAST({blob} AS TEXT)")
    connection.execute("PRAGMA writable_schema = RESET")
    catalog = inspect(connection, "memory")
    assert [table.name for table in catalog.tables] == ["good", "kept"]
    assert catalog.table("kept").column("b").default == "'ca\ufffd'"
    assert [index.name for index in catalog.table("good").indexes] == ["i"]
    assert [(item.kind, item.name) for item in catalog.unreadable] == [("table", "name\ufffd"), ("table", "lost")]
    assert any("kept" in note for note in catalog.notes)


def test_a_definition_that_sqlite_cannot_load_stops_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = apsw.Connection(str(path))
    connection.execute(
        "CREATE TABLE good(a); CREATE TABLE lost(a); CREATE INDEX i ON good(a); CREATE INDEX j ON lost(a)"
    )
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE lost(a, PRIMARY KEY (zz))' WHERE name = 'lost'")
    connection.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON good(zz)' WHERE name = 'i'")
    connection.close()
    catalog = inspect(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY), "a.db")
    assert [table.name for table in catalog.tables] == ["good"]
    assert {(item.kind, item.name) for item in catalog.unreadable} == {
        ("table", "lost"),
        ("index", "i"),
        ("index", "j"),
    }
    assert all(item.reason and item.sql for item in catalog.unreadable)


def test_a_file_that_is_no_database_is_a_source_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(SourceError, match=r"notes\.txt"):
        inspect(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY), "notes.txt")


def test_an_interrupt_ends_the_inspection_and_is_no_unreadable_table() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t(a); CREATE VIEW v AS SELECT a FROM t")
    for steps in (1, 30, 60):
        connection.set_progress_handler(lambda: True, steps)
        with pytest.raises(CancelledError):
            inspect(connection, "memory")
