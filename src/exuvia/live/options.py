"""How to move live, and what a live move tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from exuvia.engines.postgres.live.state import Phase
from exuvia.move.options import MoveOptions


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How to move live.

    Args:
        move: How to plan and to copy; of the rest ``quarantine_file`` and ``data_dir`` count.
        restart: Begin anew where a live move of the same source could go on.
        set_wal: Switch the source to WAL mode where it is in another one.
        catch_up: End when everything that was logged in the beginning is in the target, instead of following on.
    """

    move: MoveOptions = field(default_factory=MoveOptions)
    restart: bool = False
    set_wal: bool = False
    catch_up: bool = False


@dataclass(frozen=True, slots=True)
class CutoverOptions:
    """How to cut over.

    Args:
        schema: The target schema.
        max_pause: Seconds that writers may wait; the cut-over is given up rather than that they wait longer.
        before: A command or a URL that is called before the pause; when it fails nothing is done.
        switch: One that is called in the pause, when nothing can go wrong any more but the two commits; when it
            fails, both sides are rolled back.
        after: One that is called when writers go on.
        proof: Compare every value before the pause.
        allow_quarantine: Go on although some rows are in quarantine.
        warm: Log what is changed in the target from then on, so that the source is kept up to date and can be gone
            back to.
        patience: Seconds to try to get the source's write lock.
        data_dir: Where the pip-installed server has its data.
    """

    schema: str = "public"
    max_pause: float = 1.0
    before: str = ""
    switch: str = ""
    after: str = ""
    proof: bool = True
    allow_quarantine: bool = False
    warm: bool = True
    patience: float = 300.0
    data_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """How to go back to SQLite after a cut-over.

    Args:
        schema: The schema that was moved into.
        max_pause: Seconds that writers may wait; the roll-back is given up rather than that they wait longer.
        before: A command or a URL that is called before the pause; when it fails nothing is done.
        switch: One that is called in the pause, when nothing can go wrong any more but the two commits; when it
            fails, both sides are rolled back.
        after: One that is called when writers go on.
        proof: Compare every value before the pause.
        allow_inexact: Go on although SQLite changes some values, as its declared types say.
        patience: Seconds to try to get the tables' locks.
        data_dir: Where the pip-installed server has its data.
    """

    schema: str = "public"
    max_pause: float = 1.0
    before: str = ""
    switch: str = ""
    after: str = ""
    proof: bool = True
    allow_inexact: bool = False
    patience: float = 300.0
    data_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """Where a live move stands, told while it runs.

    Args:
        phase: Where it is.
        pending: Changes that are logged and not in the target yet.
        lag: Seconds by which the target was behind when the last round was committed; 0 when nothing waits.
        rate: Changes applied per second, over the last seconds.
        rounds: Rounds since this process began.
        changes: Changes applied since then.
        rows: Rows written by them.
        rejected: Rows in quarantine now.
        misfits: Columns whose values did not fit the planned type.
        message: What a person should know; empty in most events.
        direction: Which side is brought up to date, ``postgresql`` or, after a cut-over, ``sqlite``.
    """

    phase: Phase
    pending: int = 0
    lag: float = 0.0
    rate: float = 0.0
    rounds: int = 0
    changes: int = 0
    rows: int = 0
    rejected: int = 0
    misfits: tuple[str, ...] = ()
    message: str = ""
    direction: Literal["postgresql", "sqlite"] = "postgresql"


Hear = Callable[[LiveEvent], None]
Tell = Callable[[str], None]


def nobody(_: LiveEvent) -> None:
    """The listener that nobody is behind."""


def untold(_: str) -> None:
    """Say nothing of what is being done."""
