"""Search by vectors: the store on both engines, and Chroma beside it, by the same data and queries."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.server import Server
from bench.tables import markdown
from exuvia.store import Store, open_store
from exuvia.store import field as json_field
from exuvia.store.vectors import NewVector

DIMENSION = 384
LIMIT = 10
QUERIES = 60
BATCH = 2000
CHROMA = "EXUVIA_BENCH_CHROMA"
FILTERS = {"all": None, "tenth": ("tenth", 10, 3), "hundredth": ("hundredth", 100, 7)}


@dataclass
class Figures:
    """What was measured of a contender: seconds to load, and seconds of each search with what it found."""

    name: str
    load: float
    times: dict[str, list[float]] = field(default_factory=dict)
    recall: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """Vectors, queries, and what is nearest to each, by filter."""

    folder: Path
    vectors: Any
    queries: Any
    truth: dict[str, list[set[str]]]

    def recall(self, name: str, hits: list[list[str]]) -> float:
        """Return the share of the nearest that were found."""
        pairs = zip(self.truth[name], hits, strict=True)
        return statistics.mean(len(nearest & set(found)) / len(nearest) for nearest, found in pairs)


def measure(server: Server, rows: int) -> list[Figures]:
    """Measure every contender that is there."""
    with tempfile.TemporaryDirectory() as folder:
        task = _task(Path(folder), rows)
        found: list[Figures] = []
        with open_store(f"sqlite:///{folder}/bench.db", statement_timeout=0) as store:
            found += _of_store(store, task, "exuvia, SQLite")
        with server.database() as url, open_store(url, statement_timeout=0) as store:
            kind = "pgvector" if store.info().capabilities.vector else "no pgvector"
            found += _of_store(store, task, f"exuvia, PostgreSQL ({kind})")
        if python := os.environ.get(CHROMA):
            found.append(_of_chroma(python, task))
        return found


def report(facts: str, found: list[Figures], rows: int) -> str:
    """Write the page."""
    chroma = next((each for each in found if each.name.startswith("Chroma")), None)
    lines = []
    for each in found:
        cells = [each.name, f"{rows / each.load:,.0f}" if each.load else ""]
        for name in FILTERS:
            median = statistics.median(each.times[name]) * 1000
            p95 = statistics.quantiles(each.times[name], n=20)[-1] * 1000
            beside = ""
            if chroma is not None and each is not chroma:
                beside = f" ({median / (statistics.median(chroma.times[name]) * 1000):.1f}x)"
            cells.append(f"{median:.1f} / {p95:.1f}{beside}")
            cells.append(f"{each.recall[name]:.3f}")
        lines.append(cells)
    heads = ["", "loaded/s", "search ms", "recall", "1 of 10 ms", "recall", "1 of 100 ms", "recall"]
    return (
        f"# Vectors\n\n{facts}\n\n{rows:,} vectors of {DIMENSION} dimensions under the cosine, {QUERIES} queries of "
        f"the {LIMIT} nearest by one client, whole calls: median / 95th percentile, and how many times Chroma's median "
        "that is. Recall is the share of the true nearest. The two filters leave one row of 10 and of 100. The vectors "
        "are clusters in 32 hidden dimensions, as embeddings of texts are, with noise in all of them; random ones "
        "without structure are harder for every approximate index, and less like any text.\n\n"
        f"{markdown(heads, lines)}"
    )


def _task(folder: Path, rows: int) -> Task:
    random = np.random.default_rng(1)
    centres, spread = random.normal(size=(200, 32)), random.normal(size=(32, DIMENSION)) / 6
    hidden = centres[random.integers(0, 200, rows + QUERIES)] + random.normal(size=(rows + QUERIES, 32)) * 0.7
    made = np.tanh(hidden @ spread) + random.normal(size=(rows + QUERIES, DIMENSION)) * 0.05
    made = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    vectors, queries = made[:rows], made[rows:]
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "queries.npy", queries)
    truth: dict[str, list[set[str]]] = {name: [] for name in FILTERS}
    for query in queries:
        far = -(vectors @ query)
        for name, chosen in FILTERS.items():
            among = np.arange(rows) if chosen is None else np.arange(chosen[2], rows, chosen[1])
            truth[name].append({f"{row:08}" for row in among[np.argsort(far[among])[:LIMIT]]})
    return Task(folder, vectors, queries, truth)


def _of_store(store: Store, task: Task, name: str) -> Iterator[Figures]:
    mine = store.project(store.projects.put("bench").id)
    begun = time.perf_counter()
    mine.vectors.create("bench", DIMENSION, deferred=True)
    for first in range(0, len(task.vectors), BATCH):
        mine.vectors.put_many(
            "bench",
            [
                NewVector(vector, f"{row:08}", data={"tenth": row % 10, "hundredth": row % 100})
                for row, vector in enumerate(task.vectors[first : first + BATCH], first)
            ],
        )
    mine.vectors.build_index("bench")
    load = time.perf_counter() - begun
    for kind, exact in (("", False), (", exact", True)):
        figures = Figures(name + kind, 0 if exact else load)
        for filter_name, chosen in FILTERS.items():
            wanted = None if chosen is None else json_field(f"data.{chosen[0]}") == chosen[2]
            hits = []
            for query in [task.queries[0], *task.queries[: QUERIES // 4 if exact else QUERIES]]:
                with _timed(figures.times.setdefault(filter_name, [])):
                    found = mine.vectors.search("bench", query, limit=LIMIT, filter=wanted, exact=exact)
                hits.append([hit.item.id for hit in found])
            del figures.times[filter_name][0]
            whole = hits[1:]
            short = Task(task.folder, None, None, {filter_name: task.truth[filter_name][: len(whole)]})
            figures.recall[filter_name] = short.recall(filter_name, whole)
        yield figures


@contextmanager
def _timed(times: list[float]) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    times.append(time.perf_counter() - begun)


def _of_chroma(python: str, task: Task) -> Figures:
    script = Path(__file__).with_name("chroma_vectors.py")
    done = subprocess.run([python, script, task.folder, str(LIMIT)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    figures = Figures(f"Chroma {found['version']}", found["load"])
    for name in FILTERS:
        figures.times[name] = found[name]["times"]
        figures.recall[name] = task.recall(name, found[name]["hits"])
    return figures
