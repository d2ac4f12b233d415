"""The quarantine beside a table: rows that could not go, with the reason and their original values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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


def storable(text: str) -> str:
    """Return a text as PostgreSQL can hold it: U+0000 as its picture, half a surrogate pair as its escape."""
    return text.replace("\0", "\u2400").encode("utf-8", "backslashreplace").decode()


def store(connection: psycopg.Connection, schema: str, name: str, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Add rows: name of the row, column at fault, reason, and the original values as JSON text."""
    statement = f'COPY {qualify(schema, name)} ("row", "column", reason, "values") FROM STDIN'
    with connection.cursor() as cursor, cursor.copy(statement) as stream:
        for name_of_row, column, reason, values in rows:
            stream.write_row((storable(name_of_row), storable(column), storable(reason), values))


def row_names(connection: psycopg.Connection, schema: str, name: str) -> frozenset[str]:
    """Return the names of the rows in a quarantine table; empty when there is no such table."""
    if not column_types(connection, schema, name).keys() >= _COLUMNS:
        return frozenset()
    return frozenset(row for (row,) in connection.execute(f'SELECT "row" FROM {qualify(schema, name)}'))


def existing(connection: psycopg.Connection, schema: str) -> frozenset[str]:
    """Return the names of the quarantine tables in a schema."""
    found = connection.execute(
        """
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind = 'r' AND %s <@ ARRAY(
            SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
        """,
        (schema, sorted(_COLUMNS)),
    )
    return frozenset(name for (name,) in found)


def rows(
    connection: psycopg.Connection, schema: str, name: str
) -> Iterator[tuple[str, str, str, Mapping[str, object]]]:
    """Yield a quarantine table's rows: name, column at fault, reason, original values."""
    statement = f'SELECT "row", "column", reason, "values" FROM {qualify(schema, name)} ORDER BY ctid'
    with connection.transaction(), connection.cursor(name="exuvia_quarantine") as cursor:
        yield from cursor.execute(statement.encode())


@dataclass(frozen=True, slots=True)
class Held:
    """A row in quarantine: its place in the quarantine table, its name, and its values as JSON holds them."""

    place: str
    name: str
    values: Mapping[str, object]


def held(connection: psycopg.Connection, schema: str, name: str) -> list[Held] | None:
    """Return and lock the rows of a quarantine table; None when there is no such table."""
    if not column_types(connection, schema, name).keys() >= _COLUMNS:
        return None
    statement = f'SELECT ctid::text, "row", "values" FROM {qualify(schema, name)} ORDER BY ctid FOR UPDATE'
    return [Held(*row) for row in connection.execute(statement.encode())]


def release(connection: psycopg.Connection, schema: str, name: str, places: Sequence[str]) -> None:
    """Take rows out of a quarantine table."""
    connection.execute(f"DELETE FROM {qualify(schema, name)} WHERE ctid = ANY(%s::tid[])".encode(), (list(places),))


def set_reason(connection: psycopg.Connection, schema: str, name: str, place: str, reason: str) -> None:
    """Replace the reason why a row is in quarantine."""
    statement = f"UPDATE {qualify(schema, name)} SET reason = %s, rejected_at = now() WHERE ctid = %s::tid"
    connection.execute(statement.encode(), (reason, place))


def drop(connection: psycopg.Connection, schema: str, name: str) -> None:
    """Drop a quarantine table."""
    connection.execute(f"DROP TABLE {qualify(schema, name)}".encode())
