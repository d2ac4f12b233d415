"""Text that PostgreSQL refuses or would change, and bytes that pass for text."""

from __future__ import annotations

from zoo.registry import Maker, specimen


@specimen("text", rejects={"t": 4})
def text_with_nul_characters(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
    db.fill("t", [(1, "a\0b"), (2, "\0"), (3, "end\0"), (4, "\0\0\0"), (5, "plain"), (6, "")])


@specimen("text", rejects={"t": 8})
def text_that_is_not_utf8(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
    broken = ("ff", "c3", "61c328", "c0af", "eda080", "f4908080", "f8888080", "80")
    for number, code in enumerate(broken):
        db.run(f"INSERT INTO t VALUES({number}, CAST(x'{code}' AS TEXT))")
    db.fill("t", [(100, "grüße"), (101, "日本語")])


@specimen("text", rejects={"t": 3, "w": 3})
def broken_text_in_key_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER); CREATE TABLE w(k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID")
    for table in ("t", "w"):
        db.run(
            f"INSERT INTO {table} VALUES(CAST(x'6100' AS TEXT),1), (CAST(x'61ff' AS TEXT),2), ('a',3), ('b',4),"
            f" (CAST(x'610062' AS TEXT),5)"
        )


@specimen("text", rejects={"t": 2, "w": 2, "c": 2})
def one_nul_and_one_broken_byte_among_many_text_keys(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER); CREATE TABLE w(k PRIMARY KEY, v INTEGER) WITHOUT ROWID;
        CREATE TABLE c(a TEXT, b TEXT, v INTEGER, PRIMARY KEY(a, b)) WITHOUT ROWID
        """
    )
    for table, row in (("t", "{0},{1}"), ("w", "{0},{1}"), ("c", "'same',{0},{1}")):
        keys = [f"'key{number}'" for number in range(40)] + ["CAST(x'6b00' AS TEXT)", "CAST(x'6bff' AS TEXT)"]
        for number, key in enumerate(keys):
            db.run(f"INSERT INTO {table} VALUES({row.format(key, number)})")


@specimen("text", rejects={"parent": 1})
def a_rejected_row_that_others_refer_to(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE child(id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent(id));
        INSERT INTO parent VALUES(1, 'good'), (2, CAST(x'ff' AS TEXT));
        INSERT INTO child VALUES(1, 1), (2, 2)
        """
    )


@specimen("text", rejects={"t": 300})
def a_table_whose_every_row_is_broken(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT NOT NULL)")
    db.run(
        """
        WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300) INSERT INTO t SELECT i, CAST(x'ff' AS
            TEXT) FROM n
        """
    )


def _utf16(db: Maker, encoding: str) -> None:
    db.run(f"PRAGMA encoding='{encoding}'")
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, k TEXT UNIQUE, d DATETIME, j JSON, n NUMERIC, b BLOB)")
    samples = ("plain", "grüße", "日本語", "😀\U0001d4b3", "", "e\u0301", "\uffff", "\ufeffbom")
    db.fill(
        "t", [(i, v, f"{v}{i}", "2024-01-01 00:00:00", '{"a": "😀"}', 1.5, v.encode()) for i, v in enumerate(samples)]
    )


@specimen("text")
def a_utf16le_database(db: Maker) -> None:
    _utf16(db, "UTF-16le")


@specimen("text")
def a_utf16be_database(db: Maker) -> None:
    _utf16(db, "UTF-16be")


@specimen("text", rejects={"t": 5})
def lone_surrogates_in_a_utf16_database(db: Maker) -> None:
    db.run("PRAGMA encoding='UTF-16le'; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
    for number, code in enumerate(("00d8", "00dc", "610000d86200", "00dc00d8", "3dd800de", "6100")):
        db.run(f"INSERT INTO t VALUES({number}, CAST(x'{code}' AS TEXT))")


@specimen("text")
def characters_beyond_the_basic_plane_and_odd_code_points(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, k VARCHAR(4))")
    values = ("😀", "👩‍👩‍👧‍👦", "\U0010ffff", "\ufffe", "\ue000", "\u202e", "\u0085", "\u2028", "\x7f", "\x01\x1f")
    db.fill("t", [(i, v, v[:4]) for i, v in enumerate(values)])


@specimen("text")
def one_word_in_two_unicode_normal_forms_under_a_unique_key(db: Maker) -> None:
    db.run("CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER)")
    db.fill("t", [("é", 1), ("e\u0301", 2), ("E\u0301", 3), ("ﬁ", 4), ("fi", 5), ("ß", 6), ("ss", 7)])


@specimen("text")
def text_that_looks_like_copy_syntax(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
    values = ("\\.", "\\N", "\n\\.\n", "a\tb", "a\\tb", "\r\n", "\n", '"', "''", "{}", "NULL", "$$", "%s", "\\x00")
    db.fill("t", list(enumerate(values)))


@specimen("text", rejects={"t": 1})
def blobs_in_text_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, w VARCHAR(10))")
    db.fill(
        "t", [(1, "text", "a"), (2, b"\x00\x01\xff", b"ascii"), (3, b"", b"\xc3\xa9"), (4, "", ""), (5, None, None)]
    )


@specimen("text")
def texts_in_blob_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB, w BLOB)")
    db.fill("t", [(1, b"\x00\xff", "only text"), (2, "grüße", "more"), (3, 42, "{}"), (4, 1.5, ""), (5, "a\0b", "x")])


@specimen("text")
def empty_text_empty_blob_and_null(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b BLOB, c)")
    db.fill("t", [(1, "", b"", ""), (2, None, None, b""), (3, " ", b"\0", None)])


@specimen("text")
def varchar_values_longer_than_declared(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a VARCHAR(3), b CHAR(5), c NVARCHAR(2), d CHARACTER(20), e CLOB(1))")
    db.fill(
        "t",
        [(1, "four", "ab", "日本語", "x  ", "long"), (2, "abc", "ab   ", "日本", "x", "l"), (3, "", "", "", "", "")],
    )


@specimen("text")
def char_values_that_differ_in_trailing_spaces(db: Maker) -> None:
    db.run("CREATE TABLE t(a CHAR(5) PRIMARY KEY, b CHAR(5) COLLATE RTRIM)")
    db.fill("t", [("ab", "x"), ("ab ", "x  "), ("ab   ", " x"), ("     ", ""), ("", " ")])


@specimen("text")
def text_keys_that_sort_differently_under_a_locale(db: Maker) -> None:
    db.run("CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID")
    words = ("a", "B", "A", "b", "ä", "Z", "_", "-", " a", "a-b", "ab", "aB", "é", "😀", "\uffff", "0", "10", "9")
    db.fill("t", [(w, i) for i, w in enumerate(words)])


@specimen("text")
def a_byte_order_mark_before_every_value(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INTEGER, d DATE)")
    db.fill("t", [(1, "\ufeffx", "\ufeff5", "\ufeff2024-01-01"), (2, "y", 6, "2024-01-02")])
