"""Events and vectors as agents make them: from a seed, of skewed projects, kinds, topics, words and sizes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from exuvia.store import NewEvent

PROJECTS: Final = tuple(f"project-{number:02d}" for number in range(50))
LARGEST: Final = PROJECTS[0]
TOPICS: Final = tuple(f"topic-{number:03d}" for number in range(200))
AUTHORS: Final = tuple(f"agent-{number:02d}" for number in range(12))
KINDS: Final = {
    "task_completed": ("task", 30),
    "tool_called": ("tool", 20),
    "validation_passed": ("command", 15),
    "decision_made": ("decision", 10),
    "bug_encountered": ("symptom", 10),
    "learning_captured": ("insight", 10),
    "pattern_discovered": ("pattern", 5),
}
"""Of each kind the field that sums it up, and its share of a hundred."""
COMMON: Final = "deploy"
"""A word that every third event has."""
DIMENSION: Final = 384
BATCH: Final = 200
_TICKET: Final = 20  # events that name the same one
_BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(seconds=37)
_SYLLABLES: Final = [first + second for first in "bcdfghklmnprstvz" for second in ("a", "e", "i", "o", "u", "ai", "or")]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one session wrote."""

    project: str
    session: str
    events: tuple[NewEvent, ...]


def ticket(number: int) -> str:
    """Return the rare word that the event of a number has, and some others with it."""
    return f"ticket{number // _TICKET:07d}"


class Agents:
    """Makes events, the same from the same seed.

    Args:
        seed: Where the random numbers begin.
    """

    def __init__(self, seed: int = 5) -> None:
        self._random = random.Random(seed)
        self._sentences = _sentences(self._random)
        self._number = 0

    def batches(self, events: int) -> Iterator[Batch]:
        """Make events, some at a time, each time those of one session of one project."""
        shares = list(accumulate(1 / place for place in range(1, len(PROJECTS) + 1)))
        for begun in range(0, events, BATCH):
            project = self._random.choices(PROJECTS, cum_weights=shares)[0] if begun else LARGEST
            session = f"session-{begun // BATCH:06d}"
            yield Batch(project, session, self.some(min(BATCH, events - begun), session))

    def some(self, count: int, session: str | None = None) -> tuple[NewEvent, ...]:
        """Make events that go on where the last ones ended."""
        return tuple(self._one(session) for _ in range(count))

    def _one(self, session: str | None) -> NewEvent:
        chance, number = self._random, self._number
        self._number += 1
        at = _BEGIN + number * _STEP
        kind = chance.choices(list(KINDS), [share for _, share in KINDS.values()])[0]
        data: dict[str, Any] = {
            KINDS[kind][0]: chance.choice(self._sentences),
            "ticket": ticket(number),
            "effort": chance.randrange(100),
            "detail": " ".join(chance.choices(self._sentences, k=min(40, int(chance.lognormvariate(1, 0.8)) + 1))),
        }
        if chance.random() < 1 / 3:
            data["next"] = f"{COMMON} it to {chance.choice(self._sentences)}"
        if kind == "task_completed":
            data["files_changed"] = [f"src/module_{chance.randrange(400)}.py" for _ in range(chance.randrange(5))]
        topics = {TOPICS[min(int(chance.paretovariate(0.8)) - 1, len(TOPICS) - 1)] for _ in range(chance.randrange(4))}
        return NewEvent(
            kind,
            data,
            session=session,
            author=chance.choice(AUTHORS),
            topics=tuple(sorted(topics)),
            summary=chance.choice(self._sentences),
            at=at,
            id=_id(at, chance),
        )


def vectors(count: int, seed: int = 384) -> NDArray[np.float32]:
    """Make vectors in loose clusters, as those of sentences are."""
    noise = np.random.default_rng(seed)
    centres = noise.standard_normal((256, DIMENSION), np.float32)
    return centres[noise.integers(0, 256, count)] + 0.8 * noise.standard_normal((count, DIMENSION), np.float32)


def _id(at: datetime, chance: random.Random) -> str:
    """Return a UUIDv7 of a time (RFC 9562)."""
    millis = int(at.timestamp() * 1000)
    return str(UUID(int=millis << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62)))


def _sentences(chance: random.Random) -> list[str]:
    """Make sentences of words of which few are frequent and many rare."""
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randrange(1, 5))) for _ in range(20_000)]
    shares = list(accumulate(1 / (place + 3) for place in range(len(words))))
    return [" ".join(chance.choices(words, cum_weights=shares, k=chance.randrange(5, 16))) for _ in range(5_000)]
