"""PostgreSQL's DDL for a target table, as text: pure functions from the catalog's values to statements.

A table is made bare (columns, types, NOT NULL, identity, generated columns), filled, and finished afterwards in steps
that stand alone: a default, a key, a check or an index that the server refuses never costs the rows.

Text columns and their indexes keep the database's default collation, as an ORM would have created them. SQLite's
BINARY order is PostgreSQL's ``COLLATE "C"``; equality and uniqueness are the same under both, order and range scans
may differ, and a translated expression that depends on order says ``COLLATE "C"`` itself. UNIQUE treats NULLs as
distinct in both engines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from exuvia.catalog.names import qualify, quote
from exuvia.catalog.target import (
    TargetCheck,
    TargetColumn,
    TargetForeignKey,
    TargetIndex,
    TargetIndexPart,
    TargetKey,
    TargetSearch,
    TargetTable,
)

StepKind = Literal[
    "search", "default", "primary key", "unique", "index", "check", "foreign key", "validate", "identity", "analyze"
]

_ACTIONS = frozenset({"NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"})


@dataclass(frozen=True, slots=True)
class Step:
    """One statement that finishes a table. ``name`` is the constraint, index or column it is about, the table's name
    for 'analyze'; ``needs`` names the step without which it is not done."""

    kind: StepKind
    name: str
    sql: str
    needs: str = ""


def literal(text: str) -> str:
    """Return ``text`` as a PostgreSQL string constant, whatever ``standard_conforming_strings`` says.

    Raises:
        ValueError: The text holds U+0000, which no PostgreSQL string can.
    """
    if "\x00" in text:
        raise ValueError("a PostgreSQL string cannot hold U+0000")
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def create_schema(name: str) -> str:
    """Return the statement that makes a schema unless it exists."""
    return f"CREATE SCHEMA IF NOT EXISTS {quote(name)}"


def create_table(table: TargetTable, *, unlogged: bool = False) -> str:
    """Return the statement that makes a table with its columns only.

    Args:
        table: The table to be made.
        unlogged: Make it UNLOGGED, which is faster to fill and is emptied after a crash.
    """
    columns = ",\n".join(f"    {_column(column)}" for column in table.columns)
    kind = "UNLOGGED TABLE" if unlogged else "TABLE"
    body = f"(\n{columns}\n)" if columns else "()"
    return f"CREATE {kind} {_name(table)} {body}"


def drop_table(table: TargetTable, *, cascade: bool = False) -> str:
    """Return the statement that drops a table if it exists; ``cascade`` takes views and foreign keys on it along."""
    return f"DROP TABLE IF EXISTS {_name(table)}" + (" CASCADE" if cascade else "")


def set_default(table: TargetTable, column: TargetColumn) -> str:
    """Return the statement that gives ``column`` its default.

    Raises:
        ValueError: The column has no default.
    """
    if column.default is None:
        raise ValueError(f"column {column.name!r} has no default")
    return f"{_alter(table)} ALTER COLUMN {quote(column.name)} SET DEFAULT {column.default}"


def add_primary_key(table: TargetTable, key: TargetKey) -> str:
    """Return the statement that adds the primary key."""
    return f"{_alter(table)} ADD CONSTRAINT {quote(key.name)} PRIMARY KEY ({_list(key.columns)})"


def add_unique(table: TargetTable, key: TargetKey) -> str:
    """Return the statement that adds a UNIQUE constraint; NULLs are distinct, as in SQLite."""
    return f"{_alter(table)} ADD CONSTRAINT {quote(key.name)} UNIQUE ({_list(key.columns)})"


def add_check(table: TargetTable, check: TargetCheck) -> str:
    """Return the statement that adds a CHECK without testing the rows that are there (NOT VALID)."""
    return f"{_alter(table)} ADD CONSTRAINT {quote(check.name)} CHECK ({check.expression}) NOT VALID"


def add_foreign_key(table: TargetTable, key: TargetForeignKey) -> str:
    """Return the statement that adds a foreign key without testing the rows that are there (NOT VALID).

    Raises:
        ValueError: An action is not one of SQL's five.
    """
    for action in (key.on_update, key.on_delete):
        if action not in _ACTIONS:
            raise ValueError(f"{action!r} is not an action of a foreign key")
    target = f"{qualify(key.schema, key.table)} ({_list(key.target_columns)})"
    parts = [
        f"{_alter(table)} ADD CONSTRAINT {quote(key.name)} FOREIGN KEY ({_list(key.columns)}) REFERENCES {target}",
        f"ON UPDATE {key.on_update}" if key.on_update != "NO ACTION" else "",
        f"ON DELETE {key.on_delete}" if key.on_delete != "NO ACTION" else "",
        "DEFERRABLE" if key.deferrable or key.initially_deferred else "",
        "INITIALLY DEFERRED" if key.initially_deferred else "",
        "NOT VALID",
    ]
    return " ".join(part for part in parts if part)


def validate_constraint(table: TargetTable, name: str) -> str:
    """Return the statement that tests a NOT VALID constraint against the rows."""
    return f"{_alter(table)} VALIDATE CONSTRAINT {quote(name)}"


def add_search(table: TargetTable, search: TargetSearch) -> str:
    """Return the statement that adds a search column and fills it."""
    return f"{_alter(table)} ADD COLUMN {quote(search.name)} tsvector GENERATED ALWAYS AS ({search.expression}) STORED"


def create_index(table: TargetTable, index: TargetIndex) -> str:
    """Return the statement that makes an index. NULLs lie where PostgreSQL's default order puts them (last), which is
    what its planner expects of ``ORDER BY``; SQLite has them first."""
    unique = "UNIQUE " if index.unique else ""
    parts = ", ".join(_index_part(part) for part in index.parts)
    where = f" WHERE {index.where}" if index.where else ""
    method = f" USING {index.method}" if index.method else ""
    return f"CREATE {unique}INDEX {quote(index.name)} ON {_name(table)}{method} ({parts}){where}"


def set_identity_position(table: TargetTable, column: TargetColumn, next_value: int) -> str:
    """Return the statement after which the column's identity gives ``next_value`` first.

    Raises:
        ValueError: The column has no identity, or the value is outside a sequence's range (1 to 2**63 - 1).
    """
    if not column.identity:
        raise ValueError(f"column {column.name!r} has no identity")
    if not 1 <= next_value < 1 << 63:
        raise ValueError(f"{next_value} is not a position of a sequence")
    return f"{_alter(table)} ALTER COLUMN {quote(column.name)} RESTART WITH {next_value}"


def analyze(table: TargetTable) -> str:
    """Return the statement that collects the planner's statistics."""
    return f"ANALYZE {_name(table)}"


def comment(table: TargetTable, text: str, *, column: str | None = None) -> str:
    """Return the statement that comments on the table, or on one of its columns."""
    if column is None:
        return f"COMMENT ON TABLE {_name(table)} IS {literal(text)}"
    return f"COMMENT ON COLUMN {_name(table)}.{quote(column)} IS {literal(text)}"


def finish_steps(table: TargetTable, *, next_values: Iterable[tuple[str, int]] = ()) -> tuple[Step, ...]:
    """Return the statements that finish a filled table, in an order in which each can rely on those before it.

    Search columns come first, since they rewrite the table; then keys, since foreign keys of other tables need them.
    Checks are added NOT VALID and then validated, so that rows which break one leave it in force for new rows. Foreign
    keys are apart (`foreign_key_steps`).

    Args:
        table: The table, filled.
        next_values: Identity column and the next value that it is to give.
    """
    columns = {column.name: column for column in table.columns}
    key = table.primary_key
    steps = [Step("search", search.name, add_search(table, search)) for search in table.searches]
    steps += [Step("primary key", key.name, add_primary_key(table, key))] if key else []
    steps += [Step("unique", unique.name, add_unique(table, unique)) for unique in table.uniques]
    steps += [Step("index", index.name, create_index(table, index), index.needs) for index in table.indexes]
    steps += [Step("default", c.name, set_default(table, c)) for c in table.columns if c.default is not None]
    for name, value in next_values:
        steps.append(Step("identity", name, set_identity_position(table, columns[name], value)))
    steps += [Step("check", check.name, add_check(table, check)) for check in table.checks]
    steps += [_validation(table, check.name) for check in table.checks]
    return (*steps, Step("analyze", table.name, analyze(table)))


def foreign_key_steps(table: TargetTable) -> tuple[Step, ...]:
    """Return the statements that add the table's foreign keys and validate those that hold; all tables and their keys
    must be there."""
    added = [Step("foreign key", key.name, add_foreign_key(table, key)) for key in table.foreign_keys]
    valid = [key for key in table.foreign_keys if key.validate]
    return (*added, *(_validation(table, key.name) for key in valid))


def _validation(table: TargetTable, name: str) -> Step:
    return Step("validate", name, validate_constraint(table, name), name)


def _name(table: TargetTable) -> str:
    return qualify(table.schema, table.name)


def _alter(table: TargetTable) -> str:
    return f"ALTER TABLE {_name(table)}"


def _list(columns: Iterable[str]) -> str:
    return ", ".join(quote(column) for column in columns)


def _column(column: TargetColumn) -> str:
    parts = [quote(column.name), str(column.type)]
    if column.generated is not None:
        parts.append(f"GENERATED ALWAYS AS ({column.generated}) STORED")
    elif column.identity:
        parts.append("GENERATED BY DEFAULT AS IDENTITY")
    if column.not_null:
        parts.append("NOT NULL")
    return " ".join(parts)


def _index_part(part: TargetIndexPart) -> str:
    return f"{part.sql} DESC" if part.descending else part.sql
