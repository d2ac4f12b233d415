"""The pause of a cut-over: from the moment when the source's writers wait to the moment when they are let go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from exuvia.errors import TargetError

_FORTH = ("cut-over", "the source", "the live move goes on")
_BACK = ("roll-back", "PostgreSQL", "SQLite is kept up to date as before")


@dataclass(slots=True)
class Stopwatch:
    """Measures a pause and its parts, and says when it has lasted too long.

    Args:
        most: Seconds that it may last.
        back: Whether the way is back to SQLite.
    """

    most: float
    back: bool = False
    steps: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that it may still last."""
        return self.most - self.seconds

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a part.

        Raises:
            TargetError: ``max_pause``: the pause has lasted too long when the part begins, or the server has ended a
                statement for that.
        """
        self.check()
        began = time.monotonic()
        try:
            yield
        except psycopg.errors.QueryCanceled as error:
            if self.left > 0.01:
                raise
            raise self.overrun() from error
        finally:
            self.steps[name] = self.steps.get(name, 0.0) + time.monotonic() - began

    def check(self) -> None:
        """Raise when the pause has lasted too long.

        Raises:
            TargetError: ``max_pause``.
        """
        if self.left <= 0:
            raise self.overrun()

    def overrun(self) -> TargetError:
        """Return the error that gives the pause up."""
        spent = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.steps.items())
        what, where, going_on = _BACK if self.back else _FORTH
        return TargetError(
            f"The {what} was given up: its pause would be longer than {self.most:g} s ({spent}). Nothing was"
            f" switched, writers go on in {where}, and {going_on}.",
            hint="Try again when less is written, or allow more with --max-pause.",
            code="max_pause",
        )
