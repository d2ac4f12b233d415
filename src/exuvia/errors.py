"""Every error that exuvia raises: a code, what happened and where, and what to do next."""

from __future__ import annotations

from typing import ClassVar


class ExuviaError(Exception):
    """The base of all of exuvia's errors.

    Args:
        message: What happened and where, in one or two sentences, free of secrets.
        hint: What the reader can do next; empty when there is nothing to add.
        code: A stable name for programs, such as ``source.not_a_database``.
    """

    family: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = f"{self.family}.{code}" if code else self.family

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def as_dict(self) -> dict[str, str]:
        """Return the error as plain strings, for ``--json``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class ConfigError(ExuviaError):
    """A setting, an argument or a location is missing or malformed."""

    family = "config"
    exit_code = 2


class SourceError(ExuviaError):
    """The source cannot be read, or is not what it was taken for."""

    family = "source"
    exit_code = 3


class TargetError(ExuviaError):
    """The target cannot be reached, or refuses what has to be written."""

    family = "target"
    exit_code = 4


class PlanError(ExuviaError):
    """A plan file is malformed, or does not fit the source or its values."""

    family = "plan"
    exit_code = 5


class VerifyError(ExuviaError):
    """The two sides differ."""

    family = "verify"
    exit_code = 6


class RejectedError(ExuviaError):
    """A value could not go, and the move was told to stop at the first such value."""

    family = "rejected"
    exit_code = 7


class HookError(ExuviaError):
    """A command or a URL of the user's, called at a step of a cut-over, has failed."""

    family = "hook"
    exit_code = 9


class DeniedError(ExuviaError):
    """The guard does not allow a statement."""

    family = "guard"
    exit_code = 12


class CancelledError(ExuviaError):
    """The work was interrupted from outside; what was committed stays consistent."""

    family = "cancelled"
    exit_code = 130
