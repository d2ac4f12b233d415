"""Report files, by the ending of their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exuvia.cli.output import write_file
from exuvia.errors import ConfigError

if TYPE_CHECKING:
    from exuvia.move.results import MoveReport
    from exuvia.report.document import ReportDocument

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
    if paths:
        from exuvia.report.json_report import report_document

        write_documents(report_document(report), paths)
    return list(paths)


def write_documents(document: ReportDocument, paths: Sequence[Path]) -> None:
    """Write a report of either direction to each of the files."""
    for path in paths:
        write_file(path, _page(document) if path.suffix.lower() in _PAGES else _text(document))


def _page(document: ReportDocument) -> str:
    from exuvia.report.html import page

    return page(document)


def _text(document: ReportDocument) -> str:
    from exuvia.report.json_report import dump

    return dump(document)
