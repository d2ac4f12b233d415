"""A plan in the terminal: every decision with its evidence."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exuvia.move.plan import ColumnPlan, Fate, Plan, TablePlan
from exuvia.report.terminal_parts import heading, joined, left_out_view, problems_view, shown
from exuvia.report.words import counted, size

_NAME_WIDTH = 28


def plan_view(plan: Plan) -> RenderableType:
    """Return a plan: each column's type with the reason and what the values showed, then problems and objects."""
    rows = sum(table.profile.rows for table in plan.tables)
    what = f"{counted(len(plan.tables), 'table')}, {counted(rows, 'row')}, style {plan.style}"
    parts: list[RenderableType] = [joined(shown(plan.catalog.label, "bold"), Text(f"  {what}", "dim"))]
    for table in plan.tables:
        parts += [_title(table), _columns(table)]
    parts += problems_view(plan.problems)
    parts += _translated(plan)
    parts += left_out_view(plan.objects)
    return Group(*parts)


def _title(table: TablePlan) -> Text:
    name, target = table.source.name, table.target
    title = joined("\n", shown(name, "bold"))
    if target.name != name or target.schema != "public":
        title += joined(Text(" → ", "dim"), shown(f"{target.schema}.{target.name}", "bold"))
    return title + Text(f"  {counted(table.profile.rows, 'row')}, {size(table.profile.bytes)}", "dim")


def _columns(table: TablePlan) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(max_width=_NAME_WIDTH, overflow="fold")
    grid.add_column(ratio=1, overflow="fold")
    for column in table.columns:
        grid.add_row(joined("  ", shown(column.source.name)), _decision(column))
    return grid


def _decision(column: ColumnPlan) -> Text:
    source, target = column.source, column.target
    text = joined(shown(source.declared_type or "no type", "dim"), Text(" → ", "dim"), Text(str(target.type), "cyan"))
    if target.name != source.name:
        text += joined(Text(" as ", "dim"), shown(target.name, "bold"))
    flags = [
        *(["not null"] if target.not_null else []),
        *(["identity"] if target.identity else []),
        *([f"default {target.default}"] if target.default else []),
        *([f"generated as {target.generated}"] if target.generated else []),
    ]
    if flags:
        text += shown(f" {', '.join(flags)}")
    text += joined("\n", shown(column.reason, "dim"), Text("; ", "dim"), shown(column.evidence, "dim"))
    if column.on_misfit == "null":
        text += Text("\nvalues that do not fit become NULL", "yellow")
    return text


def _translated(plan: Plan) -> list[RenderableType]:
    found = [item for item in plan.objects if item.fate in (Fate.TRANSLATED, Fate.REPLACED)]
    if not found:
        return []
    lines = [
        joined(Text(f"{item.kind} ", "dim"), shown(item.name, "bold"), f" {item.fate.value}: ", shown(item.reason))
        for item in found
    ]
    return [heading("Translated", counted(len(found), "object")), *lines]
