"""Where to draw the lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Beyond any of these it is time to move.

    Args:
        megabytes: The size of the file, in MB of 1,000,000 bytes.
        agents: Agents active within the window, or processes that write.
        users: Users active within the window.
        events: Rows of tables of events.
        lock_waits: Waits for the write lock an hour.
        prepare_at: From which share of a threshold on it is time to prepare.
        horizon_days: It is also time to prepare when growth crosses a threshold within so many days.
    """

    megabytes: float = 10
    agents: int = 5
    users: int = 10
    events: int = 1_000_000
    lock_waits: float = 100
    prepare_at: float = 0.5
    horizon_days: float = 30
