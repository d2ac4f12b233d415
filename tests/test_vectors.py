"""Vectors: BLOBs, JSON arrays and vec0 tables become vector(n) with an index, and what is no vector is listed."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import apsw
import psycopg
import pytest

from exuvia.errors import PlanError
from exuvia.move.pipeline import MoveOptions, migrate, plan
from exuvia.move.plan import Fate, Plan
from exuvia.move.planfile import dump, load
from exuvia.move.planner import PlanOptions, TargetAbilities
from exuvia.move.results import MoveReport

SIZE = 16


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def packed(numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def vectors(count: int, size: int = SIZE) -> list[list[float]]:
    chance = random.Random(5)
    return [
        [struct.unpack("<f", struct.pack("<f", chance.uniform(-1, 1)))[0] for _ in range(size)] for _ in range(count)
    ]


def made(path: Path, sql: str, rows: list[tuple[apsw.SQLiteValue, ...]]) -> Path:
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    if rows:
        with connection:
            connection.executemany(f"INSERT INTO m VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.close()
    return path


def fetch(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def types(planned: Plan, table: str = "m") -> dict[str, str]:
    columns = next(each.columns for each in planned.tables if each.source.name == table)
    return {column.source.name: str(column.rule.type) for column in columns}


def told(planned: Plan, where: str) -> str:
    return " | ".join(problem.message for problem in planned.problems if problem.where == where)


def indexes(url: str) -> str:
    return "\n".join(str(row[0]) for row in fetch(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"))


def move(path: Path, url: str, **options: object) -> MoveReport:
    return migrate(path, url, options=MoveOptions(PlanOptions(**options)))  # type: ignore[arg-type]


def test_float32_blobs_and_json_arrays_become_vectors_that_find_their_neighbours(tmp_path: Path, pip_url: str) -> None:
    numbers = vectors(300)
    rows: list[tuple[apsw.SQLiteValue, ...]] = [(i, packed(v), json.dumps(v)) for i, v in enumerate(numbers)]
    path = made(tmp_path / "m.db", "CREATE TABLE m(id INTEGER PRIMARY KEY, e BLOB, j TEXT)", rows)
    report = move(path, pip_url, style="native")
    assert report.proof is not None
    assert report.proof.equal
    assert types(report.plan) == {"id": "bigint", "e": f"vector({SIZE})", "j": f"vector({SIZE})"}
    assert "USING hnsw (e vector_cosine_ops)" in indexes(pip_url)
    for column in ("e", "j"):
        query = f"SELECT id FROM m ORDER BY {column} <=> '{json.dumps(numbers[7])}' LIMIT 1"
        assert fetch(pip_url, query) == [(7,)]
    assert "rounded to float32" in told(report.plan, "m.j")
    assert told(report.plan, "m.e") == ""


def test_the_faithful_style_keeps_bytes_and_offers_the_type(tmp_path: Path) -> None:
    rows: list[tuple[apsw.SQLiteValue, ...]] = [(i, packed(v), json.dumps(v)) for i, v in enumerate(vectors(5))]
    path = made(tmp_path / "m.db", "CREATE TABLE m(id INTEGER PRIMARY KEY, e BLOB, j JSON)", rows)
    planned = plan(path)
    assert types(planned) == {"id": "bigint", "e": "bytea", "j": "jsonb"}
    choices = [choice for problem in planned.problems for choice in problem.choices]
    assert sum(f'type = "vector({SIZE})"' in choice for choice in choices) == 2
    overrides = load(f'[tables.m.columns]\ne = {{ type = "vector({SIZE})", distance = "inner" }}')
    chosen = plan(path, options=PlanOptions(overrides=overrides))
    assert types(chosen)["e"] == f"vector({SIZE})"
    assert 'distance = "inner"' in dump(chosen)
    assert [index.parts[0].sql for index in chosen.tables[0].target.indexes] == ["e vector_ip_ops"]


def test_a_plan_file_with_vectors_makes_the_same_plan_again(tmp_path: Path) -> None:
    rows: list[tuple[apsw.SQLiteValue, ...]] = [(i, packed(v)) for i, v in enumerate(vectors(5))]
    path = made(tmp_path / "m.db", "CREATE TABLE m(id INTEGER PRIMARY KEY, e BLOB)", rows)
    for distance in ("cosine", "l2", "l1", "none"):
        text = f'style = "native"\n[tables.m.columns]\ne = {{ distance = "{distance}" }}'
        planned = plan(path, options=PlanOptions(overrides=load(text)))
        again = plan(path, options=PlanOptions(overrides=load(dump(planned))))
        assert again.tables[0].target == planned.tables[0].target
        assert bool(planned.tables[0].target.indexes) == (distance != "none")


def test_values_that_are_no_vectors_as_the_others_are_listed_with_their_rows(tmp_path: Path) -> None:
    numbers = [packed(v) for v in vectors(40)]
    numbers[3] = packed([0.0] * SIZE)
    numbers[11] = numbers[11][:-4]
    numbers[17] = packed([float("nan"), *([1.0] * (SIZE - 1))])
    rows: list[tuple[apsw.SQLiteValue, ...]] = [(i + 100, v) for i, v in enumerate(numbers)]
    path = made(tmp_path / "m.db", "CREATE TABLE m(id INTEGER PRIMARY KEY, e BLOB)", rows)
    planned = plan(path, options=PlanOptions(style="native"))
    assert types(planned)["e"] == "bytea"
    found = {problem.message[:30]: [example.row for example in problem.rows] for problem in planned.problems}
    assert ["rowid=111"] in found.values()
    assert ["rowid=103"] in found.values()
    assert ["rowid=117"] in found.values()
    assert "NaN" in told(planned, "m.e")
    assert "zeros" in told(planned, "m.e")


def test_rows_that_do_not_fit_a_chosen_vector_go_to_quarantine(tmp_path: Path, pip_url: str) -> None:
    numbers = [packed(v) for v in vectors(40)]
    numbers[11] = numbers[11][:-4]
    rows: list[tuple[apsw.SQLiteValue, ...]] = [(i, v) for i, v in enumerate(numbers)]
    path = made(tmp_path / "m.db", "CREATE TABLE m(id INTEGER PRIMARY KEY, e BLOB)", rows)
    text = f'[tables.m.columns]\ne = {{ type = "vector({SIZE})", on_misfit = "quarantine" }}'
    report = move(path, pip_url, overrides=load(text))
    assert report.status == "moved with rejections"
    assert fetch(pip_url, "SELECT count(*), max(vector_dims(e)) FROM m") == [(39, SIZE)]


@pytest.mark.parametrize(
    ("size", "index"), [(1999, "(e vector_cosine_ops)"), (2001, "halfvec(2001)) halfvec_cosine_ops"), (4001, "")]
)
def test_indexes_follow_the_limits_of_pgvector(size: int, index: str, tmp_path: Path, pip_url: str) -> None:
    rows: list[tuple[apsw.SQLiteValue, ...]] = [(i, packed(v)) for i, v in enumerate(vectors(4, size))]
    path = made(tmp_path / "m.db", "CREATE TABLE m(id INTEGER PRIMARY KEY, e BLOB)", rows)
    report = move(path, pip_url, style="native")
    assert types(report.plan)["e"] == f"vector({size})"
    assert ("hnsw" in indexes(pip_url)) == bool(index)
    assert index in indexes(pip_url)
    assert report.proof is not None
    assert report.proof.equal


def test_without_pgvector_vectors_become_real_arrays_with_a_note(tmp_path: Path, debian_url: str) -> None:
    numbers = vectors(3)
    rows: list[tuple[apsw.SQLiteValue, ...]] = [(i, packed(v)) for i, v in enumerate(numbers)]
    path = made(tmp_path / "m.db", "CREATE TABLE m(id INTEGER PRIMARY KEY, e BLOB)", rows)
    report = move(path, debian_url, style="native")
    assert types(report.plan)["e"] == "real[]"
    assert "no index for nearest neighbours" in told(report.plan, "m.e")
    assert fetch(debian_url, "SELECT e FROM m WHERE id = 1") == [(pytest.approx(numbers[1]),)]
    text = f'[tables.m.columns]\ne = {{ type = "vector({SIZE})" }}'
    with pytest.raises(PlanError, match="no pgvector"):
        migrate(path, debian_url, options=MoveOptions(PlanOptions(overrides=load(text)), drop_existing=True))


def test_what_only_looks_like_vectors_stays_as_it_is(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows: list[tuple[apsw.SQLiteValue, ...]] = [
        (
            packed(vector),
            chance.randbytes(64),
            packed([1.0, 2.0]),
            chance.randbytes(32).hex().upper().encode(),
            json.dumps(["a"] * 9),
            json.dumps([1, 2, 3]),
            b"some text" * 4,
        )
        for vector in vectors(20)
    ]
    columns = "key BLOB PRIMARY KEY, hash BLOB, pair BLOB, digest BLOB, words TEXT, few TEXT, text BLOB"
    path = made(tmp_path / "m.db", f"CREATE TABLE m({columns})", rows)
    planned = plan(path, options=PlanOptions(style="native"))
    assert not any("vector" in kind or "real" in kind for kind in types(planned).values())


@pytest.fixture
def vec0(tmp_path: Path) -> Path:
    """A file with a vec0 table of every kind of column, some of its rows deleted, in several chunks."""
    import sqlite_vec

    path = tmp_path / "vec.db"
    connection = apsw.Connection(str(path))
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.execute(
        """
        CREATE VIRTUAL TABLE plain USING vec0(embedding float[16]);
        CREATE VIRTUAL TABLE m USING vec0(doc text primary key, e float[16] distance_metric=cosine, tiny int8[8],
            bits bit[16], +body text, genre text, year integer, ok boolean, score float,
            tenant integer partition key, chunk_size=8);
        CREATE VIRTUAL TABLE keyed USING vec0(nr integer primary key, v float[16] distance_metric=l1);
        """
    )
    scores = [0.0, -0.0, 1.5, -2.25, 1e300, -1e-300, 5e-324, 2.2250738585072014e-308, 0.1, 123456789.125]
    with connection:
        for number, vector in enumerate(vectors(50)):
            connection.execute("INSERT INTO plain(rowid, embedding) VALUES (?, ?)", (3 * number + 1, packed(vector)))
            connection.execute(
                "INSERT INTO m(doc, e, tiny, bits, body, genre, year, ok, score, tenant)"
                " VALUES (?, ?, vec_int8(?), vec_bit(?), ?, ?, ?, ?, ?, ?)",
                (
                    f"d{number}",
                    packed(vector),
                    bytes(range(number + 100, number + 108)),
                    bytes((number, 255 - number // 2)),
                    f"body {number}",
                    "é" * (number % 9) + "a longer genre" * (number % 3),
                    (-1) ** number * 7**number % 2**60,
                    number % 2,
                    scores[number % len(scores)],
                    number % 3,
                ),
            )
            connection.execute("INSERT INTO keyed(nr, v) VALUES (?, ?)", (1000 - number, packed(vector)))
        connection.execute("DELETE FROM plain WHERE rowid IN (4, 7, 100); DELETE FROM m WHERE doc = 'd3'")
    connection.close()
    return path


def test_a_vec0_table_arrives_with_every_column_and_its_index(vec0: Path, pip_url: str) -> None:
    import sqlite_vec

    report = migrate(vec0, pip_url)
    assert report.proof is not None
    assert report.proof.equal
    connection = apsw.Connection(str(vec0), flags=apsw.SQLITE_OPEN_READONLY)
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    names = "doc, e, tiny, bits, body, genre, year, ok, score, tenant"
    expected = connection.execute(f"SELECT {names} FROM m ORDER BY doc").fetchall()
    with psycopg.connect(pip_url) as target:
        got = target.execute(f'SELECT {names} FROM m ORDER BY doc COLLATE "C"'.encode()).fetchall()
        near = target.execute(
            "SELECT rowid FROM plain ORDER BY embedding <-> %s::vector LIMIT 5", (str(vectors(50)[9]),)
        )
        nearest = [row[0] for row in near]
    assert len(got) == len(expected) == 49
    for theirs, ours in zip(expected, got, strict=True):
        assert json.loads(ours[1]) == pytest.approx(list(struct.unpack("<16f", bytes(theirs[1]))))  # type: ignore[arg-type]
        assert ours[0] == theirs[0]
        assert json.loads(ours[2]) == list(struct.unpack("8b", bytes(theirs[2])))  # type: ignore[arg-type]
        assert str(ours[3]) == "".join(f"{byte:08b}"[::-1] for byte in bytes(theirs[3]))  # type: ignore[arg-type]
        assert (*ours[4:7], int(ours[7]), *ours[8:]) == tuple(theirs[4:])
    query = "SELECT rowid FROM plain WHERE embedding MATCH ? AND k = 5 ORDER BY distance"
    assert nearest == [row[0] for row in connection.execute(query, (packed(vectors(50)[9]),))]
    made_indexes = indexes(pip_url)
    assert "plain USING hnsw (embedding vector_l2_ops)" in made_indexes
    assert "m USING hnsw (e vector_cosine_ops)" in made_indexes
    assert "keyed USING hnsw (v vector_l1_ops)" in made_indexes
    assert "m USING hnsw (tiny vector_l2_ops)" in made_indexes
    assert "m USING hnsw (bits bit_hamming_ops)" in made_indexes
    fates = {(one.kind, one.name): one.fate for one in report.objects}
    assert fates["virtual table", "m"] is Fate.REPLACED
    assert fates["shadow table", "m_vector_chunks00"] is Fate.REPLACED
    assert "holds them exactly" in told(report.plan, "m.tiny")
    assert "lowest bit of each byte" in told(report.plan, "m.bits")


def test_bits_are_found_in_the_order_in_which_vec0_finds_them(vec0: Path, pip_url: str) -> None:
    import sqlite_vec

    migrate(vec0, pip_url)
    connection = apsw.Connection(str(vec0), flags=apsw.SQLITE_OPEN_READONLY)
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    query = "SELECT doc, vec_distance_hamming(bits, vec_bit(x'0f3c')) FROM m ORDER BY 2, 1"
    expected = connection.execute(query).fetchall()
    bits = "".join(f"{byte:08b}"[::-1] for byte in b"\x0f\x3c")
    assert fetch(pip_url, f"SELECT doc, bits <~> B'{bits}' FROM m ORDER BY 2, doc COLLATE \"C\"") == expected
    quantized = "SELECT vec_to_json(vec_quantize_binary(e)) FROM m ORDER BY doc"
    theirs = ["".join(str(bit) for bit in json.loads(str(row[0]))) for row in connection.execute(quantized)]
    ours = fetch(pip_url, 'SELECT binary_quantize(e)::text FROM m ORDER BY doc COLLATE "C"')
    assert [row[0] for row in ours] == theirs


def test_without_pgvector_bits_are_bits_and_int8_elements_are_real(vec0: Path, debian_url: str) -> None:
    report = migrate(vec0, debian_url)
    assert report.proof is not None
    assert report.proof.equal
    assert {"tiny": "real[]", "bits": "bit(16)"}.items() <= types(report.plan).items()
    assert fetch(debian_url, "SELECT bits::text, tiny FROM m WHERE doc = 'd1'") == [
        ("1000000011111111", [float(number) for number in range(101, 109)])
    ]
    assert "bit_count" in told(report.plan, "m.bits")
    assert "hnsw" not in indexes(debian_url)


def test_an_index_of_bits_by_another_distance_is_refused(vec0: Path) -> None:
    planned = plan(vec0, options=PlanOptions(overrides=load('[tables.m.columns]\nbits = { distance = "l2" }')))
    assert [problem.where for problem in planned.problems if problem.level == "error"] == ["m.bits"]
    left = plan(vec0, options=PlanOptions(overrides=load('[tables.m.columns]\nbits = { distance = "none" }')))
    again = plan(vec0, options=PlanOptions(overrides=load(dump(left))))
    assert 'bits = { type = "bit(16)", distance = "none" }' in dump(left)
    assert again.tables == left.tables


def test_a_vec0_table_can_be_left_out_by_name(vec0: Path, any_url: str) -> None:
    report = migrate(vec0, any_url, options=MoveOptions(PlanOptions(exclude=("m", "keyed"))))
    assert [table.source for table in report.tables] == ["plain"]
    fates = {(one.kind, one.name): one for one in report.objects}
    assert fates["virtual table", "m"].reason == "excluded"


def test_vec0_vectors_without_pgvector_are_real_arrays(vec0: Path) -> None:
    planned = plan(vec0, options=PlanOptions(abilities=TargetAbilities(pgvector=False)))
    assert types(planned, "plain") == {"rowid": "bigint", "embedding": "real[]"}
    assert next(t for t in planned.tables if t.source.name == "plain").target.indexes == ()
