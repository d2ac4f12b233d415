"""The way back in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exuvia.move.back.results import BackReport
from exuvia.report.back_document import back_verdict
from exuvia.report.terminal_parts import (
    difference_lines,
    heading,
    indented,
    joined,
    left_out_view,
    shown,
    verdict_line,
)
from exuvia.report.words import counted, duration, size, without_password

_MAX_TABLES = 40
_MAX_LOSSES = 24
_MAX_LEFT_OUT = 12
_MAX_DIFFERENCES = 12
_VALUE_WIDTH = 68


def back_view(report: BackReport) -> RenderableType:
    """Return what a person sees in the terminal; lists are cut, and the JSON report has everything."""
    parts: list[RenderableType] = [_ends(report)]
    if report.tables or report.proof:
        parts += [Text(), _figures(report)]
    parts += _losses(report)
    parts += left_out_view(report.objects, _MAX_LEFT_OUT)
    if report.notes:
        parts += [heading("Notes", f"{len(report.notes):,}"), *(indented(shown(note)) for note in report.notes)]
    parts += _differences(report)
    return Group(*parts, Text(), verdict_line(back_verdict(report)))


def _ends(report: BackReport) -> Text:
    source = shown(f"{without_password(report.source.url)} {report.schema}", "bold")
    version_ = Text(f"  {report.source.version}", "dim")
    return joined(source, version_, " → ", shown(report.target.url, "bold"))


def _figures(report: BackReport) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("Table", "Rows", "Read", "Time", "Values", "Equal"):
        grid.add_column(name, justify="left" if name in ("Table", "Equal") else "right")
    proofs = {proof.table: proof for proof in report.proof.tables} if report.proof else {}
    results = {result.source: result for result in report.tables}
    names = list(dict.fromkeys([*results, *proofs]))
    for name in names[:_MAX_TABLES]:
        result, proof = results.get(name), proofs.get(name)
        rows = result.rows_copied if result else proof.rows_source if proof else 0
        equal = Text("not compared", "dim")
        if proof is not None:
            equal = Text("✓ equal", "green") if proof.equal else Text("✗ different", "red")
        grid.add_row(
            shown(name),
            f"{rows:,}",
            size(result.bytes) if result else "",
            duration(result.seconds) if result else "",
            f"{proof.values_compared:,}" if proof else "",
            equal,
        )
    if len(names) > _MAX_TABLES:
        grid.add_row(Text(f"and {counted(len(names) - _MAX_TABLES, 'more table', 'more tables')}", "dim"))
    return grid


def _losses(report: BackReport) -> Iterator[RenderableType]:
    if not report.losses:
        return
    yield heading("Not exactly as in PostgreSQL", f"{len(report.losses):,}")
    for loss in report.losses[:_MAX_LOSSES]:
        place = shown(f"{loss.table}.{loss.column}" if loss.column else loss.table, "bold")
        amount = f"  {counted(loss.count, 'value')}" if loss.count else ""
        as_ = joined(Text(f"{loss.type} → {loss.stored}", "dim"))
        yield joined(place, "  ", as_, Text(amount, "dim"), ": ", shown(loss.reason))
    if len(report.losses) > _MAX_LOSSES:
        yield Text(f"and {len(report.losses) - _MAX_LOSSES:,} more in the JSON report", "dim")


def _differences(report: BackReport) -> Iterator[RenderableType]:
    found = [one for table in report.proof.tables for one in table.differences] if report.proof else []
    if not found:
        return
    yield heading("Differences", counted(len(found), "listed", "listed"))
    for one in found[:_MAX_DIFFERENCES]:
        source, target = difference_lines(one.source, one.target, _VALUE_WIDTH)
        yield joined(shown(one.table, "bold"), " ", shown(one.row), " ", shown(one.column or "the whole row", "bold"))
        lines = joined(Text("source  ", "dim"), Text(source, "green"), Text("\ntarget  ", "dim"), Text(target, "red"))
        yield indented(lines)
