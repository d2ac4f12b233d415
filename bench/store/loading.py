"""A store filled with events and vectors, as a user would fill it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.store.events import BATCH, DIMENSION, LARGEST, PROJECTS, Agents, ticket, vectors
from exuvia.store import Store
from exuvia.store.vectors.records import NewVector

COLLECTION = "events"
MOST_VECTORS = 50_000
_KEYS = 2_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store holds.

    Args:
        agents: Makes the next events.
        events: How many there are.
        seconds: What appending them took.
        keys: Projects and ids of some.
        vectors: The collection's, which are of events of the largest project.
        vector_seconds: What putting them took.
    """

    agents: Agents
    events: int
    seconds: float
    keys: Sequence[tuple[str, str]]
    vectors: NDArray[np.float32]
    vector_seconds: float

    def ticket(self, turn: int) -> str:
        """Return a rare word that some events have."""
        return ticket(turn * 7919 % self.events)


def load(store: Store, events: int) -> Loaded:
    """Fill an empty store: projects, a session for each 200 events, and a vector for each event of the largest
    project, up to 50,000."""
    agents = Agents()
    every = max(1, events // _KEYS)
    keys: list[tuple[str, str]] = []
    largest: list[str] = []
    for project in PROJECTS:
        store.projects.put(project)
    begun = time.perf_counter()
    for number, batch in enumerate(agents.batches(events)):
        store.sessions.create(batch.session, id=batch.session, project=batch.project)
        store.events.append(batch.events, project=batch.project)
        keys += [(batch.project, event.id) for event in batch.events[:: min(every, BATCH)]]
        if batch.project == LARGEST:
            largest += [event.id for event in batch.events]
        if number % 500 == 499:
            print(f"  {(number + 1) * BATCH:,} of {events:,} events", flush=True)
    seconds = time.perf_counter() - begun
    embeddings = vectors(min(len(largest), MOST_VECTORS))
    begun = time.perf_counter()
    _embed(store, largest, embeddings)
    return Loaded(agents, events, seconds, keys, embeddings, time.perf_counter() - begun)


def _embed(store: Store, ids: Sequence[str], embeddings: NDArray[np.float32]) -> None:
    store.vectors.create(COLLECTION, DIMENSION, project=LARGEST)
    for begun in range(0, len(embeddings), 1_000):
        chosen = zip(ids[begun : begun + 1_000], embeddings[begun : begun + 1_000], strict=False)
        items = [NewVector(embedding, kind="event", entry_id=key) for key, embedding in chosen]
        store.vectors.put_many(COLLECTION, items, project=LARGEST)
