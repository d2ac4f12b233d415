"""What a person sees in the terminal when a move or a comparison ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exuvia.move.results import Difference, MoveReport, TableProof, TableResult
from exuvia.report.sampled import differing_words
from exuvia.report.terminal_inspection import inspection_view
from exuvia.report.terminal_parts import (
    difference_lines,
    heading,
    indented,
    joined,
    left_out_view,
    problems_view,
    shown,
    verdict_line,
)
from exuvia.report.terminal_plan import plan_view
from exuvia.report.verdict import rows_rejected, verdict
from exuvia.report.words import counted, duration, product, size, without_password

__all__ = ["difference_view", "inspection_view", "plan_view", "summary"]

MAX_TABLES = 40
MAX_PROBLEMS = 8
MAX_LEFT_OUT = 12
MAX_DIFFERENCES = 12
MAX_REJECTED = 5

_NAME_WIDTH = 36
_VALUE_WIDTH = 68


@dataclass(frozen=True, slots=True)
class _Line:
    """One table's figures, or those of several tables together."""

    name: Text
    rows: int = 0
    rejected: int = 0
    bytes: int = 0
    seconds: float = 0.0
    values: int = 0
    compared: bool = False
    equal: bool = True
    sampled: int | None = None


def summary(report: MoveReport, files: Sequence[str | Path] = ()) -> RenderableType:
    """Return a move's or a comparison's outcome: figures by table, what needs a look, and last the verdict.

    Lists are cut, and say so; the JSON and HTML reports have everything.

    Args:
        report: The outcome.
        files: Where reports were written, to be named at the end.
    """
    parts: list[RenderableType] = [_ends(report), Text()]
    if report.plan.tables:
        parts += [_figures(report)]
    parts += problems_view([problem for problem in report.plan.problems if problem.level != "note"], MAX_PROBLEMS)
    parts += left_out_view(report.objects, MAX_LEFT_OUT)
    parts += _rejected(report)
    if report.proof and not report.proof.equal:
        parts.append(difference_view(report, MAX_DIFFERENCES))
    parts += [Text(), verdict_line(verdict(report))]
    parts += _closing(report, files)
    return Group(*parts)


def difference_view(report: MoveReport, limit: int | None = None) -> RenderableType:
    """Return every difference that the comparison listed, source and target below each other, cut at ``limit``."""
    tables = report.proof.tables if report.proof else ()
    found = [item for table in tables for item in table.differences]
    parts: list[RenderableType] = [heading("Differences", counted(len(found), "listed", "listed"))]
    parts += [
        joined(shown(table.table, "bold"), Text(f"  {words}", "dim"))
        for table in tables
        if (words := differing_words(table.differing))
    ]
    parts += [_difference(item) for item in found[:limit]]
    if limit is not None and len(found) > limit:
        parts.append(Text(f"and {counted(len(found) - limit, 'difference')} more in the JSON and HTML reports", "dim"))
    return Group(*parts)


def _ends(report: MoveReport) -> Text:
    source = shown(without_password(report.source), "bold")
    if report.target is None:
        return source
    target = shown(without_password(report.target.url), "bold")
    return joined(source, " → ", target, Text(f"  {product(report.target.version)}", "dim"))


def _figures(report: MoveReport) -> Table:
    lines = _lines(report)
    listed = _chosen(lines)
    rest = [line for number, line in enumerate(lines) if number not in listed]
    rows = [lines[number] for number in listed]
    if rest:
        rows.append(_sum(Text(f"{counted(len(rest), 'more table', 'more tables')}", "dim"), rest))
    total = _sum(Text(counted(len(lines), "table"), "bold"), lines)
    moved, proved, rejected = bool(report.tables), report.proof is not None, bool(total.rejected)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("Table", max_width=_NAME_WIDTH, overflow="fold")
    table.add_column("Rows", justify="right", no_wrap=True)
    if rejected:
        table.add_column("Quarantine", justify="right", no_wrap=True)
    sampled = total.sampled is not None
    table.add_column("Sent" if moved else "Compared" if sampled else "Size", justify="right", no_wrap=True)
    if moved:
        table.add_column("Time", justify="right", no_wrap=True)
    if proved:
        table.add_column("Values", justify="right", no_wrap=True)
        table.add_column("Equal", no_wrap=True)
    for number, line in enumerate([*rows, total]):
        last = number == len(rows)
        cells: list[RenderableType] = [line.name, f"{line.rows:,}"]
        if rejected:
            cells.append(Text(f"{line.rejected:,}", "yellow" if line.rejected else "dim"))
        cells.append(f"{line.sampled or 0:,}" if sampled else size(line.bytes))
        if moved:
            cells.append(duration(report.stages.get("copy", line.seconds) if last else line.seconds))
        if proved:
            cells += [f"{line.values:,}", _equality(line)]
        table.add_row(*cells, style="bold" if last else "", end_section=number == len(rows) - 1)
    return table


def _lines(report: MoveReport) -> list[_Line]:
    results = {table.source: table for table in report.tables}
    proofs = {table.table: table for table in report.proof.tables} if report.proof else {}
    lines = []
    for plan in report.plan.tables:
        name = plan.source.name
        label = shown(name)
        if plan.target.name != name:
            label = joined(label, Text(" as ", "dim"), shown(plan.target.name))
        lines.append(_line(label, plan.profile.rows, plan.profile.bytes, results.get(name), proofs.get(name)))
    return lines


def _line(label: Text, rows: int, volume: int, result: TableResult | None, proof: TableProof | None) -> _Line:
    return _Line(
        label,
        result.rows_copied if result else proof.rows_source if proof else rows,
        result.rows_rejected if result else proof.rows_rejected if proof else 0,
        result.bytes if result else volume,
        result.seconds if result else 0.0,
        proof.values_compared if proof else 0,
        proof is not None,
        proof.equal if proof else True,
        proof.sample.rows if proof and proof.sample else None,
    )


def _chosen(lines: Sequence[_Line]) -> list[int]:
    """Return which lines to show: those with something to see first, then the largest, in their own order."""
    numbers = range(len(lines))
    if len(lines) <= MAX_TABLES:
        return list(numbers)
    by_interest = sorted(numbers, key=lambda n: (lines[n].equal, not lines[n].rejected, -lines[n].rows, n))
    return sorted(by_interest[: MAX_TABLES - 1])


def _sum(name: Text, lines: Sequence[_Line]) -> _Line:
    return _Line(
        name,
        sum(line.rows for line in lines),
        sum(line.rejected for line in lines),
        sum(line.bytes for line in lines),
        sum(line.seconds for line in lines),
        sum(line.values for line in lines),
        any(line.compared for line in lines),
        all(line.equal for line in lines),
        sum(line.sampled or 0 for line in lines) if any(line.sampled is not None for line in lines) else None,
    )


def _equality(line: _Line) -> Text:
    if not line.compared:
        return Text("not compared", "dim")
    if line.equal and line.sampled is not None:
        return Text("✓ in the sample", "green") if line.sampled or not line.rows else Text("only counted", "yellow")
    return Text("✓ equal", "green") if line.equal else Text("✗ different", "red")


def _rejected(report: MoveReport) -> Iterator[RenderableType]:
    count = rows_rejected(report)
    if not count:
        return
    yield heading("In quarantine", counted(count, "row"))
    for row in report.rejections[:MAX_REJECTED]:
        place = joined(shown(row.table, "bold"), " ", shown(row.row), " ", shown(row.column, "bold"))
        yield joined(place, ": ", shown(row.reason))
    if count > MAX_REJECTED:
        yield Text(f"and {counted(count - min(len(report.rejections), MAX_REJECTED), 'row')} more", "dim")


def _difference(item: Difference) -> RenderableType:
    what = shown(item.column, "bold") if item.column else Text("the whole row")
    where = joined(shown(item.table, "bold"), " ", shown(item.row), " ", what)
    source, target = difference_lines(item.source, item.target, _VALUE_WIDTH)
    lines = joined(Text("source  ", "dim"), Text(source, "green"), Text("\ntarget  ", "dim"), Text(target, "red"))
    return Group(where, indented(lines))


def _closing(report: MoveReport, files: Sequence[str | Path]) -> Iterator[RenderableType]:
    facts: list[tuple[str, Text]] = []
    if report.estimate:
        estimate = report.estimate
        facts.append(("Estimate", Text(f"{duration(estimate.seconds)}, {size(estimate.bytes)} in the target")))
    notes = sum(problem.level == "note" for problem in report.plan.problems)
    if notes:
        facts.append(("Notes", Text(f"{notes:,}: see the report or exuvia plan")))
    places = {row.stored: None for row in report.rejections if row.stored}
    if places and report.status != "different":
        facts.append(("Rejected rows", Text(", ").join(shown(place) for place in places)))
    if report.quarantine_file:
        facts.append(("also in a file" if places else "Rejected rows", shown(report.quarantine_file)))
    facts += [("Report", shown(file)) for file in files]
    if facts:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, fact in facts:
            grid.add_row(name, fact)
        yield indented(grid)
