"""Defaults, checks, generated columns and indexes."""

from __future__ import annotations

from zoo.registry import Maker, specimen


@specimen("objects")
def defaults_of_every_kind(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER DEFAULT 5, b INTEGER DEFAULT '7', c TEXT DEFAULT
            'it''s', d TEXT DEFAULT "dq", e REAL DEFAULT 1e3, f BOOLEAN DEFAULT 1, g BOOLEAN DEFAULT true, h
            BOOLEAN DEFAULT 'false', i BLOB DEFAULT x'00ff', j TEXT DEFAULT (lower(hex(randomblob(16)))), k
            INTEGER DEFAULT (1+2*3), l JSON DEFAULT '{}', m JSON DEFAULT '[]', n TEXT DEFAULT NULL, o INTEGER
            DEFAULT -1, p INTEGER DEFAULT (abs(random())), q TEXT DEFAULT 42, r INTEGER DEFAULT 0x10, s TEXT
            DEFAULT '', t DECIMAL(5,2) DEFAULT 1.50, u DATETIME DEFAULT NULL, v TEXT DEFAULT (NULL), w TEXT
            DEFAULT bare, x TEXT DEFAULT ('a' || 'b'), y INTEGER DEFAULT +3, z INTEGER DEFAULT ('12'))
        """
    )
    db.run("INSERT INTO t(id) VALUES(1),(2)")


@specimen("objects")
def defaults_that_do_not_fit_their_column(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER DEFAULT 'none', b INTEGER DEFAULT '', c BOOLEAN DEFAULT
            'maybe', d DATETIME DEFAULT '', e DECIMAL(3,1) DEFAULT 12345.678, f UUID DEFAULT 'x', g JSON DEFAULT
            'oops', h VARCHAR(2) DEFAULT 'long', i INTEGER DEFAULT 1.5, j DATE DEFAULT 0, k BOOLEAN DEFAULT 2, l
            INTEGER DEFAULT 99999999999999999999, m REAL DEFAULT 'abc', n TEXT DEFAULT x'ff', o INTEGER DEFAULT
            CURRENT_TIMESTAMP, p INTEGER DEFAULT true)
        """
    )
    db.run("INSERT INTO t VALUES(1,1,2,0,'2024-01-01 00:00:00',1.5,NULL,'{}','ab',3,'2024-01-01',1,4,1.5,'t',5,1)")


@specimen("objects")
def checks_of_every_kind(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY CHECK(id > 0), a INTEGER CHECK(a BETWEEN 0 AND 10), b TEXT CHECK(b
            IN ('x','y',"z")), c TEXT CHECK(length(c) <= 5), d TEXT CHECK(d LIKE 'a%'), e TEXT CHECK(e GLOB
            '[0-9]*'), f JSON CHECK(json_valid(f)), g CHECK(typeof(g) IN ('integer','null')), h BOOLEAN CHECK(h
            IN (0,1)), i TEXT CHECK(i IS NOT 'q'), j REAL CHECK(j >= 0.0 AND j < 1e6), k DATE CHECK(k >
            '2000-01-01'), l TEXT CHECK(l = lower(l)), m INTEGER CHECK(m % 2 = 0), CONSTRAINT named CHECK(a < j
            OR a IS NULL), CHECK(CASE WHEN a > 5 THEN b = 'x' ELSE 1 END), CHECK(coalesce(a, 0) <> 7),
            CONSTRAINT "odd ""name" CHECK(ifnull(l, '') || 'x' <> 'x' OR l IS NULL OR 1), CHECK(date(k) IS NOT
            NULL OR k IS NULL))
        """
    )
    db.fill("t", [(1, 3, "x", "abc", "Abc", "12", "{}", 4, 1, "z", 5.5, "2024-01-01", "low", 2), (2, *(None,) * 13)])


@specimen("objects")
def a_check_that_the_rows_violate(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER CHECK(a > 0), CONSTRAINT c2 CHECK(a < 100))")
    db.run("PRAGMA ignore_check_constraints=ON")
    db.fill("t", [(1, 5), (2, -5), (3, None)])


@specimen("objects")
def a_check_that_sqlite_reads_looser_than_postgresql(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(a INTEGER CHECK(a > 0), b TEXT CHECK(b > 5), c TEXT CHECK(c), d INTEGER CHECK(d LIKE
            '1%'), e CHECK(e <> ''))
        """
    )
    db.fill("t", [("text is more than any number", "abc", "1", 15, 0)])


@specimen("objects")
def generated_columns_virtual_and_stored(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, doc JSON, s INTEGER GENERATED ALWAYS AS (a *
            2) STORED, v TEXT AS (upper(b) || '!') VIRTUAL, j TEXT AS (json_extract(doc, '$.name')), k AS (doc
            ->> '$.n'), w INTEGER AS (s + 1), n TEXT NOT NULL AS (coalesce(b, 'none')) STORED, r REAL AS (a /
            2), c TEXT AS (substr(b, 1, 1)), tail TEXT);
        CREATE INDEX t_v ON t(v);
        CREATE UNIQUE INDEX t_s ON t(s)
        """
    )
    for i in range(1, 6):
        db.run("INSERT INTO t(id,a,b,doc,tail) VALUES(?,?,?,?,?)", (i, i, f"b{i}", f'{{"name":"n{i}","n":{i}}}', "t"))
    db.run("INSERT INTO t(id) VALUES(9)")


@specimen("objects")
def a_generated_column_that_postgresql_would_compute_differently(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, d INTEGER AS (a / 3) STORED, m AS (a % -3), t
            AS (typeof(a)), l AS (b LIKE 'A%'), c AS (a || b), q AS (b + 1), f AS (round(a / 3.0, 2)), x AS
            (max(a, 3)), z AS (b = 5), y TEXT AS (date(b)))
        """
    )
    for i, b in enumerate(("abc", "5", "2024-01-01", None, "ABC")):
        db.run("INSERT INTO t(id,a,b) VALUES(?,?,?)", (i, i * 7 - 9, b))


@specimen("objects")
def indexes_partial_expression_descending_and_collated(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c TEXT COLLATE NOCASE, done BOOLEAN, at
            DATETIME, doc JSON);
        CREATE INDEX i1 ON t(a DESC, b ASC);
        CREATE INDEX i2 ON t(a) WHERE done = 0;
        CREATE INDEX i3 ON t(lower(b));
        CREATE INDEX i4 ON t(b COLLATE NOCASE);
        CREATE INDEX i5 ON t(c);
        CREATE UNIQUE INDEX i6 ON t(b) WHERE b IS NOT NULL;
        CREATE INDEX i7 ON t(json_extract(doc,'$.k'));
        CREATE INDEX i8 ON t(a+1, length(b));
        CREATE INDEX i9 ON t(c COLLATE BINARY);
        CREATE INDEX i10 ON t(strftime('%Y', at));
        CREATE UNIQUE INDEX i11 ON t(b, a) WHERE done;
        CREATE INDEX i12 ON t(b COLLATE RTRIM);
        CREATE INDEX i13 ON t(a) WHERE b LIKE 'x%' AND a > 5;
        CREATE INDEX i14 ON t(date(at));
        CREATE INDEX i15 ON t(a, a);
        CREATE INDEX i16 ON t(doc);
        CREATE INDEX i17 ON t(at) WHERE at > '2024-01-01';
        CREATE INDEX i18 ON t((a))
        """
    )
    db.fill("t", [(i, i, f"b{i}", f"C{i}", i % 2, "2024-01-01 00:00:00", f'{{"k":{i}}}') for i in range(20)])


@specimen("objects")
def unique_indexes_that_fail_after_translation(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT, n REAL); CREATE UNIQUE INDEX u1 ON t(lower(a));"
        "CREATE UNIQUE INDEX u2 ON t(b COLLATE NOCASE); CREATE UNIQUE INDEX u3 ON t(n)"
    )
    db.fill("t", [(1, "É", "É", 1.0), (2, "é", "é", None), (3, "x", "x", None)])


@specimen("objects")
def indexes_named_like_postgresqls_own_objects(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE);
        CREATE TABLE u(id INTEGER PRIMARY KEY, a TEXT UNIQUE);
        CREATE INDEX t_pkey ON u(a);
        CREATE INDEX t_a_key ON u(id);
        CREATE INDEX t_id_seq ON u(a, id);
        CREATE TABLE u_pkey(v);
        CREATE VIEW u_id_seq AS SELECT 1 AS one;
        INSERT INTO t VALUES(1,'x');
        INSERT INTO u VALUES(1,'x')
        """
    )


@specimen("objects")
def comments_and_line_breaks_all_over_the_declarations(db: Maker) -> None:
    db.run(
        """CREATE TABLE /* the ( table */ t -- name, with ) and ' inside
        (
         id INTEGER -- it's the id, CHECK(no)
         PRIMARY KEY,
         a TEXT /* CHECK(x), */ DEFAULT 'a,b)(' CHECK /* c */ (a <> ')' ) -- end
         , b\n\tTEXT, /* FOREIGN KEY(b) REFERENCES x */
         [c d] TEXT, `e``f` TEXT, "g""h" TEXT, UNIQUE(b -- one
        )
        )"""
    )
    db.fill("t", [(1, "x", "y", "c", "e", "g")])


@specimen("objects")
def columns_added_and_renamed_after_creation(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);
        INSERT INTO t VALUES(1,'x'),(2,'y');
        ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 5;
        ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'later' CHECK(length(c) > 2);
        ALTER TABLE t RENAME COLUMN a TO "renamed a";
        ALTER TABLE t ADD COLUMN d REFERENCES t(id);
        ALTER TABLE t RENAME TO "new t";
        CREATE TABLE dropped(id INTEGER PRIMARY KEY, x TEXT, y TEXT);
        INSERT INTO dropped VALUES(1,'x','y');
        ALTER TABLE dropped DROP COLUMN x
        """
    )


@specimen("objects")
def statistics_tables_left_by_analyze(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX ia ON t(a)")
    db.fill("t", [(i, str(i % 3)) for i in range(100)])
    db.run("ANALYZE")
