"""How much the users of a database are in each other's way: many looks, added up."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

from exuvia.engines.sqlite.observe.glance import Glance
from exuvia.engines.sqlite.observe.processes import name_of

Probe = Literal["ask", "take", "off"]

_HOUR: Final = 3600.0
_Z: Final = 1.96


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that was seen with the write lock: its number (0 unknown), command, and in how many looks."""

    pid: int
    name: str
    looks: int


@dataclass(frozen=True, slots=True)
class Spell:
    """How long a lock was seen held without a break, at least: seconds, and by whom (pid 0 unknown)."""

    seconds: float
    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class WalState:
    """The write-ahead log while it was watched.

    Args:
        bytes: The largest size of the ``-wal`` file.
        waiting_bytes: The most that the log held and the database did not yet.
        stale_reader: The longest reading of an old state, which keeps the log from being emptied.
    """

    bytes: int
    waiting_bytes: int
    stale_reader: Spell | None


@dataclass(frozen=True, slots=True)
class Contention:
    """What the looks found.

    Args:
        method: ``ask`` (the kernel was asked), ``take`` (BEGIN IMMEDIATE was tried) or ``off``.
        reason: Why there was no look, empty when there were.
        seconds: For how long the database was watched.
        looks: How many looks there were.
        busy: How many of them found the write lock taken.
        share: busy / looks, with ``share_low`` and ``share_high``, the 95 % interval (Wilson's).
        holders: Who was seen with the write lock, the most frequent first.
        commits: Commits while it was watched; None where the counter was not to be seen.
        waits_per_hour: Waits for the write lock between processes, None where that cannot be estimated.
        waits_ceiling: The same if every commit came from a connection of its own.
        longest_write: The longest write transaction, at least.
        longest_read: The longest reading, at least; outside WAL mode it holds writers up.
        waiting_for_readers: Looks that found a writer waiting for readers to leave (outside WAL mode).
        wal: The write-ahead log, None without one.
    """

    method: Probe
    reason: str = ""
    seconds: float = 0.0
    looks: int = 0
    busy: int = 0
    share: float = 0.0
    share_low: float = 0.0
    share_high: float = 0.0
    holders: tuple[Holder, ...] = ()
    commits: int | None = None
    waits_per_hour: float | None = None
    waits_ceiling: float | None = None
    longest_write: Spell | None = None
    longest_read: Spell | None = None
    waiting_for_readers: int = 0
    wal: WalState | None = None


@dataclass(slots=True)
class _Streaks:
    """Locks that are held from one look to the next."""

    since: dict[object, float] = field(default_factory=dict)
    longest: Spell | None = None

    def see(self, held: dict[object, int], now: float) -> None:
        """Take in who holds what now: a key that stays the same as long as the lock is the same, and a pid."""
        self.since = {key: self.since.get(key, now) for key in held}
        for key, pid in held.items():
            seconds = now - self.since[key]
            if seconds > 0 and (self.longest is None or seconds > self.longest.seconds):
                self.longest = Spell(seconds, pid, "")

    def result(self) -> Spell | None:
        """Return the longest, with its process's name."""
        found = self.longest
        return Spell(found.seconds, found.pid, name_of(found.pid)) if found else None


class Tally:
    """Adds up looks.

    Args:
        page_bytes: The size of the database's pages.
    """

    def __init__(self, page_bytes: int) -> None:
        self._page_bytes = page_bytes
        self._looks = self._busy = self._pending = 0
        self._by_pid: Counter[int] = Counter()
        self._counter: tuple[str, int] | None = None
        self.commits: int | None = None
        """Commits so far; None where no counter was seen."""
        self._writes, self._reads, self._stale = _Streaks(), _Streaks(), _Streaks()
        self._wal_bytes = self._waiting = 0
        self._has_wal = False

    def add(self, glance: Glance, now: float) -> None:
        """Take a look in.

        Args:
            glance: What was seen.
            now: When, in seconds of a clock that does not jump.
        """
        self._looks += 1
        self.count_commits(glance.commits)
        writer = glance.writer
        if writer is not None:
            self._busy += 1
            self._by_pid[writer.pid] += 1
        self._pending += glance.pending
        self._writes.see({(writer.pid, glance.commits): writer.pid} if writer else {}, now)
        self._read(glance, now)

    def _read(self, glance: Glance, now: float) -> None:
        wal = glance.wal
        self._reads.see({(place, lock.pid, _mark(glance, place)): lock.pid for place, lock in glance.readers}, now)
        self._wal_bytes = max(self._wal_bytes, glance.wal_bytes)
        if wal is None:
            return
        self._has_wal = True
        self._waiting = max(self._waiting, (wal.frames - wal.backfilled) * self._page_bytes)
        old: dict[object, int] = {
            (place, lock.pid, wal.marks[place]): lock.pid
            for place, lock in glance.readers
            if wal.marks[place] < wal.frames and wal.backfilled < wal.frames
        }
        self._stale.see(old, now)

    def count_commits(self, counter: tuple[str, int] | None) -> None:
        """Take a look at the counter of commits in."""
        before = self._counter
        if counter is None:
            return
        if before is None:
            self.commits = self.commits or 0
        elif before[0] == counter[0]:
            step = (counter[1] - before[1]) % 2**32
            self.commits = (self.commits or 0) + (step if step < 2**31 else 0)
        self._counter = counter

    def result(self, seconds: float) -> Contention:
        """Return what all looks found.

        Args:
            seconds: For how long they went on.
        """
        low, high = interval(self._busy, self._looks)
        waits, ceiling = waits_per_hour(self._by_pid, self._looks, self.commits, seconds)
        return Contention(
            "ask",
            seconds=seconds,
            looks=self._looks,
            busy=self._busy,
            share=self._busy / self._looks if self._looks else 0.0,
            share_low=low,
            share_high=high,
            holders=tuple(Holder(pid, name_of(pid), looks) for pid, looks in self._by_pid.most_common()),
            commits=self.commits,
            waits_per_hour=waits,
            waits_ceiling=ceiling,
            longest_write=self._writes.result(),
            longest_read=self._reads.result(),
            waiting_for_readers=self._pending,
            wal=WalState(self._wal_bytes, self._waiting, self._stale.result()) if self._has_wal else None,
        )


def _mark(glance: Glance, place: int) -> int:
    """What tells the readings of one reader lock apart: the state that they see."""
    return glance.wal.marks[place] if glance.wal else 0


def interval(hits: int, tries: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson, JASA 22, 1927).

    Args:
        hits: How often it was so.
        tries: How often it was looked.
    """
    if not tries:
        return 0.0, 1.0
    share, square = hits / tries, _Z * _Z / tries
    middle = share + square / 2
    spread = _Z * math.sqrt(share * (1 - share) / tries + square / (4 * tries))
    low, high = (middle - spread) / (1 + square), (middle + spread) / (1 + square)
    return (0.0 if hits == 0 else low, 1.0 if hits == tries else high)


def waits_per_hour(
    holders: Counter[int], looks: int, commits: int | None, seconds: float
) -> tuple[float | None, float | None]:
    """Estimate how often a writer finds the lock taken by another process.

    A process does not wait for itself, and comes when it does not hold the lock: of the commits of one that holds the
    lock for a share ``p`` of the time, when all together hold it for ``P``, the share ``(P - p) / (1 - p)`` waits.
    Commits are attributed by the time for which the lock was held.

    Args:
        holders: In how many looks each process was seen with the lock; 0 stands for those the kernel does not name.
        looks: How many looks there were.
        commits: Commits meanwhile.
        seconds: For how long.

    Returns:
        The estimate, and the ceiling for which every commit comes from a connection of its own. None without commits
        to count or without looks; the estimate is the ceiling where the kernel does not name the holders.
    """
    if commits is None or not looks or seconds <= 0:
        return None, None
    busy = holders.total()
    hourly = commits * _HOUR / seconds
    ceiling = hourly * busy / looks
    if not busy or 0 in holders:
        return ceiling, ceiling
    between = sum(count / busy * (busy - count) / (looks - count) for count in holders.values() if count < looks)
    return hourly * between, ceiling
