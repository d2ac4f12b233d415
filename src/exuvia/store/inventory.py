"""What a store is and how much is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Where
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.scope import Scope
from exuvia.store.core.tenants import find_tables

_POSTGRES_BYTES: Final = """
SELECT relname, pg_total_relation_size(pg_class.oid)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = :schema
WHERE relkind IN ('r', 'p')
"""
_SQLITE_BYTES: Final = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table.

    Args:
        name: Its name.
        rows: How many rows it has, or how many of them are the bound project's.
        bytes: What it takes on the disk, its indexes included; None on SQLite.
    """

    name: str
    rows: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Info:
    """A store.

    Args:
        capabilities: The engine, its version, and what it can do.
        steps: The numbered steps of the schema that were done, with their names.
        tables: Its tables, by name.
        bytes: What all of it takes on the disk; on SQLite the whole file.
    """

    capabilities: Capabilities
    steps: tuple[tuple[int, str], ...]
    tables: tuple[TableInfo, ...]
    bytes: int


def take_stock(dialect: Dialect, capabilities: Capabilities, scope: Scope) -> Operation[Info]:
    """Count what there is."""
    schema = (yield Statement("SELECT current_schema()"))[0][0] if dialect.is_postgres else ""
    steps = yield Statement("SELECT number, name FROM exuvia_schema ORDER BY number")
    found = yield from find_tables(dialect, schema)
    sizes: dict[str, int] = dict((yield Statement(_POSTGRES_BYTES, {"schema": schema}))) if dialect.is_postgres else {}
    tables = []
    for tenant in sorted(found.tenants.values(), key=lambda each: each.table):
        own = Where().equal(tenant.project, scope.project)
        rows = yield Statement(f"SELECT count(*) FROM {tenant.table} WHERE {own}", own.parameters)
        tables.append(TableInfo(tenant.table, rows[0][0], sizes.get(tenant.table)))
    whole = sum(sizes.values()) if dialect.is_postgres else (yield Statement(_SQLITE_BYTES))[0][0]
    return Info(capabilities, tuple((number, name) for number, name in steps), tuple(tables), whole)
