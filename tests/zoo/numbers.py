"""Numbers, booleans and identifiers whose storage disagrees with the declared type."""

from __future__ import annotations

from zoo.registry import Maker, specimen


@specimen("types")
def integers_at_the_int64_extremes(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b BIGINT, c INT8, d)")
    extremes = (-(2**63), -(2**63) + 1, -(2**53) - 1, -(2**31) - 1, -1, 0, 1, 2**31, 2**53 + 1, 2**63 - 1)
    db.fill("t", [(i, v, v, v, v) for i, v in enumerate(extremes)])


@specimen("types")
def integers_beyond_2_53_beside_reals_in_one_untyped_column(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v, n NUMERIC)")
    values = (9007199254740993, 0.1, -9007199254740993, 2**63 - 1, 1e300, 3)
    db.fill("t", [(i, v, v) for i, v in enumerate(values)])


@specimen("types")
def negative_zero_infinities_and_subnormals_in_real_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, r REAL, d DOUBLE PRECISION, u)")
    values = (-0.0, 0.0, float("inf"), float("-inf"), 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e308)
    db.fill("t", [(i, v, v, v) for i, v in enumerate(values)])


@specimen("types")
def real_digits_that_a_four_byte_float_would_lose(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a REAL, b FLOAT, c DOUBLE, d FLOAT(24), e REAL NOT NULL DEFAULT 0.1)"
    )
    values = (0.1, 16777217.0, 3.141592653589793, 1 / 3, 123456789.123456789, 1e-7, 299792458.0)
    db.fill("t", [(i, v, v, v, v, v) for i, v in enumerate(values)])


@specimen("types")
def whole_numbers_over_2_53_written_to_a_real_column(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, r REAL)")
    db.fill("t", [(1, 2**53), (2, 2**53 + 1), (3, 2**63 - 1), (4, -(2**63)), (5, 7)])


@specimen("types")
def decimal_column_of_integers_reals_and_texts(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, price DECIMAL(10,2), total NUMERIC(12,4), plain DECIMAL)")
    values = (1, 19.99, "7.5", "0.10", 12345678.91, -3, "1e2", None)
    db.fill("t", [(i, v, v, v) for i, v in enumerate(values)])


@specimen("types")
def decimal_10_2_holding_more_decimals_and_digits_than_declared(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, price DECIMAL(10,2), rate NUMERIC(3,1), scale0 DECIMAL(5))")
    db.fill(
        "t", [(1, 1.005, 99.95, 1.5), (2, 123456789012.5, 1000, 100000), (3, 1e20, 1e-9, 0.5), (4, 0.1 + 0.2, 2, 3)]
    )


@specimen("types")
def one_word_among_ten_thousand_decimals(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, price DECIMAL(10,2))")
    db.fill("t", [(i, "n/a" if i == 7777 else i / 100) for i in range(10_000)])


@specimen("types")
def numbers_of_forty_digits_kept_as_text(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, wei TEXT, dec VARCHAR(80), big BIGINT)")
    big = "1234567890123456789012345678901234567890"
    db.fill("t", [(1, big, f"{big}.000100", "99999999999999999999"), (2, "-" + big, "0." + "0" * 40 + "1", 5)])


@specimen("types")
def empty_strings_in_number_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, i INTEGER, r REAL, d DECIMAL(8,2), b BOOLEAN)")
    db.fill("t", [(1, "", "", "", ""), (2, 5, 1.5, 2.25, 1), (3, None, None, None, None), (4, " ", " ", " ", " ")])


@specimen("types")
def integers_in_text_columns_and_digits_with_leading_zeros(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, zip TEXT, phone VARCHAR(20), code STRING, raw)")
    db.fill("t", [(1, 1234, "007", "0123", "007"), (2, "02134", "+4912", "abc", 7), (3, 1.5, " 12 ", "1e5", "+7")])


@specimen("types")
def words_in_integer_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, qty INTEGER NOT NULL, port INT)")
    db.fill("t", [(1, 5, 80), (2, "many", "http"), (3, "12", "443"), (4, "0x1F", "1_000"), (5, "1,234", "12%")])


@specimen("types", rejects={"t": 1})
def every_storage_class_in_one_column(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, i INTEGER, r REAL, x TEXT, b BLOB, n NUMERIC, u)")
    values = (None, 1, -1.5, "text", b"\x00\xff", "", b"", 2**60, "1", 1.0)
    db.fill("t", [(i, v, v, v, v, v, v) for i, v in enumerate(values)])


@specimen("types")
def fractions_in_integer_columns(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b BIGINT, c SMALLINT)")
    db.fill("t", [(1, 1.5, 2**53 + 1, 2.0), (2, 3, 0.1, 7), (3, 1e300, 2**62 + 1, 1e10)])


@specimen("types")
def integers_wider_than_the_declared_width(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TINYINT, b SMALLINT, c MEDIUMINT, d INT, e INT2, f UNSIGNED BIG INT,"
        " g INT4, h 'smallint unsigned', i short integer, j integer(1))"
    )
    db.fill("t", [(1, 300, 40000, 2**25, 2**40, 70000, 2**63 - 1, 2**33, 65535, -40000, 10)])
    db.fill("t", [(2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0)])


@specimen("types")
def booleans_as_numbers_words_and_letters(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a BOOLEAN, b BOOL, c BOOLEAN, d TINYINT(1), e BOOLEAN, f BOOLEAN)")
    db.fill(
        "t",
        [(1, 0, "true", "t", 0, "yes", 1.0), (2, 1, "FALSE", "f", 1, "no", 0.0), (3, None, "True", "T", None, 1, "0")],
    )


@specimen("types")
def a_two_and_a_word_among_booleans(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a BOOLEAN NOT NULL DEFAULT 0, b BOOLEAN, c BOOLEAN)")
    db.fill("t", [(1, 0, 1, "on"), (2, 2, "maybe", "off"), (3, -1, 0, "2"), (4, 1, 1, "")])


@specimen("types")
def uuids_with_and_without_dashes_upper_case_and_one_broken(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(a CHAR(36) PRIMARY KEY, b CHAR(32), c UUID, d TEXT, e UUID, f BLOB);"
        "CREATE TABLE mixed(id UUID PRIMARY KEY, v TEXT)"
    )
    dashed = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    plain = "a0eebc999c0b4ef8bb6d6bb9bd380a12"
    raw = bytes.fromhex(plain)
    db.fill("t", [(dashed, plain, dashed.upper(), "{" + dashed + "}", plain, raw)])
    db.fill("t", [(plain, plain, plain, "not-a-uuid", "unknown", raw[:8])])
    db.fill("mixed", [(dashed, "dashes"), (plain, "none"), (dashed.upper().replace("11", "13"), "upper")])


@specimen("types")
def uuids_whose_digits_sqlite_took_for_a_number(db: Maker) -> None:
    db.run("CREATE TABLE t(id UUID, label TEXT)")
    db.fill(
        "t",
        [
            ("12345678901234567890123456789012", "all decimal"),
            ("1234567890123456789012345678e123", "scientific"),
            ("00000000000000000000000000000042", "zeros"),
            ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "plain"),
        ],
    )


@specimen("types")
def words_that_postgresql_reads_as_numbers(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, r REAL, d DECIMAL(5,2), i INTEGER)")
    db.fill(
        "t", [(1, "NaN", "NaN", "0b11"), (2, "Infinity", "-Infinity", "0o17"), (3, "inf", "nan", "1_0"), (4, 1.5, 2, 3)]
    )


@specimen("types")
def declared_types_that_no_database_knows(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a BANANA, b VARIANT(3,4), c 'long long ago', d POINT, e "", f
            CHARINT, g FLOATING POINT, h ENUM, i [some type](7), j MONEY, k BIT(1), l INET, m "int[]")
        """
    )
    db.fill("t", [(1, "x", 1.5, "7", "(1,2)", b"\x01", "12", "3.5", "red", 9, "$5.00", 1, "10.0.0.1", "{1,2}")])
    db.fill("t", [(2, 3, "z", 7.25, None, "t", 12, "north", 1, "nine", 5.25, b"\x01", "x", "[]")])


@specimen("types")
def strict_tables_with_every_type_including_any(db: Maker) -> None:
    db.run(
        "CREATE TABLE s(id INTEGER PRIMARY KEY, i INT NOT NULL, r REAL, x TEXT, b BLOB, a ANY) STRICT;"
        "CREATE TABLE w(k ANY PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID"
    )
    values = (1, 1.0, "1", b"1", 2.5, "000123", 2**62)
    db.fill("s", [(n, n, n / 7, str(n), bytes([n]), v) for n, v in enumerate(values)])
    db.fill("w", [(v, v) for v in (1, 2.5, "1", b"1", "a")])


@specimen("types")
def numbers_and_their_texts_side_by_side_under_a_unique_key(db: Maker) -> None:
    db.run("CREATE TABLE t(k UNIQUE, v TEXT); CREATE TABLE p(k PRIMARY KEY, v) WITHOUT ROWID")
    db.fill("t", [(1, "integer"), ("1", "text"), (b"1", "blob"), (1.5, "real"), ("1.5", "text real")])
    db.fill("p", [(1, 1), ("1", 2), (b"1", 3)])


@specimen("types")
def all_null_columns_of_every_declared_type(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(a INTEGER, b TEXT, c REAL, d BLOB, e DATETIME, f BOOLEAN, g JSON, h UUID, i DECIMAL(9,3), j)"
    )
    db.fill("t", [(None,) * 10] * 3)
