"""The profile counts every value, whatever the columns were declared to hold, and goes on past what cannot be read."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.profile import profile
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import CancelledError
from exuvia.values.facts import ColumnFacts, Example, TextForm
from exuvia.values.profile import Profile

DECLARED = ["INTEGER", "REAL", "TEXT", "BLOB", "NUMERIC", "DATETIME", ""]
WITH_ROWID = "id INTEGER PRIMARY KEY"


def make(path: Path, *sql: str, rows: Sequence[tuple[str, Sequence[Any]]] = ()) -> Path:
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        for statement in sql:
            connection.execute(statement)
        with connection:
            for statement, values in rows:
                connection.executemany(statement, values)
    return path


def profiled(path: Path, **options: Any) -> Profile:
    with Snapshot.open(path, readers=2) as snapshot:
        return profile(snapshot, inspect(snapshot.connection, "test"), **options)


def counts(facts: ColumnFacts) -> tuple[int, int, int, int, int]:
    parts = (facts.integers, facts.reals, facts.texts, facts.blobs)
    return (facts.nulls, *(part.count if part else 0 for part in parts))  # type: ignore[return-value]


def stored(path: Path, table: str, column: str) -> tuple[int, int, int, int, int]:
    items = ", ".join(
        f"count(*) FILTER (WHERE typeof({column}) = '{kind}')" for kind in ("null", "integer", "real", "text", "blob")
    )
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        return tuple(connection.execute(f"SELECT {items} FROM {table}").fetchall()[0])  # type: ignore[return-value]


anything = st.sampled_from([None, 0, 5, 2**62, 1.5, -2.0, "", "x", "7", "1.50", b"", b"x", "é", 1e300]) | st.integers(
    -5, 5
)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@given(
    usual=st.lists(anything, min_size=1, max_size=2),
    odd=st.lists(st.tuples(st.integers(0, 299), anything), max_size=4),
    declared=st.sampled_from(DECLARED),
    chunk_rows=st.sampled_from([40, 100, 1000]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_storage_classes_are_counted_exactly_wherever_an_odd_one_hides(
    tmp_path_factory: pytest.TempPathFactory,
    encoding: str,
    usual: list[Any],
    odd: list[tuple[int, Any]],
    declared: str,
    chunk_rows: int,
) -> None:
    values = [usual[n % len(usual)] for n in range(300)]
    for place, value in odd:
        values[place] = value
    path = make(
        tmp_path_factory.mktemp("odd") / "a.db",
        f"PRAGMA encoding = '{encoding}'",
        f"CREATE TABLE t({WITH_ROWID}, v {declared}, w TEXT)",
        rows=[("INSERT INTO t(v, w) VALUES (?, 'w')", [(value,) for value in values])],
    )
    found = profiled(path, chunk_rows=chunk_rows).tables["t"]
    assert counts(found.columns["v"]) == stored(path, "t", "v")
    assert counts(found.columns["w"]) == (0, 0, 0, 300, 0)
    assert found.rows == sum(chunk.rows for chunk in found.chunks) == 300
    assert all(chunk.rows <= chunk_rows for chunk in found.chunks)


@pytest.mark.parametrize(
    ("declared", "odd"),
    [("TEXT", b""), ("TEXT", b"blob"), ("BLOB", "text"), ("INTEGER", 1.5), ("INTEGER", "x"), ("REAL", "x")],
)
def test_one_odd_value_far_into_a_table_is_found(tmp_path: Path, declared: str, odd: object) -> None:
    usual = {"TEXT": "a", "BLOB": b"a", "INTEGER": 1, "REAL": 1.5}[declared]
    path = make(
        tmp_path / "a.db",
        f"CREATE TABLE t(v {declared})",
        rows=[("INSERT INTO t VALUES (?)", [(odd if n == 91_234 else usual,) for n in range(100_000)])],
    )
    facts = profiled(path, chunk_rows=30_000).tables["t"].columns["v"]
    assert counts(facts) == stored(path, "t", "v")
    part = next(part for part in (facts.blobs, facts.reals, facts.texts) if part and part.count == 1)
    examples = part.examples if not hasattr(part, "forms") else next(iter(part.forms.values())).examples
    assert [(example.position, example.row) for example in examples] == [(91_234, "rowid=91235")]


def test_a_number_that_an_edited_schema_left_in_a_text_column_is_found(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t(v NUMERIC)",
        "INSERT INTO t VALUES ('a'), (5.25), ('b')",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(v TEXT)' WHERE name = 't'",
    )
    assert counts(profiled(path).tables["t"].columns["v"]) == (0, 0, 1, 2, 0)


def test_examples_name_their_rows(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE r(v TEXT)",
        "CREATE TABLE w(k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID",
        rows=[
            ("INSERT INTO r(rowid, v) VALUES (?, ?)", [(n * 7, "x" if n != 250 else "2024-01-01") for n in range(400)]),
            ("INSERT INTO w VALUES (?, ?)", [(f"k{n:03}", "x" if n != 250 else "2024-01-01") for n in range(400)]),
        ],
    )
    found = profiled(path, chunk_rows=100)
    for table, row in (("r", "rowid=1750"), ("w", "k='k250'")):
        texts = found.tables[table].columns["v"].texts
        assert texts is not None
        assert texts.forms[TextForm.DATE].examples == (Example(250, "2024-01-01", row),)


def test_sizes_are_those_of_the_values(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t(a INTEGER, b TEXT, c BLOB)",
        "INSERT INTO t VALUES (1, 'four', x'0102'), (2, NULL, zeroblob(5000)), (3, 'é', NULL)",
    )
    found = profiled(path).tables["t"]
    assert found.bytes == 3 * 8 + 4 + 2 + 5000 + 2
    assert found.chunks[0].max_row_bytes == 5008


def test_long_rows_after_short_ones_are_read_in_small_steps(tmp_path: Path) -> None:
    sizes = [5] * 200 + [900_000] * 120 + [20_000_000]
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, c BLOB)",
        rows=[("INSERT INTO t(v, c) VALUES ('v', zeroblob(?))", [(size,) for size in sizes])],
    )
    found = profiled(path).tables["t"]
    blobs = found.columns["c"].blobs
    assert blobs is not None
    assert (found.rows, blobs.count, blobs.max_length) == (321, 321, 20_000_000)
    assert max(chunk.max_row_bytes for chunk in found.chunks) == 20_000_009
    assert len(found.chunks) > 1


def test_an_empty_table_has_one_chunk_of_no_rows(tmp_path: Path) -> None:
    found = profiled(make(tmp_path / "a.db", "CREATE TABLE t(a, b TEXT)")).tables["t"]
    assert (found.rows, found.bytes, [chunk.rows for chunk in found.chunks]) == (0, 0, [0])
    assert set(found.columns) == {"a", "b"}


def test_a_table_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.create_collation("mine", lambda a, b: (a > b) - (a < b))
        connection.create_scalar_function("ours", lambda *a: a[0], 1, deterministic=True)
        connection.execute("CREATE TABLE good(a); INSERT INTO good VALUES (1)")
        connection.execute("CREATE TABLE collated(a TEXT COLLATE mine PRIMARY KEY) WITHOUT ROWID")
        connection.execute("INSERT INTO collated VALUES ('a'), ('B')")
        connection.execute("CREATE TABLE computed(a, b AS (ours(a))); INSERT INTO computed VALUES (1)")
        connection.execute("CREATE TABLE broken(a)")
        with connection:
            connection.executemany("INSERT INTO broken VALUES (?)", [("x" * 100,)] * 5000)
        found = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'broken'").fetchall()
    place = (int(str(found[0][0])) + 20) * 4096
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xee" * 4096)
    result = profiled(path)
    assert set(result.tables) == {"good", "collated"}
    assert counts(result.tables["collated"].columns["a"]) == (0, 0, 0, 2, 0)
    assert "ours" in result.unreadable["computed"]
    assert "corrupt" in result.unreadable["broken"]


def test_progress_ends_at_the_totals(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t(a INTEGER)",
        rows=[("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)])],
    )
    told: list[tuple[str, int, int | None, int]] = []
    profiled(path, chunk_rows=100, on_progress=lambda *event: told.append(event))
    assert told[-1] == ("t", 1000, 1000, 8000)
    assert all(before[1] <= after[1] for before, after in pairwise(told))


def test_only_the_named_tables_are_looked_at(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE a(x)", "CREATE TABLE b(x)")
    assert set(profiled(path, tables=["b"]).tables) == {"b"}


def test_an_interrupted_profile_ends_with_cancelled(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t(a INTEGER)",
        rows=[("INSERT INTO t VALUES (?)", [(n,) for n in range(50_000)])],
    )
    with Snapshot.open(path, readers=1) as snapshot:
        catalog = inspect(snapshot.connection, "test")
        started = threading.Event()

        def on_progress(*_: object) -> None:
            started.set()
            snapshot.interrupt()

        with pytest.raises(CancelledError):
            profile(snapshot, catalog, jobs=1, chunk_rows=1000, on_progress=on_progress)
        assert started.is_set()
