"""What ``exuvia live`` shows: a line that tells how far a follower is, and where live moves stand."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exuvia.live import LiveEvent, Status

_LINE_EVERY = 10.0  # seconds between lines where there is no terminal
_SHOW_EVERY = 0.5
_WATCH_EVERY = 1.0
_LARGE_WAL = 256 << 20


@contextmanager
def shown(*, json: bool, quiet: bool) -> Iterator[Callable[[LiveEvent], None]]:
    """Give a listener that shows where following stands."""
    if json:
        yield _Lines(_WATCH_EVERY, _json_line).hear
    elif quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        line = _Rewritten()
        try:
            yield line.hear
        finally:
            line.end()
    else:
        yield _Lines(_LINE_EVERY, lambda event: sys.stderr.write(_line(event) + "\n")).hear


class _Lines:
    """A line now and then, and for each message and change of phase."""

    def __init__(self, every: float, write: Callable[[LiveEvent], object]) -> None:
        self._every, self._write = every, write
        self._last = 0.0
        self._phase = ""

    def hear(self, event: LiveEvent) -> None:
        """Take an event in."""
        now = time.monotonic()
        if now - self._last < self._every and not event.message and event.phase == self._phase:
            return
        self._last, self._phase = now, event.phase
        self._write(event)


class _Rewritten:
    """One line on a terminal that is written over and over."""

    def __init__(self) -> None:
        self._last = 0.0
        self._shown = False

    def hear(self, event: LiveEvent) -> None:
        """Take an event in."""
        now = time.monotonic()
        if event.message:
            self.end()
            sys.stderr.write(f"{event.message}\n")
        elif event.phase != "copying" and now - self._last >= _SHOW_EVERY:
            self._last = now
            self._shown = True
            sys.stderr.write(f"\r\x1b[2K{_line(event)}")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line as it is."""
        if self._shown:
            sys.stderr.write("\n")
            self._shown = False


def _line(event: LiveEvent) -> str:
    if event.phase == "copying":
        return event.message or "Copying"
    is_back = event.direction == "sqlite" and event.phase != "paused"
    parts = [
        "Keeping SQLite up to date" if is_back else event.phase.value.capitalize(),
        f"{event.pending:,} changes behind ({event.lag:.1f} s)",
        f"{event.rate:,.0f} changes/s",
        f"{event.rounds:,} rounds, {event.changes:,} changes",
    ]
    if event.rejected:
        parts.append(f"{event.rejected:,} rows in quarantine")
    if event.misfits:
        what = "inexact in SQLite" if event.direction == "sqlite" else "needs a wider type"
        parts.append(f"{what}: {', '.join(event.misfits)}")
    return f"{event.message} " * bool(event.message) + "  ".join(parts)


def _json_line(event: LiveEvent) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(asdict(event)).decode() + "\n")
    sys.stdout.flush()


def watch_on(look: Callable[[], tuple[Status, ...]]) -> None:
    """Show where live moves stand until Ctrl-C.

    Args:
        look: Gives that.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    try:
        with Live(console=Console(), auto_refresh=False) as screen:
            while True:
                screen.update(Text(described(look())), refresh=True)
                time.sleep(_WATCH_EVERY)
    except KeyboardInterrupt:
        return


def described(found: tuple[Status, ...]) -> str:
    """Return where live moves stand, for people."""
    return "\n\n".join(map(_paragraph, found)) or "Nothing is moved live."


_WARM = {
    "": "",
    "following": ", SQLite is kept up to date",
    "paused": ", keeping SQLite up to date is paused",
    "stopped": ", keeping SQLite up to date has stopped",
    "rolling back": ", rolling back",
}


def _paragraph(one: Status) -> str:
    process = f"process {one.pid} on {one.host}"
    running = process if one.running else f"no process; the last was {process}"
    lines = [
        f"{one.source} into schema {one.schema}: {one.phase}{_WARM[one.warm]} ({running})",
        f"  behind        {one.pending:,} changes, {one.lag:.1f} s",
        f"  rate          {one.rate:,.0f} changes/s" + _left(one),
        f"  since begun   {one.begun:%Y-%m-%d %H:%M:%S} UTC: {one.rounds:,} rounds, {one.changes:,} changes,"
        f" {one.rows:,} rows written",
        f"  last sign     {one.heartbeat:.0f} s ago",
        "  compared      " + (f"every value, {one.proved:.0f} s ago" if one.proved is not None else "not yet"),
    ]
    if one.logged or one.wal_bytes:
        lines.append(
            f"  source        {one.logged:,} changes in its log, WAL {one.wal_bytes / 2**20:,.1f} MB" + _grown(one)
        )
    if one.rejected:
        lines.append(f"  quarantine    {one.rejected:,} rows")
    if one.misfits:
        columns = ", ".join(one.misfits)
        is_back = one.direction == "sqlite"
        lines.append(f"  inexact       in SQLite: {columns}" if is_back else f"  wider type    needed by {columns}")
    if one.message:
        lines.append(f"  stopped       {one.message}")
    return "\n".join(lines)


def _grown(one: Status) -> str:
    return ": it grows while a program reads an old moment" if one.wal_bytes > _LARGE_WAL else ""


def _left(one: Status) -> str:
    return f", caught up in {one.remaining:.0f} s" if one.remaining else ""


def status_json(found: tuple[Status, ...]) -> str:
    """Return where live moves stand as JSON."""
    import orjson

    return orjson.dumps([asdict(one) for one in found], option=orjson.OPT_INDENT_2).decode() + "\n"


_METRICS = (
    ("running", "gauge", "Whether a process carries the live move on."),
    ("pending", "gauge", "Changes that are logged and not in the target yet."),
    ("lag", "gauge", "Seconds that the target is behind."),
    ("rate", "gauge", "Changes applied per second."),
    ("rounds", "counter", "Rounds that were committed."),
    ("changes", "counter", "Changes that were applied."),
    ("rows", "counter", "Rows that were written."),
    ("rejected", "gauge", "Rows in quarantine."),
    ("logged", "gauge", "Changes that the source's log holds."),
    ("wal", "gauge", "Size of the source's WAL."),
    ("heartbeat", "gauge", "Seconds since the follower last gave a sign."),
)
_UNITS = {"wal": "_bytes", "lag": "_seconds", "heartbeat": "_age_seconds", "rate": "_changes_per_second"}


def prometheus_text(found: tuple[Status, ...]) -> str:
    """The text format of https://prometheus.io/docs/instrumenting/exposition_formats/."""
    lines = []
    for name, kind, text in _METRICS:
        metric = f"exuvia_live_{name}{_UNITS.get(name, '')}{'_total' if kind == 'counter' else ''}"
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} {kind}"]
        for one in found:
            place = f'source="{_label(one.source)}",schema="{_label(one.schema)}"'
            labels = f'{place},phase="{one.phase}",direction="{one.direction}"'
            lines.append(f"{metric}{{{labels}}} {_number(one, name)}")
    return "\n".join(lines) + "\n"


def _number(one: Status, name: str) -> str:
    return str(one.wal_bytes) if name == "wal" else f"{float(getattr(one, name)):g}"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
