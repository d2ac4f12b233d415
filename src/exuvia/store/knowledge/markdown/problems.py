"""What is wrong with a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exuvia.store.errors import StoreError

Listener = Callable[[int, int, Path], None]
"""Hears of each file: how many are done, how many there are, and which one this is."""


class MarkdownError(StoreError):
    """A Markdown file cannot be read as a plan, a session or events.

    Args:
        what: What is wrong.
        line: Where, from 1.
        hint: What to do next.
        file: The file, as it is named to people; known once it is out of the parser's hands.
    """

    family = "store.markdown"

    def __init__(self, what: str, *, line: int, hint: str = "", file: str = "") -> None:
        super().__init__(f"{file or 'The file'}, line {line}: {what}", hint=hint, code="file")
        self.what = what
        self.line = line
        self.file = file

    def of(self, file: str) -> MarkdownError:
        """Return the same error with the file's name."""
        return MarkdownError(self.what, line=self.line, hint=self.hint, file=file)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return super().as_dict() | {"file": self.file, "line": self.line}


def nobody(_done: int, _total: int, _file: Path) -> None:
    """Listen to nothing."""
