"""How a tool fails: always with a code, what happened, what to do, and for wrong arguments a call that is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exuvia.errors import ExuviaError


class ToolError(ExuviaError):
    """A tool cannot do what it was asked."""

    family = "tool"


class ArgumentError(ToolError):
    """An argument is missing, unknown, or not what it should be.

    Args:
        argument: Its name; of one inside another, the path with dots.
        message: What is wrong with it, in one sentence.
        hint: What to pass instead.
        example: Arguments of a right call; None for the tool's own example.
    """

    family = "argument"

    def __init__(
        self, argument: str, message: str, *, hint: str = "", code: str = "", example: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.argument = argument
        self.example = example


class SwitchedOffError(ToolError):
    """A tool that is in the catalogue is not served here."""

    family = "off"
