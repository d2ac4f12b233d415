"""Reading and writing the rows of a table by their keys, alike on both engines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from exuvia.store.core.dialect import Dialect
from exuvia.store.core.requests import Many, Operation, Row, Statement, Value
from exuvia.store.dual.forms import Key, NeutralRow, array_type, bound, parameter, reader
from exuvia.store.dual.tables import Table

NOTHING_OWN: Final[Mapping[str, str]] = MappingProxyType({})


class Rows:
    """The rows of one table in one of the databases.

    Args:
        table: The table.
        dialect: The database's.
    """

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.table = table
        self.dialect = dialect
        self._readers = [
            (place, read) for place, column in enumerate(table.columns) if (read := reader(column.kind)) is not None
        ]
        self._key = table.places(table.key)

    def read(self, keys: Iterable[Key]) -> Operation[dict[Key, NeutralRow]]:
        """Read the rows that are there, by key."""
        given, parameters = self.given(keys)
        columns = ", ".join(f"kept.{name}" for name in self.table.names)
        rows = yield Statement(
            f"SELECT {columns} FROM {given} JOIN {self.table.name} AS kept ON {self.same(self.table.key)}", parameters
        )
        return dict(map(self.neutral, rows))

    def scan(self, after: Key | None, limit: int) -> Operation[list[tuple[Key, NeutralRow]]]:
        """Read the next rows in the order of their keys."""
        order = ", ".join(self.table.key)
        where, parameters = self.beyond(after)
        rows = yield Statement(
            f"SELECT {', '.join(self.table.names)} FROM {self.table.name} {where} ORDER BY {order} LIMIT {limit}",
            parameters,
        )
        return [self.neutral(row) for row in rows]

    def keys(self, after: Key | None, limit: int) -> Operation[list[Key]]:
        """Read the next keys, in order."""
        order = ", ".join(self.table.key)
        where, parameters = self.beyond(after)
        rows = yield Statement(
            f"SELECT {order} FROM {self.table.name} {where} ORDER BY {order} LIMIT {limit}", parameters
        )
        return [tuple(row) for row in rows]

    def children(self, columns: Sequence[str], parents: Iterable[Key]) -> Operation[list[Key]]:
        """Read the keys of the rows that refer to others."""
        given, parameters = self.given(parents, columns)
        own = ", ".join(f"kept.{name}" for name in self.table.key)
        rows = yield Statement(
            f"SELECT {own} FROM {given} JOIN {self.table.name} AS kept ON {self.same(columns)}", parameters
        )
        return [tuple(row) for row in rows]

    def write(self, rows: Mapping[Key, NeutralRow]) -> Operation[None]:
        """Insert rows, or change those that are there."""
        if rows:
            yield self.upsert(self.table.name, rows.values())

    def delete(self, keys: Sequence[Key]) -> Operation[None]:
        """Delete rows."""
        if keys:
            yield self.deletion(self.table.name, keys)

    def upsert(
        self,
        storage: str,
        rows: Iterable[NeutralRow],
        *,
        own: Mapping[str, str] = NOTHING_OWN,
        also: Sequence[str] = (),
        once: Sequence[str] = (),
    ) -> Many:
        """Return the request that inserts or changes rows.

        Args:
            storage: The table that has them.
            rows: The rows.
            own: What is written for a column instead of its parameter.
            also: Columns that only this database has.
            once: Those of them that are never changed.
        """
        written = {column.name: parameter(column.name, column.kind, self.dialect) for column in self.table.columns}
        written |= {name: f":{name}" for name in (*also, *once)} | dict(own)
        changes = ", ".join(f"{name} = excluded.{name}" for name in written if name not in {*self.table.key, *once})
        return Many(
            f"INSERT INTO {storage} ({', '.join(written)}) VALUES ({', '.join(written.values())})"
            f" ON CONFLICT ({', '.join(self.table.key)}) DO {f'UPDATE SET {changes}' if changes else 'NOTHING'}",
            [self.bind(row) for row in rows],
        )

    def deletion(self, storage: str, keys: Sequence[Key]) -> Statement:
        """Return the request that deletes rows."""
        given, parameters = self.given(keys)
        own = ", ".join(self.table.key)
        return Statement(f"DELETE FROM {storage} WHERE ({own}) IN (SELECT {own} FROM {given})", parameters)

    def bind(self, row: NeutralRow) -> dict[str, Value]:
        """Return a row as parameters."""
        return {
            column.name: bound(value, column.kind, self.dialect)
            for column, value in zip(self.table.columns, row, strict=True)
        }

    def neutral(self, row: Row) -> tuple[Key, NeutralRow]:
        """Return a row as it was read, with its key."""
        values: list[Any] = list(row)
        for place, read in self._readers:
            if values[place] is not None:
                values[place] = read(values[place])
        return tuple(values[place] for place in self._key), tuple(values)

    def given(self, keys: Iterable[Key], columns: Sequence[str] = ()) -> tuple[str, dict[str, Value]]:
        """Return keys as a table of the statement, under the names of the key's columns or of others."""
        names = columns or self.table.key
        types = {name: array_type(self.table.kind(name)) for name in names}
        rows: list[Any] = list(keys)
        return self.dialect.table(types, rows)

    def beyond(self, after: Key | None) -> tuple[str, dict[str, Value]]:
        """Return the condition of what comes after a key."""
        if after is None:
            return "", {}
        key = self.table.key
        marks = ", ".join(parameter(f"after_{name}", self.table.kind(name), self.dialect) for name in key)
        return f"WHERE ({', '.join(key)}) > ({marks})", {
            f"after_{name}": value for name, value in zip(key, after, strict=True)
        }

    def same(self, columns: Sequence[str]) -> str:
        """Say that a row has the values that were given."""
        return " AND ".join(f"kept.{name} = given.{name}" for name in columns)
