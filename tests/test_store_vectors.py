"""Vectors: the same collections, answers and errors with pgvector, with sqlite-vec, and without either."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exuvia
from exuvia.store import Store, field, open_store
from exuvia.store.core.operations import Kind
from exuvia.store.core.requests import Operation, Row, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.core.values import new_id
from exuvia.store.embedders import FunctionEmbedder
from exuvia.store.errors import (
    ConflictError,
    EmbedderError,
    InvalidValueError,
    MissingReferenceError,
    NotFoundError,
    StateError,
    TenantError,
)
from exuvia.store.vectors import Hit, NewVector
from exuvia.store.vectors.encoding import Form
from exuvia.store.vectors.items import of_collections
from exuvia.store.vectors.nearest import Nearest

START = datetime(2026, 1, 1, tzinfo=UTC)


def numbers(count: int, dimension: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def truth(vectors: np.ndarray[Any, Any], query: np.ndarray[Any, Any], metric: str) -> np.ndarray[Any, Any]:
    rows, one = vectors.astype(float), query.astype(float)
    if metric == "l2":
        return np.linalg.norm(rows - one, axis=1)  # type: ignore[no-any-return]
    products = rows @ one
    if metric == "inner_product":
        return -products  # type: ignore[no-any-return]
    return 1 - products / np.linalg.norm(rows, axis=1) / np.linalg.norm(one)  # type: ignore[no-any-return]


def ids(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.item.id for hit in hits]


@pytest.fixture
def mine(shared_store: Store, project: str) -> Store:
    return shared_store.project(project)


@pytest.fixture
def without_extension(shared_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite as it is where sqlite-vec is not installed."""
    context = shared_store._runner.context
    plain = replace(context, capabilities=replace(context.capabilities, vector=None))
    monkeypatch.setattr(shared_store, "_runner", replace(shared_store._runner, context=plain))
    monkeypatch.setattr(shared_store.vectors, "_runner", shared_store._runner)


@pytest.mark.parametrize("metric", ["cosine", "l2", "inner_product"])
@pytest.mark.parametrize("index", ["hnsw", "none"])
@pytest.mark.parametrize("half", [False, True])
def test_the_nearest_come_first_with_their_distances(mine: Store, metric: Any, index: Any, half: bool) -> None:
    vectors, query = numbers(60, 12), numbers(1, 12, seed=1)[0]
    mine.vectors.create("notes", 12, metric=metric, index=index, half=half)
    keys = mine.vectors.put_many("notes", [NewVector(vector, f"v{n:02}") for n, vector in enumerate(vectors)])
    assert keys == tuple(f"v{n:02}" for n in range(60))
    hits = mine.vectors.search("notes", query, limit=7)
    kept = vectors.astype(np.float16) if half else vectors
    far = truth(kept, query.astype(np.float16) if half else query, metric)
    assert ids(hits) == [f"v{n:02}" for n in np.argsort(far)[:7]]
    assert [hit.distance for hit in hits] == pytest.approx(np.sort(far)[:7].tolist(), rel=1e-5, abs=1e-5)
    assert mine.vectors.embedding("notes", "v03") == tuple(kept[3].astype(np.float32).tolist())


@pytest.mark.usefixtures("without_extension")
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_without_sqlite_vec_the_answers_are_the_same(shared_store: Store, project: str, metric: Any) -> None:
    vectors, query = numbers(300, 12), numbers(1, 12, seed=1)[0]
    shared_store.vectors.create("notes", 12, metric=metric, project=project)
    shared_store.vectors.put_many("notes", [NewVector(v, f"{n:03}") for n, v in enumerate(vectors)], project=project)
    hits = shared_store.vectors.search("notes", query, limit=7, project=project)
    assert ids(hits) == [f"{n:03}" for n in np.argsort(truth(vectors, query, metric))[:7]]


@pytest.mark.parametrize("exact", [False, True])
def test_those_equally_far_are_in_the_order_of_their_ids(mine: Store, exact: bool) -> None:
    mine.vectors.create("notes", 3)
    mine.vectors.put_many("notes", [NewVector([1, 2, 3], key) for key in ("c", "a", "e", "b", "d")])
    assert ids(mine.vectors.search("notes", [3, 2, 1], limit=3, exact=exact)) == ["a", "b", "c"]


def test_filters_apply_inside_the_search(mine: Store) -> None:
    vectors = numbers(200, 8)
    times = [START + timedelta(hours=n) for n in range(200)]
    mine.vectors.create("notes", 8)
    mine.vectors.put_many(
        "notes",
        [
            NewVector(v, f"{n:03}", type=f"t{n % 4}", at=times[n], data={"n": n, "tags": [f"g{n % 5}"]})
            for n, v in enumerate(vectors)
        ],
    )
    order = np.argsort(truth(vectors, vectors[0], "cosine"))
    search = mine.vectors.search

    def expected(keep: Any) -> list[str]:
        return [f"{n:03}" for n in order if keep(n)][:5]

    assert ids(search("notes", vectors[0], limit=5, type="t2")) == expected(lambda n: n % 4 == 2)
    assert ids(search("notes", vectors[0], limit=5, filter=field("data.n") >= 190)) == expected(lambda n: n >= 190)
    assert ids(search("notes", vectors[0], limit=5, filter=field("data.tags").has("g3"))) == expected(
        lambda n: n % 5 == 3
    )
    during = search("notes", vectors[0], limit=5, since=times[50], until=times[60])
    assert ids(during) == expected(lambda n: 50 <= n <= 60)
    assert ids(search("notes", vectors[0], limit=5, kind="event")) == []
    near = search("notes", vectors[0], limit=50, within=0.3)
    assert 0 < len(near) < 50
    assert all(hit.distance <= 0.3 for hit in near)


def test_a_rare_filter_finds_everything_there_is(mine: Store) -> None:
    vectors = numbers(3000, 16)
    mine.vectors.create("notes", 16, deferred=True)
    rows = [NewVector(v, f"{n:04}", type="rare" if n % 1000 == 7 else "common") for n, v in enumerate(vectors)]
    mine.vectors.put_many("notes", rows)
    mine.vectors.build_index("notes")
    assert sorted(ids(mine.vectors.search("notes", -vectors[7], type="rare"))) == ["0007", "1007", "2007"]


def test_an_approximate_search_finds_nearly_all(mine: Store) -> None:
    centres = numbers(40, 64, seed=5)
    vectors = centres[np.arange(4000) % 40] + numbers(4000, 64) * 0.5
    mine.vectors.create("notes", 64, deferred=True)
    mine.vectors.put_many("notes", [NewVector(v, f"{n:04}") for n, v in enumerate(vectors)])
    mine.vectors.build_index("notes")
    found = []
    for query in centres[:10] + numbers(10, 64, seed=6) * 0.5:
        nearest = {f"{n:04}" for n in np.argsort(truth(vectors, query, "cosine"))[:10]}
        found.append(len(nearest & set(ids(mine.vectors.search("notes", query)))) / 10)
        assert set(ids(mine.vectors.search("notes", query, exact=True))) == nearest
    assert np.mean(found) >= 0.95


def test_putting_again_replaces(mine: Store) -> None:
    mine.vectors.create("notes", 2)
    mine.vectors.put("notes", [1, 0], id="a", text="one", type="x", at=START, data={"n": 1})
    mine.vectors.put("notes", [0, 1], id="a", text="two", at=START)
    item = mine.vectors.get("notes", "a")
    assert (item.text, item.type, item.data, item.at) == ("two", None, {}, START)
    assert mine.vectors.search("notes", [0, 1])[0].distance == pytest.approx(0, abs=1e-6)
    page = mine.vectors.list("notes")
    assert page.total == 1
    assert mine.vectors.delete("notes", ["a", "b"]) == 1
    assert mine.vectors.search("notes", [0, 1]) == ()


@pytest.mark.parametrize(
    ("vector", "code"),
    [
        ([1.0, 2.0], "dimension"),
        ([1.0, float("nan"), 0.0], "not_finite"),
        ([1.0, float("inf"), 0.0], "not_finite"),
        ([1.0, 1e39, 0.0], "not_finite"),
        ([1e30, 1e30, 0.0], "not_finite"),
        ([0.0, 0.0, 0.0], "zero"),
        ([1e-40, 0.0, 0.0], "zero"),
        ([[1.0, 2.0, 3.0]], "dimension"),
        (["a", "b", "c"], "type"),
        (None, "dimension"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(mine: Store, vector: Any, code: str) -> None:
    mine.vectors.create("notes", 3)
    for attempt in (lambda: mine.vectors.put("notes", vector), lambda: mine.vectors.search("notes", vector)):
        with pytest.raises(InvalidValueError) as refused:
            attempt()
        assert refused.value.code == f"store.invalid.{code}"


def test_a_batch_is_put_whole_or_not_at_all(mine: Store) -> None:
    mine.vectors.create("notes", 2)
    with pytest.raises(InvalidValueError):
        mine.vectors.put_many("notes", [NewVector([1, 2]), NewVector([1, 2, 3])])
    assert mine.vectors.list("notes").total == 0


@pytest.mark.parametrize(
    "given",
    [{"dimension": 0}, {"dimension": 16_001}, {"dimension": 2.5}, {"metric": "manhattan"}, {"index": "annoy"}],
)
def test_collections_that_cannot_be_are_refused(mine: Store, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        mine.vectors.create("notes", **{"dimension": 3, **given})


@pytest.mark.parametrize("dimension", [1, 1536, 2500, 5000, 16_000])
def test_any_dimension_is_possible(mine: Store, dimension: int) -> None:
    mine.vectors.create("notes", dimension)
    vectors = numbers(3, dimension)
    mine.vectors.put_many("notes", [NewVector(v, str(n)) for n, v in enumerate(vectors)])
    assert mine.vectors.search("notes", vectors[1], limit=1)[0].distance == pytest.approx(0, abs=1e-5)


def test_a_collection_is_made_once_and_never_changed_silently(mine: Store) -> None:
    made = mine.vectors.create("notes", 3, model="m")
    assert mine.vectors.create("notes", 3, model="m") == made
    assert mine.vectors.collection("notes") == made
    with pytest.raises(ConflictError):
        mine.vectors.create("notes", 4, model="m")
    assert [each.name for each in mine.vectors.collections().items] == ["notes"]
    assert mine.vectors.delete_collection("notes") is True
    assert mine.vectors.delete_collection("notes") is False
    for attempt in (lambda: mine.vectors.collection("notes"), lambda: mine.vectors.search("notes", [1, 2, 3])):
        with pytest.raises(NotFoundError):
            attempt()


def test_an_ivfflat_index_is_made_on_request(mine: Store) -> None:
    mine.vectors.create("notes", 4, index="ivfflat", metric="l2")
    vectors = numbers(500, 4)
    mine.vectors.put_many("notes", [NewVector(v, f"{n:03}") for n, v in enumerate(vectors)])
    mine_has = mine.vectors.build_index("notes", lists=5)
    assert mine_has is bool(mine.vectors.collection("notes").storage != "vector_items")
    assert ids(mine.vectors.search("notes", vectors[9], limit=1)) == ["009"]


def test_vectors_of_entries_go_when_their_entries_go(mine: Store) -> None:
    mine.vectors.create("notes", 2)
    frame = mine.frames.open("a frame").id
    mine.vectors.put("notes", [1, 2], kind="frame", entry_id=frame)
    assert mine.vectors.get("notes", f"frame:{frame}").entry_id == frame
    with pytest.raises(MissingReferenceError):
        mine.vectors.put("notes", [1, 2], kind="frame", entry_id=new_id())


def test_projects_see_nothing_of_each_other(shared_store: Store) -> None:
    first, second = (shared_store.project(shared_store.projects.put(new_id()).id) for _ in range(2))
    name = new_id()
    for each, vector in ((first, [1.0, 0.0]), (second, [0.0, 1.0])):
        each.vectors.create(name, 2)
        each.vectors.put(name, vector, id="v")
    (hit,) = first.vectors.search(name, [0, 1])
    assert hit.distance == pytest.approx(1)
    with pytest.raises(TenantError):
        first.vectors.search(name, [0, 1], project=second.scope.project)
    assert len(shared_store.vectors.search(name, [0, 1])) == 2
    assert first.vectors.delete_collection(name)
    assert len(shared_store.vectors.search(name, [0, 1])) == 1


def test_a_bound_stores_statement_that_forgot_the_project_sees_its_own_vectors(shared_store: Store) -> None:
    first, second = (shared_store.projects.put(new_id()).id for _ in range(2))
    name = new_id()
    for each in (first, second):
        shared_store.vectors.create(name, 2, project=each)
        shared_store.vectors.put(name, [1, 2], project=each)
    found = shared_store.vectors.collection(name, project=first)

    def look() -> Operation[list[Row]]:
        return (yield Statement(f"SELECT project_id FROM {found.storage} AS kept"))

    assert shared_store.project(first)._runner.run(look, Kind.READ, idempotent=True) == [(first,)]


def test_collections_of_other_forms_are_not_searched_together(shared_store: Store) -> None:
    name = new_id()
    for dimension in (2, 3):
        shared_store.vectors.create(name, dimension, project=shared_store.projects.put(new_id()).id)
    with pytest.raises(StateError, match="several"):
        shared_store.vectors.search(name, [1, 2])


def letters(texts: list[str]) -> list[list[float]]:
    return [[text.lower().count(letter) + 0.1 for letter in "abcde"] for text in texts]


LETTERS = FunctionEmbedder(letters, "letters")


def test_the_memory_is_embedded_and_found(mine: Store) -> None:
    mine.vectors.create("memory", 5, model="letters")
    first, second = mine.frames.open("bbbb").id, mine.frames.open("eeee").id
    assert mine.vectors.embed_entries("memory", LETTERS) == 2
    assert mine.vectors.embed_entries("memory", LETTERS) == 0
    assert [hit.item.entry_id for hit in mine.vectors.search("memory", "b", embedder=LETTERS)] == [first, second]
    mine.frames.close(second, digest_text="bbbbbbbbb")
    assert mine.vectors.embed_entries("memory", LETTERS, kinds=["frame"]) == 1
    assert mine.vectors.embed_entries("memory", LETTERS, kinds=["plan"]) == 0


def test_another_models_vectors_are_refused(mine: Store) -> None:
    mine.vectors.create("memory", 5, model="words")
    for attempt in (
        lambda: mine.vectors.search("memory", "b", embedder=LETTERS),
        lambda: mine.vectors.embed_entries("memory", LETTERS),
        lambda: mine.vectors.put("memory", [1] * 5, model="letters"),
    ):
        with pytest.raises(StateError, match="letters"):
            attempt()
    with pytest.raises(InvalidValueError, match="no embedder"):
        mine.vectors.search("memory", "b")


@pytest.mark.parametrize("wrong", [lambda texts: [], lambda texts: 1 / 0, lambda texts: ["a"]])
def test_an_embedder_that_fails_is_named(mine: Store, wrong: Any) -> None:
    mine.vectors.create("memory", 5)
    with pytest.raises(EmbedderError, match="odd"):
        mine.vectors.search("memory", "b", embedder=FunctionEmbedder(wrong, "odd"))


def test_asynchronous_code_awaits_the_same(store_url: str) -> None:
    async def run() -> list[str]:
        async with open_store(store_url) as store:
            mine = store.project((await store.projects.put("apollo")).id)
            await mine.vectors.create("memory", 5, model="letters")
            await asyncio.gather(*(mine.frames.open(name) for name in ("aaaa", "cccc")))
            assert await mine.vectors.embed_entries("memory", LETTERS) == 2
            hits = await mine.vectors.search("memory", "c", embedder=LETTERS)
            return [hit.item.text or "" for hit in hits]

    assert asyncio.run(run()) == ["cccc", "aaaa"]


def test_collections_made_at_once_are_one(shared_store: Store) -> None:
    name = new_id()
    owners = [shared_store.projects.put(new_id()).id for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda owner: shared_store.project(owner).vectors.create(name, 7), owners * 2))
    assert len({(each.project_id, each.id) for each in made}) == 4
    assert len({each.storage for each in made}) == 1


def test_collections_move_with_the_store(tmp_path: Path, store_url: str) -> None:
    if store_url.startswith("sqlite"):
        pytest.skip("it moves to PostgreSQL")
    vectors = numbers(30, 8)
    with open_store(tmp_path / "memory.db") as store:
        mine = store.project(store.projects.put("apollo").id)
        frame = mine.frames.open("a frame").id
        for name, half in (("notes", False), ("small", True)):
            mine.vectors.create(name, 8, model="m", half=half)
            mine.vectors.put_many(name, [NewVector(v, f"{n:02}", data={"n": n}) for n, v in enumerate(vectors)])
        mine.vectors.put("notes", vectors[3], kind="frame", entry_id=frame)
        before = mine.vectors.search("notes", vectors[3], limit=3)
    exuvia.migrate(tmp_path / "memory.db", store_url)
    exuvia.verify(tmp_path / "memory.db", store_url)
    with open_store(store_url) as store:
        mine = store.project("apollo")
        assert [hit.item for hit in mine.vectors.search("notes", vectors[3], limit=3)] == [hit.item for hit in before]
        assert [each.model for each in mine.vectors.collections().items] == ["m", "m"]
        mine.vectors.put("small", vectors[0], id="07")
    with pytest.raises(exuvia.VerifyError, match="'07'"):
        exuvia.verify(tmp_path / "memory.db", store_url)


def test_iterators_are_refused(mine: Store) -> None:
    mine.vectors.create("notes", 2)
    with pytest.raises(InvalidValueError, match="collection"):
        mine.vectors.put_many("notes", iter([NewVector([1, 2])]))  # type: ignore[arg-type]


def test_pgvectors_index_is_used_by_bound_stores_too(mine: Store) -> None:
    found = mine.vectors.create("notes", 32, deferred=True)
    if found.storage == "vector_items":
        pytest.skip("without pgvector there is no index")
    mine.vectors.put_many("notes", [NewVector(v) for v in numbers(3000, 32)])
    mine.vectors.build_index("notes")
    where = of_collections([found], mine.dialect)
    asked = Nearest(mine.dialect, mine.capabilities, Form(found), where, where, numbers(1, 32)[0], 10).by_index()

    def explain() -> Operation[list[Row]]:
        return (yield Statement(f"EXPLAIN {asked.sql}", asked.parameters, prepared=False))

    for runner in (mine._runner, replace(mine._runner, scope=Scope())):
        assert f"{found.storage}_near" in str(runner.run(explain, Kind.READ, idempotent=True))


@pytest.mark.slow
def test_of_a_hundred_thousand_vectors_nearly_all_of_the_nearest_are_found(store: Store) -> None:
    random = np.random.default_rng(1)
    centres, spread = random.normal(size=(200, 32)), random.normal(size=(32, 384)) / 6
    hidden = centres[random.integers(0, 200, 100_020)] + random.normal(size=(100_020, 32)) * 0.7
    made = (np.tanh(hidden @ spread) + random.normal(size=(100_020, 384)) * 0.05).astype(np.float32)
    vectors, queries = made[:100_000], made[100_000:]
    mine = store.project(store.projects.put("apollo").id)
    mine.vectors.create("notes", 384, deferred=True)
    for first in range(0, 100_000, 2000):
        rows = enumerate(vectors[first : first + 2000], first)
        data = [NewVector(v, f"{n:06}", data={"10": n % 10, "100": n % 100}) for n, v in rows]
        mine.vectors.put_many("notes", data)
    mine.vectors.build_index("notes")
    for step in (1, 10, 100):
        wanted = None if step == 1 else field(f"data.{step}") == 0
        among = np.arange(0, 100_000, step)
        found = []
        for query in queries:
            nearest = among[np.argsort(truth(vectors[among], query, "cosine"))[:10]]
            hits = mine.vectors.search("notes", query, filter=wanted)
            found.append(len({f"{n:06}" for n in nearest} & set(ids(hits))) / 10)
        assert np.mean(found) >= 0.95
