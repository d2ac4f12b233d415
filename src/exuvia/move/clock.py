"""How long the stages of a move take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from exuvia.move.events import Listener, Progress, Stage


@dataclass(slots=True)
class Clock:
    """Seconds spent per stage."""

    listener: Listener
    seconds: dict[str, float] = field(default_factory=dict)

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
