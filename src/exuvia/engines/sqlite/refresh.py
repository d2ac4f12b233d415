"""Full-text indexes that the application keeps by triggers: while triggers do not fire they go stale."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import apsw

from exuvia.catalog.model import Catalog, Table
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.fulltext import FullText, full_text, is_full_text
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


def searches_over(catalog: Catalog, table: Table) -> tuple[FullText, ...] | None:
    """Return the full-text indexes over a table's texts that can be kept up to date row by row.

    Args:
        catalog: The database.
        table: The table.

    Returns:
        The indexes; None where one has to be built anew when the table changes: of FTS3 and FTS4, or over other columns
        than the table's, or over a view.
    """
    tables, columns = {fold(one.name) for one in catalog.tables}, {fold(column.name) for column in table.columns}
    found = [full_text(virtual) for virtual in catalog.virtual_tables if is_full_text(virtual)]
    if any(one.content and fold(one.content) not in tables for one in found):
        return None
    ours = tuple(one for one in found if fold(one.content or "") == fold(table.name))
    rowids = columns | ({"rowid", "oid", "_rowid_"} if table.rowid_name is not None else set())
    is_kept = all(
        one.module == "fts5" and fold(one.content_rowid) in rowids and {fold(name) for name in one.columns} <= columns
        for one in ours
    )
    return ours if is_kept else None


def _rebuild(connection: apsw.Connection, name: str) -> str:
    try:
        connection.execute(f"INSERT INTO main.{quote(name)}({quote(name)}) VALUES ('rebuild')")
    except apsw.Error as error:
        return str(error)
    return ""
