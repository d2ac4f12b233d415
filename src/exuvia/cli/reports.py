"""Report files, by the ending of their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exuvia.cli.output import write_file
from exuvia.errors import ConfigError
from exuvia.move.results import MoveReport

_PAGES = (".html", ".htm")
_ENDINGS = (*_PAGES, ".json")


def check_names(paths: Sequence[Path]) -> None:
    """Refuse report files of an unknown kind before anything is done.

    Raises:
        ConfigError: A name ends neither in .html nor in .json, or is a directory.
    """
    for path in paths:
        if path.suffix.lower() not in _ENDINGS or path.is_dir():
            raise ConfigError(
                f"{path} is no name for a report.", hint="Name a file that ends in .html or .json.", code="output"
            )


def write_reports(report: MoveReport, paths: Sequence[Path]) -> list[Path]:
    """Write a report to each of the files and return them."""
    for path in paths:
        write_file(path, _page(report) if path.suffix.lower() in _PAGES else _document(report))
    return list(paths)


def _page(report: MoveReport) -> str:
    from exuvia.report.html import to_html

    return to_html(report)


def _document(report: MoveReport) -> str:
    from exuvia.report.json_report import to_json

    return to_json(report)
