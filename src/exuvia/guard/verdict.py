"""What the guard says of a statement: what it is, what it touches, and why it may not run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from exuvia.errors import DeniedError
from exuvia.guard.policy import LEVELS, Level


@dataclass(frozen=True, slots=True)
class Denial:
    """One reason against a statement.

    Args:
        code: A stable name for programs, such as ``function``.
        reason: What is not allowed, in one sentence.
        hint: What to do instead.
        position: The character of the text that it is about, from 1; None when that is not known.
    """

    code: str
    reason: str
    hint: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text of SQL is and touches, and every reason against it.

    Args:
        needs: The level it takes; the reasons say whether that level is given.
        statements: The kinds of its statements, the outermost first, such as ``SELECT`` or ``DELETE``.
        reads: The tables whose rows it reads, as ``schema.table``.
        writes: The tables whose rows, or which themselves, it changes.
        functions: The functions that it names.
        denials: The reasons against it; none when it is allowed.
    """

    needs: Level
    statements: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    functions: tuple[str, ...]
    denials: tuple[Denial, ...]

    @property
    def allowed(self) -> bool:
        """Whether it may run."""
        return not self.denials

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values, for ``--json``."""
        return {
            "allowed": self.allowed,
            "needs": self.needs,
            "statements": list(self.statements),
            "reads": list(self.reads),
            "writes": list(self.writes),
            "functions": list(self.functions),
            "denials": [{"code": one.code, "reason": one.reason, "hint": one.hint} for one in self.denials],
        }

    def require(self) -> None:
        """Raise unless the statement is allowed.

        Raises:
            DeniedError: With the first reason and its hint.
        """
        if self.denials:
            first = self.denials[0]
            raise DeniedError(first.reason, hint=first.hint, code=first.code)


def highest(levels: Iterable[Level]) -> Level:
    """Return the level that includes the others' rights: ddl over write over read."""
    return max(levels, key=LEVELS.index, default="read")


def unknown(denial: Denial) -> Verdict:
    """Return the verdict on a text of which nothing is known but that it may not run."""
    return Verdict("read", (), (), (), (), (denial,))
