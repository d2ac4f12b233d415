"""The quarantine beside a table: rows that could not go, with the reason and their original values."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from exuvia.catalog.names import fit, qualify


def quarantine_name(table: str) -> str:
    """Return the name of a table's quarantine table."""
    return fit(f"{table}_quarantine")


def create(connection: psycopg.Connection, schema: str, table: str) -> None:
    """Make a table's quarantine table unless it is there."""
    connection.execute(
        f"""
        CREATE TABLE IF NOT EXISTS {qualify(schema, quarantine_name(table))} (
            "row" text NOT NULL,
            "column" text NOT NULL,
            reason text NOT NULL,
            "values" json NOT NULL,
            rejected_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )


def store(connection: psycopg.Connection, schema: str, table: str, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Add rows: name of the row, column at fault, reason, and the original values as JSON text."""
    statement = f'COPY {qualify(schema, quarantine_name(table))} ("row", "column", reason, "values") FROM STDIN'
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        for row in rows:
            stream.write_row(row)


def row_names(connection: psycopg.Connection, schema: str, table: str) -> frozenset[str]:
    """Return the names of the rows in a table's quarantine; empty when there is no such table."""
    name = qualify(schema, quarantine_name(table))
    found = connection.execute("SELECT to_regclass(%s)", (name,)).fetchone()
    if found is None or found[0] is None:
        return frozenset()
    return frozenset(row for (row,) in connection.execute(f'SELECT "row" FROM {name}'))
