"""The keys of one round in the target: the rows at them go, and are read back by them.

They stand in a temporary table per target table, made once per session and emptied by each commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import TargetColumn
from exuvia.engines.postgres.write import CopyTarget, copy

_TEMPORARY = "pg_temp"


@dataclass(frozen=True, slots=True)
class KeyedTable:
    """A table whose rows are found by key.

    Args:
        schema: The table's schema.
        name: The table.
        key: The columns of its key.
        number: Names its temporary table.
        nullable: Whether a part of the key can be NULL.
    """

    schema: str
    name: str
    key: tuple[TargetColumn, ...]
    number: int
    nullable: bool

    def load(self, connection: psycopg.Connection, batches: Iterable[Sequence[pa.Array]]) -> None:
        """Take over the keys of a round, inside the caller's transaction."""
        columns = tuple(TargetColumn(f"k{number}", column.type) for number, column in enumerate(self.key, 1))
        body = ", ".join(f"{column.name} {column.type}" for column in columns)
        statement = f"CREATE TEMPORARY TABLE IF NOT EXISTS {self._keys} ({body}) ON COMMIT DELETE ROWS"
        connection.execute(statement.encode())
        copy(connection, CopyTarget(_TEMPORARY, self._name, columns), batches)

    def delete(self, connection: psycopg.Connection) -> None:
        """Delete the rows at the loaded keys."""
        for condition in self._conditions():
            statement = f"DELETE FROM {qualify(self.schema, self.name)} AS t USING {self._keys} AS k WHERE {condition}"
            connection.execute(statement.encode())

    def delete_all(self, connection: psycopg.Connection) -> None:
        """Delete every row."""
        connection.execute(f"DELETE FROM {qualify(self.schema, self.name)}".encode())

    def at_keys(self) -> list[str]:
        """Return conditions of rows of ``t``, which together, and no row twice, are those at the loaded keys."""
        return [f"EXISTS (SELECT FROM {self._keys} AS k WHERE {condition})" for condition in self._conditions()]

    @property
    def _name(self) -> str:
        return f"exuvia_keys_{self.number}"

    @property
    def _keys(self) -> str:
        return qualify(_TEMPORARY, self._name)

    def _conditions(self) -> list[str]:
        """The pairs of row and key: by equality, which indexes serve, and apart from it those with a NULL."""
        pairs = [(f"t.{quote(column.name)}", f"k.k{number}") for number, column in enumerate(self.key, 1)]
        found = [" AND ".join(f"{ours} = {key}" for ours, key in pairs)]
        if self.nullable:
            has_null = " OR ".join(f"{key} IS NULL" for _, key in pairs)
            same = " AND ".join(f"{ours} IS NOT DISTINCT FROM {key}" for ours, key in pairs)
            found.append(f"({has_null}) AND {same}")
        return found
