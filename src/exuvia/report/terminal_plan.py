"""A plan in the terminal: every decision with its evidence."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from exuvia.move.plan import ColumnPlan, Fate, Plan, TablePlan
from exuvia.report.grouping import plural
from exuvia.report.terminal_parts import (
    Entry,
    entries,
    heading,
    joined,
    left_out_view,
    objects_view,
    problems_view,
    shown,
)
from exuvia.report.words import beyond_declared, counted, size

_NAIVE_TIMES = {
    "utc": "times without a zone are UTC where a zone is needed",
    "local": "times without a zone are local",
    "as-is": "times without a zone stay so",
}


def plan_view(plan: Plan) -> RenderableType:
    """Return a plan: each column's type with the reason and what the values showed, then problems and objects."""
    parts: list[RenderableType] = [_head(plan)]
    lists = entries([[_entry(column) for column in table.columns] for table in plan.tables])
    for table, columns in zip(plan.tables, lists, strict=True):
        parts += [_title(table), columns]
    parts += _objects(plan)
    parts += left_out_view(plan.objects)
    parts += problems_view(plan.problems)
    parts += [Text(), _conclusion(plan)]
    return Group(*parts)


def _head(plan: Plan) -> Text:
    rows = sum(table.profile.rows for table in plan.tables)
    figures = f"  {counted(len(plan.tables), 'table')}, {counted(rows, 'row')}, {size(plan.catalog.size_bytes)}"
    how = f"\nstyle {plan.style}; {_NAIVE_TIMES[plan.naive_time]}"
    folded = "; names in lower case" if plan.fold else ""
    return joined(shown(plan.catalog.label, "bold"), Text(figures, "dim"), Text(how + folded, "dim"))


def _title(table: TablePlan) -> Text:
    name, target = table.source.name, table.target
    title = joined("\n", shown(name, "bold"))
    if target.name != name or target.schema != "public":
        title += joined(Text(" → ", "dim"), shown(f"{target.schema}.{target.name}", "bold"))
    return title + Text(f"  {counted(table.profile.rows, 'row')}, {size(table.profile.bytes)}", "dim")


def _entry(column: ColumnPlan) -> Entry:
    source, target = column.source, column.target
    kind = joined(shown(source.declared_type or "no type", "dim"), Text(" → ", "dim"), Text(str(target.type), "cyan"))
    if target.name != source.name:
        kind += joined(Text(" as ", "dim"), shown(target.name, "bold"))
    flags = [
        *(["not null"] if target.not_null else []),
        *(["identity"] if target.identity else []),
        *([f"default {target.default}"] if target.default is not None else []),
        *([f"generated as {target.generated}"] if target.generated is not None else []),
    ]
    if flags:
        kind += Text(", ", "dim") + shown(", ".join(flags))
    reason = beyond_declared(column.reason, source.declared_type)
    about = joined(shown(f"{reason}; " if reason else ""), shown(column.evidence, "dim"))
    if column.on_misfit == "null":
        about += Text("; values that do not fit become NULL", "yellow")
    return Entry(shown(source.name), kind, about)


def _objects(plan: Plan) -> Iterator[RenderableType]:
    changed = [item for item in plan.objects if item.fate in (Fate.TRANSLATED, Fate.REPLACED)]
    yield from objects_view("Translated or replaced", changed)
    kinds: dict[str, int] = {}
    for item in plan.objects:
        if item.fate is Fate.MOVED:
            kinds[item.kind] = kinds.get(item.kind, 0) + 1
    if kinds:
        yield heading("Moved as they are", counted(sum(kinds.values()), "object"))
        yield Text(", ".join(counted(number, kind, plural(kind)) for kind, number in kinds.items()))


def _conclusion(plan: Plan) -> Text:
    levels = [problem.level for problem in plan.problems]
    parts = [counted(levels.count(level), level) for level in ("error", "warning", "note") if levels.count(level)] or [
        "no problem found"
    ]
    if "error" in levels:
        return joined(Text("✗ This move would be refused", "bold red"), f": {', '.join(parts)}")
    tone = "yellow" if "warning" in levels else "green"
    return joined(Text("✓ Ready to move", f"bold {tone}"), f": {', '.join(parts)}")
