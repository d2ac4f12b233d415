"""SQLite's DDL for tables and indexes, as text: pure functions from the catalog's values to statements."""

from __future__ import annotations

from collections.abc import Iterable

from exuvia.catalog.model import Check, Column, ForeignKey, Index, IndexPart, Table
from exuvia.engines.sqlite.order import quote


def create_table(table: Table) -> str:
    """Return the statement that makes a table with all its constraints.

    An INTEGER PRIMARY KEY that aliases the rowid is written with its column, every other key after the columns.
    """
    lines = [_column(table, column) for column in table.columns]
    if table.primary_key is not None and table.rowid_column is None:
        lines.append(f"PRIMARY KEY ({_list(table.primary_key.columns)})")
    lines += [f"{_named(key.name)}UNIQUE ({_list(key.columns)})" for key in table.uniques]
    lines += [f"{_named(check.name)}CHECK ({check.expression})" for check in table.checks]
    lines += [_foreign_key(key) for key in table.foreign_keys]
    options = [word for word, wanted in (("WITHOUT ROWID", table.without_rowid), ("STRICT", table.strict)) if wanted]
    body = ",\n".join(f"  {line}" for line in lines)
    return f"CREATE TABLE {quote(table.name)} (\n{body}\n)" + (f" {', '.join(options)}" if options else "")


def create_index(table: str, index: Index) -> str:
    """Return the statement that makes an index."""
    parts = ", ".join(_part(part) for part in index.parts)
    where = f" WHERE {index.where}" if index.where else ""
    return f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {quote(index.name)} ON {quote(table)} ({parts}){where}"


def violates(table: str, check: Check) -> str:
    """Return the query that tells whether a row of the table breaks a check."""
    return f"SELECT EXISTS (SELECT 1 FROM {quote(table)} WHERE NOT ({check.expression}))"


def _column(table: Table, column: Column) -> str:
    parts = [quote(column.name), column.declared_type]
    if column.name == table.rowid_column:
        parts.append("PRIMARY KEY" + (" AUTOINCREMENT" if table.autoincrement else ""))
    if column.not_null:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if column.collation != "BINARY":
        parts.append(f"COLLATE {column.collation}")
    if column.generated is not None:
        kind = "STORED" if column.generated.stored else "VIRTUAL"
        parts.append(f"GENERATED ALWAYS AS ({column.generated.expression}) {kind}")
    return " ".join(part for part in parts if part)


def _foreign_key(key: ForeignKey) -> str:
    parts = [
        f"{_named(key.name)}FOREIGN KEY ({_list(key.columns)}) REFERENCES {quote(key.target_table)}"
        f" ({_list(key.target_columns)})",
        f"ON UPDATE {key.on_update}" if key.on_update != "NO ACTION" else "",
        f"ON DELETE {key.on_delete}" if key.on_delete != "NO ACTION" else "",
        "DEFERRABLE" if key.deferrable or key.initially_deferred else "",
        "INITIALLY DEFERRED" if key.initially_deferred else "",
    ]
    return " ".join(part for part in parts if part)


def _part(part: IndexPart) -> str:
    sql = quote(part.column) if part.column is not None else part.expression or ""
    collation = f" COLLATE {part.collation}" if part.collation != "BINARY" else ""
    return sql + collation + (" DESC" if part.descending else "")


def _named(name: str | None) -> str:
    return f"CONSTRAINT {quote(name)} " if name else ""


def _list(columns: Iterable[str]) -> str:
    return ", ".join(quote(column) for column in columns)
