"""Reading the change log: how far it goes, which keys it names, which rows are there now; and pruning it.

A follower takes a snapshot, asks how far the log goes in it, removes from its copy every key that the log names since
its last position, and puts in the rows that the same snapshot has at these keys. The copy then equals the snapshot,
whatever the order and number of the changes were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from exuvia.catalog.model import Column, Table
from exuvia.engines.sqlite.capture import state
from exuvia.engines.sqlite.capture.own import LOG
from exuvia.engines.sqlite.capture.plan import CapturedTable, KeyColumn, Seek
from exuvia.engines.sqlite.errors import is_busy, source_error
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.read import ColumnRead
from exuvia.errors import SourceError
from exuvia.values.profile import Chunk

PRUNED_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Changes:
    """What the log holds after a position, in one snapshot.

    Args:
        after: The position.
        up_to: The end of the log: the next position.
        rows: The number of log rows by the captured table's number; the same key may come more than once.
    """

    after: int
    up_to: int
    rows: Mapping[int, int]


def position(connection: apsw.Connection) -> int:
    """Return the end of the log: the highest sequence number, or 0.

    Args:
        connection: A connection inside a snapshot.
    """
    row = connection.execute(f"SELECT max(seq) FROM main.{LOG}").fetchone()
    return max(int(row[0] or 0) if row else 0, _pruned(connection))


def kept(connection: apsw.Connection) -> int:
    """Return about how many changes the log holds, those that are applied and not pruned yet included."""
    return max(position(connection) - _pruned(connection), 0)


def changes(connection: apsw.Connection, after: int, label: str) -> Changes:
    """Return what the log holds after a position.

    Args:
        connection: A connection inside a snapshot.
        after: The follower's position.
        label: The database's name for people.

    Raises:
        SourceError: ``log_gap``: the log does not reach back to ``after``, or ends before it, as when either side
            was restored from a backup; ``unreadable`` and the like: SQLite cannot read.
    """
    try:
        pruned, end = _pruned(connection), position(connection)
        query = f"SELECT t, count(*) FROM main.{LOG} WHERE seq > ? AND seq <= ? GROUP BY t"
        rows = {int(str(table)): int(str(count)) for table, count in connection.execute(query, (after, end))}
    except apsw.Error as error:
        raise source_error(error, label) from error
    if not pruned <= after <= end:
        raise SourceError(
            f"The change log of {label} has the changes from {pruned} to {end}, not those after {after}.",
            hint="One of the two sides was restored or replaced: begin the move anew.",
            code="log_gap",
        )
    return Changes(after, end, rows)


def changed_keys(table: CapturedTable, found: Changes) -> tuple[Table, list[ColumnRead]]:
    """Return the distinct keys that the log names, those that are gone included, for ``Reader.batches``.

    They come in no particular order, under the names of the key's columns.

    Args:
        table: The table.
        found: From where to where.
    """
    names = [quote(column.name) for column in table.key]
    values = ", ".join(f"k{number} AS {name}" for number, name in enumerate(names, 1))
    distinct = ", ".join(_exactly(f"k{number}", column) for number, column in enumerate(table.key, 1))
    query = f"SELECT {values} FROM main.{LOG} WHERE {_range(table, found)} GROUP BY {distinct}"
    columns = tuple(Column(column.name) for column in table.key)
    reads = [ColumnRead(column.name, column.classes) for column in table.key]
    return Table(f"changed keys of {table.name}", columns, rowid_name=None, query=query), reads


def whole(found: Changes, table: CapturedTable, *, max_row_bytes: int = 0) -> Chunk:
    """Return the chunk without bounds that ``Reader.batches`` reads changed keys and rows by.

    Args:
        found: From where to where.
        table: The table.
        max_row_bytes: About the size of its largest row, by which batches are cut; 0 has the reader look at the
            changed rows twice, first for their sizes.
    """
    return Chunk(0, None, None, found.rows.get(table.number, 0), max_row_bytes)


def rows_at_keys(table: CapturedTable, found: Changes) -> str:
    """Return the condition, for ``Reader.batches``, of the rows that are at the changed keys now.

    Args:
        table: The table.
        found: From where to where.
    """
    within = _range(table, found)
    if table.seek is Seek.ROWID:
        return f"{quote(table.key[0].name)} IN (SELECT k1 FROM main.{LOG} WHERE {within})"
    if table.seek is Seek.SCAN:
        ours = ", ".join(_exactly(quote(column.name), column) for column in table.key)
        theirs = ", ".join(_exactly(f"k{number}", column) for number, column in enumerate(table.key, 1))
        return f"({ours}) IN (SELECT {theirs} FROM main.{LOG} WHERE {within})"
    sought = [quote(table.rowid or "")] if table.seek is Seek.INDEX else [quote(column.name) for column in table.key]
    found_at = ", ".join(f"r.{name}" for name in sought)
    equal = " AND ".join(_equal(f"r.{quote(column.name)}", f"l.k{n}", column) for n, column in enumerate(table.key, 1))
    left = sought[0] if len(sought) == 1 else f"({', '.join(sought)})"
    logged = ", ".join(f"k{number}" for number, _ in enumerate(table.key, 1))
    distinct = ", ".join(_exactly(f"k{number}", column) for number, column in enumerate(table.key, 1))
    # Each key once: many rows may share one that holds NULL. CROSS JOIN fixes the order: from the keys to the rows
    keys = f"SELECT {logged} FROM main.{LOG} WHERE {within} GROUP BY {distinct}"
    join = f"({keys}) AS l CROSS JOIN main.{quote(table.name)} AS r ON {equal}"
    return f"{left} IN (SELECT {found_at} FROM {join})"


def prune(connection: apsw.Connection, up_to: int, label: str) -> bool:
    """Delete log rows that are not needed any more, at most 20,000, in a short transaction of its own.

    The highest row stays, so that sequence numbers never come twice.

    Args:
        connection: A writer's connection, outside a transaction.
        up_to: The position up to which every change has been applied for good.
        label: The database's name for people.

    Returns:
        Whether there may be more to delete: the limit was reached, somebody else was writing, or the disk is full.

    Raises:
        SourceError: SQLite cannot write.
    """
    timeout = int(str(connection.pragma("busy_timeout")))
    connection.set_busy_timeout(0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            done = _pruned(connection)
            end = min(up_to, done + PRUNED_AT_ONCE)
            connection.execute(
                f"DELETE FROM main.{LOG} WHERE seq <= ? AND seq < (SELECT max(seq) FROM main.{LOG})", (end,)
            )
            state.put(connection, "pruned", max(done, end))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except apsw.Error as error:
        if is_busy(error) or isinstance(error, apsw.FullError):
            return True
        raise source_error(error, label) from error
    finally:
        connection.set_busy_timeout(timeout)
    return end < up_to


def _pruned(connection: apsw.Connection) -> int:
    return int(str(state.get(connection, "pruned") or 0))


def _range(table: CapturedTable, found: Changes) -> str:
    return f"seq > {found.after} AND seq <= {found.up_to} AND t = {table.number}"


def _exactly(sql: str, column: KeyColumn) -> str:
    """A value as SQL that is equal for the same values alone: 1 and 1.0 differ, NULL equals NULL."""
    return sql if column.integer else f"typeof({sql}), coalesce({sql}, 0) COLLATE BINARY"


def _equal(row: str, logged: str, column: KeyColumn) -> str:
    sign = "IS" if column.nullable else "="
    equal = f"{row} COLLATE {quote(column.collation)} {sign} {logged}"
    if column.exact:
        return equal
    return f"{equal} AND {row} COLLATE BINARY {sign} {logged} AND typeof({row}) = typeof({logged})"
