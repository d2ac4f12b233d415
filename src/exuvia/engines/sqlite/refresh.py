"""Full-text indexes that the application keeps by triggers: while triggers do not fire they go stale."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from exuvia.catalog.model import Catalog
from exuvia.engines.sqlite.fulltext import full_text, is_full_text
from exuvia.engines.sqlite.order import quote


def refresh_search(connection: apsw.Connection, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Build the full-text indexes over other tables' texts anew, inside the caller's transaction.

    Args:
        connection: A writer's connection.
        catalog: The database.

    Yields:
        The name of each such table, and why it could not be built anew, empty where it was.
    """
    for virtual in catalog.virtual_tables:
        if not is_full_text(virtual):
            continue
        found = full_text(virtual)
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
