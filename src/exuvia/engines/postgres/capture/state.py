"""What capture keeps about itself in the database that it watches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson
import psycopg

from exuvia.engines.postgres.capture.own import MARK, own, own_schema
from exuvia.engines.postgres.capture.plan import CapturedTable, LoggedColumn
from exuvia.errors import TargetError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Installed:
    """What a schema under capture, or behind a fence, says.

    Args:
        move_id: The move that it belongs to.
        tables: The tables whose changes are logged; empty behind a fence.
        shapes: How each of them was defined when capture began, by name.
        fence: What writers are told; None while they may write.
    """

    move_id: str
    tables: tuple[CapturedTable, ...] = ()
    shapes: tuple[tuple[str, str], ...] = ()
    fence: str | None = None


def has(connection: psycopg.Connection, schema: str) -> bool:
    """Return whether the schema of capture is there and capture's own."""
    query = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"
    row = connection.execute(query, (own_schema(schema),)).fetchone()
    return row is not None and row[0] == MARK


def read(connection: psycopg.Connection, schema: str) -> Installed | None:
    """Return what the database says of a schema's capture or fence, None when there is neither.

    Raises:
        TargetError: ``capture_format``: another version of exuvia has written it.
    """
    if not has(connection, schema):
        return None
    document = orjson.loads(get(connection, schema, "installed") or "{}")
    if document.get("format") != _FORMAT:
        raise TargetError(
            f"Schema {own_schema(schema)!r} holds the change log of another version of exuvia.",
            hint="Go on with that version, or end its move with it: exuvia live stop.",
            code="capture_format",
        )
    tables = tuple(_table(table) for table in document["tables"])
    shapes = tuple((name, shape) for name, shape in document["shapes"])
    return Installed(document["move_id"], tables, shapes, document["fence"])


def write(connection: psycopg.Connection, schema: str, installed: Installed) -> None:
    """Record ``installed``."""
    put(connection, schema, "installed", orjson.dumps({"format": _FORMAT, **asdict(installed)}).decode())


def get(connection: psycopg.Connection, schema: str, key: str) -> str | None:
    """Return a value of the state, None without one."""
    row = connection.execute(f"SELECT value FROM {_place(schema)} WHERE key = %s".encode(), (key,)).fetchone()
    return str(row[0]) if row else None


def put(connection: psycopg.Connection, schema: str, key: str, value: str) -> None:
    """Set a value of the state."""
    sql = f"INSERT INTO {_place(schema)} VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    connection.execute(sql.encode(), (key, value))


def _place(schema: str) -> str:
    """The state's table, for a statement with parameters."""
    return own(schema, "state").replace("%", "%%")


def _table(stored: dict[str, Any]) -> CapturedTable:
    return CapturedTable(**{**stored, "columns": tuple(LoggedColumn(**column) for column in stored["columns"])})
