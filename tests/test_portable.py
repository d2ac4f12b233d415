"""Portable copies: what comes back is what went, and nothing half done is ever seen."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import orjson
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exuvia
from exuvia.errors import ConfigError, ExuviaError, SourceError, TargetError
from exuvia.move.portable.export import ExportOptions, export_data
from exuvia.move.portable.import_ import ImportOptions, import_data
from zoo import REAL, ZOO, Specimen

FORMS = ("jsonl", "parquet")
COLLATIONS = {"anki_with_a_collation_that_is_not_available", "collating_sequences_that_are_not_installed"}
FUNCTIONS = {"functions_that_are_not_installed"}
SUFFIX = {"jsonl": ".jsonl.zst", "parquet": ".parquet"}


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def database(path: Path, sql: str, **rows: list[tuple[object, ...]]) -> Path:
    connection = apsw.Connection(str(path))
    connection.execute(sql).fetchall()
    with connection:
        for table, values in rows.items():
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
    connection.close()
    return path


def contents(path: Path) -> dict[str, object]:
    """Return everything that a file stores, read by plain SQL: schema, header, and each row with storage classes."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.collation_needed(lambda to, name: to.create_collation(name, lambda a, b: (a > b) - (a < b)))
    schema = "SELECT type, CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema"
    found: dict[str, object] = {"schema": sorted(connection.execute(schema).fetchall(), key=repr)}
    for pragma in ("encoding", "user_version", "application_id", "page_size", "auto_vacuum", "journal_mode"):
        found[pragma] = connection.execute(f"PRAGMA {pragma}").fetchall()
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").fetchall()
    for (table,) in tables:
        found[f"table {table}"] = rows_of(connection, str(table))
    connection.close()
    return found


def rows_of(connection: apsw.Connection, table: str) -> list[str]:
    names = [str(row[1]) for row in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")]
    taken = {name.lower() for name in names}
    [(without,)] = connection.execute("SELECT wr FROM pragma_table_list WHERE name = ? AND schema = 'main'", (table,))
    key = None if without else next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)
    values = [
        f"typeof({name}), iif(typeof({name}) = 'text', CAST({name} AS BLOB), {name})" for name in map(quoted, names)
    ]
    select = ", ".join([*([key] if key else []), *values[:900]])
    return [repr(row) for row in connection.execute(f"SELECT {select} FROM {quoted(table)} NOT INDEXED")]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def there_and_back(source: Path, form: str, directory: Path) -> Path:
    export_data(source, f"{form}:{directory / form}")
    import_data(f"{form}:{directory / form}", directory / f"{form}.db")
    return directory / f"{form}.db"


MIXED: list[tuple[object, ...]] = [
    (1, 2**63 - 1, "text", None),
    (2, -(2**63), float("inf"), float("-inf")),
    (5, "a\0b", b"\xff\0", -0.0),
    (6, b"", "", 5e-324),
    (9, 1, 1.0, "1"),
    (10, 'quote " back \\ slash / \n\r\t\x01 \u2028 😀', 1.7976931348623157e308, 0.1),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_storage_class_in_one_column_comes_back_exactly(form: str, tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b BLOB, c)", t=MIXED)
    with apsw.Connection(str(source)) as connection:
        connection.execute("INSERT INTO t VALUES (20, CAST(x'ff00fe' AS TEXT), CAST(x'c0' AS TEXT), zeroblob(3))")
    connection.close()
    assert contents(there_and_back(source, form, tmp_path)) == contents(source)


def cases() -> list[Any]:
    chosen = [
        specimen for specimen in (*REAL, *ZOO) if not specimen.heavy and specimen.name not in COLLATIONS | FUNCTIONS
    ]
    # Every fifth runs always; `-m slow` runs the others
    return [
        pytest.param(specimen, id=specimen.name, marks=[pytest.mark.slow] if number % 5 else [])
        for number, specimen in enumerate(chosen)
    ]


@pytest.mark.parametrize("specimen", cases())
def test_a_hostile_database_comes_back_as_it_was(specimen: Specimen, tmp_path: Path) -> None:
    source = specimen.make(tmp_path)
    for form in FORMS:
        assert contents(there_and_back(source, form, tmp_path)) == contents(source)


def zoo(name: str) -> Specimen:
    return next(specimen for specimen in ZOO if specimen.name == name)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name",
    [
        "nulls_in_not_null_columns_that_an_older_file_let_in",
        "a_utf16le_database",
        "lone_surrogates_in_a_utf16_database",
        "vec0_tables_without_the_module",
        "geopackage_with_rtree_and_spatial_triggers",
        "a_database_of_views_only",
    ],
)
def test_what_sqlite_would_refuse_or_convert_today_comes_back_too(name: str, form: str, tmp_path: Path) -> None:
    source = zoo(name).make(tmp_path)
    assert contents(there_and_back(source, form, tmp_path)) == contents(source)


@pytest.mark.parametrize("form", FORMS)
def test_values_that_their_column_would_convert_stay_as_they_are(form: str, tmp_path: Path) -> None:
    source = database(
        tmp_path / "a.db",
        "CREATE TABLE t (k UNIQUE, a, b, c, d AS (a || 'x') STORED, e AS (b) VIRTUAL); CREATE INDEX i ON t (a, b)",
    )
    with apsw.Connection(str(source)) as connection:
        rows = [("1", "12", 3, "x"), (2, "0.5", 4.0, 7), (b"3", 1.0, "5", None)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        connection.execute("DELETE FROM t WHERE c = 7")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (k INTEGER UNIQUE, a INTEGER, b TEXT, c NOT NULL,"
            " d AS (a || ''x'') STORED, e AS (b) VIRTUAL)' WHERE name = 't'"
        )
        connection.execute("PRAGMA writable_schema = RESET")
    connection.close()
    back = there_and_back(source, form, tmp_path)
    assert contents(back) == contents(source)
    with apsw.Connection(str(back)) as connection:
        problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        # what the original's check says of its values is said of the copy's, and nothing of its pages or indexes
        assert all("NULL value" in line or "numeric value" in line.lower() or "value in" in line for line in problems)
    connection.close()


def test_full_text_search_works_in_a_restored_file(tmp_path: Path) -> None:
    source = database(
        tmp_path / "a.db",
        """CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('the shell of a cicada'), ('nothing');
        CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, what); INSERT INTO log (what) VALUES ('a'), ('b');
        DELETE FROM log; CREATE TRIGGER t AFTER INSERT ON log BEGIN INSERT INTO notes VALUES (new.what); END;
        CREATE VIEW v AS SELECT missing FROM nowhere; CREATE INDEX i ON log (what); ANALYZE""",
    )
    back = there_and_back(source, "jsonl", tmp_path)
    with apsw.Connection(str(back)) as connection:
        assert connection.execute("SELECT rowid FROM notes WHERE notes MATCH 'cicada'").fetchall() == [(1,)]
        assert connection.execute("INSERT INTO log (what) VALUES ('wing') RETURNING id").fetchall() == [(3,)]
        assert connection.execute("SELECT count(*) FROM notes WHERE notes MATCH 'wing'").fetchall() == [(1,)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_json_lines_are_what_a_person_expects(tmp_path: Path) -> None:
    source = database(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, price REAL, picture BLOB, extra)",
        t=[(1, 'say "hi"', 2.0, b"\x01\x02", float("inf")), (2, None, 1e300, None, 9007199254740993)],
    )
    export_data(source, "jsonl:copy")
    with pa.CompressedInputStream(pa.OSFile("copy/t.0001.jsonl.zst"), "zstd") as stream:
        text = stream.read().decode()
    assert text.splitlines() == [
        '{"id":1,"body":"say \\"hi\\"","price":2.0,"picture":{"$blob":"AQI="},"extra":{"$real":"Infinity"}}',
        '{"id":2,"body":null,"price":1e+300,"picture":null,"extra":9007199254740993}',
    ]


def test_parquet_files_have_plain_types_for_plain_columns(tmp_path: Path) -> None:
    source = database(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, price REAL, picture BLOB, extra)",
        t=[(1, "x", 2.0, b"\x01", 1), (2, None, 1e300, None, "one")],
    )
    export_data(source, "parquet:copy")
    table = pq.read_table("copy/t.0001.parquet")
    assert [str(field.type) for field in table.schema] == [
        "int64",
        "string",
        "double",
        "binary",
        "struct<integer: int64, text: string>",
    ]
    assert table.column("extra").to_pylist() == [{"integer": 1, "text": None}, {"integer": None, "text": "one"}]


def test_names_of_tables_never_lead_out_of_the_directory_or_meet(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "a/b", "a b", "A_B", "", "🙂", "x" * 300, "CON", "a.b"]
    sql = "; ".join(
        f"CREATE TABLE {quoted(name)} (v); INSERT INTO {quoted(name)} VALUES ({quoted(name)!r})" for name in names
    )
    source = database(tmp_path / "a.db", sql.replace("'\"", "'").replace("\"'", "'"))
    report = export_data(source, "jsonl:copy")
    assert {path.parent for path in Path("copy").rglob("*")} == {Path("copy")}
    assert len(list(Path("copy").glob("*.jsonl.zst"))) == len(names) == len(report.tables)
    import_data("jsonl:copy", "b.db")
    assert contents(Path("b.db")) == contents(source)


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.binary(max_size=12),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), max_size=30),
    malformed=st.lists(st.binary(min_size=1, max_size=6), max_size=4),
    types=st.lists(
        st.sampled_from(["", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "DATETIME"]), min_size=4, max_size=4
    ),
    encoding=st.sampled_from(["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"]),
)
def test_any_values_come_back(
    rows: list[tuple[object, ...]], malformed: list[bytes], types: list[str], encoding: str, tmp_path: Path
) -> None:
    place = tmp_path / "any"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(types))
    source = database(place / "a.db", f"PRAGMA encoding = '{encoding}'; CREATE TABLE t ({columns})")
    with apsw.Connection(str(source)) as connection:
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        if encoding == "UTF-8":
            connection.executemany("INSERT INTO t (c1) VALUES (CAST(? AS TEXT))", [(value,) for value in malformed])
        connection.execute("DELETE FROM t WHERE rowid % 7 = 3")
    connection.close()
    assert contents(source)["encoding"] == [(encoding,)]
    for form in FORMS:
        assert contents(there_and_back(source, form, place)) == contents(source)


@pytest.mark.parametrize("form", FORMS)
def test_large_values_and_many_columns_come_back(form: str, tmp_path: Path) -> None:
    columns = ", ".join(f"c{number}" for number in range(600))
    source = database(tmp_path / "a.db", f"CREATE TABLE wide ({columns}); CREATE TABLE large (a, b)")
    with apsw.Connection(str(source)) as connection:
        connection.execute(f"INSERT INTO wide VALUES ({', '.join(map(str, range(600)))})")
        connection.execute("INSERT INTO large VALUES (zeroblob(17000000), 'x'), (1, CAST(zeroblob(1000000) AS TEXT))")
    connection.close()
    back = there_and_back(source, form, tmp_path)
    assert back.read_bytes()[100:] == source.read_bytes()[100:]


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_moves_into_postgresql_as_its_source_would(form: str, any_url: str, tmp_path: Path) -> None:
    sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, d DATETIME, done BOOLEAN); CREATE INDEX i ON t (body)"
    rows: list[tuple[object, ...]] = [(1, "a", "2024-01-01 00:00:00", 1), (2, "b\0", None, 0), (7, "c", None, None)]
    export_data(database(tmp_path / "a.db", sql, t=rows), f"{form}:copy")
    report = import_data(f"{form}:copy", any_url)
    assert report.move is not None
    assert report.move.proof is not None
    assert report.move.proof.equal
    assert report.move.source == f"{form}:copy"
    assert [(one.row, one.column) for one in report.move.rejections] == [("rowid=2", "body")]
    with psycopg.connect(any_url) as connection:
        assert connection.execute("SELECT id, body, done FROM t ORDER BY id").fetchall() == [
            (1, "a", True),
            (7, "c", None),
        ]
    assert Path("copy.quarantine.jsonl").exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_postgresql_schema_is_exported_by_the_way_back(form: str, any_url: str) -> None:
    with psycopg.connect(any_url) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, price numeric(40, 20), at timestamptz, raw bytea)")
        connection.execute("INSERT INTO t VALUES (1, 12345678901234567890.12345678901234567890, 'epoch', '\\x00ff')")
        connection.execute("CREATE VIEW v AS SELECT id, pg_backend_pid() FROM t")
    report = export_data(any_url, f"{form}:copy")
    assert [(table.name, table.rows) for table in report.tables] == [("t", 1)]
    assert [item.name for item in report.left_out] == ["v"]
    import_data(f"{form}:copy", "b.db")
    with sqlite3.connect("b.db") as connection_back:
        [(price, raw)] = connection_back.execute("SELECT price, raw FROM t")
    connection_back.close()
    assert (str(price), raw) == ("12345678901234567890.12345678901234567890", b"\x00\xff")


@pytest.mark.parametrize("name", sorted(COLLATIONS | FUNCTIONS))
def test_what_needs_the_application_goes_to_postgresql_but_no_file_that_it_would_not_trust(
    name: str, any_url: str, tmp_path: Path
) -> None:
    source = zoo(name).make(tmp_path)
    export_data(source, "jsonl:copy")
    with pytest.raises(TargetError, match=r"no such (collation|function)"):
        import_data("jsonl:copy", "back.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["copy", source.name])
    report = import_data("jsonl:copy", any_url)
    assert report.move is not None
    assert report.move.proof is not None
    assert report.move.proof.equal


def test_the_copy_of_a_database_of_many_parts_is_read_in_its_order(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    with sqlite3.connect(source) as connection:
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((n * 3, f"v{n}") for n in range(600_000)))
    connection.close()
    report = export_data(source, "parquet:copy")
    assert [(table.name, table.rows, table.files) for table in report.tables] == [("t", 600_000, 3)]
    back = import_data("parquet:copy", "b.db")
    assert back.rows == 600_000
    with sqlite3.connect("b.db") as connection:
        assert connection.execute("SELECT count(*), sum(id), max(v) FROM t").fetchone() == (
            600_000,
            3 * sum(range(600_000)),
            "v99999",
        )


def test_some_tables_can_be_left_out_with_all_that_belongs_to_them(tmp_path: Path) -> None:
    source = database(
        tmp_path / "a.db",
        """CREATE TABLE a (v); CREATE TABLE b (v); CREATE INDEX ib ON b (v); CREATE TRIGGER tb AFTER INSERT ON b BEGIN
        SELECT 1; END; CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)""",
    )
    report = export_data(source, "jsonl:copy", options=ExportOptions(exclude=("b", "f")))
    assert [table.name for table in report.tables] == ["a"]
    assert {item.name for item in report.left_out} == {
        "b",
        "f",
        *(f"f_{x}" for x in ("data", "idx", "content", "docsize", "config")),
    }
    import_data("jsonl:copy", "b.db")
    with sqlite3.connect("b.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("a",)]


def test_the_python_functions_are_public() -> None:
    assert exuvia.export_data is export_data
    assert exuvia.import_data is import_data


def test_progress_is_told_and_ends_with_all_rows(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", "CREATE TABLE t (v)", t=[(n,) for n in range(1000)])
    events: list[Any] = []
    export_data(source, "jsonl:copy", listener=events.append)
    import_data("jsonl:copy", "b.db", listener=events.append)
    done = [(event.stage, event.rows_done) for event in events if event.table == "t" and event.finished]
    assert done == [("profile", 1000), ("copy", 1000), ("check", 1000), ("copy", 1000), ("verify", 1000)]


# What must be refused


@pytest.fixture(params=FORMS)
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A copy of two tables: its location and its directory."""
    source = database(
        tmp_path / "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE u (v)",
        t=[(n, f"value {n}") for n in range(500)],
        u=[(1,), ("x",)],
    )
    export_data(source, f"{request.param}:copy")
    return f"{request.param}:copy", Path("copy")


def data_file(directory: Path) -> Path:
    return next(path for path in directory.iterdir() if path.name.startswith("t.0001"))


def remove(directory: Path) -> None:
    data_file(directory).unlink()


def truncate(directory: Path) -> None:
    path = data_file(directory)
    path.write_bytes(path.read_bytes()[:-20])


def flip(directory: Path) -> None:
    path = data_file(directory)
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(bytes(text))


def add(directory: Path) -> None:
    path = data_file(directory)
    shutil.copyfile(path, path.with_name(path.name.replace("0001", "0002")))


def swap_for_a_link(directory: Path) -> None:
    path = data_file(directory)
    path.rename("elsewhere")
    path.symlink_to(Path("elsewhere").absolute())


def truncate_manifest(directory: Path) -> None:
    path = directory / "manifest.json"
    path.write_bytes(path.read_bytes()[:-200])


def edit(directory: Path, change: Callable[[dict[str, Any]], object], *, seal: bool) -> None:
    """Change the manifest, and its digest too if it is to look as if exuvia had written it."""
    path = directory / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    if seal:
        bare = orjson.dumps(document | {"digest": ""}, option=orjson.OPT_SORT_KEYS)
        document["digest"] = xxhash.xxh3_128_hexdigest(bare)
    path.write_text(json.dumps(document))


def edit_schema(directory: Path) -> None:
    edit(directory, lambda d: d["definitions"][0].update(sql="CREATE TABLE t (id, v, w)"), seal=False)


def newer(directory: Path) -> None:
    edit(directory, lambda d: d.update(version=2), seal=True)


def outside(directory: Path) -> None:
    Path("t.0001.jsonl.zst").write_bytes(b"")
    edit(directory, lambda d: d["tables"][0]["files"][0].update(name="../t.0001.jsonl.zst"), seal=True)


def fewer_rows(directory: Path) -> None:
    edit(directory, lambda d: d["tables"][0].update(rows=499), seal=True)


def fewer_rows_in_the_file(directory: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["tables"][0]["rows"] = document["tables"][0]["files"][0]["rows"] = 499

    edit(directory, change, seal=True)


def another_digest(directory: Path) -> None:
    edit(directory, lambda d: d["tables"][0].update(digest="0" * 32), seal=True)


def no_definition(directory: Path) -> None:
    edit(directory, lambda d: d.update(definitions=d["definitions"][1:]), seal=True)


def a_field_less(directory: Path) -> None:
    edit(directory, lambda d: d["tables"][0].pop("columns"), seal=True)


def not_a_manifest(directory: Path) -> None:
    (directory / "manifest.json").write_text('{"name": "an app"}')


@pytest.mark.parametrize(
    ("damage", "code", "says"),
    [
        (remove, "source.missing", "missing"),
        (truncate, "source.truncated", "truncated"),
        (flip, "source.changed", "changed"),
        (add, "source.extra", "not in manifest.json"),
        (swap_for_a_link, "source.changed", "regular file"),
        (truncate_manifest, "source.manifest", "truncated"),
        (edit_schema, "source.manifest", "changed"),
        (newer, "source.too_new", "version 2"),
        (outside, "source.manifest", "../t.0001"),
        (fewer_rows, "source.manifest", "500 rows"),
        (fewer_rows_in_the_file, "source.manifest", "499"),
        (another_digest, "verify.different", "500"),
        (no_definition, "source.manifest", "no definition"),
        (a_field_less, "source.manifest", "columns"),
        (not_a_manifest, "source.manifest", "not the manifest"),
    ],
)
def test_a_damaged_copy_is_named_and_nothing_is_written(
    copy: tuple[str, Path], damage: Callable[[Path], None], code: str, says: str, tmp_path: Path
) -> None:
    location, directory = copy
    damage(directory)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExuviaError) as caught:
        import_data(location, "back.db")
    assert caught.value.code == code
    assert says in caught.value.message
    assert caught.value.hint
    assert sorted(tmp_path.iterdir()) == before


def test_sql_in_a_manifest_cannot_reach_other_files(copy: tuple[str, Path], tmp_path: Path) -> None:
    location, directory = copy
    victim = database(tmp_path / "victim.db", "CREATE TABLE kept (v)")
    for sql in (
        f"CREATE TABLE t (id, v); ATTACH '{victim}' AS other; DROP TABLE other.kept",
        f"ATTACH '{tmp_path / 'made.db'}' AS other",
        "DROP TABLE u",
        "CREATE TABLE t AS SELECT load_extension('x')",
        "PRAGMA journal_mode = WAL",
    ):
        edit(directory, lambda d, sql=sql: d["definitions"][0].update(sql=sql), seal=True)  # type: ignore[misc]
        with pytest.raises(TargetError):
            import_data(location, "back.db")
        assert not (tmp_path / "made.db").exists()
        assert [row[0] for row in sqlite3.connect(victim).execute("SELECT name FROM sqlite_schema")] == ["kept"]
        assert not (tmp_path / "back.db").exists()


def test_a_file_that_exists_is_kept_unless_told_otherwise(copy: tuple[str, Path], tmp_path: Path) -> None:
    location, directory = copy
    target = database(tmp_path / "back.db", "PRAGMA journal_mode = WAL; CREATE TABLE mine (v)")
    with pytest.raises(TargetError, match="already"):
        import_data(location, target)
    replacing = ImportOptions(exuvia.MoveOptions(drop_existing=True))
    truncate(directory)
    before = target.read_bytes()
    with pytest.raises(SourceError):
        import_data(location, target, options=replacing)
    assert target.read_bytes() == before
    shutil.rmtree(directory)
    export_data(tmp_path / "a.db", location)
    user = apsw.Connection(str(target))
    user.execute("BEGIN IMMEDIATE; INSERT INTO mine VALUES (1)")
    with pytest.raises(TargetError, match="in use"):
        import_data(location, target, options=replacing)
    user.execute("COMMIT; BEGIN; SELECT * FROM mine").fetchall()
    with pytest.raises(TargetError, match="in use"):
        import_data(location, target, options=replacing)
    assert user.execute("SELECT * FROM mine").fetchall() == [(1,)]
    user.close()
    import_data(location, target, options=replacing)
    assert contents(target) == contents(tmp_path / "a.db")


def test_a_stray_journal_is_not_played_into_the_new_file(copy: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "back.db-journal").write_bytes(b"x" * 600)
    with pytest.raises(TargetError, match=r"back\.db-journal"):
        import_data(copy[0], "back.db")


def test_no_file_that_is_not_a_database_is_replaced(copy: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work" * 100)
    with pytest.raises(TargetError, match="not a SQLite database"):
        import_data(copy[0], "thesis.txt", options=ImportOptions(exuvia.MoveOptions(drop_existing=True)))
    assert "years of work" in (tmp_path / "thesis.txt").read_text()


def test_a_copy_is_not_written_over_another_or_among_other_files(copy: tuple[str, Path], tmp_path: Path) -> None:
    location, directory = copy
    with pytest.raises(TargetError, match="already"):
        export_data(tmp_path / "a.db", location)
    database(tmp_path / "new.db", "CREATE TABLE n (v)", n=[(1,)])
    export_data(tmp_path / "new.db", location, options=ExportOptions(drop_existing=True))
    assert import_data(location, "back.db").rows == 1
    (directory / "notes.txt").write_text("mine")
    with pytest.raises(TargetError, match=r"notes\.txt"):
        export_data(tmp_path / "a.db", location, options=ExportOptions(drop_existing=True))
    (tmp_path / "other.partial").mkdir()
    (tmp_path / "other.partial" / "notes.txt").write_text("mine")
    with pytest.raises(TargetError, match=r"notes\.txt"):
        export_data(tmp_path / "a.db", location.replace("copy", "other"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "back.db", "copy", "new.db", "other.partial"]


def test_the_form_of_a_copy_must_be_named_rightly(copy: tuple[str, Path]) -> None:
    location, directory = copy
    other = "parquet" if location.startswith("jsonl") else "jsonl"
    with pytest.raises(ConfigError) as caught:
        import_data(f"{other}:{directory}", "back.db")
    assert location in caught.value.hint
    with pytest.raises(ConfigError):
        import_data("a.db", "back.db")
    with pytest.raises(SourceError, match="no portable copy"):
        import_data("jsonl:nowhere", "back.db")
