"""Wide tables, large values and many rows."""

from __future__ import annotations

import random

from zoo.registry import Maker, specimen


def _wide(db: Maker, count: int, value: object, declared: str, filled: int) -> None:
    db.run(f"CREATE TABLE t({', '.join(f'c{i} {declared}' for i in range(count))})")
    if filled:
        db.fill("t", [tuple(value if i < filled else None for i in range(count))] * 3)


@specimen("sizes", heavy=True)
def a_table_of_1600_columns_mostly_null(db: Maker) -> None:
    _wide(db, 1600, "x", "TEXT", 100)


@specimen("sizes", heavy=True, rejects={"t": 3})
def a_table_of_1600_bigints_wider_than_a_page(db: Maker) -> None:
    _wide(db, 1600, 2**60, "BIGINT", 1600)


@specimen("sizes", heavy=True, omits={"t"})
def a_table_of_1601_columns(db: Maker) -> None:
    _wide(db, 1601, 1, "BOOLEAN", 5)
    db.run(
        """
        CREATE TABLE small(v);
        INSERT INTO small VALUES(1);
        CREATE INDEX it ON t(c0);
        CREATE VIEW vt AS SELECT c0 FROM t
        """
    )


@specimen("sizes", heavy=True, omits={"t"})
def a_table_of_2000_columns_that_others_refer_to(db: Maker) -> None:
    names = ", ".join(f"c{i}" for i in range(1999))
    db.run(
        f"CREATE TABLE t(id INTEGER PRIMARY KEY, {names}); CREATE TABLE child(t INTEGER REFERENCES t(id));"
        "INSERT INTO t(id) VALUES(1)"
    )
    db.run("INSERT INTO child VALUES(1)")


@specimen("sizes", heavy=True)
def values_of_twenty_megabytes(db: Maker) -> None:
    noise = random.Random(20)
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB, x TEXT, j JSON)")
    block = noise.randbytes(1 << 20)
    text = "".join(chr(noise.randrange(32, 0x2FFF)) for _ in range(1 << 18))
    db.fill("t", [(1, block * 20, None, None), (2, None, text * 30, None), (3, b"", "", "[" + "1," * 500_000 + "1]")])


@specimen("sizes", heavy=True)
def two_hundred_tables_of_a_few_rows(db: Maker) -> None:
    with db.connection:
        for i in range(200):
            db.run(
                f"CREATE TABLE t{i:03d}(id INTEGER PRIMARY KEY, v TEXT, n REAL); CREATE INDEX i{i:03d} ON t{i:03d}(v)"
            )
            db.run(f"INSERT INTO t{i:03d} VALUES(1,'a',{i}.5),(2,'b',NULL)")


@specimen("sizes", heavy=True)
def a_hundred_thousand_rows_whose_last_one_is_different(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, d DATE, j JSON, u CHAR(36), b BOOLEAN, x TEXT)")
    u = "a0eebc99-9c0b-4ef8-bb6d-{:012d}"
    db.fill("t", ((i, i, f"2024-01-{i % 28 + 1:02d}", "{}", u.format(i), i % 2, "x") for i in range(100_000)))
    db.run("INSERT INTO t VALUES(100000, 'late', 'someday', '{', 'no uuid', 'perhaps', 7)")


@specimen("sizes", heavy=True)
def rows_scattered_over_the_whole_range_of_rowids(db: Maker) -> None:
    noise = random.Random(7)
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
    keys = sorted({noise.randrange(-(2**63), 2**63) for _ in range(30_000)})
    db.fill("t", ((key, f"v{key % 97}") for key in keys))


@specimen("sizes", heavy=True)
def one_giant_row_among_many_small_ones(db: Maker) -> None:
    db.run("CREATE TABLE t(k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID")
    db.fill("t", ((f"k{i:06d}", bytes(10_000_000) if i == 15_000 else b"small") for i in range(30_000)))
