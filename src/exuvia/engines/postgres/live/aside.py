"""Rows in quarantine while their source is followed: found again by the key that the change log names them by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.engines.postgres import quarantine
from exuvia.engines.postgres.inspect import column_types

KEY = "exuvia_key"

Held = tuple[str, str, str, str, str]
"""The row's key as text; its name; the column at fault; the reason; the original values as JSON text."""


@dataclass(slots=True)
class Aside:
    """The quarantine of one table.

    Args:
        schema: Its schema.
        name: Its name.
        exists: Whether it has been made.
    """

    schema: str
    name: str
    exists: bool = False

    @classmethod
    def of(cls, connection: psycopg.Connection, schema: str, name: str) -> Aside:
        """Return the quarantine as it is in the target."""
        return cls(schema, name, exists=bool(column_types(connection, schema, name)))

    def adopt(self, connection: psycopg.Connection, key_of: Callable[[str, Mapping[str, object]], str]) -> None:
        """Give the rows that the copy put aside their keys, inside the caller's transaction, unless they have them.

        Args:
            connection: A connection inside a transaction.
            key_of: Says the key of a row from its name and its values.
        """
        if not self.exists or KEY in column_types(connection, self.schema, self.name):
            return
        connection.execute(f"ALTER TABLE {self._place} ADD COLUMN {KEY} text".encode())
        for held in quarantine.held(connection, self.schema, self.name) or ():
            connection.execute(
                f"UPDATE {self._place} SET {KEY} = %s WHERE ctid = %s::tid".encode(),
                (key_of(held.name, held.values), held.place),
            )
        self._index(connection)

    def put(self, connection: psycopg.Connection, rows: Iterable[Held]) -> None:
        """Put rows aside, inside the caller's transaction."""
        if not self.exists:
            quarantine.create(connection, self.schema, self.name)
            connection.execute(f"ALTER TABLE {self._place} ADD COLUMN {KEY} text".encode())
            self._index(connection)
            self.exists = True
        statement = f'COPY {self._place} ({KEY}, "row", "column", reason, "values") FROM STDIN'
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as stream:
            for key, *texts, values in rows:
                stream.write_row((key, *map(quarantine.storable, texts), values))

    def release(self, connection: psycopg.Connection, keys: Collection[str]) -> None:
        """Take the rows of these keys out again, inside the caller's transaction."""
        connection.execute(f"DELETE FROM {self._place} WHERE {KEY} = ANY(%s)".encode(), (list(keys),))

    def release_all(self, connection: psycopg.Connection) -> None:
        """Take all rows out again."""
        if self.exists:
            connection.execute(f"DELETE FROM {self._place}".encode())

    def count(self, connection: psycopg.Connection) -> int:
        """Return how many rows are in it."""
        if not self.exists:
            return 0
        row = connection.execute(f"SELECT count(*) FROM {self._place}".encode()).fetchone()
        return int(row[0]) if row else 0

    def _index(self, connection: psycopg.Connection) -> None:
        # A hash has no limit on how long a key can be
        connection.execute(f"CREATE INDEX ON {self._place} USING hash ({quote(KEY)})".encode())

    @property
    def _place(self) -> str:
        return qualify(self.schema, self.name)
