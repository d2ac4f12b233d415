"""Rows in quarantine, tried again after the plan or the data were mended."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
import pyarrow as pa

from exuvia.catalog.names import quote
from exuvia.catalog.target import TargetColumn
from exuvia.catalog.types import Base, SqlType
from exuvia.engines.postgres import quarantine
from exuvia.engines.postgres.existing import disable_triggers, enable_triggers
from exuvia.engines.postgres.write import CopyTarget, copy_refusing, is_refusal
from exuvia.engines.sqlite.read import Reader
from exuvia.errors import SourceError
from exuvia.move.existing.fitting import FittedTable
from exuvia.move.plan import TablePlan
from exuvia.move.quarantine import Value
from exuvia.move.rows import Rows, convert_rows
from exuvia.values.cells import Cells
from exuvia.values.profile import Chunk

Origin = Literal["source", "quarantine"]

_STAGED = "exuvia_requeue"
_ROWID = re.compile(r"rowid=(-?[0-9]+)")


@dataclass(frozen=True, slots=True)
class Requeued:
    """What became of a table's quarantined rows: how many went, and row and reason of those that still cannot."""

    table: str
    quarantine: str
    moved: int
    remaining: tuple[tuple[str, str], ...]


def requeue(connection: psycopg.Connection, reader: Reader, table: FittedTable, origin: Origin) -> Requeued | None:
    """Try a table's quarantined rows again, all in one transaction.

    Rows that go are taken out of the quarantine table, which is dropped when it is empty; the others get the reason
    of this time. Triggers of the table do not fire, as they do not for rows that are moved.

    Args:
        connection: A connection to the target, in autocommit mode.
        reader: Reads the source.
        table: The table's plan, the target's table, and the way into its types.
        origin: Whether values are those of the source now, or those in the quarantine table. Rows that the source
            cannot find by their name are taken from the quarantine table in either case.

    Returns:
        What became of them; None if the table has no quarantine.

    Raises:
        TargetError: The table has triggers and belongs to somebody else.
    """
    place = (table.target.schema, table.plan.quarantine)
    with connection.transaction():
        held = quarantine.held(connection, *place)
        if held is None:
            return None
        originals = [_original(row, reader, table.plan, origin) for row in held]
        reasons = _insert(connection, table, originals)
        stayed = [(row, reasons[number]) for number, row in enumerate(held) if number in reasons]
        quarantine.release(connection, *place, [row.place for number, row in enumerate(held) if number not in reasons])
        for row, reason in stayed:
            quarantine.set_reason(connection, *place, row.place, reason)
        if not stayed:
            quarantine.drop(connection, *place)
    moved = len(held) - len(stayed)
    return Requeued(table.plan.source.name, ".".join(place), moved, tuple((row.name, reason) for row, reason in stayed))


def _original(row: quarantine.Held, reader: Reader, table: TablePlan, origin: Origin) -> Mapping[str, Value]:
    """Return a row's values as they are now."""
    found = _ROWID.fullmatch(row.name)
    if origin == "source" and found and table.source.rowid_name is not None:
        rowid = int(found[1])
        try:
            return reader.rows_at(table.source, Chunk(0, (rowid - 1,), (rowid,), 1), [0])[0]
        except SourceError as error:
            if error.code != "source.changed":
                raise
    return {name: stored_value(value) for name, value in row.values.items()}


def _insert(
    connection: psycopg.Connection, table: FittedTable, originals: Sequence[Mapping[str, Value]]
) -> Mapping[int, str]:
    """Insert rows and return, by position, why some could not go."""
    columns = [one for one in table.plan.columns if table.columns[one.source.name][0].generated is None]
    if not originals:
        return {}
    cells = {
        column.source.name: cells_of([values.get(column.source.name) for values in originals]) for column in columns
    }
    rows = convert_rows(columns, cells, 0)
    reasons = {one.position: f"{one.column}: {one.reason}" for one in rows.rejected}
    if rows.length:
        _stage(connection, table, rows, reasons)
        disable_triggers(connection, table.target)
        _move(connection, table, [number for number in map(int, rows.positions) if number not in reasons], reasons)
        enable_triggers(connection, table.target)
    return reasons


def _stage(connection: psycopg.Connection, table: FittedTable, rows: Rows, reasons: dict[int, str]) -> None:
    """Put converted rows into a temporary table, in the types in which they were converted, with their positions."""
    columns = [TargetColumn(f"c{number}", way.staged) for number, (_, way) in enumerate(table.inserted)]
    target = CopyTarget("pg_temp", _STAGED, (TargetColumn("n", SqlType(Base.BIGINT)), *columns))
    declared = ", ".join(f"{column.name} {column.type}" for column in target.columns)
    connection.execute(f"CREATE TEMPORARY TABLE {_STAGED} ({declared}) ON COMMIT DROP".encode())

    def refuse(position: int, reason: str) -> None:
        reasons[int(rows.positions[position])] = reason

    copy_refusing(connection, target, [pa.array(rows.positions, pa.int64()), *rows.arrays], refuse)


def _move(connection: psycopg.Connection, table: FittedTable, numbers: Sequence[int], reasons: dict[int, str]) -> None:
    """Insert staged rows, halving them where the server refuses some until the refused ones stand alone."""
    parts = [numbers] if numbers else []
    while parts:
        part = parts.pop()
        try:
            with connection.transaction():
                _try(connection, table, f"s.n BETWEEN {part[0]} AND {part[-1]}")
        except (psycopg.Error, _ChangedError) as error:
            if not isinstance(error, _ChangedError) and not is_refusal(error):
                raise
            middle = len(part) // 2
            if middle:
                parts += [part[middle:], part[:middle]]
            else:
                reasons[part[0]] = str(error) if isinstance(error, _ChangedError) else _said(error)


class _ChangedError(Exception):
    """A value would not be the same in the target's type."""


def _said(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error)


def _try(connection: psycopg.Connection, table: FittedTable, condition: str) -> None:
    source = f"FROM pg_temp.{_STAGED} s WHERE {condition}"
    values = [way.written(f"s.c{number}") for number, (_, way) in enumerate(table.inserted)]
    for number, (column, way) in enumerate(table.inserted):
        changed = f"{way.back(f'({values[number]})')} IS DISTINCT FROM s.c{number}"
        if way.exact and not way.is_plain and _any(connection, f"{source} AND {changed}"):
            raise _ChangedError(f"{column.name}: it would change as {column.type.name}")
    names = ", ".join(quote(column.name) for column, _ in table.inserted)
    overriding = " OVERRIDING SYSTEM VALUE" if any(c.identity == "always" for c, _ in table.inserted) else ""
    statement = f"INSERT INTO {table.target.place} ({names}){overriding} SELECT {', '.join(values)} {source}"
    connection.execute(statement.encode())
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _any(connection: psycopg.Connection, tail: str) -> bool:
    row = connection.execute(f"SELECT EXISTS (SELECT {tail})".encode()).fetchone()
    return bool(row and row[0])


def stored_value(value: object) -> Value:
    """Return the source value that :func:`exuvia.move.quarantine.json_value` wrote as ``value``.

    Raises:
        ValueError: It wrote no such value.
    """
    if not isinstance(value, dict):
        if value is None or isinstance(value, int | float | str):
            return value
        raise ValueError(f"{value!r} is not a value that a quarantine holds")
    ((kind, content),) = value.items()
    if kind == "real":
        return float(content)
    data = base64.b64decode(content, validate=True)
    return data if kind == "blob" else data.decode("utf-8", "surrogateescape")


def cells_of(values: Sequence[Value]) -> Cells:
    """Return a column of Python values as cells."""
    return Cells(
        len(values),
        integers=pa.array([value if _is_integer(value) else None for value in values], pa.int64()),
        reals=pa.array([value if isinstance(value, float) else None for value in values], pa.float64()),
        texts=pa.array(
            [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else None for value in values],
            pa.binary(),
        ),
        blobs=pa.array([value if isinstance(value, bytes) else None for value in values], pa.binary()),
    )


def _is_integer(value: Value) -> bool:
    return isinstance(value, int)
