"""Names that PostgreSQL reserves, folds, shortens or refuses."""

from __future__ import annotations

from zoo.registry import Maker, specimen


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _tables(db: Maker, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        db.run(f"CREATE TABLE {_quoted(name)}(id INTEGER PRIMARY KEY, {_quoted(name)} TEXT)")
        db.fill(name, [(number, name)])


@specimen("names")
def reserved_words_as_tables_and_columns(db: Maker) -> None:
    _tables(
        db,
        (
            "user",
            "order",
            "select",
            "group",
            "table",
            "check",
            "limit",
            "current_user",
            "end",
            "analyze",
            "all",
            "array",
        ),
    )


@specimen("names")
def tables_named_like_postgresqls_catalogs(db: Maker) -> None:
    _tables(
        db,
        (
            "pg_class",
            "pg_type",
            "pg_toast",
            "information_schema",
            "public",
            "pg_catalog",
            "int4",
            "text",
            "name",
            "exuvia",
        ),
    )


@specimen("names")
def system_column_names(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(ctid TEXT, xmin INTEGER, xmax INTEGER, cmin TEXT, cmax TEXT, tableoid INTEGER, oid
            INTEGER, v TEXT, PRIMARY KEY(xmin, ctid));
        CREATE INDEX i ON t(tableoid, cmin);
        INSERT INTO t VALUES('c',1,2,'a','b',3,4,'v')
        """
    )


@specimen("names")
def quotes_spaces_dots_percents_and_emoji(db: Maker) -> None:
    names = (
        'say "hi"',
        "it's",
        "a b",
        " lead",
        "trail ",
        "a.b",
        "100%",
        "%s",
        "{x}",
        "$1",
        "a;b",
        "--",
        "😀",
        "naïve",
        "tab\there",
        "back\\slash",
        "1st",
        "-",
        "a:b",
        "?",
    )
    _tables(db, names)


@specimen("names")
def upper_and_mixed_case_names(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE UserAccount(ID INTEGER PRIMARY KEY, FirstName TEXT, lastName TEXT, CHECK(FIRSTNAME <> ''));
        CREATE TABLE ORDERS(Id INTEGER PRIMARY KEY, userID INTEGER REFERENCES useraccount(id));
        CREATE INDEX IX_Orders ON orders(USERID);
        INSERT INTO UserAccount VALUES(1,'A','B');
        INSERT INTO ORDERS VALUES(1,1)
        """
    )


@specimen("names")
def names_that_collide_only_beyond_ascii_or_after_63_bytes(db: Maker) -> None:
    long = "a_very_long_name_that_goes_on_and_on_and_on_until_it_is_over_the_limit_"
    db.run(
        f"""
        CREATE TABLE {long}one(id INTEGER PRIMARY KEY, {long}x TEXT, {long}y TEXT);
        CREATE TABLE {long}two(id INTEGER PRIMARY KEY, v INTEGER REFERENCES {long}one(id));
        CREATE INDEX {long}i1 ON {long}one({long}x); CREATE INDEX {long}i2 ON {long}one({long}y);
        CREATE TABLE "É"(v); CREATE TABLE "é"(v); CREATE VIEW {long}v AS SELECT * FROM {long}one;
        INSERT INTO {long}one VALUES(1,'x','y'); INSERT INTO {long}two VALUES(1,1);
        INSERT INTO É VALUES(1); INSERT INTO é VALUES(2)
        """
    )


@specimen("names")
def a_sixty_three_byte_limit_in_the_middle_of_a_character(db: Maker) -> None:
    names = ("日" * 21, "日" * 22, "x" + "日" * 21, "xx" + "日" * 21, "😀" * 16, "x" * 62 + "é", "x" * 63, "x" * 64)
    _tables(db, names)


@specimen("names")
def empty_names(db: Maker) -> None:
    db.run(
        'CREATE TABLE ""("" TEXT, a INTEGER); CREATE TABLE t("" INTEGER PRIMARY KEY, v TEXT); CREATE INDEX i ON ""("")'
    )
    db.run("INSERT INTO \"\" VALUES('x', 1); INSERT INTO t VALUES(1,'x')")


@specimen("names")
def names_of_single_letters_digits_and_operators(db: Maker) -> None:
    _tables(db, ("1", "0x", "a", "A1", "_", "__", "+", "*", "=", "()", "[", "]", "`", "\\", "/", "\n", "null", "true"))


@specimen("names")
def tables_and_columns_named_like_exuvias_and_sqlites_own(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE exuvia_ledger(id INTEGER PRIMARY KEY);
        CREATE TABLE quarantine(v);
        CREATE TABLE ledger(v);
        CREATE TABLE sequence(v);
        CREATE TABLE sqlitebrowser_rename(v);
        CREATE TABLE sqlite(v);
        CREATE TABLE excluded(excluded TEXT, new TEXT, old TEXT, value TEXT);
        INSERT INTO quarantine VALUES('x');
        INSERT INTO excluded VALUES('a','b','c','d')
        """
    )


@specimen("names", rejects={"item": 1})
def a_table_named_like_the_quarantine_of_another(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE item(id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE item_quarantine(id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO item VALUES(1, CAST(x'ff' AS TEXT)), (2, 'x'); INSERT INTO item_quarantine VALUES(1, 'mine')
        """
    )


@specimen("names")
def a_column_named_like_its_table_and_like_a_function(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE count(count INTEGER, date TEXT, max REAL, row TEXT, "left" TEXT, CHECK(count > 0));
        CREATE INDEX date ON count(date, "left");
        INSERT INTO count VALUES(1,'2024-01-01',1.5,'r','l');
        CREATE VIEW totals AS SELECT count, max FROM count WHERE "left" = 'l'
        """
    )


@specimen("names")
def a_column_named_with_a_nul_free_kilobyte(db: Maker) -> None:
    wide = "w" * 1024
    db.run(f"CREATE TABLE t(id INTEGER PRIMARY KEY, {wide} TEXT, {wide}2 TEXT UNIQUE); INSERT INTO t VALUES(1,'a','b')")
