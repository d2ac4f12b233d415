"""Making a collection's vectors anew: in parallel, while it is searched and written, and after being killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands import exuvia
from exuvia.store import Store
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.core.values import new_id
from exuvia.store.embedders import FunctionEmbedder
from exuvia.store.errors import EmbedderError, StateError
from exuvia.store.vectors import NewVector, reembedding
from exuvia.store.vectors.reembedding import reembed


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "_GRACE", 0.0)


def short(texts: Sequence[str]) -> list[list[float]]:
    return [[len(text), 1.0] for text in texts]


def long(texts: Sequence[str]) -> list[list[float]]:
    return [[len(text), 1.0, text.count("a")] for text in texts]


SHORT, LONG = FunctionEmbedder(short, "short"), FunctionEmbedder(long, "long")


@pytest.fixture
def mine(shared_store: Store, project: str) -> Store:
    """A project with a collection of 100 vectors, of the model "short"."""
    store = shared_store.project(project)
    store.vectors.create("notes", 2, model="short")
    texts = ["a" * (number % 10) + "b" * (number // 10) for number in range(100)]
    store.vectors.put_many(
        "notes",
        [
            NewVector(v, f"{n:02}", text=t, data={"n": n})
            for n, (t, v) in enumerate(zip(texts, short(texts), strict=True))
        ],
    )
    return store


def test_all_vectors_are_made_anew_with_another_dimension(mine: Store) -> None:
    told: list[tuple[int, int]] = []
    done = reembed(mine, "notes", LONG, workers=3, batch=8, progress=lambda *each: told.append(each))
    assert (done.embedded, done.kept, done.collection.model, done.collection.dimension) == (100, 0, "long", 3)
    assert told[-1] == (100, 100)
    assert mine.vectors.list("notes").total == 100
    item = mine.vectors.get("notes", "23")
    assert (item.text, item.data) == ("aaabb", {"n": 23})
    assert mine.vectors.embedding("notes", "23") == (5.0, 1.0, 3.0)
    assert mine.vectors.search("notes", [5.0, 1.0, 3.0], limit=1)[0].distance == pytest.approx(0, abs=1e-6)
    assert [each.name for each in mine.vectors.collections().items] == ["notes"]
    assert reembed(mine, "notes", LONG).embedded == 100


def test_what_was_interrupted_goes_on_and_the_old_vectors_serve_meanwhile(mine: Store) -> None:
    calls = threading.Semaphore(4)

    def failing(texts: Sequence[str]) -> list[list[float]]:
        if not calls.acquire(blocking=False):
            raise RuntimeError("out of memory")
        return long(texts)

    with pytest.raises(EmbedderError, match="out of memory"):
        reembed(mine, "notes", FunctionEmbedder(failing, "long"), workers=1, batch=10)
    assert mine.vectors.collection("notes").model == "short"
    assert len(mine.vectors.search("notes", [1.0, 1.0])) == 10
    with pytest.raises(StateError, match="by long"):
        reembed(mine, "notes", FunctionEmbedder(short, "third"))
    done = reembed(mine, "notes", LONG)
    assert (done.embedded, done.kept) == (70, 30)
    assert mine.vectors.list("notes").total == 100


def test_an_interrupted_run_can_be_dropped(mine: Store) -> None:
    mine.vectors.begin_replacement("notes", 3, "long")
    done = reembed(mine, "notes", FunctionEmbedder(short, "third"), restart=True)
    assert (done.collection.model, done.embedded) == ("third", 100)


def test_what_is_written_meanwhile_is_not_lost(mine: Store) -> None:
    changed = threading.Event()

    def slow(texts: Sequence[str]) -> list[list[float]]:
        if len(texts) > 1 and not changed.is_set():
            mine.vectors.put("notes", [9, 1], id="05", text="aaaaaaaaa")
            mine.vectors.put("notes", [2, 1], id="new", text="aa")
            mine.vectors.delete("notes", "07")
            changed.set()
        return long(texts)

    reembed(mine, "notes", FunctionEmbedder(slow, "long"), workers=1, batch=10)
    assert mine.vectors.embedding("notes", "05") == (9.0, 1.0, 9.0)
    assert mine.vectors.embedding("notes", "new") == (2.0, 1.0, 2.0)
    page = mine.vectors.list("notes")
    assert page.total == 100
    assert "07" not in {item.id for item in page.items}


def test_searches_and_writes_go_on_through_the_swap(mine: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "_GRACE", 0.3)
    ended = threading.Event()

    def search() -> int:
        count = 0
        while not ended.is_set():
            assert len(mine.vectors.search("notes", "aaa", embedder=Changing(mine), limit=5)) == 5
            mine.vectors.put("notes", [1, 1], id="written", text="w")
            count += 1
        return count

    class Changing:
        """The embedder of whatever model the collection is of now."""

        def __init__(self, store: Store) -> None:
            self.model = store.vectors.collection("notes").model or ""

        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            return short(texts)

    with ThreadPoolExecutor(1) as threads:
        searching = threads.submit(search)
        try:
            done = reembed(mine, "notes", FunctionEmbedder(short, "short"), workers=2, batch=10)
        finally:
            ended.set()
        assert searching.result() > 0
    assert done.collection.id != done.before.id


def test_vectors_without_a_text_are_told(mine: Store) -> None:
    mine.vectors.put("notes", [1, 2], id="bare")
    with pytest.raises(StateError, match=r"1 of the 101 vectors"):
        reembed(mine, "notes", LONG)
    assert reembed(mine, "notes", LONG, drop_without_text=True).left_out == 1
    assert mine.vectors.list("notes").total == 100


def test_vectors_of_entries_are_made_of_the_entries_texts(mine: Store) -> None:
    frame = mine.frames.open("aaaa").id
    mine.vectors.put("notes", [1, 2], kind="frame", entry_id=frame)
    reembed(mine, "notes", LONG)
    assert mine.vectors.embedding("notes", f"frame:{frame}") == (4.0, 1.0, 4.0)


def test_the_command_reembeds_and_tells_about_it(
    shared_store_url: str, mine: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_numbers.py").write_text(
        "def embed(texts): return [[len(text), 1.0, 2.0, 3.0] for text in texts]\n"
    )
    name = mine.scope.project or ""
    given = ["store", "reembed", "notes", shared_store_url, "--project", name]
    done = exuvia(*given, "--embedder", "python:own_numbers:embed", "--json")
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)
    assert (document["embedded"], document["dimension"], document["model_before"]) == (100, 4, "short")
    wrong = exuvia(*given)
    assert wrong.returncode == 13
    assert "--embedder" in wrong.stderr


def test_nothing_to_reembed_is_an_error(shared_store_url: str) -> None:
    done = exuvia("store", "reembed", new_id(), shared_store_url, "--embedder", "minilm", "--json")
    assert done.returncode == 13
    assert json.loads(done.stderr)["error"]["code"] == "store.not_found.collection"


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(shared_store_url: str, mine: Store, tmp_path: Path) -> None:
    source = "import time\ndef embed(texts):\n    time.sleep(0.2)\n    return [[len(text), 2.0] for text in texts]\n"
    (tmp_path / "slow_numbers.py").write_text(source)
    project = mine.scope.project or ""
    run = [sys.executable, "-c", "from exuvia.cli import main; main()", "store", "reembed", "notes", shared_store_url]
    given = ["--project", project, "--embedder", "python:slow_numbers:embed", "--batch", "5", "--workers", "2"]
    killed = subprocess.Popen([*run, *given], cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    source_id = mine.vectors.collection("notes").id
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _made(mine, source_id):
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    assert mine.vectors.collection("notes").model == "short"
    done = reembed(mine, "notes", FunctionEmbedder(short, "slow_numbers:embed"))
    assert done.kept > 0
    assert done.kept + done.embedded == 100
    assert mine.vectors.list("notes").total == 100


def _made(store: Store, source: str) -> bool:
    """Tell whether the run has stored vectors."""

    def look() -> Operation[list[Row]]:
        rows = yield Statement(
            "SELECT id, storage FROM vector_collections WHERE replaces = :source", {"source": source}
        )
        if not rows:
            return []
        ((target, storage),) = rows
        return (yield Statement(f"SELECT 1 FROM {storage} WHERE collection_id = :target LIMIT 1", {"target": target}))

    return bool(store._runner.run(look, Kind.READ, idempotent=True))
