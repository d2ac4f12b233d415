"""Bulk reading returns every value exactly, in key order, in bounded batches, however a table is cut."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.catalog.model import Table
from exuvia.engines.sqlite.chunks import cut
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.read import BATCH_BYTES, MAX_BATCH_ROWS, ColumnRead, WrongClassError
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.values.cells import Cells, StorageClass
from exuvia.values.profile import Chunk

Value = tuple[str, Any] | None
Row = dict[str, Value]

ALL = frozenset(StorageClass)
WHOLE = Chunk(0, None, None, 1)
INT, REAL, TEXT, BLOB = StorageClass.INTEGER, StorageClass.REAL, StorageClass.TEXT, StorageClass.BLOB


class Database:
    """A file made by ``sql`` and read through a snapshot."""

    def __init__(self, path: Path, *sql: str, rows: Sequence[tuple[str, Sequence[Any]]] = ()) -> None:
        self.path = path
        with contextlib.closing(apsw.Connection(str(path))) as connection:
            connection.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
            for statement in sql:
                connection.execute(statement)
            with connection:
                for statement, values in rows:
                    connection.executemany(statement, values)

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[Snapshot, dict[str, Table]]]:
        with Snapshot.open(self.path, readers=1) as snapshot:
            catalog = inspect(snapshot.connection, "test")
            yield snapshot, {table.name: table for table in catalog.tables}

    def read(self, name: str, classes: frozenset[StorageClass] = ALL, **options: Any) -> list[Row]:
        """Read a whole table, in chunks of ``chunk_rows`` where given."""
        chunk_rows = options.pop("chunk_rows", None)
        with self.opened() as (snapshot, tables), snapshot.reader() as reader:
            table = tables[name]
            chunks = cut(snapshot.connection, table, chunk_rows=chunk_rows) if chunk_rows else (WHOLE,)
            columns = [ColumnRead(column.name, classes) for column in table.columns]
            found: list[Row] = []
            for chunk in chunks:
                before = len(found)
                for batch in reader.batches(table, chunk, columns, **options):
                    found += rows_of(batch)
                if chunk_rows:
                    assert len(found) - before == chunk.rows <= chunk_rows
            return found


def values_of(cells: Cells) -> list[Value]:
    values: list[Value] = [None] * cells.length
    for kind, array in cells.parts().items():
        assert len(array) == cells.length
        array.validate(full=True)
        for place, value in enumerate(array.to_pylist()):
            if value is not None:
                assert values[place] is None
                values[place] = (kind.value, value)
    return values


def rows_of(batch: dict[str, Cells]) -> list[Row]:
    columns = {name: values_of(cells) for name, cells in batch.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def tagged(value: Any) -> Value:
    if value is None:
        return None
    if isinstance(value, str):
        return "text", value.encode()
    return {int: "integer", float: "real", bytes: "blob"}[type(value)], value


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
anything = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=12)
    | st.sampled_from(["", b"", "\0", "a\0b", 0, -0.0, 2**53 + 1, float("inf"), "12", "1e5", "'", "\ufeffx"])
)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@given(rows=st.lists(st.tuples(anything, anything), max_size=25), batch_rows=st.sampled_from([None, 1, 2, 7]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_are_read_exactly(
    tmp_path_factory: pytest.TempPathFactory, encoding: str, rows: list[tuple[Any, Any]], batch_rows: int | None
) -> None:
    database = Database(
        tmp_path_factory.mktemp("any") / "a.db",
        f"PRAGMA encoding = '{encoding}'",
        "CREATE TABLE t(a BLOB, b ANY) STRICT" if not rows else "CREATE TABLE t(a, b)",
        rows=[("INSERT INTO t VALUES (?, ?)", rows)],
    )
    expected = [{"a": tagged(a), "b": tagged(b)} for a, b in rows]
    assert database.read("t", batch_rows=batch_rows) == expected
    assert database.read("t", chunk_rows=4, batch_rows=batch_rows) == expected


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@given(keys=st.lists(st.tuples(texts | st.binary(max_size=6), st.integers() | st.floats(allow_nan=False)), max_size=30))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tables_without_rowid_are_cut_at_any_keys(
    tmp_path_factory: pytest.TempPathFactory, encoding: str, keys: list[tuple[Any, Any]]
) -> None:
    fitting = [(a, b) for a, b in keys if not isinstance(b, int) or -(2**63) <= b < 2**63]
    database = Database(
        tmp_path_factory.mktemp("keys") / "a.db",
        f"PRAGMA encoding = '{encoding}'",
        "CREATE TABLE t(b, a COLLATE NOCASE, v, PRIMARY KEY(a DESC, b)) WITHOUT ROWID",
        rows=[("INSERT OR REPLACE INTO t(a, b, v) VALUES (?, ?, 1)", fitting)],
    )
    whole = database.read("t")
    with contextlib.closing(apsw.Connection(str(database.path))) as connection:
        assert len(whole) == connection.execute("SELECT count(*) FROM t").fetchall()[0][0]
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        chunks = cut(snapshot.connection, tables["t"], chunk_rows=3)
        columns = [ColumnRead(name, ALL) for name in ("b", "a", "v")]
        parts = [
            [row for batch in reader.batches(tables["t"], chunk, columns) for row in rows_of(batch)] for chunk in chunks
        ]
    assert [row for part in parts for row in part] == whole
    assert [len(part) for part in parts] == [chunk.rows for chunk in chunks]


@pytest.mark.parametrize(
    "rowids",
    [
        range(1, 101),
        range(-50, 50),
        [2**63 - 1, -(2**63), 0, 5, 6, 7, 8],
        [7_000_000_000_000_000_000 + n * n * 4_194_304 for n in range(90)],
        [1],
        [],
    ],
)
def test_rowids_dense_sparse_and_extreme_are_covered_once(tmp_path: Path, rowids: Sequence[int]) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY)",
        rows=[("INSERT INTO t VALUES (?)", [(rowid,) for rowid in rowids])],
    )
    for chunk_rows in (1, 3, 10, 1000):
        found = [row["id"] for row in database.read("t", frozenset({INT}), chunk_rows=chunk_rows)]
        assert found == [("integer", rowid) for rowid in sorted(rowids)]


def test_rows_of_many_bytes_make_smaller_chunks(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)",
        rows=[("INSERT INTO t VALUES (?, zeroblob(20000))", [(n,) for n in range(100)])],
    )
    with database.opened() as (snapshot, tables):
        chunks = cut(snapshot.connection, tables["t"], chunk_bytes=200_000)
    assert [chunk.rows for chunk in chunks] == [9] * 11 + [1]


def test_an_index_does_not_change_the_order(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(a INTEGER, filler)",
        "CREATE INDEX i ON t(a)",
        rows=[("INSERT INTO t VALUES (?, zeroblob(3000))", [(n,) for n in (3, 1, 2)])],
    )
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        batches = reader.batches(tables["t"], WHOLE, [ColumnRead("a", frozenset({INT}))])
        assert [row["a"] for batch in batches for row in rows_of(batch)] == [("integer", n) for n in (3, 1, 2)]


def test_a_reading_sorted_by_another_key_is_sorted_by_bytes(tmp_path: Path) -> None:
    words = ["b", "B", "a", "A", "ä", "\U0001f600", "\uffff", ""]
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(a TEXT COLLATE NOCASE, n INTEGER)",
        rows=[("INSERT INTO t VALUES (?, ?)", [(word, n) for word in words for n in (2, 1)])],
    )
    found = [(row["a"], row["n"]) for row in database.read("t", order_by=("a", "n"))]
    expected = [(("text", word.encode()), ("integer", n)) for word in words for n in (1, 2)]
    assert found == sorted(expected)


def test_malformed_text_arrives_as_its_bytes(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(a TEXT)",
        "INSERT INTO t VALUES (CAST(x'ff00c3' AS TEXT)), (CAST(x'eda080' AS TEXT)), ('fine'), (NULL)",
    )
    expected = [("text", b"\xff\0\xc3"), ("text", b"\xed\xa0\x80"), ("text", b"fine"), None]
    assert [row["a"] for row in database.read("t", frozenset({TEXT}))] == expected
    assert [row["a"] for row in database.read("t")] == expected


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_lone_surrogate_arrives_malformed_and_harms_no_neighbour(tmp_path: Path, encoding: str) -> None:
    codec = encoding.lower()
    stored = ["\ud83d", "\ude00", "\ud83dA", "fine \U0001f600", "\ufeffx", ""]
    items = ", ".join(f"(CAST(x'{text.encode(codec, 'surrogatepass').hex()}' AS TEXT))" for text in stored)
    database = Database(
        tmp_path / "a.db",
        f"PRAGMA encoding = '{encoding}'",
        "CREATE TABLE t(a TEXT)",
        f"INSERT INTO t VALUES {items}, (NULL)",
    )
    expected: list[Value] = [("text", text.encode("utf-8", "surrogatepass")) for text in stored]
    assert [row["a"] for row in database.read("t", frozenset({TEXT}))] == [*expected, None]


def test_names_of_any_kind_are_read(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        'CREATE TABLE "my ""table"(rowid TEXT, "a b", "select", "c""d", "")',
        """INSERT INTO "my ""table" VALUES ('x', 1, 2, 3, 4)""",
    )
    row = {"rowid": ("text", b"x"), "a b": ("integer", 1), "select": ("integer", 2)}
    assert database.read('my "table') == [row | {'c"d': ("integer", 3), "": ("integer", 4)}]


def test_a_table_whose_columns_hide_the_rowid_is_one_chunk(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(rowid TEXT, oid INTEGER, _rowid_ INTEGER, PRIMARY KEY(oid, _rowid_))",
        "INSERT INTO t VALUES ('a', 5, 1), ('b', 2, 2), ('c', 9, 3)",
        "CREATE TABLE bare(rowid TEXT, oid INTEGER, _rowid_ INTEGER)",
        "INSERT INTO bare SELECT * FROM t",
    )
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        for table in tables.values():
            assert len(cut(snapshot.connection, table, chunk_rows=1)) == 1
            assert [row["rowid"] for row in reader.rows_at(table, WHOLE, [2, 0])] == ["c", "a"]
        assert reader.keys(tables["t"], WHOLE, [1]) == {1: "oid=2, _rowid_=2"}
        assert reader.keys(tables["bare"], WHOLE, [1]) == {1: "row 2"}
    assert [row["rowid"] for row in database.read("t")] == [("text", b"a"), ("text", b"b"), ("text", b"c")]


def test_a_key_column_stands_for_a_rowid_that_has_no_name(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(rowid TEXT, oid INTEGER PRIMARY KEY, _rowid_)",
        "INSERT INTO t VALUES ('a', 5, 1), ('b', 2, 2), ('c', 9, 3)",
    )
    assert [row["oid"] for row in database.read("t", chunk_rows=1)] == [("integer", n) for n in (2, 5, 9)]
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        assert reader.keys(tables["t"], WHOLE, [1]) == {1: "oid=5"}


def test_generated_columns_are_read_like_others(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(a INTEGER, v TEXT AS (a || '!'), s REAL AS (a * 2) STORED)",
        "INSERT INTO t(a) VALUES (1), (NULL)",
    )
    expected = [{"a": ("integer", 1), "v": ("text", b"1!"), "s": ("real", 2.0)}, {"a": None, "v": None, "s": None}]
    assert database.read("t") == expected


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_tables_with_a_collation_of_the_application_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.db"
    values = ["b", 1, "a", 2.5, b"\0", "\0é", "C"]
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.create_collation("mine", lambda a, b: (a < b) - (a > b))
        connection.execute("CREATE TABLE r(a COLLATE mine, PRIMARY KEY (a))")
        connection.execute("CREATE TABLE w(a COLLATE mine PRIMARY KEY, n) WITHOUT ROWID")
        connection.execute("CREATE TABLE beside(n INTEGER PRIMARY KEY, a COLLATE mine) WITHOUT ROWID")
        connection.execute("INSERT INTO beside VALUES (2, 'y'), (1, 'x'), (3, 'z')")
        connection.executemany("INSERT INTO r VALUES (?)", [(value,) for value in values])
        connection.executemany("INSERT INTO w VALUES (?, NULL)", [(value,) for value in values])
    with Snapshot.open(path, readers=1) as snapshot, snapshot.reader() as reader:
        catalog = inspect(snapshot.connection, "test")
        columns = [ColumnRead("a", ALL)]
        found = [row["a"] for batch in reader.batches(catalog.table("r"), WHOLE, columns) for row in rows_of(batch)]
        assert found == [tagged(value) for value in values]
        table = catalog.table("beside")
        chunks = cut(reader.sql, table, chunk_rows=2)
        parts = [[row["a"] for batch in reader.batches(table, c, columns) for row in rows_of(batch)] for c in chunks]
        assert parts == [[("text", b"x"), ("text", b"y")], [("text", b"z")]]
        stored = [1, 2.5, "b", "a", "C", "\0é", b"\0"]
        table = catalog.table("w")
        (chunk,) = cut(reader.sql, table, chunk_rows=2)
        for limit in (None, 2):
            batches = list(reader.batches(table, chunk, [*columns, ColumnRead("n", frozenset())], batch_rows=limit))
            assert [row["a"] for batch in batches for row in rows_of(batch)] == [tagged(value) for value in stored]
            assert {row["n"] for batch in batches for row in rows_of(batch)} == {None}
        assert [row["a"] for row in reader.rows_at(table, chunk, range(7))] == stored
        assert reader.keys(table, chunk, [2]) == {2: "a='b'"}
        with pytest.raises(WrongClassError):
            list(reader.batches(table, chunk, [ColumnRead("a", frozenset({TEXT}))]))


@pytest.mark.parametrize("key", ["id INTEGER PRIMARY KEY", "id INT PRIMARY KEY"])
def test_batches_are_bounded_in_bytes_and_a_huge_row_comes_alone(tmp_path: Path, key: str) -> None:
    sizes = [10] * 500 + [BATCH_BYTES * 2] + [10] * 500 + [BATCH_BYTES // 10] * 60
    without = " WITHOUT ROWID" if "INT " in key else ""
    database = Database(
        tmp_path / "a.db",
        f"CREATE TABLE t({key}, b BLOB){without}",
        rows=[("INSERT INTO t VALUES (?, zeroblob(?))", list(enumerate(sizes)))],
    )
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        columns = [ColumnRead("id", frozenset({INT})), ColumnRead("b", frozenset({BLOB}))]
        for known in (0, BATCH_BYTES * 2):
            chunk = Chunk(0, None, None, len(sizes), known)
            lengths = []
            for batch in reader.batches(tables["t"], chunk, columns):
                blobs = batch["b"].blobs
                assert blobs is not None
                lengths.append(len(blobs))
                assert blobs.nbytes < BATCH_BYTES * 1.1 or len(blobs) == 1
            assert sum(lengths) == len(sizes)
            assert lengths[:3] == [500, 1, 500 + 60] or lengths[:2] == [500, 1]
            assert len(lengths) < 10


def test_no_batch_is_longer_than_asked_for(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE t(a INTEGER)",
        rows=[("INSERT INTO t VALUES (?)", [(n,) for n in range(MAX_BATCH_ROWS + 1000)])],
    )
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        columns = [ColumnRead("a", frozenset({INT}))]
        for limit in (None, 1000, 10**9):
            batches = reader.batches(tables["t"], WHOLE, columns, batch_rows=limit)
            lengths = [batch["a"].length for batch in batches]
            assert sum(lengths) == MAX_BATCH_ROWS + 1000
            assert max(lengths) <= min(limit or MAX_BATCH_ROWS, MAX_BATCH_ROWS)


def test_two_thousand_columns_of_mixed_classes_are_read_side_by_side(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(2000)]
    values = [(n, n / 2, str(n), bytes([n % 256]), None)[n % 5] for n in range(2000)]
    database = Database(
        tmp_path / "a.db",
        f"CREATE TABLE t({', '.join(names)})",
        rows=[(f"INSERT INTO t VALUES ({', '.join('?' * 2000)})", [values, values[::-1], values])],
    )
    expected = [dict(zip(names, map(tagged, row), strict=True)) for row in (values, values[::-1], values)]
    assert database.read("t") == expected
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        assert list(reader.rows_at(tables["t"], WHOLE, [0])[0].values()) == values


def test_a_column_of_nulls_needs_no_class(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", "CREATE TABLE t(a)", "INSERT INTO t VALUES (NULL), (NULL)")
    assert database.read("t", frozenset()) == [{"a": None}, {"a": None}]


@pytest.mark.parametrize("place", [0, 5000])
@pytest.mark.parametrize(("expected", "other"), [(INT, 1.5), (INT, "x"), (INT, b"x"), (REAL, "x"), (REAL, b"x")])
def test_a_class_that_was_not_expected_is_an_error(
    tmp_path: Path, place: int, expected: StorageClass, other: object
) -> None:
    rows: list[object] = [1 if expected is INT else 1.5] * 6000
    rows[place] = other
    database = Database(
        tmp_path / "a.db", "CREATE TABLE t(a, b)", rows=[("INSERT INTO t VALUES (0, ?)", [(value,) for value in rows])]
    )
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        columns = [ColumnRead("a", frozenset({INT})), ColumnRead("b", frozenset({expected}))]
        batches = reader.batches(tables["t"], WHOLE, columns, batch_rows=1000)
        with pytest.raises(WrongClassError) as caught:
            list(batches)
    assert caught.value.column == "b"


def test_rows_are_named_and_returned_by_position(tmp_path: Path) -> None:
    database = Database(
        tmp_path / "a.db",
        "CREATE TABLE r(v)",
        "INSERT INTO r(rowid, v) VALUES (10, 'a'), (20, CAST(x'ff' AS TEXT)), (30, x'00'), (40, 2.5), (50, NULL)",
        "CREATE TABLE w(id TEXT, lang TEXT, v, PRIMARY KEY(id, lang)) WITHOUT ROWID",
        "INSERT INTO w VALUES ('a', 'en', 1), ('a', 'it''s', 2), ('b', 'en', 3)",
    )
    with database.opened() as (snapshot, tables), snapshot.reader() as reader:
        chunk = Chunk(1, (10,), None, 4)
        assert reader.keys(tables["r"], chunk, [3, 0]) == {0: "rowid=20", 3: "rowid=50"}
        rows = reader.rows_at(tables["r"], chunk, [2, 0, 1, 3])
        assert rows == [{"v": 2.5}, {"v": "\udcff"}, {"v": b"\0"}, {"v": None}]
        chunk = Chunk(1, ("a", "en"), ("b", "en"), 2)
        names = reader.keys(tables["w"], chunk, [0, 1])
        assert names == {0: "id='a', lang='it''s'", 1: "id='b', lang='en'"}
        assert reader.rows_at(tables["w"], chunk, [1]) == [{"id": "b", "lang": "en", "v": 3}]
        assert reader.keys(tables["r"], chunk, []) == {}
