"""Progress of a running move: live bars on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from exuvia.move.events import Listener, ignore
from exuvia.move.events import Progress as Event
from exuvia.report.words import clock, count, one_line, size

_WIDTH = 32
_EVERY = 5.0  # seconds between lines where there is no terminal

_VERBS = {
    "check": "Checking the files",
    "inspect": "Reading the schema",
    "profile": "Looking at every value",
    "plan": "Planning",
    "create": "Creating tables",
    "copy": "Copying",
    "finish": "Building keys and indexes",
    "verify": "Comparing every value",
}


@contextmanager
def progress(*, hidden: bool) -> Iterator[Listener]:
    """Give a listener that shows progress on stderr while the context lasts."""
    if hidden:
        yield ignore
    elif sys.stderr.isatty():
        with _Bars() as bars:
            yield bars.hear
    else:
        yield _Lines().hear


class _Figures(ProgressColumn):
    """Rows done, megabytes, rate and time left of a task."""

    def render(self, task: Task) -> Text:
        if not task.fields.get("is_table"):
            return Text(task.fields.get("detail", ""), style="dim")
        done, total = int(task.completed), task.total
        spent = task.elapsed or 0.0
        rate = done / spent if spent > 0 else 0.0
        left = f"  {clock((total - done) / rate)} left" if total and rate and done < total else ""
        rows = f"{count(done)} of {count(int(total))} rows" if total else f"{count(done)} rows"
        sent = f"  {size(task.fields['bytes'])}" if task.fields["bytes"] else ""
        return Text(f"{rows}{sent}  {count(round(rate))}/s{left}")


class _Bars:
    """One bar per table that is being worked on, below one line for the stage."""

    def __init__(self) -> None:
        self._live = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=18),
            _Figures(),
            console=Console(stderr=True),
            transient=True,
        )
        self._lock = threading.Lock()
        self._stage: TaskID | None = None
        self._tables: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def hear(self, event: Event) -> None:
        """Take an event in; from any thread."""
        with self._lock:
            if event.table:
                self._table(event)
            else:
                self._begin_or_end(event)

    def _begin_or_end(self, event: Event) -> None:
        for task in self._tables.values():
            self._live.remove_task(task)
        self._tables.clear()
        if self._stage is not None:
            self._live.remove_task(self._stage)
            self._stage = None
        if not event.finished:
            self._stage = self._live.add_task(_stage(event), total=None)

    def _table(self, event: Event) -> None:
        if event.finished:
            task = self._tables.pop(event.table, None)
            if task is not None:
                self._live.remove_task(task)
            return
        if event.table not in self._tables:
            name = one_line(event.table, _WIDTH)
            self._tables[event.table] = self._live.add_task(name, total=event.rows_total, bytes=0, is_table=True)
        self._live.update(
            self._tables[event.table],
            completed=event.rows_done,
            total=event.rows_total,
            bytes=event.bytes_done,
            is_table=not event.detail,
            detail=event.detail,
        )


class _Lines:
    """Now and then a line that says how far it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = time.monotonic()

    def hear(self, event: Event) -> None:
        """Take an event in; from any thread."""
        with self._lock:
            now = time.monotonic()
            if now - self._last < _EVERY:
                return
            self._last = now
        total = f" of {count(event.rows_total)}" if event.rows_total is not None else ""
        table = f" {one_line(event.table, _WIDTH)}: {count(event.rows_done)}{total} rows" if event.table else ""
        sys.stderr.write(f"{_stage(event)}{table or '…'}\n")


def _stage(event: Event) -> str:
    """A stage in words, with the file where there are several."""
    return f"{event.source}: {_VERBS[event.stage]}" if event.source else _VERBS[event.stage]
