"""Primary keys, unique keys and rowids."""

from __future__ import annotations

from zoo.registry import Maker, specimen


@specimen("keys")
def integer_primary_key_beside_int_primary_key(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT);
        CREATE TABLE b(id INT PRIMARY KEY, v TEXT);
        CREATE TABLE c(id BIGINT PRIMARY KEY, v TEXT);
        CREATE TABLE d(v TEXT, id INTEGER, PRIMARY KEY(id));
        INSERT INTO a VALUES(5,'x'),(9,'y');
        INSERT INTO b VALUES(5,'x'),(NULL,'y'),(NULL,'z');
        INSERT INTO c VALUES(1,'x');
        INSERT INTO d VALUES('x',41)
        """
    )


@specimen("keys")
def integer_primary_key_desc_is_no_rowid_alias(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY DESC, v TEXT); INSERT INTO t VALUES(3,'x'),(1,'y'),(NULL,'z')")


@specimen("keys")
def autoincrement_whose_sequence_is_above_the_maximum(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);
        INSERT INTO t(v) VALUES('a'),('b'),('c');
        INSERT INTO t VALUES(1000,'gone');
        DELETE FROM t WHERE id=1000;
        CREATE TABLE emptied(id INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO emptied VALUES(77);
        DELETE FROM emptied;
        CREATE TABLE untouched(id INTEGER PRIMARY KEY AUTOINCREMENT);
        CREATE TABLE behind(id INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO behind VALUES(50);
        UPDATE sqlite_sequence SET seq=3 WHERE name='behind';
        INSERT INTO sqlite_sequence VALUES('no such table', 9)
        """
    )


@specimen("keys")
def rowids_negative_and_at_both_ends(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE n(v TEXT)")
    db.fill("t", [(-(2**63), "min"), (-1, "minus"), (0, "zero"), (2**63 - 1, "max")])
    db.run("INSERT INTO n(rowid, v) VALUES(-9223372036854775808,'min'),(-5,'m'),(9223372036854775807,'max')")


@specimen("keys")
def columns_that_hide_the_rowid(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE one(rowid TEXT, v TEXT);
        CREATE TABLE two(rowid INTEGER, oid TEXT, v TEXT);
        CREATE TABLE all_three(rowid TEXT, oid TEXT, _rowid_ TEXT, v TEXT);
        CREATE TABLE upper(ROWID INTEGER, _RowID_ TEXT);
        CREATE TABLE alias(oid INTEGER PRIMARY KEY, rowid TEXT)
        """
    )
    db.fill("one", [("a", "x"), ("a", "y"), (None, "z")])
    db.fill("two", [(1, "a", "x"), (1, "a", "x")])
    db.fill("all_three", [("a", "b", "c", str(i)) for i in range(50)])
    db.fill("upper", [(7, "x"), (7, "y")])
    db.fill("alias", [(3, "x")])


@specimen("keys")
def without_rowid_keys_of_text_blob_real_and_composite(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE a(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE b(k BLOB PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE c(k REAL PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE e(k INTEGER PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE d(a INTEGER, b TEXT, c BLOB, v, PRIMARY KEY(c, a, b)) WITHOUT ROWID;
        CREATE TABLE f(a INTEGER, b TEXT COLLATE NOCASE, PRIMARY KEY(a DESC, b)) WITHOUT ROWID
        """
    )
    db.fill("a", [("x", 1), ("", 2), ("é", 3), ("X", 4)])
    db.fill("b", [(b"", 1), (b"\0", 2), (b"\xff", 3), (b"\xff\0", 4)])
    db.fill("c", [(1.5, 1), (-1e300, 2), (float("inf"), 3), (0.1, 4)])
    db.fill("e", [(-5, 1), (5, 2)])
    db.fill("d", [(i, str(i % 7), bytes([i % 5]), i) for i in range(300)])
    db.fill("f", [(i % 3, f"k{i}") for i in range(30)])


@specimen("keys")
def without_rowid_keys_of_mixed_storage_classes(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(k PRIMARY KEY, v TEXT) WITHOUT ROWID; CREATE TABLE c(a, b, v, PRIMARY KEY(a,b)) WITHOUT ROWID"
    )
    keys = (1, 2, 1.5, -7, "a", "b", "", b"", b"\x01", b"a", 2**60, "zz")
    db.fill("t", [(k, str(i)) for i, k in enumerate(keys)])
    db.fill("c", [(k, m, i) for i, k in enumerate(keys) for m in keys[:4]])


@specimen("keys")
def nulls_inside_primary_keys(db: Maker) -> None:
    db.run(
        "CREATE TABLE one(k TEXT PRIMARY KEY, v); CREATE TABLE two(a INTEGER, b TEXT, v, PRIMARY KEY(a,b));"
        "CREATE TABLE child(id INTEGER PRIMARY KEY, k TEXT REFERENCES one(k))"
    )
    db.fill("one", [("a", 1), (None, 2), (None, 3)])
    db.fill("two", [(1, "x", 1), (1, None, 2), (1, None, 3), (None, None, 4)])
    db.fill("child", [(1, "a"), (2, None)])


@specimen("keys")
def tables_without_any_key_and_with_equal_rows(db: Maker) -> None:
    db.run("CREATE TABLE t(a TEXT, b INTEGER); CREATE TABLE single(v)")
    db.fill("t", [("same", 1)] * 50 + [("other", None)] * 3)
    db.fill("single", [(None,)] * 5 + [(1,)] * 5)


@specimen("keys")
def unique_constraints_with_nulls_and_duplicates_of_each_other(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER, c INTEGER, UNIQUE(b,c), UNIQUE(b,c),
            UNIQUE(c,b), CONSTRAINT named UNIQUE(a,b));
        CREATE UNIQUE INDEX again ON t(a)
        """
    )
    db.fill("t", [(1, None, None, 1), (2, None, None, 1), (3, "x", 1, 1), (4, "y", 1, 2)])


@specimen("keys")
def a_primary_key_in_another_order_than_its_columns(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(a TEXT, b INTEGER, c TEXT, v TEXT, PRIMARY KEY(c, a, b)); INSERT INTO t VALUES('1',2,'3','v')"
    )


@specimen("keys")
def unique_nocase_text_beyond_ascii(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(name TEXT COLLATE NOCASE UNIQUE, v INTEGER);
        CREATE TABLE k(name TEXT COLLATE NOCASE PRIMARY KEY)
        """
    )
    words = ("Ünï", "ünï", "ÜNÏ", "straße", "STRASSE", "K", "\u212a", "İ", "i")
    db.fill("t", [(w, i) for i, w in enumerate(words)])
    db.fill("k", [(w,) for w in words])


@specimen("keys")
def uuids_that_differ_only_in_spelling_under_a_primary_key(db: Maker) -> None:
    db.run("CREATE TABLE t(id UUID PRIMARY KEY, v TEXT)")
    one = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    db.fill("t", [(one, "lower"), (one.upper(), "upper"), (one.replace("-", ""), "plain")])


@specimen("keys")
def a_primary_key_longer_than_postgresqls_index_entry(db: Maker) -> None:
    import random

    noise = random.Random(4)
    long = "".join(chr(noise.randrange(0x4E00, 0x9FFF)) for _ in range(5_000))
    db.run(
        """
        CREATE TABLE t(k TEXT PRIMARY KEY, u TEXT UNIQUE, i TEXT);
        CREATE INDEX t_i ON t(i);
        CREATE UNIQUE INDEX t_iu ON t(i, u)
        """
    )
    db.fill("t", [(long, long[::-1], long), ("short", "short", "short")])


@specimen("keys")
def a_key_and_an_index_over_forty_columns(db: Maker) -> None:
    names = [f"c{i}" for i in range(40)]
    db.run(f"CREATE TABLE t({', '.join(f'{n} INTEGER' for n in names)}, PRIMARY KEY({', '.join(names)}))")
    db.run(f"CREATE INDEX wide ON t({', '.join(reversed(names))})")
    db.fill("t", [tuple(range(i, i + 40)) for i in range(5)])


@specimen("keys")
def booleans_and_dates_as_keys(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE b(flag BOOLEAN PRIMARY KEY, v);
        CREATE TABLE d(day DATE PRIMARY KEY, v);
        CREATE TABLE j(doc JSON UNIQUE)
        """
    )
    db.fill("b", [(0, "no"), (1, "yes")])
    db.fill("d", [("2024-01-01", 1), ("2024-01-02", 2)])
    db.fill("j", [('{"a": 1}',), ('{"a":1}',), ("[]",)])


@specimen("keys")
def tables_of_one_column_and_no_rows(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE only_id(id INTEGER PRIMARY KEY);
        INSERT INTO only_id VALUES(1),(2);
        CREATE TABLE empty(v);
        CREATE TABLE empty_typed(id INTEGER PRIMARY KEY, d DATETIME, j JSON, b BOOLEAN, n DECIMAL(5,2));
        CREATE TABLE copied AS SELECT 1 AS a, 'x' AS b, 2.5 AS c, x'00' AS d, NULL AS e
        """
    )


@specimen("keys")
def conflict_clauses_on_every_constraint(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, a TEXT NOT NULL ON CONFLICT IGNORE DEFAULT
            'x', b TEXT UNIQUE ON CONFLICT REPLACE, CONSTRAINT c UNIQUE(a, b) ON CONFLICT ROLLBACK);
        INSERT INTO t VALUES(1,'a','b')
        """
    )


@specimen("keys", rejects={"t": 1, "a": 1})
def nulls_in_not_null_columns_that_an_older_file_let_in(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(1,'a'),(2,NULL)")
    db.run("CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES(1)")
    db.run("PRAGMA writable_schema=ON")
    db.run("UPDATE sqlite_schema SET sql='CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT NOT NULL)' WHERE name='t'")
    db.run("UPDATE sqlite_schema SET sql='CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT NOT NULL)' WHERE name='a'")
    db.run("PRAGMA writable_schema=RESET")
