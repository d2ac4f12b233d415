"""Looking at the locks of a database at random moments.

The moments are a Poisson process, so that the share of looks that find the lock taken is the share of time for which
it is taken, and also the chance that a writer who comes at a moment of its own finds it taken (Wolff, "Poisson
Arrivals See Time Averages", Operations Research 30, 1982).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from exuvia.engines.sqlite.observe.glance import LockView
from exuvia.engines.sqlite.observe.taking import LockTaker, why_not
from exuvia.ops.advisor.contention import Contention, Probe, Tally, interval, waits_per_hour

Tell = Callable[[float, int, int], None]

_PAUSES: Final = {"ask": 0.01, "take": 0.05}
_TELL_EVERY: Final = 0.1


def watch(path: Path, seconds: float, probe: Probe, page_bytes: int, tell: Tell) -> Contention:
    """Look at the locks of a database at random moments.

    Args:
        path: The database.
        seconds: For how long.
        probe: ``ask`` asks the kernel, which takes no lock, 100 times a second; ``take`` tries BEGIN IMMEDIATE, 20
            times a second; ``off`` does nothing.
        page_bytes: The size of the database's pages.
        tell: Hears the seconds gone, the looks, and how many of them found the lock taken.

    Raises:
        SourceError: The file cannot be opened.
    """
    if probe == "off" or seconds <= 0:
        return Contention("off", reason="probing is switched off")
    if probe == "take":
        return _take(path, _Moments(seconds, _PAUSES["take"], tell))
    try:
        return _ask(path, _Moments(seconds, _PAUSES["ask"], tell), page_bytes)
    except OSError as error:
        return Contention("off", reason=f"the file system does not tell who holds locks ({error.strerror or error})")


class _Moments:
    """Random moments, and what was seen at them."""

    def __init__(self, seconds: float, pause: float, tell: Tell) -> None:
        self._seconds, self._pause, self._tell = seconds, pause, tell
        self.looks = self.busy = 0
        self.gone = 0.0

    def __iter__(self) -> Iterator[float]:
        """Yield the time, in seconds of a clock that does not jump, whenever a moment has come."""
        start = now = time.monotonic()
        told = 0.0
        while self.gone < self._seconds:
            yield now
            time.sleep(min(random.expovariate(1 / self._pause), self._seconds - self.gone))
            now = time.monotonic()
            self.gone = now - start
            if self.gone - told >= _TELL_EVERY:
                told = self.gone
                self._tell(min(self.gone, self._seconds), self.looks, self.busy)

    def saw(self, *, busy: bool) -> None:
        """Count a look."""
        self.looks += 1
        self.busy += busy


def _ask(path: Path, moments: _Moments, page_bytes: int) -> Contention:
    tally = Tally(page_bytes)
    with LockView(path) as view:
        for now in moments:
            glance = view.look()
            tally.add(glance, now)
            moments.saw(busy=glance.writer is not None)
    return tally.result(moments.gone)


def _take(path: Path, moments: _Moments) -> Contention:
    reason = why_not(path)
    if reason:
        return Contention("off", reason=f"the write lock was not tried: {reason}")
    commits = Tally(0)
    with LockView(path) as view, LockTaker(path) as taker:
        for _ in moments:
            commits.count_commits(view.commits())
            moments.saw(busy=taker.is_busy())
    unknown = Counter({0: moments.busy})
    low, high = interval(moments.busy, moments.looks)
    estimate, ceiling = waits_per_hour(unknown, moments.looks, commits.commits, moments.gone)
    return Contention(
        "take",
        seconds=moments.gone,
        looks=moments.looks,
        busy=moments.busy,
        share=moments.busy / moments.looks,
        share_low=low,
        share_high=high,
        commits=commits.commits,
        waits_per_hour=estimate,
        waits_ceiling=ceiling,
    )
