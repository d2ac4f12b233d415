"""What is encoded for COPY BINARY arrives in PostgreSQL as the same value, read back by another decoder."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import psycopg
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.catalog.target import TargetColumn
from exuvia.catalog.types import SqlType
from exuvia.engines.postgres.read import Reader
from exuvia.engines.postgres.wire import wire_form
from exuvia.engines.postgres.write import CopyTarget, copy, copy_refusing

LONG = {"bigint": (-(2**63), 2**63 - 1), "integer": (-(2**31), 2**31 - 1), "smallint": (-(2**15), 2**15 - 1)}

text = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=300)
microseconds = st.integers(0, 86_400_000_000 - 1)


def decimals() -> st.SearchStrategy[str]:
    """Decimals as PostgreSQL prints them, short and very long."""
    numbers = st.tuples(
        st.booleans(), st.integers(0, 10**40) | st.integers(0, 10**6), st.text("0123456789", max_size=30)
    )
    return numbers.map(_printed) | st.sampled_from(["NaN", "Infinity", "-Infinity", "0", "0.0000", "10000", "-0.0001"])


def _printed(parts: tuple[bool, int, str]) -> str:
    negative, whole, fraction = parts
    printed = f"{whole}.{fraction}" if fraction else str(whole)
    return f"-{printed}" if negative and Decimal(printed) else printed


COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    **{name: (pa.int64(), st.integers(*bounds)) for name, bounds in LONG.items()},
    "boolean": (pa.bool_(), st.booleans()),
    "double precision": (pa.float64(), st.floats(allow_nan=False)),
    "numeric": (pa.string(), decimals()),
    "text": (pa.string(), text),
    "bytea": (pa.binary(), st.binary(max_size=300)),
    "uuid": (pa.binary(16), st.binary(min_size=16, max_size=16)),
    "json": (pa.string(), st.sampled_from(['{"a":  1, "a": 2}', "null", "[]", '"ü𝄞"'])),
    "date": (pa.date32(), st.dates()),
    "time": (pa.time64("us"), st.times()),
    "timestamp": (pa.timestamp("us"), st.datetimes()),
    "timestamptz": (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(dt.UTC))),
    "text[]": (pa.list_(pa.string()), st.lists(text | st.none(), max_size=4)),
    "real[]": (pa.list_(pa.float32()), st.lists(st.floats(width=32, allow_nan=False), max_size=4)),
}


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[str], list[pa.Array]]:
    """A batch of some columns in random order, with and without NULLs, as a slice of longer arrays."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=6))
    rows, skipped = draw(st.integers(1, 12)), draw(st.integers(0, 3))
    arrays = []
    for name in names:
        type_, values = COLUMNS[name]
        size = rows + skipped
        column = draw(st.lists(values | st.none() if draw(st.booleans()) else values, min_size=size, max_size=size))
        arrays.append(pa.array(column, type_).slice(skipped))
    return names, arrays


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches())
def test_every_type_reads_back_as_it_was_encoded(postgres_url: str, batch: tuple[list[str], list[pa.Array]]) -> None:
    names, arrays = batch
    columns = tuple(TargetColumn(f"c{at}", SqlType.parse(name)) for at, name in enumerate(["bigint", *names]))
    arrays = [pa.array(range(len(arrays[0])), pa.int64()), *arrays]
    reader = Reader(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS t")
        fields = ", ".join(f"{column.name} {column.type}" for column in columns)
        connection.execute(f"CREATE TABLE t ({fields})".encode())
        copy(connection, CopyTarget("public", "t", columns), [arrays])
        found = pa.table(
            [pa.chunked_array(parts) for parts in zip(*reader.batches("public", "t", columns), strict=True)],
            [column.name for column in columns],
        )
    reader.close()
    found = found.sort_by("c0")
    for column, expected in zip(columns, arrays, strict=True):
        comparable = wire_form(column.type, expected) if column.type.base.value.endswith("[]") else expected
        assert found[column.name].to_pylist() == comparable.to_pylist(), str(column.type)


def test_text_arrays_and_numbers_arrive_as_postgresql_prints_them(any_url: str) -> None:
    columns = (TargetColumn("a", SqlType.parse("text[]")), TargetColumn("n", SqlType.parse("numeric(12,4)")))
    arrays = [
        pa.array([["x", None, 'q"'], []], pa.list_(pa.string())),
        pa.array(["12345678.9000", "-0.0001"], pa.string()),
    ]
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a text[], n numeric(12,4))")
        copy(connection, CopyTarget("public", "t", columns), [arrays])
        rows = connection.execute("SELECT a, n::text FROM t ORDER BY n DESC").fetchall()
    assert rows == [(["x", None, 'q"'], "12345678.9000"), ([], "-0.0001")]


def test_vectors_arrive_in_pgvector(pip_url: str) -> None:
    column = TargetColumn("v", SqlType.parse("vector(3)"))
    vectors = pa.array([[1.5, -2, 0], None, [0, 0, 1e-3]], pa.list_(pa.float32(), 3))
    with psycopg.connect(pip_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE TABLE t (v vector(3))")
        copy(connection, CopyTarget("public", "t", (column,)), [[vectors], [vectors.slice(2)]])
        rows = [row for (row,) in connection.execute("SELECT v::text FROM t")]
    assert rows == ["[1.5,-2,0]", None, "[0,0,0.001]", "[0,0,0.001]"]


def test_the_rows_that_the_server_refuses_are_found_and_the_others_stay(any_url: str) -> None:
    columns = (TargetColumn("a", SqlType.parse("bigint")),)
    values = pa.array(range(1_000), pa.int64())
    refused: dict[int, str] = {}
    with psycopg.connect(any_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a bigint CHECK (a NOT IN (0, 511, 512, 999)))")
        with connection.transaction():
            copy_refusing(connection, CopyTarget("public", "t", columns), [values], refused.__setitem__)
        count = connection.execute("SELECT count(*), sum(a) FROM t").fetchone()
    assert sorted(refused) == [0, 511, 512, 999]
    assert "check constraint" in refused[511]
    assert count == (996, sum(range(1_000)) - 511 - 512 - 999)
