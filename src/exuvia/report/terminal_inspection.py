"""What is in a SQLite file, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from exuvia.catalog.model import Catalog, Column
from exuvia.catalog.model import Table as SourceTable
from exuvia.move.pipeline import Inspection
from exuvia.report.held import held
from exuvia.report.terminal_parts import Entry, entries, heading, indented, joined, shown
from exuvia.report.words import counted, size
from exuvia.values.profile import Profile, TableProfile


def inspection_view(inspection: Inspection) -> RenderableType:
    """Return what a file holds: its tables with what each column really stores, its other objects, its notes."""
    catalog, profile = inspection.catalog, inspection.profile
    parts: list[RenderableType] = [_file(catalog, profile)]
    tables = [*catalog.tables, *catalog.derived]
    found = [profile.tables.get(table.name) for table in tables]
    lists = entries([_columns(table, seen) if seen else [] for table, seen in zip(tables, found, strict=True)])
    for table, seen, columns in zip(tables, found, lists, strict=True):
        parts.append(_title(table, seen))
        if seen:
            parts.append(columns)
        else:
            why = profile.unreadable.get(table.name, "its rows were not read")
            parts.append(indented(joined(Text("cannot be read: ", "yellow"), shown(why))))
        parts += [] if table.query else _constraints(table)
    parts += _objects(catalog)
    if catalog.notes:
        parts += [heading("Notes", f"{len(catalog.notes):,}"), *(shown(note) for note in catalog.notes)]
    return Group(*parts)


def _file(catalog: Catalog, profile: Profile) -> Text:
    rows = sum(profile.tables[table.name].rows for table in catalog.tables if table.name in profile.tables)
    figures = f"{counted(len(catalog.tables), 'table')}, {counted(rows, 'row')}, {size(catalog.size_bytes)}"
    marks = [f"{catalog.encoding}, journal mode {catalog.journal_mode}"]
    marks += [f"application_id {catalog.application_id}"] if catalog.application_id else []
    marks += [f"user_version {catalog.user_version}"] if catalog.user_version else []
    return joined(shown(catalog.label, "bold"), Text(f"  {figures}\n{', '.join(marks)}", "dim"))


def _title(table: SourceTable, found: TableProfile | None) -> Text:
    marks = [
        *([f"{counted(found.rows, 'row')}, {size(found.bytes)}"] if found else []),
        *(["not stored as a table"] if table.query else []),
        *(["STRICT"] if table.strict else []),
        *(["WITHOUT ROWID"] if table.without_rowid else []),
        *([f"AUTOINCREMENT at {table.sequence or 0:,}"] if table.autoincrement else []),
    ]
    return joined("\n", shown(table.name, "bold"), Text(f"  {', '.join(marks)}", "dim"))


def _columns(table: SourceTable, found: TableProfile) -> list[Entry]:
    return [Entry(shown(column.name), _declared(column), _held(column, found)) for column in table.columns]


def _declared(column: Column) -> Text:
    flags = [column.declared_type or "no type"]
    flags += ["not null"] if column.not_null else []
    flags += [f"collate {column.collation}"] if column.collation.upper() != "BINARY" else []
    flags += ["generated"] if column.generated else []
    return shown(", ".join(flags), "dim")


def _held(column: Column, found: TableProfile) -> Text:
    facts = found.columns.get(column.name)
    return shown(held(facts)) if facts else Text("not read", "dim")


def _constraints(table: SourceTable) -> Iterator[RenderableType]:
    parts = [
        *([f"primary key ({', '.join(table.primary_key.columns)})"] if table.primary_key else ["no primary key"]),
        *(f"unique ({', '.join(key.columns)})" for key in table.uniques),
        *(f"({', '.join(key.columns)}) references {key.target_table}" for key in table.foreign_keys),
        *([counted(len(table.checks), "check")] if table.checks else []),
        *([counted(len(table.indexes), "index", "indexes")] if table.indexes else []),
    ]
    yield indented(shown("; ".join(parts), "dim"))


def _objects(catalog: Catalog) -> Iterator[RenderableType]:
    amount = len(catalog.views) + len(catalog.triggers) + len(catalog.virtual_tables) + len(catalog.unreadable)
    if not amount:
        return
    yield heading("Other objects", f"{amount:,}")
    if catalog.views:
        yield _listed("view", [shown(view.name, "bold") for view in catalog.views])
    owners: dict[str, list[Text]] = {}
    for trigger in catalog.triggers:
        owners.setdefault(trigger.table, []).append(shown(trigger.name, "bold"))
    for owner, names in owners.items():
        yield _listed("trigger", names) + joined(Text(" on ", "dim"), shown(owner))
    for table in catalog.virtual_tables:
        shadows = f", {counted(len(table.shadows), 'shadow table')}" if table.shadows else ""
        about = joined(Text(" by ", "dim"), shown(table.module), Text(shadows, "dim"))
        yield joined(Text("virtual table ", "dim"), shown(table.name, "bold"), about)
    for item in catalog.unreadable:
        yield joined(Text(f"{item.kind} ", "dim"), shown(item.name, "bold"), ": ", shown(item.reason, "yellow"))


def _listed(kind: str, names: Sequence[Text]) -> Text:
    word = kind if len(names) == 1 else f"{kind}s"
    return joined(Text(f"{word} ", "dim"), Text(", ").join(names))
