"""What the commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import json as json_text
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console, RenderableType
from rich.text import Text

from exuvia.errors import CancelledError, ConfigError, ExuviaError

_INTERRUPTED = CancelledError.exit_code


@dataclass(frozen=True, slots=True)
class Output:
    """Where a result goes.

    Args:
        reports: Files to write reports to.
        json: Print JSON.
        quiet: Print nothing.
    """

    reports: Sequence[Path]
    json: bool
    quiet: bool


def print_error(error: ExuviaError, *, json: bool) -> None:
    """Print an error on stderr: one JSON object, or the message and what to do."""
    if json:
        sys.stderr.write(json_text.dumps({"error": error.as_dict()}) + "\n")
        return
    console = Console(stderr=True, soft_wrap=True)
    console.print(Text.assemble(("Error: ", "bold red"), error.message))
    if error.hint:
        console.print(Text(error.hint))


def show(view: RenderableType) -> None:
    """Print a view on stdout, as wide as the terminal, or 120 columns where there is none."""
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(view)


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        ConfigError: It cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.", hint="Name another file.", code="output"
        ) from error


@contextmanager
def interruptible(what: str) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a CancelledError once everything is tidied up; a second Ctrl-C does not wait.

    Args:
        what: What is true after the interruption, for people.
    """

    def first(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGINT, second)
        sys.stderr.write("\nStopping; Ctrl-C again to stop without tidying up.\n")
        raise KeyboardInterrupt

    def second(_: int, __: FrameType | None) -> None:
        os._exit(_INTERRUPTED)

    before = {number: signal.signal(number, first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        raise CancelledError("Interrupted.", hint=what) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
