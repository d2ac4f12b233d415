"""The quarantine beside a table: rows that could not go, with the reason and their original values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import psycopg

from exuvia.catalog.names import qualify
from exuvia.engines.postgres.inspect import column_types

_COLUMNS = {"row", "column", "reason", "values"}


def create(connection: psycopg.Connection, schema: str, name: str) -> None:
    """Make a quarantine table unless it is there."""
    connection.execute(
        f"""
        CREATE TABLE IF NOT EXISTS {qualify(schema, name)} (
            "row" text NOT NULL,
            "column" text NOT NULL,
            reason text NOT NULL,
            "values" json NOT NULL,
            rejected_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )


def store(connection: psycopg.Connection, schema: str, name: str, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Add rows: name of the row, column at fault, reason, and the original values as JSON text."""
    statement = f'COPY {qualify(schema, name)} ("row", "column", reason, "values") FROM STDIN'
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        for row in rows:
            stream.write_row(row)


def row_names(connection: psycopg.Connection, schema: str, name: str) -> frozenset[str]:
    """Return the names of the rows in a quarantine table; empty when there is no such table."""
    if not column_types(connection, schema, name).keys() >= _COLUMNS:
        return frozenset()
    return frozenset(row for (row,) in connection.execute(f'SELECT "row" FROM {qualify(schema, name)}'))


def rows(
    connection: psycopg.Connection, schema: str, name: str
) -> Iterator[tuple[str, str, str, Mapping[str, object]]]:
    """Yield a quarantine table's rows: name, column at fault, reason, original values."""
    statement = f'SELECT "row", "column", reason, "values" FROM {qualify(schema, name)} ORDER BY ctid'
    with connection.transaction(), connection.cursor(name="exuvia_quarantine") as cursor:
        yield from cursor.execute(statement.encode())
