"""Rows in quarantine, tried again after the plan or the data were mended."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
import pyarrow as pa

from exuvia.engines.postgres import quarantine
from exuvia.engines.postgres.write import CopyTarget, copy_refusing
from exuvia.engines.sqlite.read import Reader
from exuvia.errors import SourceError
from exuvia.move.plan import TablePlan
from exuvia.move.quarantine import Value
from exuvia.move.rows import convert_rows, copied_columns
from exuvia.values.cells import Cells
from exuvia.values.profile import Chunk

Origin = Literal["source", "quarantine"]

_ROWID = re.compile(r"rowid=(-?[0-9]+)")


@dataclass(frozen=True, slots=True)
class Requeued:
    """What became of a table's quarantined rows: how many went, and row and reason of those that still cannot."""

    table: str
    quarantine: str
    moved: int
    remaining: tuple[tuple[str, str], ...]


def requeue(connection: psycopg.Connection, reader: Reader, table: TablePlan, origin: Origin) -> Requeued | None:
    """Try a table's quarantined rows again, all in one transaction.

    Rows that go are taken out of the quarantine table, which is dropped when it is empty; the others get the reason
    of this time.

    Args:
        connection: A connection to the target, in autocommit mode.
        reader: Reads the source.
        table: The table's plan, with the types that the target has.
        origin: Whether values are those of the source now, or those in the quarantine table. Rows that the source
            cannot find by their name are taken from the quarantine table in either case.

    Returns:
        What became of them; None if the table has no quarantine.
    """
    place = (table.target.schema, table.quarantine)
    with connection.transaction():
        held = quarantine.held(connection, *place)
        if held is None:
            return None
        originals = [_original(row, reader, table, origin) for row in held]
        reasons = _insert(connection, table, originals)
        stayed = [(row, reasons[number]) for number, row in enumerate(held) if number in reasons]
        quarantine.release(connection, *place, [row.place for number, row in enumerate(held) if number not in reasons])
        for row, reason in stayed:
            quarantine.set_reason(connection, *place, row.place, reason)
        if not stayed:
            quarantine.drop(connection, *place)
    moved = len(held) - len(stayed)
    return Requeued(table.source.name, ".".join(place), moved, tuple((row.name, reason) for row, reason in stayed))


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
    connection: psycopg.Connection, table: TablePlan, originals: Sequence[Mapping[str, Value]]
) -> Mapping[int, str]:
    """Insert rows and return, by position, why some could not go."""
    columns = copied_columns(table)
    if not originals:
        return {}
    cells = {
        column.source.name: cells_of([values.get(column.source.name) for values in originals]) for column in columns
    }
    rows = convert_rows(columns, cells, 0)
    reasons = {one.position: f"{one.column}: {one.reason}" for one in rows.rejected}
    target = CopyTarget(table.target.schema, table.target.name, tuple(column.target for column in columns))

    def refuse(position: int, reason: str) -> None:
        reasons[int(rows.positions[position])] = reason

    if rows.length:
        copy_refusing(connection, target, rows.arrays, refuse)
    return reasons


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
