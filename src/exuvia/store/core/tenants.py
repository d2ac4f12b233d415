"""Tables whose rows belong to a project, and perhaps to a session in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.scope import Scope

# The table of projects and the table of sessions are known by their own ids.
_OWN_IDS: Final = {("projects", "id"): "project", ("sessions", "id"): "session"}
_MEANINGS: Final = {"project_id": "project", "session_id": "session"}
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_PART: Final = re.compile(r"([a-z_]+)_[0-9a-f]{16}")
# What can be searched is of all kinds, some of which know no sessions.
_SHARED: Final = {"search_entries"}

_POSTGRES: Final = """
SELECT relname, attname, 'table', false
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = :schema
JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relkind IN ('r', 'p')
"""
_SQLITE: Final = """
SELECT list.name, column_of.name, list.type, list.type = 'table' AND NOT list.wr
FROM pragma_table_list AS list, pragma_table_xinfo(list.name) AS column_of
WHERE list.schema = 'main' AND list.type IN ('table', 'view', 'virtual', 'shadow')
  AND list.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A table whose rows belong to a project.

    Args:
        table: Its name.
        project: The column that has the project.
        session: The column that has the session, if it has one.
        rowid: Whether it has SQLite's rowid.
        shared: Whether a row without a session is every session's.
        view: Whether it is a view, into which nothing is written.
    """

    table: str
    project: str
    session: str | None = None
    rowid: bool = False
    shared: bool = False
    view: bool = False

    def condition(self, alias: str, scope: Scope) -> str:
        """Say which of its rows a scope has; the parameters are ``exuvia_project`` and ``exuvia_session``."""
        own = f"{alias}.{self.project} = :exuvia_project"
        if scope.session is None or self.session is None:
            return own
        return f"{own} AND {self.member(f'{alias}.{self.session}', ':exuvia_session')}"

    def member(self, column: str, session: str) -> str:
        """Say that a row's column has a session, or has none where such rows are shared."""
        return f"({column} IS NULL OR {column} = {session})" if self.shared else f"{column} = {session}"


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that a store finds.

    Args:
        tenants: Those whose rows belong to a project, by name.
        indexes: SQLite's virtual tables and what is behind them: every project's rows, told apart by a join only.
        common: The others.
    """

    tenants: Mapping[str, Tenant] = field(default_factory=dict)
    indexes: frozenset[str] = frozenset()
    common: frozenset[str] = frozenset()

    def tenant(self, name: str) -> Tenant | None:
        """Return the table of tenants with a name; it may be a part of one that was made since the store was opened."""
        found = self.tenants.get(name)
        if found is None and (part := _PART.fullmatch(name)) and part[1] in self.tenants:
            return replace(self.tenants[part[1]], table=name)
        return found


def find_tables(dialect: Dialect, schema: str) -> Operation[Tables]:
    """List the tables of the store's schema, or of the file."""
    rows = yield Statement(_POSTGRES, {"schema": schema}) if dialect.is_postgres else Statement(_SQLITE)
    columns: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    rowids = set()
    for table, column, kind, has_rowid in rows:
        kinds[table] = kind
        meanings = columns.setdefault(table, {})
        if (table, column) in _OWN_IDS or column in _MEANINGS:
            meanings.setdefault(_OWN_IDS.get((table, column)) or _MEANINGS[column], column)
        rowids |= {table} if has_rowid else set()
    virtual = frozenset(table for table, kind in kinds.items() if kind in {"virtual", "shadow"})
    tenants = {
        table: Tenant(
            table,
            found["project"],
            found.get("session"),
            rowid=table in rowids,
            shared=table in _SHARED,
            view=kinds[table] == "view",
        )
        for table, found in columns.items()
        if "project" in found and table not in virtual and _PLAIN.fullmatch(table)
    }
    return Tables(tenants, virtual, frozenset(columns.keys() - tenants.keys() - virtual))
