"""Report files, by the ending of their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exuvia.cli.output import write_file
from exuvia.errors import ConfigError
from exuvia.move.results import MoveReport
from exuvia.report import to_html, to_json

_WRITERS = {".html": to_html, ".htm": to_html, ".json": to_json}


def check_names(paths: Sequence[Path]) -> None:
    """Refuse report files of an unknown kind before anything is done.

    Raises:
        ConfigError: A name ends neither in .html nor in .json, or is a directory.
    """
    for path in paths:
        if path.suffix.lower() not in _WRITERS or path.is_dir():
            raise ConfigError(
                f"{path} is no name for a report.", hint="Name a file that ends in .html or .json.", code="output"
            )


def write_reports(report: MoveReport, paths: Sequence[Path]) -> list[Path]:
    """Write a report to each of the files and return them."""
    for path in paths:
        write_file(path, _WRITERS[path.suffix.lower()](report))
    return list(paths)
