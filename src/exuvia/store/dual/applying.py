"""Carrying over what was noted: the rows as they are now, in one transaction of the other database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from exuvia.store.core.dialect import Dialect, Engine
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.dual.forms import Key, NeutralRow, parameter
from exuvia.store.dual.rows import Rows
from exuvia.store.dual.tables import Table
from exuvia.store.dual.vectors import rows_of

T = TypeVar("T")
Keys = dict[str, set[Key]]
Read = Callable[[Operation[Any]], Any]

_MARK: Final = "INSERT INTO outbox_applying (marker) VALUES (1)"
_UNMARK: Final = "DELETE FROM outbox_applying"
_SNAPSHOT: Final[dict[Engine, str]] = {
    "sqlite": "BEGIN",
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}


class Carrier:
    """Makes the rows of given keys in one database as they are in the other.

    Args:
        tables: The tables that are carried over, parents before children.
        source: The dialect of the database that has the rows.
        target: The dialect of the one to be written.
    """

    def __init__(self, tables: tuple[Table, ...], source: Dialect, target: Dialect) -> None:
        self.tables = tables
        self._engine = source.engine
        self.source = {table.name: rows_of(table, source) for table in tables}
        self.target = {table.name: rows_of(table, target) for table in tables}
        self._children = [(child, parent) for child in tables for parent in child.parents]

    def apply(self, keys: Mapping[str, Iterable[Key]], read: Read) -> Operation[int]:
        """Make rows alike; an operation on the target, in a transaction of its own.

        Reapplying is harmless: what is the same is left alone.

        Args:
            keys: What has changed, by table. Tables that are not carried over are passed over.
            read: Runs an operation on the source.

        Returns:
            How many rows were written or deleted.
        """
        change = _Change(self, {name: set(found) for name, found in keys.items() if name in self.source}, read)
        yield Statement(_MARK)
        read(_said(_SNAPSHOT[self._engine]))
        yield from change.look()
        read(_said("COMMIT"))  # nothing of the source is held while the target is written
        yield from change.make_room()
        yield from change.write()
        yield Statement(_UNMARK)
        return change.count

    def children(self, name: str, keys: Iterable[Key]) -> Operation[Keys]:
        """Find, in the target, the rows that refer to others, and would be deleted with them."""
        found: Keys = {}
        for child, parent in self._children:
            if parent.table == name:
                rows = yield from self.target[child.name].children(parent.columns, keys)
                found.setdefault(child.name, set()).update(rows)
        return found


class _Change:
    """One batch: what the source has, what the target has, and what follows from it."""

    def __init__(self, carrier: Carrier, keys: Keys, read: Read) -> None:
        self._carrier = carrier
        self._read = read
        self._keys: Keys = {}
        self._new = keys
        self._wanted: dict[str, dict[Key, NeutralRow]] = {}
        self._there: dict[str, dict[Key, NeutralRow]] = {}
        self._first: Keys = {}  # to be deleted before anything is written
        self.count = 0

    def look(self) -> Operation[None]:
        """Read both sides, and whatever else is touched by what has to be done, until nothing more is."""
        while any(self._new.values()):
            added, self._new = self._new, {}
            for name, keys in added.items():
                fresh = keys - self._keys.setdefault(name, set())
                if fresh:
                    self._keys[name] |= fresh
                    wanted = self._read(self._carrier.source[name].read(fresh))
                    there = yield from self._carrier.target[name].read(fresh)
                    self._wanted.setdefault(name, {}).update(wanted)
                    self._there.setdefault(name, {}).update(there)
                    yield from self._follow(name, fresh)

    def _follow(self, name: str, keys: set[Key]) -> Operation[None]:
        rows, table = self._carrier.target[name], self._carrier.target[name].table
        wanted, there = self._wanted[name], self._there[name]
        gone = {key for key in keys if key in there and key not in wanted}
        if table.is_kept:
            replaced = {key for key in keys if key in there and key in wanted and there[key] != wanted[key]}
            self._first.setdefault(name, set()).update(replaced)
            gone |= replaced
        for columns in table.unique:
            rivals = yield from _rivals(rows, columns, [wanted[key] for key in keys if key in wanted])
            self._new.setdefault(name, set()).update(rivals)
            if _room(table, columns) is None:
                self._first.setdefault(name, set()).update(rivals)
                gone |= rivals
            for key in rivals:
                yield from _park(rows, columns, key)
        if gone:
            for child, found in (yield from self._carrier.children(name, gone)).items():
                self._new.setdefault(child, set()).update(found)

    def make_room(self) -> Operation[None]:
        """Delete what stands in the way."""
        for table in reversed(self._carrier.tables):
            keys = self._first.get(table.name)
            if keys:
                yield from self._carrier.target[table.name].delete(sorted(keys))
        if any(self._first.values()):  # with them their descendants have gone, all of which are in the batch
            for name, keys in self._keys.items():
                self._there[name] = yield from self._carrier.target[name].read(keys)

    def write(self) -> Operation[None]:
        """Write what differs, parents first, then delete what is no more, children first."""
        for table in self._carrier.tables:
            wanted, there = self._wanted.get(table.name, {}), self._there.get(table.name, {})
            rows = {key: row for key, row in wanted.items() if there.get(key) != row}
            self.count += len(rows)
            yield from self._carrier.target[table.name].write(_parents_first(table, rows))
        for table in reversed(self._carrier.tables):
            gone = self._there.get(table.name, {}).keys() - self._wanted.get(table.name, {}).keys()
            self.count += len(gone)
            if gone:
                yield from self._carrier.target[table.name].delete(sorted(gone))


def _rivals(rows: Rows, columns: tuple[str, ...], wanted: list[NeutralRow]) -> Operation[set[Key]]:
    """Find rows of other keys that have the unique values of these."""
    table = rows.table
    if not set(columns) <= set(table.names):
        return set()
    places, key = table.places(columns), table.places(table.key)
    own: dict[Key, Key] = {}
    for row in wanted:
        values: Any = tuple(row[place] for place in places)
        if None not in values:
            own[values] = tuple(row[place] for place in key)  # type: ignore[misc]
    if not own:
        return set()
    given, parameters = rows.given(own, columns)
    names = ", ".join(f"kept.{name}" for name in (*columns, *table.key))
    found = yield Statement(
        f"SELECT {names} FROM {given} JOIN {table.name} AS kept ON {rows.same(columns)}", parameters
    )
    width = len(columns)
    return {tuple(row[width:]) for row in found if own[tuple(row[:width])] != tuple(row[width:])}


def _room(table: Table, columns: tuple[str, ...]) -> str | None:
    """Return the column of a unique key that may be given another text for a moment."""
    referring = {name for parent in table.parents for name in parent.columns}
    free = (name for name in columns if name not in referring and name not in table.key)
    return next((name for name in free if table.kind(name) in {"text", "plain"}), None)


def _park(rows: Rows, columns: tuple[str, ...], key: Key) -> Operation[None]:
    """Give a row another text in the place of a unique one; it is written or deleted later in the transaction."""
    table = rows.table
    column = _room(table, columns)
    if column is not None and not table.is_kept:
        marks = " AND ".join(f"{name} = {parameter(name, table.kind(name), rows.dialect)}" for name in table.key)
        given = dict(zip(table.key, key, strict=True))
        other = "\ufffd" + "/".join(map(str, key))[-200:]
        yield Statement(f"UPDATE {table.name} SET {column} = :other WHERE {marks}", {**given, "other": other})


def _parents_first(table: Table, rows: dict[Key, NeutralRow]) -> dict[Key, NeutralRow]:
    """Order rows of a table that refers to itself."""
    own = [table.places(parent.columns) for parent in table.parents if parent.table == table.name]
    if not own:
        return rows
    ordered: dict[Key, NeutralRow] = {}
    for start in rows:
        line: list[Key] = [start]
        while line:
            row = rows[line[-1]]
            above = (tuple(row[place] for place in places) for places in own)
            waiting: Any = next((key for key in above if key in rows and key not in ordered and key not in line), None)
            if waiting is not None:
                line.append(waiting)
            else:
                ordered.setdefault(line[-1], row)
                line.pop()
    return ordered


def _said(sql: str) -> Operation[None]:
    yield Statement(sql)
