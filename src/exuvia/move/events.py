"""What a running move tells its listener."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

Stage = Literal["check", "inspect", "profile", "plan", "create", "copy", "finish", "verify"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a stage stands. Counts are totals so far, never differences.

    Args:
        stage: The stage that speaks.
        table: The table it works on; empty when the event is about the stage as a whole.
        rows_done: Rows done of this table.
        rows_total: Rows of this table, None when not known yet.
        bytes_done: Bytes of values done of this table.
        finished: True once, when the table (or, with ``table`` empty, the stage) is done.
        detail: A few words for people, such as the name of an index being built.
        source: Which of several sources it is about, by the name of its file; empty when there is only one, or it is
            about all.
    """

    stage: Stage
    table: str = ""
    rows_done: int = 0
    rows_total: int | None = None
    bytes_done: int = 0
    finished: bool = False
    detail: str = ""
    source: str = ""


Listener = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """The listener that nobody is behind."""


def one_at_a_time(listener: Listener) -> Listener:
    """Return a listener that several threads may call; ``listener`` hears one event after the other."""
    lock = threading.Lock()

    def hear(event: Progress) -> None:
        with lock:
            listener(event)

    return hear


def about_source(listener: Listener, source: str) -> Listener:
    """Return a listener whose events are about one of several sources."""
    return lambda event: listener(replace(event, source=source))
