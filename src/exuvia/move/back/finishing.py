"""The last steps on a new SQLite file: indexes, positions of sequences, and SQLite's own checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import apsw

from exuvia.catalog.model import Table
from exuvia.engines.sqlite.create_ddl import create_index, create_table, violates
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.write import attempt
from exuvia.errors import TargetError
from exuvia.move.back.plan import BackTable
from exuvia.move.plan import Fate, ObjectPlan

_SHOWN = 5


def acceptable(table: BackTable) -> tuple[BackTable, tuple[ObjectPlan, ...]]:
    """Return a table as SQLite takes it, and what had to be left out for that.

    Raises:
        TargetError: SQLite takes it in no form.
    """
    left_out: list[ObjectPlan] = []
    for without, kinds in _forms(table.target):
        refusal = _refusal(without)
        if not refusal:
            names = {column.name: column for column in without.columns}
            columns = tuple(replace(one, target=names[one.target.name]) for one in table.columns)
            return replace(table, target=without, columns=columns), tuple(left_out)
        left_out = [
            ObjectPlan(kind, table.source.name, table.source.name, Fate.LEFT_OUT, f"SQLite refuses: {refusal}")
            for kind in kinds
        ]
    raise TargetError(
        f"SQLite cannot hold table {table.source.name!r}: {refusal}.",
        hint="Leave it out with --exclude.",
        code="table",
    )


def _forms(table: Table) -> Iterator[tuple[Table, tuple[str, ...]]]:
    """Yield a table in ever simpler forms, each with what is left out if it does not do either."""
    yield table, ("strict",)
    table = replace(table, strict=False)
    yield table, ("generated columns",)
    table = replace(table, columns=tuple(replace(column, generated=None) for column in table.columns))
    yield table, ("checks", "generated columns")
    table = replace(table, checks=())
    yield table, ("defaults", "checks", "generated columns")
    yield replace(table, columns=tuple(replace(column, default=None) for column in table.columns)), ()


def _refusal(table: Table) -> str:
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(create_table(table))
    except apsw.Error as error:
        return str(error)
    finally:
        connection.close()
    return ""


def finish(path: Path, tables: Sequence[BackTable]) -> tuple[ObjectPlan, ...]:
    """Make the indexes and set the positions of sequences; return the indexes that SQLite refuses.

    An index that an interrupted run has made stays if it is the same."""
    refused = []
    there = _indexes(path)
    for table in tables:
        wanted = {index.name: create_index(table.target.name, index) for index in table.indexes}
        for name, (owner, sql) in there.items():
            if owner == table.target.name and wanted.get(name) != sql:
                attempt(path, f"DROP INDEX {quote(name)}")
        for index in table.indexes:
            sql = wanted[index.name]
            reason = "" if there.get(index.name) == (table.target.name, sql) else attempt(path, sql)
            if reason:
                refused.append(
                    ObjectPlan("index", index.name, table.source.name, Fate.LEFT_OUT, f"SQLite refuses it: {reason}")
                )
        if table.target.autoincrement and table.target.sequence is not None:
            name = "'" + table.target.name.replace("'", "''") + "'"
            position = table.target.sequence
            attempt(
                path,
                f"INSERT INTO sqlite_sequence (name, seq) SELECT {name}, 0"
                f" WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = {name});"
                f" UPDATE sqlite_sequence SET seq = max(seq, {position}) WHERE name = {name}",
            )
    return tuple(refused)


def _indexes(path: Path) -> dict[str, tuple[str, str]]:
    """Return the table and the SQL of each index that was made by SQL."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        query = "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        return {name: (table, sql) for name, table, sql in connection.execute(query)}
    finally:
        connection.close()


def checked(path: Path, tables: Sequence[BackTable]) -> tuple[str, ...]:
    """Run SQLite's own checks and return what people should know: rows that break checks or foreign keys.

    Raises:
        TargetError: The file is not sound.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            raise TargetError(
                f"The new file is not sound: {found[0]}.", hint="Report this to exuvia's makers.", code="integrity"
            )
        return tuple(_notes(connection, tables))
    finally:
        connection.close()


def _notes(connection: apsw.Connection, tables: Sequence[BackTable]) -> Iterator[str]:
    for table in tables:
        for check in table.target.checks:
            row = connection.execute(violates(table.target.name, check)).fetchone()
            if row and row[0]:
                yield f"{table.source.name}: rows that are there break the check {check.expression}"
    for table in tables:
        if not table.target.foreign_keys:
            continue
        rows = connection.execute(f"PRAGMA foreign_key_check({quote(table.target.name)})").fetchall()
        if rows:
            yield f"{table.source.name}: {len(rows):,} rows point to rows of {rows[0][2]} that do not exist"
