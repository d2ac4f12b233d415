"""Exports and imports of portable copies, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exuvia.move.portable.manifest import LeftOut
from exuvia.move.portable.results import CopiedTable, ExportReport, ImportReport
from exuvia.report.document import VERSION, ReportDocument, StageDocument
from exuvia.report.json_report import dump, report_document
from exuvia.report.terminal_parts import heading, joined, shown, verdict_line
from exuvia.report.verdict import Verdict
from exuvia.report.words import counted, duration, size, without_password

_MAX_TABLES = 40


@dataclass(frozen=True, slots=True)
class CopiedTableDocument:
    """A table: its rows, files, their bytes, and the digest of its values."""

    name: str
    rows: int
    files: int
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class LeftOutDocument:
    """An object that the copy does not hold, and why."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExportDocument:
    """An export; ``files_kept`` counts those that an interrupted run had finished."""

    format: str
    version: int
    exuvia: str
    source: str
    target: str
    started: str
    seconds: float
    stages: Sequence[StageDocument]
    tables: Sequence[CopiedTableDocument]
    left_out: Sequence[LeftOutDocument]
    notes: Sequence[str]
    files_kept: int


@dataclass(frozen=True, slots=True)
class ImportDocument:
    """An import; ``move`` is the report of the move into PostgreSQL, null for a SQLite file."""

    format: str
    version: int
    exuvia: str
    source: str
    exported_from: str
    target: str
    started: str
    seconds: float
    stages: Sequence[StageDocument]
    tables: Sequence[CopiedTableDocument]
    left_out: Sequence[LeftOutDocument]
    move: ReportDocument | None


def export_to_json(report: ExportReport) -> str:
    """Return an export as one JSON document (``ExportDocument``)."""
    return dump(
        ExportDocument(
            format="exuvia.export",
            version=VERSION,
            exuvia=version("exuvia"),
            source=without_password(report.source),
            target=report.target,
            started=report.started.isoformat(),
            seconds=report.seconds,
            stages=[StageDocument(stage, seconds) for stage, seconds in report.stages.items()],
            tables=_tables(report.tables),
            left_out=_left_out(report.left_out),
            notes=report.notes,
            files_kept=report.files_kept,
        )
    )


def import_to_json(report: ImportReport) -> str:
    """Return an import as one JSON document (``ImportDocument``)."""
    return dump(
        ImportDocument(
            format="exuvia.import",
            version=VERSION,
            exuvia=version("exuvia"),
            source=report.source,
            exported_from=without_password(report.exported_from),
            target=without_password(report.target),
            started=report.started.isoformat(),
            seconds=report.seconds,
            stages=[StageDocument(stage, seconds) for stage, seconds in report.stages.items()],
            tables=_tables(report.tables),
            left_out=_left_out(report.left_out),
            move=report_document(report.move) if report.move else None,
        )
    )


def export_view(report: ExportReport) -> RenderableType:
    """Return an export's outcome for the terminal."""
    kept = f" {counted(report.files_kept, 'file')} had been written before." if report.files_kept else ""
    done = f"{counted(report.rows, 'row')} in {duration(report.seconds)}.{kept}"
    return _view(report, Verdict("good", "Exported", done), report.notes)


def import_view(report: ImportReport) -> RenderableType:
    """Return the outcome of an import into a SQLite file for the terminal."""
    done = f"{counted(report.rows, 'row')} in {duration(report.seconds)}, with the digests of the export."
    return _view(report, Verdict("good", "Every value arrived", done))


def _view(report: ExportReport | ImportReport, verdict: Verdict, notes: Sequence[str] = ()) -> RenderableType:
    ends = joined(shown(without_password(report.source), "bold"), " → ", shown(report.target, "bold"))
    parts: list[RenderableType] = [ends, Text(), _figures(report.tables)]
    if report.left_out:
        parts.append(heading("Left out", counted(len(report.left_out), "object")))
        parts += [
            joined(f"{item.kind} ", shown(item.name, "bold"), ": ", shown(item.reason)) for item in report.left_out
        ]
    if notes:
        parts += [heading("Not exactly as in PostgreSQL", counted(len(notes), "note")), *map(shown, notes)]
    return Group(*parts, Text(), verdict_line(verdict))


def _figures(tables: Sequence[CopiedTable]) -> Table:
    figures = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    figures.add_column("Table", overflow="fold")
    for title in ("Rows", "Files", "Size"):
        figures.add_column(title, justify="right", no_wrap=True)
    for table in tables[:_MAX_TABLES]:
        figures.add_row(shown(table.name), f"{table.rows:,}", f"{table.files:,}", size(table.bytes))
    if len(tables) > _MAX_TABLES:
        figures.add_row(Text(f"{counted(len(tables) - _MAX_TABLES, 'more table', 'more tables')}", "dim"))
    rows, files, total = (
        sum(each) for each in zip((0, 0, 0), *((t.rows, t.files, t.bytes) for t in tables), strict=True)
    )
    figures.add_row(Text(counted(len(tables), "table")), f"{rows:,}", f"{files:,}", size(total), style="bold")
    return figures


def _tables(tables: Sequence[CopiedTable]) -> list[CopiedTableDocument]:
    return [CopiedTableDocument(table.name, table.rows, table.files, table.bytes, table.digest) for table in tables]


def _left_out(items: Sequence[LeftOut]) -> list[LeftOutDocument]:
    return [LeftOutDocument(item.kind, item.name, item.reason) for item in items]
