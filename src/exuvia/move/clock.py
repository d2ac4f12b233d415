"""How long a move and its stages take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exuvia.move.events import Listener, Progress, Stage


@dataclass(slots=True)
class Clock:
    """Seconds spent per stage, and since the clock was made."""

    listener: Listener
    seconds: dict[str, float] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _begun: float = field(default_factory=time.perf_counter)

    @property
    def total(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._begun

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time a stage, and tell the listener when it begins and ends."""
        self.listener(Progress(name))
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        self.listener(Progress(name, finished=True))
