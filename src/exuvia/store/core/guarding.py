"""What SQLite's writing connection checks of a bound store's rows: the WITH CHECK of row-level security.

Temporary triggers belong to the connection and not to the file, so other programs do not meet them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw

from exuvia.store.core.scope import Scope
from exuvia.store.core.tenants import Tables, Tenant


class Guard:
    """Refuses rows of other projects on one connection.

    Args:
        database: The connection.
        tables: What is there.
    """

    def __init__(self, database: apsw.Connection, tables: Tables) -> None:
        self._database = database
        self._tables = tables
        self._scope = Scope()
        database.create_scalar_function("exuvia_foreign", self._is_foreign, 2)

    def enter(self, scope: Scope) -> None:
        """Refuse, from now on, what is not in this scope."""
        if scope.project is not None and not self._stands():
            for statement in self._triggers():
                self._database.execute(statement)
        self._scope = scope

    def _stands(self) -> bool:
        """Tell whether the triggers are there; a transaction that was rolled back may have taken them along."""
        look = "SELECT 1 FROM temp.sqlite_schema WHERE name LIKE 'exuvia_guard_%' LIMIT 1"
        return not self._tables.tenants or bool(self._database.execute(look).fetchall())

    def _triggers(self) -> Iterator[str]:
        for tenant in (each for each in self._tables.tenants.values() if not each.view):
            refusal = f"new row violates row-level security policy for table {tenant.table}"
            for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW"))):
                foreign = " OR ".join(f"exuvia_foreign({_owner(tenant, row)})" for row in rows)
                yield (
                    f'CREATE TEMP TRIGGER "exuvia_guard_{event}_{tenant.table}" BEFORE {event} ON main."{tenant.table}"'
                    f" WHEN {foreign} BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
                )

    def _is_foreign(self, *owner: Any) -> bool:
        scope, (project, session) = self._scope, owner
        if scope.project is None:
            return False
        return project != scope.project or (scope.session is not None and session not in {0, scope.session})


def _owner(tenant: Tenant, row: str) -> str:
    """Return the arguments for a row: 0 stands for the session of a table that has none."""
    if tenant.session is None:
        return f'{row}."{tenant.project}", 0'
    session = f'{row}."{tenant.session}"'
    return f'{row}."{tenant.project}", ' + (f"coalesce({session}, 0)" if tenant.shared else session)
