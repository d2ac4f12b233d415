"""Chroma, measured from a process of its own, in an environment that has it: reads a task, prints figures as JSON.

``python chroma_vectors.py FOLDER LIMIT``: the folder has ``vectors.npy`` and ``queries.npy``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import chromadb
import numpy as np


def main(folder: Path, limit: int) -> dict[str, object]:
    """Load the vectors and search them, plainly and with filters."""
    vectors, queries = np.load(folder / "vectors.npy"), np.load(folder / "queries.npy")
    client = chromadb.PersistentClient(str(folder / "chroma"))
    collection = client.create_collection("bench", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    begun = time.perf_counter()
    for first in range(0, len(vectors), 2000):
        rows = range(first, min(first + 2000, len(vectors)))
        collection.add(
            ids=[f"{row:08}" for row in rows],
            embeddings=vectors[first : first + 2000],
            metadatas=[{"tenth": row % 10, "hundredth": row % 100} for row in rows],
        )
    loaded = time.perf_counter() - begun
    found: dict[str, object] = {"load": loaded, "version": chromadb.__version__}
    for name, where in (("all", None), ("tenth", {"tenth": 3}), ("hundredth", {"hundredth": 7})):
        times, hits = [], []
        for query in queries:
            begun = time.perf_counter()
            answer = collection.query(query_embeddings=[query], n_results=limit, where=where)
            times.append(time.perf_counter() - begun)
            hits.append(answer["ids"][0])
        found[name] = {"times": times, "hits": hits}
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
