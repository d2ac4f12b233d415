"""The PostgreSQL side, read with psycopg as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column of the target as its catalog shows it."""

    name: str
    kind: str
    not_null: bool
    identity: bool
    generated: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint of the target: kind is p, u, f or c; names stand for column numbers."""

    name: str
    kind: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str
    deferrable: bool
    deferred: bool


@dataclass(frozen=True, slots=True)
class Index:
    """An index of the target; a column is None where it is an expression."""

    name: str
    unique: bool
    partial: bool
    valid: bool
    columns: tuple[str | None, ...]


_TABLE = """
    SELECT c.oid::int8 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = %s AND relname = %s AND relkind IN ('r', 'p')
"""

_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity <> '', attgenerated <> '',
        pg_get_expr(adbin, adrelid)
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

_CONSTRAINTS = """
    SELECT conname, contype::text,
        (SELECT array_agg(attname::text ORDER BY k.n) FROM unnest(conkey) WITH ORDINALITY k(a, n)
            JOIN pg_attribute ON attrelid = conrelid AND attnum = k.a),
        coalesce(p.relname, ''),
        (SELECT array_agg(attname::text ORDER BY k.n) FROM unnest(confkey) WITH ORDINALITY k(a, n)
            JOIN pg_attribute ON attrelid = confrelid AND attnum = k.a),
        confupdtype::text, confdeltype::text, condeferrable, condeferred
    FROM pg_constraint LEFT JOIN pg_class p ON p.oid = confrelid
    WHERE conrelid = %s AND contype IN ('p', 'u', 'f', 'c')
"""

_INDEXES = """
    SELECT c.relname, indisunique, indpred IS NOT NULL, indisvalid,
        (SELECT array_agg(attname::text ORDER BY k.n) FROM unnest(indkey::int2[]) WITH ORDINALITY k(a, n)
            LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = k.a AND k.a <> 0)
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = %s
"""

_VIEWS = "SELECT schemaname, viewname FROM pg_views WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"

_VIEW_COLUMNS = """
    SELECT attname, format_type(atttypid, NULL)
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = %s AND relname = %s AND attnum > 0 ORDER BY attnum
"""

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", " ": ""}


class Target:
    """One PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def table(self, schema: str, name: str) -> int | None:
        """Return a table's oid, None when there is no such table."""
        found = self._one(_TABLE, schema, name)
        return int(found) if found is not None else None

    def views(self) -> set[tuple[str, str]]:
        """Return schema and name of every view of the user's."""
        return {(schema, name) for schema, name in self._all(_VIEWS)}

    def triggers(self) -> set[str]:
        """Return the names of the user's triggers."""
        return {name for (name,) in self._all("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")}

    def columns(self, table: int) -> tuple[TargetColumn, ...]:
        """Return a table's columns in order."""
        return tuple(TargetColumn(*row) for row in self._all(_COLUMNS, table))

    def constraints(self, table: int) -> tuple[Constraint, ...]:
        """Return a table's constraints."""
        return tuple(
            Constraint(
                name, kind, tuple(own or ()), parent, tuple(others or ()), _ACTIONS[update], _ACTIONS[delete], *deferral
            )
            for name, kind, own, parent, others, update, delete, *deferral in self._all(_CONSTRAINTS, table)
        )

    def indexes(self, table: int) -> tuple[Index, ...]:
        """Return a table's indexes, those of its keys included."""
        return tuple(
            Index(name, unique, partial, valid, tuple(columns))
            for name, unique, partial, valid, columns in self._all(_INDEXES, table)
        )

    def rows(self, schema: str, name: str, columns: tuple[TargetColumn, ...]) -> list[tuple[str | None, ...]]:
        """Return every row of a table, each value as PostgreSQL's text; real is shown with a double's digits."""
        shown = [
            sql.Composed(
                [sql.Identifier(column.name), sql.SQL("::float8::text" if column.kind == "real" else "::text")]
            )
            for column in columns
        ]
        query = sql.SQL("SELECT {} FROM ONLY {}").format(sql.SQL(", ").join(shown), sql.Identifier(schema, name))
        return self._connection.execute(query).fetchall()

    def view_rows(
        self, schema: str, name: str
    ) -> tuple[tuple[str, ...], tuple[str, ...], list[tuple[str | None, ...]]]:
        """Return a view's column names, their types and its rows as text. Raises psycopg.Error when it cannot run."""
        columns = self._all(_VIEW_COLUMNS, schema, name)
        shown = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column, _ in columns)
        query = sql.SQL("SELECT {} FROM {}").format(shown, sql.Identifier(schema, name))
        rows = self._connection.execute(query).fetchall()
        return tuple(column for column, _ in columns), tuple(kind for _, kind in columns), rows

    def evaluated(self, expression: str, kind: str) -> str | None:
        """Return what a default expression gives, as text of the column's type. Raises psycopg.Error."""
        row = self._connection.execute(f"SELECT (({expression})::{kind})::text".encode()).fetchone()
        return row[0] if row else None

    def refusal(self, statement: str) -> str:
        """Run a statement; return why PostgreSQL refuses it, empty when it does not."""
        try:
            self._connection.execute(statement.encode())
        except psycopg.Error as error:
            return str(error).splitlines()[0]
        return ""

    def next_value(self, schema: str, table: str, column: str) -> int | None:
        """Return the next value of a column's sequence, None when it has none. It moves the sequence."""
        path = sql.Identifier(schema, table).as_string(self._connection)
        sequence = self._one("SELECT pg_get_serial_sequence(%s, %s)", path, column)
        return None if sequence is None else int(self._one("SELECT nextval(%s)", sequence))

    def _all(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), parameters or None).fetchall()

    def _one(self, query: str, *parameters: object) -> Any:
        row = self._connection.execute(query.encode(), parameters or None).fetchone()
        return row[0] if row else None
