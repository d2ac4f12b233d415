"""Full-text indexes that the application keeps by triggers: while triggers do not fire they go stale."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import apsw

from exuvia.catalog.model import Catalog
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.fulltext import full_text, is_full_text
from exuvia.engines.sqlite.order import quote


def refresh_search(
    connection: apsw.Connection, catalog: Catalog, changed: Collection[str] | None = None
) -> Iterator[tuple[str, str]]:
    """Build the full-text indexes over other tables' texts anew, inside the caller's transaction.

    Args:
        connection: A writer's connection.
        catalog: The database.
        changed: The tables whose texts may have changed; None for all. Over a view, the change of any table counts.

    Yields:
        The name of each such table, and why it could not be built anew, empty where it was.
    """
    tables = {fold(table.name) for table in catalog.tables}
    names = None if changed is None else {fold(name) for name in changed}
    for virtual in catalog.virtual_tables:
        if not is_full_text(virtual):
            continue
        found = full_text(virtual)
        content = fold(found.content or "")
        if names is not None and not (content in names if content in tables else names):
            continue
        if found.content:
            yield virtual.name, _rebuild(connection, virtual.name)
        elif found.content is not None:
            yield virtual.name, "it keeps no text from which it could be built: the application has to fill it"


def _rebuild(connection: apsw.Connection, name: str) -> str:
    try:
        connection.execute(f"INSERT INTO main.{quote(name)}({quote(name)}) VALUES ('rebuild')")
    except apsw.Error as error:
        return str(error)
    return ""
