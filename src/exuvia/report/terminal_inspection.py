"""What is in a SQLite file, in the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exuvia.catalog.model import Catalog, Column
from exuvia.catalog.model import Table as SourceTable
from exuvia.move.pipeline import Inspection
from exuvia.move.planning.evidence import evidence
from exuvia.report.terminal_parts import heading, joined, shown
from exuvia.report.words import counted, size
from exuvia.values.profile import TableProfile

_NAME_WIDTH = 28


def inspection_view(inspection: Inspection) -> RenderableType:
    """Return what a file holds: its tables with what each column really stores, its other objects, its notes."""
    catalog, profile = inspection.catalog, inspection.profile
    parts: list[RenderableType] = [_file(catalog)]
    for table in catalog.tables:
        found = profile.tables.get(table.name)
        parts.append(_title(table, found))
        if found:
            parts.append(_columns(table, found))
        elif table.name in profile.unreadable:
            parts.append(joined("  ", Text("cannot be read: ", "yellow"), shown(profile.unreadable[table.name])))
    parts += _objects(catalog)
    if catalog.notes:
        parts += [heading("Notes", f"{len(catalog.notes):,}"), *(shown(note) for note in catalog.notes)]
    return Group(*parts)


def _file(catalog: Catalog) -> Text:
    what = f"{size(catalog.size_bytes)}, {catalog.encoding}, journal mode {catalog.journal_mode}"
    return joined(shown(catalog.label, "bold"), Text(f"  {what}", "dim"))


def _title(table: SourceTable, found: TableProfile | None) -> Text:
    title = joined("\n", shown(table.name, "bold"))
    return title + Text(f"  {counted(found.rows, 'row')}, {size(found.bytes)}" if found else "", "dim")


def _columns(table: SourceTable, found: TableProfile) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(max_width=_NAME_WIDTH, overflow="fold")
    grid.add_column(max_width=20, overflow="fold", style="dim")
    grid.add_column(ratio=1, overflow="fold")
    for column in table.columns:
        grid.add_row(joined("  ", shown(column.name)), shown(column.declared_type), _held(column, found))
    return grid


def _held(column: Column, found: TableProfile) -> Text:
    facts = found.columns.get(column.name)
    return shown(evidence(facts)) if facts else Text("computed" if column.generated else "not read", "dim")


def _objects(catalog: Catalog) -> list[RenderableType]:
    named = [
        *(("view", view.name) for view in catalog.views),
        *(("trigger", trigger.name) for trigger in catalog.triggers),
        *((f"virtual table ({table.module})", table.name) for table in catalog.virtual_tables),
    ]
    lines = [joined(Text(f"{kind} ", "dim"), shown(name, "bold")) for kind, name in named]
    lines += [
        joined(Text(f"{item.kind} ", "dim"), shown(item.name, "bold"), ": ", shown(item.reason))
        for item in catalog.unreadable
    ]
    return [heading("Other objects", f"{len(lines):,}"), *lines] if lines else []
