"""The triggers that note what changes, and that refuse writes to a secondary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from exuvia.store.core.failures import DEMOTED_WORDS
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.dual.side import Side
from exuvia.store.dual.tables import COLLECTIONS, VECTORS, Table

PREFIX: Final = "exuvia_dual_"
_EVENTS: Final = {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}
_SQLITE_THERE: Final = (
    "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'exuvia\\_dual\\_%' ESCAPE '\\'"
)
_POSTGRES_THERE: Final = """
SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = current_schema()::regnamespace AND tgname LIKE 'exuvia\\_dual\\_%' AND NOT tgisinternal
"""


def install(side: Side, tables: Sequence[Table], peer: str) -> tuple[Table, ...]:
    """Make a database note changes; doing it again changes nothing.

    Args:
        side: The database.
        tables: The tables that are carried over.
        peer: Where the other database is, without secrets.

    Returns:
        The tables whose changes were not noted before.
    """
    if not side.dialect.is_postgres:
        return side.transact(_into_sqlite(tables, peer))
    there = {table for _, table in side.run(_there())}
    new = tuple(table for table in tables if table.name not in there)
    for table in new:  # one by one, so that no two of the locks that this takes are held at once
        side.transact(_watch(table))
    return new


def remove(side: Side) -> None:
    """Take a database's triggers, its outbox and its role away."""
    side.transact(_removing(side))


def _there() -> Operation[list[Any]]:
    return (yield Statement(_POSTGRES_THERE))


def _watch(table: Table) -> Operation[None]:
    storages = [table.name]
    if table.name == VECTORS:
        rows = yield Statement(f"SELECT DISTINCT storage FROM {COLLECTIONS} WHERE storage <> '{VECTORS}'")
        storages += [storage for (storage,) in rows]
    for storage in storages:
        yield Statement(
            "SELECT outbox_watch(:storage, :noted, :key)",
            {"storage": storage, "noted": table.name, "key": ", ".join(table.key)},
        )


def _into_sqlite(tables: Sequence[Table], peer: str) -> Operation[tuple[Table, ...]]:
    there: dict[str, str] = dict((yield Statement(_SQLITE_THERE)))
    wanted = {name: sql for table in tables for name, sql in _triggers(table, peer)}
    for name in there.keys() - {name for name, sql in wanted.items() if there.get(name) == sql}:
        yield Statement(f'DROP TRIGGER "{name}"')
    for name, sql in wanted.items():
        if there.get(name) != sql:
            yield Statement(sql)
    return tuple(table for table in tables if f"{PREFIX}insert_{table.name}" not in there)


def _triggers(table: Table, peer: str) -> Iterator[tuple[str, str]]:
    refusal = f"{DEMOTED_WORDS}{peer}".replace("'", "''")
    for event, images in _EVENTS.items():
        name = f"{PREFIX}{event}_{table.name}"
        keys = [f"json_array({', '.join(f'{image}.{part}' for part in table.key)})" for image in images]
        noted = f"SELECT '{table.name}', {keys[0]}" + "".join(
            f" UNION SELECT '{table.name}', {key}" for key in keys[1:]
        )
        yield (
            name,
            f'CREATE TRIGGER "{name}" AFTER {event} ON {table.name}'
            " WHEN NOT EXISTS (SELECT 1 FROM outbox_applying) BEGIN\n"
            f"  SELECT raise(ABORT, '{refusal}') FROM dual_role WHERE role <> 'primary';\n"
            f"  INSERT INTO outbox (table_name, key) {noted};\n"
            "  END",
        )


def _removing(side: Side) -> Operation[None]:
    if side.dialect.is_postgres:
        for name, table in (yield Statement(_POSTGRES_THERE)):
            yield Statement(f'DROP TRIGGER "{name}" ON {table}')
    else:
        for name, _ in (yield Statement(_SQLITE_THERE)):
            yield Statement(f'DROP TRIGGER "{name}"')
    yield Statement("DELETE FROM outbox")
    yield Statement("DELETE FROM dual_role")
