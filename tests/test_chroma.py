"""ChromaDB's file and its index files become documents with their vectors; what is missing is counted and named."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import struct
import uuid
import zipfile
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.errors import SourceError
from exuvia.move.pipeline import migrate, plan
from exuvia.move.plan import Plan, Problem
from exuvia.move.planner import PlanOptions

SIZE = 16
DATA = Path(__file__).parent / "data" / "chroma"
VERSIONS = ("0.5.23", "1.5.9")
Vectors = list[list[float]]


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=VERSIONS)
def chroma(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The directory of a database that ChromaDB wrote, with its queue purged."""
    with zipfile.ZipFile(DATA / f"chroma-{request.param}.zip") as file:
        file.extractall(tmp_path / "chroma")
    return tmp_path / "chroma"


def fetch(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def told(planned: Plan, where: str = "chroma_documents.embedding") -> list[Problem]:
    return [problem for problem in planned.problems if problem.where == where]


def warnings(planned: Plan) -> list[Problem]:
    return [problem for problem in told(planned) if problem.level == "warning"]


def segment(chroma: Path, collection: str) -> Path:
    """The directory of a collection's index."""
    connection = apsw.Connection(str(chroma / "chroma.sqlite3"), flags=apsw.SQLITE_OPEN_READONLY)
    query = "SELECT s.id FROM segments s JOIN collections c ON c.id = s.collection WHERE scope = 'VECTOR' AND name = ?"
    found = connection.execute(query, (collection,)).fetchone()
    connection.close()
    assert found is not None
    return chroma / str(found[0])


def queued(chroma: Path, collection: str) -> set[str]:
    """The documents of a collection whose vector is in the queue: not d7, of which only an addition that ChromaDB
    ignored is there."""
    connection = apsw.Connection(str(chroma / "chroma.sqlite3"), flags=apsw.SQLITE_OPEN_READONLY)
    query = (
        "SELECT q.id FROM embeddings_queue q JOIN collections c ON c.id = substr(q.topic, -36)"
        " WHERE name = ? AND vector IS NOT NULL"
    )
    found = {str(row[0]) for row in connection.execute(query, (collection,))}
    connection.close()
    return found - {"d7"}


def as_floats(metadata: dict[str, Any]) -> Any:
    return json.loads(json.dumps(metadata), parse_int=float)


@pytest.mark.parametrize("server", ["pip_url", "debian_url"])
def test_documents_arrive_as_chromadb_itself_gives_them(
    chroma: Path, server: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(server)
    report = migrate(chroma / "chroma.sqlite3", url)
    assert report.proof is not None
    assert report.proof.equal
    assert not warnings(report.plan)
    expected = json.loads((chroma / "expected.json").read_text())
    rows = fetch(
        url,
        "SELECT tenant, database, collection, document_id, document, metadata, embedding::real[] FROM chroma_documents",
    )
    assert len(rows) == sum(map(len, expected.values())) == 84
    for tenant, database, collection, document, text, metadata, vector in rows:
        said = expected[collection].pop(document)
        assert (tenant, database) == ("default_tenant", "default_database")
        assert text == said[1]
        assert as_floats(metadata) == as_floats(said[2])  # jsonb writes 1e300 as an integer
        assert vector == pytest.approx(said[0], rel=1e-6)
        assert collection == "cosine-docs" or packed(vector) == packed(said[0])
    declared = {"pip_url": "vector", "debian_url": "ARRAY"}[server]
    query = "SELECT coalesce(nullif(data_type, 'USER-DEFINED'), udt_name) FROM information_schema.columns"
    assert fetch(url, f"{query} WHERE table_name = 'chroma_documents' AND column_name = 'embedding'") == [(declared,)]


def test_most_vectors_of_the_samples_are_in_the_index_files_only(chroma: Path) -> None:
    for collection in ("cosine-docs", "l2-docs", "ip-docs"):
        assert len(queued(chroma, collection)) < 8


@pytest.mark.parametrize("chroma", VERSIONS[1:], indirect=True)
@pytest.mark.parametrize("name", ["index_metadata.pickle", "header.bin", "data_level0.bin", "length.bin"])
@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_missing_or_damaged_file_is_named_and_its_vectors_are_counted(chroma: Path, name: str, damage: str) -> None:
    path = segment(chroma, "cosine-docs") / name
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        os.truncate(path, min(path.stat().st_size, 60))
    elif name in ("data_level0.bin", "length.bin"):
        path.write_bytes(b"\x01" * 20)
    else:
        path.write_bytes(b"\x80\x05nothing that ChromaDB wrote" * 9)
    planned = plan(chroma / "chroma.sqlite3")
    (warning,) = warnings(planned)
    assert warning.count == len(
        set(json.loads((chroma / "expected.json").read_text())["cosine-docs"]) - queued(chroma, "cosine-docs")
    )
    assert f"{path.parent.name}/{name}" in warning.message
    assert "cosine-docs" in warning.message


def test_a_file_that_does_not_matter_may_be_missing(chroma: Path) -> None:
    (segment(chroma, "l2-docs") / "length.bin").unlink()
    (segment(chroma, "l2-docs") / "link_lists.bin").unlink()
    assert not warnings(plan(chroma / "chroma.sqlite3"))


class Harmful:
    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.made),)


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(chroma: Path, tmp_path: Path) -> None:
    path = segment(chroma, "l2-docs") / "index_metadata.pickle"
    path.write_bytes(pickle.dumps({"id_to_label": {"d1": 1}, "more": Harmful(tmp_path / "made")}))
    (warning,) = warnings(plan(chroma / "chroma.sqlite3"))
    assert "it names posix.mkdir" in warning.message
    assert not (tmp_path / "made").exists()


def test_vectors_that_an_index_does_not_have_are_counted_with_their_rows(chroma: Path) -> None:
    path = segment(chroma, "l2-docs") / "index_metadata.pickle"
    path.write_bytes(pickle.dumps({"id_to_label": {"d1": 2}, "id_to_seq_id": {}}))
    (warning,) = warnings(plan(chroma / "chroma.sqlite3"))
    assert warning.count > 10
    assert len(warning.rows) == 3
    assert "neither in ChromaDB's queue nor in its index" in warning.message


def test_an_index_that_changes_while_it_is_read_is_an_error(chroma: Path) -> None:
    snapshot = Snapshot.open(chroma / "chroma.sqlite3", readers=1)
    assert inspect(snapshot.connection, "chroma").vector_indexes
    path = segment(chroma, "l2-docs") / "data_level0.bin"
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(SourceError, match=r"data_level0\.bin was changed by another program"):
        snapshot.close()


def test_changes_that_chromadb_has_not_made_yet_are_counted(chroma: Path) -> None:
    assert not [problem for problem in told(plan(chroma / "chroma.sqlite3"), "chroma_documents") if problem.count]
    connection = apsw.Connection(str(chroma / "chroma.sqlite3"))
    connection.execute(
        "INSERT INTO embeddings_queue(seq_id, operation, topic, id, vector, encoding)"
        " SELECT 10000, 0, 'persistent://default/default/' || id, 'new', zeroblob(48), 'FLOAT32' FROM collections"
        " WHERE name = 'l2-docs'"
    )
    connection.close()
    (warning,) = [one for one in told(plan(chroma / "chroma.sqlite3"), "chroma_documents") if one.level == "warning"]
    assert warning.message.startswith("1 change is in ChromaDB's queue and not yet made")
    assert "l2-docs" in warning.message


def test_several_distances_and_restored_lengths_are_told(chroma: Path) -> None:
    messages = " | ".join(problem.message for problem in told(plan(chroma / "chroma.sqlite3")))
    assert "cosine in cosine-docs; inner in ip-docs; l2 in l2-docs" in messages
    assert "vectors of cosine-docs divided by their length" in messages


def packed(numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def vectors(count: int, size: int = SIZE) -> Vectors:
    chance = random.Random(5)
    return [
        [struct.unpack("<f", struct.pack("<f", chance.uniform(-1, 1)))[0] for _ in range(size)] for _ in range(count)
    ]


def type_of_vectors(planned: Plan) -> str:
    columns = next(table.columns for table in planned.tables if table.source.name == "chroma_documents")
    return next(str(column.rule.type) for column in columns if column.source.name == "embedding")


def documents(path: Path, real_data: Path, vectors_of: dict[str, Vectors], purged: int = 0) -> Path:
    """A ChromaDB file with documents in collections; the first ``purged`` of each are not in the queue any more."""
    shutil.copy(real_data / "chroma-empty.sqlite", path)
    connection = apsw.Connection(str(path))
    number = 0
    with connection:
        for collection, numbers in vectors_of.items():
            key = str(uuid.uuid4())
            connection.execute(
                "INSERT INTO collections(id, name, dimension, database_id) VALUES (?, ?, ?, 'd')",
                (key, collection, len(numbers[0])),
            )
            connection.execute(
                "INSERT INTO segments(id, type, scope, collection) VALUES (?, 't', 'METADATA', ?)", (key[::-1], key)
            )
            for at, vector in enumerate(numbers):
                number += 1
                name = f"{collection}{at}"
                connection.execute(
                    "INSERT INTO embeddings(id, segment_id, embedding_id, seq_id) VALUES (?, ?, ?, ?)",
                    (number, key[::-1], name, number),
                )
                connection.execute(
                    "INSERT INTO embedding_metadata(id, key, string_value, int_value, float_value, bool_value) VALUES"
                    " (?1, 'chroma:document', 'text of ' || ?2, NULL, NULL, NULL), (?1, 'n', NULL, ?1, NULL, NULL),"
                    " (?1, 'half', NULL, NULL, 0.5, NULL), (?1, 'yes', NULL, NULL, NULL, 1),"
                    " (?1, 'json', '[1]', NULL, NULL, NULL)",
                    (number, name),
                )
                changes = (number, 0, packed([9.0] * len(vector))), (number + 1000, 2, packed(vector))
                for seq, operation, written in changes if at >= purged else ():
                    connection.execute(
                        "INSERT INTO embeddings_queue(seq_id, operation, topic, id, vector, encoding)"
                        " VALUES (?, ?, 'persistent://default/default/' || ?, ?, ?, 'FLOAT32')",
                        (seq, operation, key, name, written),
                    )
    connection.close()
    return path


def test_chromadbs_documents_are_put_together_with_their_vectors(tmp_path: Path, real_data: Path, pip_url: str) -> None:
    numbers = vectors(12)
    path = documents(tmp_path / "chroma.sqlite3", real_data, {"notes": numbers[:8], "mails": numbers[8:]})
    report = migrate(path, pip_url)
    assert report.proof is not None
    assert report.proof.equal
    assert type_of_vectors(report.plan) == f"vector({SIZE})"
    query = "SELECT collection, document_id, document, metadata FROM chroma_documents ORDER BY embedding <=> "
    query += f"'{numbers[9]}'"
    metadata = {"n": 10, "half": 0.5, "yes": True, "json": "[1]"}
    assert fetch(pip_url, query)[0] == ("mails", "mails1", "text of mails1", metadata)
    indexes = fetch(pip_url, "SELECT indexdef FROM pg_indexes WHERE tablename = 'chroma_documents'")
    assert any("hnsw (embedding vector_l2_ops)" in index for (index,) in indexes)


def test_documents_of_a_collection_without_an_index_are_counted(tmp_path: Path, real_data: Path) -> None:
    path = documents(tmp_path / "chroma.sqlite3", real_data, {"notes": vectors(9)}, purged=4)
    planned = plan(path)
    (warning,) = warnings(planned)
    assert warning.count == 4
    assert "its collection has no segment of vectors" in warning.message
    left = plan(path, options=PlanOptions(exclude=("chroma_documents",)))
    assert "chroma_documents" not in {table.source.name for table in left.tables}


def test_what_is_still_in_the_queue_needs_no_index(tmp_path: Path, real_data: Path) -> None:
    path = documents(tmp_path / "chroma.sqlite3", real_data, {"notes": vectors(9)})
    assert not warnings(plan(path))


def test_collections_of_different_sizes_share_real_arrays(tmp_path: Path, real_data: Path, pip_url: str) -> None:
    path = documents(tmp_path / "chroma.sqlite3", real_data, {"notes": vectors(3), "mails": vectors(3, 24)})
    report = migrate(path, pip_url)
    assert type_of_vectors(report.plan) == "real[]"
    assert report.proof is not None
    assert report.proof.equal
